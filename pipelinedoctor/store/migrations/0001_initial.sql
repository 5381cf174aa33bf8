-- The first tables. Keys are kept by the writer's MERGE and not by an index: an index doubles the file and slows upserts.

CREATE TABLE repositories (
    host VARCHAR NOT NULL,
    repository_id BIGINT NOT NULL,
    forge VARCHAR NOT NULL,
    full_name VARCHAR NOT NULL,
    default_branch VARCHAR,
    html_url VARCHAR NOT NULL
);
COMMENT ON TABLE repositories IS 'Repositories, known by the forge''s own id, which survives renames and transfers';
COMMENT ON COLUMN repositories.host IS 'the instance, github.com for example';
COMMENT ON COLUMN repositories.repository_id IS 'the forge''s id';
COMMENT ON COLUMN repositories.forge IS 'github or gitlab';
COMMENT ON COLUMN repositories.full_name IS 'owner and name, as last seen';
COMMENT ON COLUMN repositories.default_branch IS 'name of the default branch, as last seen';
COMMENT ON COLUMN repositories.html_url IS 'the page of the repository';

CREATE TABLE runs (
    host VARCHAR NOT NULL,
    run_id BIGINT NOT NULL,
    repository_id BIGINT NOT NULL,
    pipeline_id BIGINT NOT NULL,
    pipeline VARCHAR,
    pipeline_name VARCHAR,
    run_number BIGINT,
    event VARCHAR NOT NULL,
    branch VARCHAR,
    commit_sha VARCHAR NOT NULL,
    change_number BIGINT,
    title VARCHAR,
    actor VARCHAR,
    status VARCHAR NOT NULL,
    result VARCHAR NOT NULL,
    forge_result VARCHAR,
    attempt BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    html_url VARCHAR NOT NULL
);
COMMENT ON TABLE runs IS 'Executions of a pipeline at a commit, as their newest attempt left them';
COMMENT ON COLUMN runs.host IS 'the instance';
COMMENT ON COLUMN runs.run_id IS 'the forge''s id of the run, the same for all attempts';
COMMENT ON COLUMN runs.repository_id IS 'the repository it ran in';
COMMENT ON COLUMN runs.pipeline_id IS 'the forge''s id of the pipeline (GitHub: workflow); 0 where there is none';
COMMENT ON COLUMN runs.pipeline IS 'the pipeline''s path, where the forge told it';
COMMENT ON COLUMN runs.pipeline_name IS 'the pipeline''s display name, where the forge told it';
COMMENT ON COLUMN runs.run_number IS 'the number people see';
COMMENT ON COLUMN runs.event IS 'what started it: push, pull_request, schedule, …';
COMMENT ON COLUMN runs.branch IS 'the head branch';
COMMENT ON COLUMN runs.commit_sha IS 'the head commit';
COMMENT ON COLUMN runs.change_number IS 'number of the change (pull request) it ran for, where the forge told it';
COMMENT ON COLUMN runs.title IS 'the display title';
COMMENT ON COLUMN runs.actor IS 'login of who started it';
COMMENT ON COLUMN runs.status IS 'the forge''s status: completed, in_progress, queued, …';
COMMENT ON COLUMN runs.result IS 'success, failure, timed_out, cancelled, skipped, error or unknown';
COMMENT ON COLUMN runs.forge_result IS 'the forge''s own word for the result';
COMMENT ON COLUMN runs.attempt IS 'number of the newest attempt, from 1';
COMMENT ON COLUMN runs.created_at IS 'when the run was made (UTC); a rerun keeps it';
COMMENT ON COLUMN runs.updated_at IS 'when the forge last touched it (UTC)';
COMMENT ON COLUMN runs.html_url IS 'the page of the run';

CREATE TABLE run_attempts (
    host VARCHAR NOT NULL,
    run_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    result VARCHAR NOT NULL,
    forge_result VARCHAR,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    derived BOOLEAN NOT NULL
);
COMMENT ON TABLE run_attempts IS 'Attempts of a run';
COMMENT ON COLUMN run_attempts.host IS 'the instance';
COMMENT ON COLUMN run_attempts.run_id IS 'the run';
COMMENT ON COLUMN run_attempts.attempt IS 'number of the attempt, from 1';
COMMENT ON COLUMN run_attempts.result IS 'how the attempt ended';
COMMENT ON COLUMN run_attempts.forge_result IS 'the forge''s own word, where it was read';
COMMENT ON COLUMN run_attempts.started_at IS 'start (UTC)';
COMMENT ON COLUMN run_attempts.completed_at IS 'end (UTC)';
COMMENT ON COLUMN run_attempts.derived IS 'put together from the attempt''s jobs instead of read from the forge';

CREATE TABLE jobs (
    host VARCHAR NOT NULL,
    job_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    repository_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    result VARCHAR NOT NULL,
    forge_result VARCHAR,
    created_at TIMESTAMP,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    queue_s DOUBLE,
    duration_s DOUBLE,
    labels VARCHAR,
    runner VARCHAR,
    carried_over BOOLEAN NOT NULL,
    html_url VARCHAR NOT NULL
);
COMMENT ON TABLE jobs IS 'Executions of a job in an attempt';
COMMENT ON COLUMN jobs.host IS 'the instance';
COMMENT ON COLUMN jobs.job_id IS 'the forge''s id of this execution';
COMMENT ON COLUMN jobs.run_id IS 'the run';
COMMENT ON COLUMN jobs.repository_id IS 'the repository';
COMMENT ON COLUMN jobs.attempt IS 'the attempt it is listed in';
COMMENT ON COLUMN jobs.name IS 'the name as the forge tells it, matrix values included';
COMMENT ON COLUMN jobs.status IS 'the forge''s status';
COMMENT ON COLUMN jobs.result IS 'success, failure, timed_out, cancelled, skipped, error or unknown';
COMMENT ON COLUMN jobs.forge_result IS 'the forge''s own word for the result';
COMMENT ON COLUMN jobs.created_at IS 'when it was queued (UTC); unknown in old bodies';
COMMENT ON COLUMN jobs.started_at IS 'start (UTC)';
COMMENT ON COLUMN jobs.completed_at IS 'end (UTC); unknown where it lies before the start';
COMMENT ON COLUMN jobs.queue_s IS 'seconds from queued to started; unknown where either is';
COMMENT ON COLUMN jobs.duration_s IS 'seconds from start to end; unknown for skipped and cancelled jobs';
COMMENT ON COLUMN jobs.labels IS 'labels asked of the runner, comma-separated in the forge''s order';
COMMENT ON COLUMN jobs.runner IS 'name of the runner';
COMMENT ON COLUMN jobs.carried_over IS 'ran in an earlier attempt and is only listed again; never counted';
COMMENT ON COLUMN jobs.html_url IS 'the page of the job';

CREATE TABLE steps (
    host VARCHAR NOT NULL,
    job_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    result VARCHAR NOT NULL,
    started_at TIMESTAMP,
    completed_at TIMESTAMP
);
COMMENT ON TABLE steps IS 'Steps of jobs that did not succeed';
COMMENT ON COLUMN steps.host IS 'the instance';
COMMENT ON COLUMN steps.job_id IS 'the job';
COMMENT ON COLUMN steps.number IS 'place in the job, from 1';
COMMENT ON COLUMN steps.name IS 'the step''s name';
COMMENT ON COLUMN steps.result IS 'how it ended';
COMMENT ON COLUMN steps.started_at IS 'start (UTC)';
COMMENT ON COLUMN steps.completed_at IS 'end (UTC)';

CREATE TABLE failures (
    host VARCHAR NOT NULL,
    job_id BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    step VARCHAR,
    line VARCHAR NOT NULL,
    excerpt VARCHAR NOT NULL,
    masked VARCHAR NOT NULL,
    category VARCHAR NOT NULL,
    rule VARCHAR,
    fingerprint VARCHAR NOT NULL
);
COMMENT ON TABLE failures IS 'Why jobs failed, as far as their logs tell';
COMMENT ON COLUMN failures.host IS 'the instance';
COMMENT ON COLUMN failures.job_id IS 'the job';
COMMENT ON COLUMN failures.ordinal IS '0 for the line that explains the failure best';
COMMENT ON COLUMN failures.run_id IS 'the run';
COMMENT ON COLUMN failures.step IS 'the failed step, where it is known';
COMMENT ON COLUMN failures.line IS 'the explaining line, cleaned and redacted';
COMMENT ON COLUMN failures.excerpt IS 'the line with what stands around it, cleaned and redacted, at most 8 KiB';
COMMENT ON COLUMN failures.masked IS 'the line with its variable parts replaced by placeholders';
COMMENT ON COLUMN failures.category IS 'kind of cause; unknown where no rule matched';
COMMENT ON COLUMN failures.rule IS 'id of the rule that chose the line; none where the fall-back did';
COMMENT ON COLUMN failures.fingerprint IS 'first 16 hex digits of SHA-256 over version, category and masked line';

CREATE TABLE test_results (
    host VARCHAR NOT NULL,
    run_id BIGINT NOT NULL,
    job_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    test VARCHAR NOT NULL,
    ordinal BIGINT NOT NULL,
    suite VARCHAR,
    result VARCHAR NOT NULL,
    duration_s DOUBLE,
    message VARCHAR,
    detail VARCHAR
);
COMMENT ON TABLE test_results IS 'Executions of a test, from JUnit reports';
COMMENT ON COLUMN test_results.host IS 'the instance';
COMMENT ON COLUMN test_results.run_id IS 'the run';
COMMENT ON COLUMN test_results.job_id IS 'the job; 0 where the report could not be put to one';
COMMENT ON COLUMN test_results.attempt IS 'the attempt';
COMMENT ON COLUMN test_results.test IS 'classname::name';
COMMENT ON COLUMN test_results.ordinal IS '0 for the first execution in its report, 1 for the next, …';
COMMENT ON COLUMN test_results.suite IS 'name of the test suite';
COMMENT ON COLUMN test_results.result IS 'success, failure, error or skipped';
COMMENT ON COLUMN test_results.duration_s IS 'seconds';
COMMENT ON COLUMN test_results.message IS 'first line of the failure, redacted';
COMMENT ON COLUMN test_results.detail IS 'text of the failure, redacted, at most 8 KiB';

CREATE TABLE commits (
    host VARCHAR NOT NULL,
    repository_id BIGINT NOT NULL,
    sha VARCHAR NOT NULL,
    parents VARCHAR,
    authored_at TIMESTAMP,
    committed_at TIMESTAMP,
    author VARCHAR,
    subject VARCHAR
);
COMMENT ON TABLE commits IS 'Commits';
COMMENT ON COLUMN commits.host IS 'the instance';
COMMENT ON COLUMN commits.repository_id IS 'the repository';
COMMENT ON COLUMN commits.sha IS 'the commit';
COMMENT ON COLUMN commits.parents IS 'parents'' shas, comma-separated; unknown where only a run spoke of the commit';
COMMENT ON COLUMN commits.authored_at IS 'author''s time (UTC)';
COMMENT ON COLUMN commits.committed_at IS 'committer''s time (UTC)';
COMMENT ON COLUMN commits.author IS 'author''s name; addresses are never stored';
COMMENT ON COLUMN commits.subject IS 'first line of the message, redacted';

CREATE TABLE changes (
    host VARCHAR NOT NULL,
    repository_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    title VARCHAR,
    author VARCHAR,
    state VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL,
    merged_at TIMESTAMP,
    closed_at TIMESTAMP,
    merge_sha VARCHAR,
    base VARCHAR,
    html_url VARCHAR NOT NULL
);
COMMENT ON TABLE changes IS 'Proposals to merge: pull requests and merge requests';
COMMENT ON COLUMN changes.host IS 'the instance';
COMMENT ON COLUMN changes.repository_id IS 'the repository';
COMMENT ON COLUMN changes.number IS 'the number people see';
COMMENT ON COLUMN changes.title IS 'the title, redacted';
COMMENT ON COLUMN changes.author IS 'login of its author';
COMMENT ON COLUMN changes.state IS 'open, closed or merged';
COMMENT ON COLUMN changes.created_at IS 'when it was opened (UTC)';
COMMENT ON COLUMN changes.merged_at IS 'when it was merged (UTC)';
COMMENT ON COLUMN changes.closed_at IS 'when it was closed (UTC)';
COMMENT ON COLUMN changes.merge_sha IS 'the commit that it became';
COMMENT ON COLUMN changes.base IS 'the branch it goes to';
COMMENT ON COLUMN changes.html_url IS 'the page of the change';

CREATE TABLE deployments (
    host VARCHAR NOT NULL,
    deployment_id BIGINT NOT NULL,
    repository_id BIGINT NOT NULL,
    environment VARCHAR NOT NULL,
    commit_sha VARCHAR NOT NULL,
    result VARCHAR NOT NULL,
    forge_result VARCHAR,
    created_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP
);
COMMENT ON TABLE deployments IS 'What was put in an environment';
COMMENT ON COLUMN deployments.host IS 'the instance';
COMMENT ON COLUMN deployments.deployment_id IS 'the forge''s id';
COMMENT ON COLUMN deployments.repository_id IS 'the repository';
COMMENT ON COLUMN deployments.environment IS 'the environment';
COMMENT ON COLUMN deployments.commit_sha IS 'the commit';
COMMENT ON COLUMN deployments.result IS 'how it ended';
COMMENT ON COLUMN deployments.forge_result IS 'the forge''s own word';
COMMENT ON COLUMN deployments.created_at IS 'start (UTC)';
COMMENT ON COLUMN deployments.finished_at IS 'end (UTC)';

CREATE TABLE fetch_gaps (
    host VARCHAR NOT NULL,
    repository VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    rows_missing BIGINT
);
COMMENT ON TABLE fetch_gaps IS 'What could not be had, and why';
COMMENT ON COLUMN fetch_gaps.host IS 'the instance';
COMMENT ON COLUMN fetch_gaps.repository IS 'full name of the repository';
COMMENT ON COLUMN fetch_gaps.kind IS 'runs, jobs, log, tests or commits';
COMMENT ON COLUMN fetch_gaps.subject IS 'the thing: a window, a run, a job';
COMMENT ON COLUMN fetch_gaps.reason IS 'why it is missing';
COMMENT ON COLUMN fetch_gaps.rows_missing IS 'how many rows that is, where it is known';

CREATE TABLE sync_state (
    host VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    value VARCHAR NOT NULL
);
COMMENT ON TABLE sync_state IS 'Where fetches stand; the only table that a fetch with nothing new may change';
COMMENT ON COLUMN sync_state.host IS 'the instance';
COMMENT ON COLUMN sync_state.kind IS 'what the mark is about';
COMMENT ON COLUMN sync_state.key IS 'the thing marked';
COMMENT ON COLUMN sync_state.value IS 'the mark';

CREATE TABLE sources (
    host VARCHAR NOT NULL,
    forge VARCHAR NOT NULL,
    origin VARCHAR NOT NULL,
    fetched_at TIMESTAMP,
    outcome VARCHAR NOT NULL
);
COMMENT ON TABLE sources IS 'Where the store''s rows came from; sync state, too';
COMMENT ON COLUMN sources.host IS 'the instance';
COMMENT ON COLUMN sources.forge IS 'github or gitlab';
COMMENT ON COLUMN sources.origin IS 'live, recording or simulated';
COMMENT ON COLUMN sources.fetched_at IS 'end of the newest fetch that ended well (UTC); for a recording, its last run';
COMMENT ON COLUMN sources.outcome IS 'complete, or in a sentence what is missing';
