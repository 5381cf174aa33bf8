-- Results that were handed in as files, of runs that no forge told of: no new table or column, but new values.

COMMENT ON COLUMN repositories.repository_id IS 'the forge''s id; made of the name where reports were handed in as files';
COMMENT ON COLUMN repositories.forge IS 'github, gitlab, or files: reports of tests were handed in';
COMMENT ON COLUMN runs.run_id IS 'the forge''s id of the run, the same for all attempts; made of repository and run where reports were handed in as files';
COMMENT ON COLUMN jobs.job_id IS 'the forge''s id of this execution; made of run, attempt and name where reports were handed in as files';
COMMENT ON TABLE test_results IS 'Executions of a test, from reports in JUnit XML and its kin';
COMMENT ON COLUMN test_results.ordinal IS '0 for the first execution in the job''s reports, 1 for the next, …';
COMMENT ON COLUMN sources.forge IS 'github, gitlab, or files: reports of tests were handed in';
COMMENT ON COLUMN sources.origin IS 'live, recording, simulated, or ingested: handed in as files';
COMMENT ON COLUMN sources.fetched_at IS 'end of the newest fetch that ended well (UTC); for a recording, its last run; for files, when they were handed in last';
