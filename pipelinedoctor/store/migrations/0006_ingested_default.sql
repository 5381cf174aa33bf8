-- Of runs that were handed in nobody says what began them; of the default branch they speak all the same.

CREATE OR REPLACE VIEW run_history AS
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
        WHEN r.event IN ('push', 'schedule', 'unknown') AND r.branch = p.default_branch THEN 'default'
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
COMMENT ON COLUMN run_history.event_class IS 'which tree was run: change (a pull request''s), merge_group (a merge queue''s), default (pushes and schedules on the default branch, and what was handed in of it), other';
