"""What test reports and green jobs say of tests, commit by commit.

Reports are read only where a run failed or was rerun. So a green execution of a job counts as a pass of the tests which
that job is known to run; else there would be next to nothing to set a failure against.
"""

import polars as pl

from pipelinedoctor.derive.flakiness import JOB
from pipelinedoctor.model import Result
from pipelinedoctor.stats.evidence import COMMIT, DEFAULT, line_of_work
from pipelinedoctor.store.history import History

TEST = ("host", "repository_id", "pipeline_id", "test")
"""What names a test over time."""

MASS_FAILURES = 10
MASS_SHARE = 0.2

_REPORT = ("host", "run_id", "attempt", "job_id")
_PLACE = (*TEST, "job", "name", *COMMIT)
_COLUMNS = (
    *TEST, "forge", "repository", "pipeline", "job", "name", "job_id", "run_id", "attempt", "commit_sha", "event_class",
    "branch", "change_number", "run_created_at", "completed_at", "job_result", "ordinal", "result", "message", "detail",
    "html_url", "run_url",
)  # fmt: skip


def reports(history: History) -> pl.DataFrame:
    """Test results of the window, skipped ones left out: the columns of `_COLUMNS` without `ordinal` and `result`, `failed`,
    and `mass`: whether at least ten, and a fifth, of its report's tests failed. Sorted by time.

    Several results of one test in one report are one execution, which failed if any did: whether they are retries or
    namesakes cannot be told. Where the report belongs to no known job, `job` and `name` are empty.
    """
    counted = [Result.SUCCESS.value, Result.FAILURE.value, Result.ERROR.value]
    results = history.test_results(_COLUMNS).filter(pl.col("result").is_in(counted)).collect()
    key = [*TEST, "job_id", "run_id", "attempt"]
    executions = (
        results.with_columns(
            pl.col("job", "name").fill_null(""),
            pl.coalesce("html_url", "run_url").alias("html_url"),
            (pl.col("result") != Result.SUCCESS.value).alias("failed"),
        )
        .sort(*key, "failed", "ordinal", descending=[*[False] * len(key), True, False])
        .unique(key, keep="first", maintain_order=True)
        .drop("ordinal", "result", "run_url")
        .sort("run_created_at", "run_id", "attempt", "job_id", *TEST)
    )
    failing = pl.col("failed").sum().over(_REPORT)
    return executions.with_columns(
        ((failing >= MASS_FAILURES) & (failing >= MASS_SHARE * pl.len().over(_REPORT))).alias("mass"),
        failing.alias("failing_in_report"),
    )


def places(executions: pl.DataFrame, jobs: pl.DataFrame, commits: pl.DataFrame) -> pl.DataFrame:
    """Where tests failed: one row for each test, job, name of the job, commit and class of event with a failure.

    `executions` are `reports`, those of infrastructure taken out; `jobs` are the executions of jobs, likewise;
    `commits` are the jobs' own `commit_verdicts`. Columns beside those: `line`, `failures`, `first_at`, `last_at`;
    `run_id`, `job_id`, `html_url`, `message`, `detail` of the last failure; `minutes` (each failing execution of the job, divided by
    the number of tests that failed in it), of executions `job_ids` (0 where unknown) and `parts` of each; `passed_url` and `by_job` (whether it is the whole job that passed; null where
    nothing did); `contradicted`, `isolated` as in `stats.evidence.commit_verdicts`. Newest first.
    """
    failing = _failing(executions, jobs)
    seen = failing.join(_passes(executions, jobs, failing), on=_PLACE, how="left", maintain_order="left")
    told = seen.with_columns(pl.col("passed_url").is_not_null().alias("contradicted"))
    isolated = _isolated(told, executions, commits)
    return told.with_columns(isolated).drop("told_by_job").sort("last_at", "job_id", "test", descending=True)


def _failing(executions: pl.DataFrame, jobs: pl.DataFrame) -> pl.DataFrame:
    """The places with a failure; `told_by_job` tells whether the colour of the job speaks of the test."""
    minutes = jobs.select("host", "job_id", "minutes")
    known = executions.join(minutes, on=["host", "job_id"], how="left", maintain_order="left")
    at = pl.coalesce("completed_at", "run_created_at")
    failing = (
        known.filter("failed")
        .group_by(_PLACE, maintain_order=True)
        .agg(
            line_of_work().min(),
            pl.len().alias("failures"),
            at.min().alias("first_at"),
            at.max().alias("last_at"),
            pl.col("run_id", "job_id", "html_url", "message", "detail").last(),
            (pl.col("minutes").fill_null(0) / pl.col("failing_in_report")).sum().alias("minutes"),
            pl.col("job_id").alias("job_ids"),
            (1 / pl.col("failing_in_report")).alias("parts"),
        )
    )
    # A job that is green although the test failed in it says nothing of the test.
    tolerated = (
        executions.filter(pl.col("failed"), pl.col("job_result") == Result.SUCCESS.value)
        .select(*TEST, "job", pl.lit(value=False).alias("told_by_job"))
        .unique()
    )
    return failing.join(tolerated, on=[*TEST, "job"], how="left", maintain_order="left").with_columns(
        pl.col("told_by_job").fill_null(value=True)
    )


def _passes(executions: pl.DataFrame, jobs: pl.DataFrame, failing: pl.DataFrame) -> pl.DataFrame:
    """The last pass at each place with a failure: of the test by its report, else of its whole job."""
    reported = (
        executions.filter(~pl.col("failed"))
        .join(failing, on=_PLACE, how="semi")
        .group_by(_PLACE, maintain_order=True)
        .agg(pl.col("html_url").last().alias("reported"))
    )
    job = (
        jobs.filter(~pl.col("failed"))
        .group_by(*JOB, "name", *COMMIT, maintain_order=True)
        .agg(pl.col("html_url").last().alias("of_job"))
    )
    whole = failing.filter("told_by_job").select(_PLACE).join(job, on=[*JOB, "name", *COMMIT])
    return (
        failing.select(_PLACE)
        .join(reported, on=_PLACE, how="left")
        .join(whole, on=_PLACE, how="left")
        .select(
            *_PLACE,
            pl.coalesce("reported", "of_job").alias("passed_url"),
            pl.when(pl.col("reported").is_not_null())
            .then(pl.lit(value=False))
            .otherwise(pl.when(pl.col("of_job").is_not_null()).then(pl.lit(value=True)))
            .alias("by_job"),
        )
    )


def _isolated(failing: pl.DataFrame, executions: pl.DataFrame, commits: pl.DataFrame) -> pl.Series:
    """For each place: whether the test failed once on a commit of the default branch, and passed right before and after."""
    passed = ~pl.col("failed") | pl.col("contradicted")
    order = commits.filter(pl.col("event_class") == DEFAULT).select(
        *JOB,
        "commit_sha",
        pl.lit(DEFAULT).alias("event_class"),
        *(pl.col("commit_sha").shift(step).over(JOB).alias(f"sha{step}") for step in (1, -1)),
        *(passed.shift(step).over(JOB).alias(f"job{step}") for step in (1, -1)),
    )
    reported = (
        executions.filter(~pl.col("failed"), pl.col("event_class") == DEFAULT)
        .select(*TEST, "job", "commit_sha")
        .unique()
    )
    placed = failing.join(order, on=[*JOB, *COMMIT], how="left", maintain_order="left")
    for step in (1, -1):
        placed = placed.join(
            reported.with_columns(pl.lit(value=True).alias(f"test{step}")),
            left_on=[*TEST, "job", f"sha{step}"],
            right_on=[*TEST, "job", "commit_sha"],
            how="left",
            maintain_order="left",
        )
    around = pl.all_horizontal(
        ((pl.col(f"job{step}") & pl.col("told_by_job")) | pl.col(f"test{step}")).fill_null(value=False)
        for step in (1, -1)
    )
    once = (pl.col("failures").sum().over(*TEST, *COMMIT) == 1) & ~pl.col("contradicted")
    return placed.select((once & around).alias("isolated")).to_series()
