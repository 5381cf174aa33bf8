-- Some tests fail only after another one: so the order of executions is kept, where a report tells it.

ALTER TABLE test_results ADD COLUMN position BIGINT;
COMMENT ON COLUMN test_results.position IS 'its place among all executions in the job''s reports, from 0; unknown where it was stored before places were kept';

CREATE OR REPLACE VIEW test_history AS
SELECT
    r.host,
    r.forge,
    r.repository_id,
    r.repository,
    r.default_branch,
    r.on_default,
    r.run_id,
    r.run_number,
    r.pipeline_id,
    r.pipeline,
    r.event,
    r.event_class,
    r.branch,
    r.commit_sha,
    r.change_number,
    r.actor,
    r.created_at AS run_created_at,
    r.html_url AS run_url,
    t.job_id,
    t.attempt,
    j.name,
    j.result AS job_result,
    j.started_at,
    j.completed_at,
    j.labels,
    j.runner,
    j.html_url,
    t.test,
    t.ordinal,
    t.suite,
    t.result,
    t.duration_s,
    t.message,
    t.detail,
    t.position
FROM test_results AS t
JOIN run_history AS r ON r.host = t.host AND r.run_id = t.run_id
LEFT JOIN jobs AS j ON j.host = t.host AND j.job_id = t.job_id;
COMMENT ON VIEW test_history IS 'Executions of tests with their run and, where it is known, their job';
COMMENT ON COLUMN test_history.name IS 'name of the job; unknown where the report could not be put to one';
COMMENT ON COLUMN test_history.job_result IS 'how the job ended';
COMMENT ON COLUMN test_history.html_url IS 'the page of the job';
