-- What queries start from: rows joined with what they belong to. Store.history() hands these on as frames.

CREATE VIEW pipelines AS
SELECT
    host,
    repository_id,
    pipeline_id,
    coalesce(
        arg_max(path, row(created_at, run_id)) FILTER (WHERE path <> ''),
        arg_max(pipeline_name, row(created_at, run_id)) FILTER (WHERE pipeline_name <> ''),
        'pipeline ' || pipeline_id
    ) AS pipeline
FROM (SELECT *, split_part(pipeline, '@', 1) AS path FROM runs)
GROUP BY host, repository_id, pipeline_id;
COMMENT ON VIEW pipelines IS 'Pipelines by their best known name';
COMMENT ON COLUMN pipelines.pipeline IS 'the newest known path, cut before @ref; else the newest known name; else its id';

CREATE VIEW run_history AS
SELECT
    r.host,
    p.forge,
    r.repository_id,
    coalesce(p.full_name, 'repository ' || r.repository_id) AS repository,
    p.default_branch,
    coalesce(r.branch = p.default_branch AND NOT starts_with(r.event, 'pull_request')
        AND NOT starts_with(r.event, 'merge_request'), false) AS on_default,
    r.run_id,
    r.run_number,
    r.pipeline_id,
    n.pipeline,
    r.pipeline_name,
    r.event,
    CASE
        WHEN starts_with(r.event, 'pull_request') OR starts_with(r.event, 'merge_request') THEN 'change'
        WHEN r.event IN ('merge_group', 'merge_train') THEN 'merge_group'
        WHEN r.event IN ('push', 'schedule') AND r.branch = p.default_branch THEN 'default'
        ELSE 'other'
    END AS event_class,
    r.branch,
    r.commit_sha,
    r.change_number,
    r.title,
    r.actor,
    r.status,
    r.result,
    r.forge_result,
    r.attempt,
    r.created_at,
    r.updated_at,
    r.html_url
FROM runs AS r
LEFT JOIN repositories AS p ON p.host = r.host AND p.repository_id = r.repository_id
JOIN pipelines AS n ON n.host = r.host AND n.repository_id = r.repository_id AND n.pipeline_id = r.pipeline_id;
COMMENT ON VIEW run_history IS 'Runs with their repository and their pipeline''s best known name';
COMMENT ON COLUMN run_history.on_default IS 'on the default branch, and not for a change; false where the default branch is unknown';
COMMENT ON COLUMN run_history.event_class IS 'which tree was run: change (a pull request''s), merge_group (a merge queue''s), default (pushes and schedules on the default branch), other';

CREATE VIEW job_history AS
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
    j.job_id,
    j.attempt,
    j.name,
    j.result,
    j.forge_result,
    j.created_at,
    j.started_at,
    j.completed_at,
    j.queue_s,
    j.duration_s,
    CASE WHEN j.duration_s > 0 AND isfinite(j.duration_s) THEN ceil(j.duration_s / 60)::BIGINT ELSE 0 END
        AS billed_minutes,
    j.labels,
    j.runner,
    j.html_url
FROM jobs AS j
JOIN run_history AS r ON r.host = j.host AND r.run_id = j.run_id
WHERE NOT j.carried_over;
COMMENT ON VIEW job_history IS 'Executions of jobs with their run; what was only carried over from an earlier attempt is left out';
COMMENT ON COLUMN job_history.billed_minutes IS 'the duration rounded up to a whole minute; 0 where it is unknown';

CREATE VIEW step_history AS
SELECT j.*, s.number, s.name AS step, s.result AS step_result, s.started_at AS step_started_at,
    s.completed_at AS step_completed_at
FROM steps AS s
JOIN job_history AS j ON j.host = s.host AND j.job_id = s.job_id;
COMMENT ON VIEW step_history IS 'Steps of jobs that did not succeed, with their job and run';

CREATE VIEW failure_history AS
SELECT j.*, f.ordinal, f.step, f.line, f.excerpt, f.masked, f.category, f.rule, f.fingerprint
FROM failures AS f
JOIN job_history AS j ON j.host = f.host AND j.job_id = f.job_id;
COMMENT ON VIEW failure_history IS 'Why jobs failed, with their job and run';

CREATE VIEW test_history AS
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
    t.detail
FROM test_results AS t
JOIN run_history AS r ON r.host = t.host AND r.run_id = t.run_id
LEFT JOIN jobs AS j ON j.host = t.host AND j.job_id = t.job_id;
COMMENT ON VIEW test_history IS 'Executions of tests with their run and, where it is known, their job';
COMMENT ON COLUMN test_history.name IS 'name of the job; unknown where the report could not be put to one';
COMMENT ON COLUMN test_history.job_result IS 'how the job ended';
COMMENT ON COLUMN test_history.html_url IS 'the page of the job';
