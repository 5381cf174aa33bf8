-- Two forges, every attempt: what GitLab tells of jobs, how much of a job was read, and changes, deployments, releases in full.

ALTER TABLE repositories ADD COLUMN archived BOOLEAN;
COMMENT ON COLUMN repositories.archived IS 'whether it is archived, as last seen';

ALTER TABLE runs ADD COLUMN parent_run_id BIGINT;
COMMENT ON COLUMN runs.parent_run_id IS 'the run that started this one as its child (GitLab), where there is one';

ALTER TABLE jobs ADD COLUMN detail VARCHAR DEFAULT 'full';
UPDATE jobs SET detail = 'full';
ALTER TABLE jobs ALTER COLUMN detail SET NOT NULL;
COMMENT ON COLUMN jobs.detail IS 'full, or outcomes: then created_at, queue_s, labels, runner and steps were not read, to save requests';
ALTER TABLE jobs ADD COLUMN stage VARCHAR;
COMMENT ON COLUMN jobs.stage IS 'stage of the pipeline (GitLab)';
ALTER TABLE jobs ADD COLUMN allow_failure BOOLEAN;
COMMENT ON COLUMN jobs.allow_failure IS 'whether it may fail without failing its run; unknown on GitHub';
ALTER TABLE jobs ADD COLUMN failure_reason VARCHAR;
COMMENT ON COLUMN jobs.failure_reason IS 'the forge''s own reason of a failure (GitLab)';

ALTER TABLE changes ADD COLUMN updated_at TIMESTAMP;
COMMENT ON COLUMN changes.updated_at IS 'when the forge last touched it (UTC)';
ALTER TABLE changes ADD COLUMN first_review_at TIMESTAMP;
COMMENT ON COLUMN changes.first_review_at IS 'first review by somebody else than its author (UTC); unknown where there was none or it was not read';
ALTER TABLE changes ADD COLUMN head_sha VARCHAR;
COMMENT ON COLUMN changes.head_sha IS 'its newest commit';
ALTER TABLE changes ADD COLUMN head VARCHAR;
COMMENT ON COLUMN changes.head IS 'the branch it comes from';
ALTER TABLE changes ADD COLUMN draft BOOLEAN;
COMMENT ON COLUMN changes.draft IS 'whether it is a draft, as last seen';

CREATE TABLE change_commits (
    host VARCHAR NOT NULL,
    repository_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    sha VARCHAR NOT NULL,
    position BIGINT NOT NULL
);
COMMENT ON TABLE change_commits IS 'Commits of changes; a commit that was forced away stays';
COMMENT ON COLUMN change_commits.host IS 'the instance';
COMMENT ON COLUMN change_commits.repository_id IS 'the repository';
COMMENT ON COLUMN change_commits.number IS 'the change';
COMMENT ON COLUMN change_commits.sha IS 'the commit; what is known of it stands in commits';
COMMENT ON COLUMN change_commits.position IS 'its place in the change, oldest first, from 1';

ALTER TABLE deployments ADD COLUMN ref VARCHAR;
COMMENT ON COLUMN deployments.ref IS 'the branch or tag that was deployed';
ALTER TABLE deployments ADD COLUMN task VARCHAR;
COMMENT ON COLUMN deployments.task IS 'what was done: deploy, … (GitHub)';
ALTER TABLE deployments ADD COLUMN creator VARCHAR;
COMMENT ON COLUMN deployments.creator IS 'login of who or what started it';
ALTER TABLE deployments ADD COLUMN updated_at TIMESTAMP;
COMMENT ON COLUMN deployments.updated_at IS 'when the forge last touched it (UTC)';
ALTER TABLE deployments ADD COLUMN job_id BIGINT;
COMMENT ON COLUMN deployments.job_id IS 'the job that did it (GitLab)';

CREATE TABLE deployment_statuses (
    host VARCHAR NOT NULL,
    deployment_id BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    state VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE deployment_statuses IS 'What a deployment went through (GitHub)';
COMMENT ON COLUMN deployment_statuses.host IS 'the instance';
COMMENT ON COLUMN deployment_statuses.deployment_id IS 'the deployment';
COMMENT ON COLUMN deployment_statuses.ordinal IS 'its place, oldest first, from 1';
COMMENT ON COLUMN deployment_statuses.state IS 'the forge''s word: queued, in_progress, success, failure, error, inactive, …';
COMMENT ON COLUMN deployment_statuses.created_at IS 'when (UTC)';

CREATE TABLE environments (
    host VARCHAR NOT NULL,
    repository_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    state VARCHAR,
    tier VARCHAR,
    url VARCHAR
);
COMMENT ON TABLE environments IS 'Environments that deployments go to (GitLab)';
COMMENT ON COLUMN environments.host IS 'the instance';
COMMENT ON COLUMN environments.repository_id IS 'the repository';
COMMENT ON COLUMN environments.name IS 'its name';
COMMENT ON COLUMN environments.state IS 'available, stopping or stopped';
COMMENT ON COLUMN environments.tier IS 'production, staging, testing, development or other';
COMMENT ON COLUMN environments.url IS 'its address';

CREATE TABLE releases (
    host VARCHAR NOT NULL,
    repository_id BIGINT NOT NULL,
    tag VARCHAR NOT NULL,
    name VARCHAR,
    created_at TIMESTAMP,
    published_at TIMESTAMP,
    prerelease BOOLEAN,
    html_url VARCHAR
);
COMMENT ON TABLE releases IS 'Releases; drafts are left out';
COMMENT ON COLUMN releases.host IS 'the instance';
COMMENT ON COLUMN releases.repository_id IS 'the repository';
COMMENT ON COLUMN releases.tag IS 'the tag it is of';
COMMENT ON COLUMN releases.name IS 'its title, redacted';
COMMENT ON COLUMN releases.created_at IS 'when it was made (UTC)';
COMMENT ON COLUMN releases.published_at IS 'when it was published (UTC)';
COMMENT ON COLUMN releases.prerelease IS 'whether it is called a prerelease';
COMMENT ON COLUMN releases.html_url IS 'the page of the release';

CREATE TABLE tags (
    host VARCHAR NOT NULL,
    repository_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    sha VARCHAR NOT NULL
);
COMMENT ON TABLE tags IS 'Tags';
COMMENT ON COLUMN tags.host IS 'the instance';
COMMENT ON COLUMN tags.repository_id IS 'the repository';
COMMENT ON COLUMN tags.name IS 'the tag';
COMMENT ON COLUMN tags.sha IS 'the commit it leads to, as last seen';

CREATE TABLE annotations (
    host VARCHAR NOT NULL,
    job_id BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    level VARCHAR NOT NULL,
    title VARCHAR,
    message VARCHAR,
    path VARCHAR,
    line BIGINT
);
COMMENT ON TABLE annotations IS 'What failed jobs said in annotations (GitHub); they outlive logs';
COMMENT ON COLUMN annotations.host IS 'the instance';
COMMENT ON COLUMN annotations.job_id IS 'the job';
COMMENT ON COLUMN annotations.ordinal IS 'its place, from 0';
COMMENT ON COLUMN annotations.level IS 'failure, warning or notice';
COMMENT ON COLUMN annotations.title IS 'its title, redacted';
COMMENT ON COLUMN annotations.message IS 'what it says, redacted, at most 8 KiB';
COMMENT ON COLUMN annotations.path IS 'the file it points at';
COMMENT ON COLUMN annotations.line IS 'the line in it';

COMMENT ON COLUMN fetch_gaps.kind IS 'runs, jobs, log, tests, commits, annotations, changes, deployments or releases';

CREATE OR REPLACE VIEW job_history AS
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
    j.html_url,
    j.detail,
    j.stage,
    j.allow_failure,
    j.failure_reason
FROM jobs AS j
JOIN run_history AS r ON r.host = j.host AND r.run_id = j.run_id
WHERE NOT j.carried_over;
COMMENT ON VIEW job_history IS 'Executions of jobs with their run; what was only carried over from an earlier attempt is left out';
COMMENT ON COLUMN job_history.billed_minutes IS 'the duration rounded up to a whole minute; 0 where it is unknown';

CREATE OR REPLACE VIEW step_history AS
SELECT j.*, s.number, s.name AS step, s.result AS step_result, s.started_at AS step_started_at,
    s.completed_at AS step_completed_at
FROM steps AS s
JOIN job_history AS j ON j.host = s.host AND j.job_id = s.job_id;
COMMENT ON VIEW step_history IS 'Steps of jobs that did not succeed, with their job and run';

CREATE OR REPLACE VIEW failure_history AS
SELECT j.*, f.ordinal, f.step, f.line, f.excerpt, f.masked, f.category, f.rule, f.fingerprint
FROM failures AS f
JOIN job_history AS j ON j.host = f.host AND j.job_id = f.job_id;
COMMENT ON VIEW failure_history IS 'Why jobs failed, with their job and run';

-- Fetches remember more of each run than they did: the next one looks at everything again, and changes nothing that is right.
DELETE FROM sync_state;
