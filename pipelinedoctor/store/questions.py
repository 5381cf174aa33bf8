"""SQL that is asked of job history as a whole. `$1` and `$2` are a window's start and end."""

PLACED = """
    SELECT t.host, t.job_id, t.test, t.position
    FROM test_results AS t SEMI JOIN {jobs} AS j ON j.host = t.host AND j.job_id = t.job_id
    WHERE t.position IS NOT NULL AND t.result <> 'skipped'
    ORDER BY t.host, t.job_id, t.position, t.test
"""
"""The places of tests in the reports of some jobs."""

BEFORE = """
    WITH placed AS (
        SELECT t.host, t.job_id, t.test, min(t.position) AS position
        FROM test_results AS t SEMI JOIN {wanted} AS w ON w.host = t.host AND w.job_id = t.job_id AND w.test = t.test
        WHERE t.position IS NOT NULL AND t.result <> 'skipped'
        GROUP BY ALL
    )
    SELECT p.host, p.job_id, p.test, b.test AS before
    FROM placed AS p LEFT JOIN test_results AS b
        ON b.host = p.host AND b.job_id = p.job_id AND b.position = p.position - 1
    ORDER BY ALL
"""
"""Some tests in the reports of some jobs, and what stands before each."""

NAMES = """
    SELECT DISTINCT host, repository_id, pipeline_id, name, run_id, run_created_at
    FROM job_history
"""

_REPORT = "host, run_id, attempt, job_id"

FAILED_TESTS = f"""
    WITH failing AS (
        SELECT {_REPORT}, test, left(arg_min(coalesce(nullif(message, ''), detail, ''), ordinal), 200) AS message
        FROM test_results WHERE result IN ('failure', 'error') GROUP BY {_REPORT}, test
    )
    SELECT r.host, r.forge, r.repository_id, r.repository, r.pipeline_id, r.pipeline, r.run_id, f.attempt, f.job_id,
        f.test, f.message, coalesce(j.name, '') AS name, j.result AS job_result, r.commit_sha, r.event_class, r.branch,
        r.change_number, r.created_at AS run_created_at, j.completed_at, coalesce(j.html_url, r.html_url) AS html_url
    FROM failing AS f
    JOIN run_history AS r ON r.host = f.host AND r.run_id = f.run_id
    LEFT JOIN jobs AS j ON j.host = f.host AND j.job_id = f.job_id
    WHERE r.created_at >= $1 AND r.created_at < $2
    ORDER BY r.created_at, f.run_id, f.attempt, f.job_id, f.test
"""  # noqa: S608  own names only
"""Failing executions of tests, their repetitions in one report taken together."""

REPORTS = f"""
    SELECT {_REPORT}, count(*) AS tests
    FROM test_results SEMI JOIN (SELECT host, run_id FROM runs WHERE created_at >= $1 AND created_at < $2) USING (host, run_id)
    WHERE result <> 'skipped' GROUP BY {_REPORT} ORDER BY {_REPORT}
"""  # noqa: S608  own names only
"""Reports of tests, with the number of results in them."""

FAILED_IN = """
    SELECT DISTINCT host, job_id, test FROM test_results SEMI JOIN {jobs} USING (host, job_id)
    WHERE result IN ('failure', 'error') ORDER BY host, job_id, test
"""
"""The tests that failed in some executions of jobs."""

RESULTS = """
    SELECT r.host, r.repository_id, count(*) AS test_results
    FROM test_results AS t JOIN runs AS r ON r.host = t.host AND r.run_id = t.run_id
    WHERE r.created_at >= $1 AND r.created_at < $2 GROUP BY r.host, r.repository_id ORDER BY r.host, r.repository_id
"""
"""How many results of tests each repository has."""

KNOWN_TESTS = """
    SELECT count(*) FROM (
        SELECT DISTINCT r.host, r.repository_id, r.pipeline_id, t.test
        FROM test_results AS t JOIN runs AS r ON r.host = t.host AND r.run_id = t.run_id
        WHERE r.created_at >= $1 AND r.created_at < $2 AND t.result <> 'skipped'
    )
"""
"""How many tests have results."""

PASSED_TESTS = f"""
    SELECT DISTINCT {_REPORT}, test
    FROM test_results SEMI JOIN {{wanted}} USING ({_REPORT}, test)
    WHERE result = 'success' ORDER BY {_REPORT}, test
"""  # noqa: S608  own names only
"""Which of some tests passed in some reports."""

LAST_PASSES = """
    SELECT r.host, r.repository_id, r.pipeline_id, t.test, max(r.created_at) AS passed_at
    FROM (SELECT * FROM test_results SEMI JOIN {tests} USING (host, test) WHERE result = 'success') AS t
    JOIN runs AS r ON r.host = t.host AND r.run_id = t.run_id
    SEMI JOIN {tests} AS w
        ON w.host = r.host AND w.repository_id = r.repository_id AND w.pipeline_id = r.pipeline_id AND w.test = t.test
    WHERE r.created_at >= $1 AND r.created_at < $2 GROUP BY ALL ORDER BY ALL
"""
"""When reports told last that some tests passed."""

TRACES = f"""
    SELECT {_REPORT}, test, arg_min(message, ordinal) AS message, arg_min(detail, ordinal) AS detail
    FROM test_results SEMI JOIN {{wanted}} USING ({_REPORT}, test)
    WHERE result IN ('failure', 'error') GROUP BY {_REPORT}, test ORDER BY {_REPORT}, test
"""  # noqa: S608  own names only
"""What some failing executions of tests say."""

_KEY = ("host", "repository_id", "pipeline_id", "job", "name", "commit_sha", "event_class")
_FAILING = "result IN ('failure', 'timed_out')"
_IN_WINDOW = "run_created_at >= $1 AND run_created_at < $2"


def same_commit(jobs: str) -> str:
    """`History.same_commit` over `jobs`: `job_history` with the column `job`."""
    key = ", ".join(_KEY)
    return f"""
        WITH execution AS NOT MATERIALIZED (
            SELECT *, coalesce(completed_at, started_at, created_at, run_created_at) AS ended
            FROM {jobs} WHERE {_IN_WINDOW}
        ),
        failing AS MATERIALIZED (
            SELECT {key}, any_value(forge) AS forge, any_value(repository) AS repository,
                any_value(pipeline) AS pipeline, count(*) AS failures, sum(billed_minutes)::BIGINT AS failing_minutes,
                min(ended) AS first_failed_at, max(ended) AS last_failed_at, {_last("failed")}
            FROM execution WHERE {_FAILING} GROUP BY {key}
        ),
        passing AS (
            SELECT {key}, count(*) AS successes, {_last("passed")}
            FROM execution SEMI JOIN failing USING ({key}) WHERE result = 'success' GROUP BY {key}
        )
        SELECT {key}, forge, repository, pipeline, failures, coalesce(successes, 0) AS successes, failing_minutes,
            first_failed_at, last_failed_at, failed.job_id AS failed_job_id, failed.run_id AS failed_run_id,
            failed.url AS failed_url, passed.job_id AS passed_job_id, passed.run_id AS passed_run_id,
            passed.url AS passed_url
        FROM failing LEFT JOIN passing USING ({key})
        ORDER BY {key}
    """  # noqa: S608  own names only


def totals(jobs: str) -> str:
    """`History.totals` over `jobs`: `job_history` with the column `job`."""
    return f"""
        SELECT runs, jobs, test_results, runner_minutes, failing_jobs, failing_minutes, contradicted_jobs,
            contradicted_minutes
        FROM (SELECT count(*) AS runs FROM runs WHERE created_at >= $1 AND created_at < $2)
        CROSS JOIN (SELECT count(*) AS test_results FROM test_history WHERE {_IN_WINDOW})
        CROSS JOIN (
            SELECT count(*) AS jobs, coalesce(sum(billed_minutes), 0)::BIGINT AS runner_minutes,
                count(*) FILTER (WHERE {_FAILING}) AS failing_jobs,
                coalesce(sum(billed_minutes) FILTER (WHERE {_FAILING}), 0)::BIGINT AS failing_minutes
            FROM job_history WHERE {_IN_WINDOW}
        )
        CROSS JOIN (
            SELECT coalesce(sum(failures), 0)::BIGINT AS contradicted_jobs,
                coalesce(sum(failing_minutes), 0)::BIGINT AS contradicted_minutes
            FROM ({same_commit(jobs)}) WHERE successes > 0
        )
    """  # noqa: S608  own names only


def _last(name: str) -> str:
    return f"arg_max(struct_pack(job_id := job_id, run_id := run_id, url := html_url), row(ended, job_id)) AS {name}"
