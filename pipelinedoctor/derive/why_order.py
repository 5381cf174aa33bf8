"""In which order tests ran before flaky failures: the reports that are looked at for it, few and only where order moves."""

import polars as pl

from pipelinedoctor.derive.flakiness import JOB
from pipelinedoctor.derive.testcases import TEST
from pipelinedoctor.stats.association import Claim
from pipelinedoctor.stats.order import orders
from pipelinedoctor.store.history import History

REPORTS = 100
"""Of reports with a flaky failure, and of those without one, so many are looked at for the order of tests: the newest of a
job.
"""
ORDERED = 10
"""In so many jobs the order is looked at, those with the most flaky failures: whole reports are read for it."""
FIXED = 0.95
"""Where in more than this share of reports one and the same test stands before another, their order is taken for fixed."""

_PIPELINE = ("host", "repository_id", "pipeline_id")


def predecessors(history: History, jobs: pl.DataFrame, failures: pl.DataFrame, claim: Claim) -> pl.DataFrame:
    """What `stats.order.orders` finds of these tests, with the columns of `TEST`; of several jobs of a test the surest.

    `jobs` is `flakiness.executions`; `failures` has the columns of `TEST`, `run_id` and `job_id`: a row for each flaky failure.
    """
    executions = jobs.select(*JOB, "job_id", "run_created_at")
    failed = (
        failures.join(executions, on=[*_PIPELINE, "job_id"])
        .filter(pl.len().over(*JOB, "test") >= claim.failures)
        .sort("run_created_at", "job_id", descending=True)
    )
    reports = _reports(executions, failed)
    moving = _moving(history, reports, failed.select(*JOB, "test").unique())
    most = failed.join(moving, on=[*JOB, "test"], how="semi").group_by(JOB).len()
    places = (
        most.sort("len", *JOB, descending=[True, *[False] * len(JOB)])
        .head(ORDERED)
        .select(*JOB, pl.int_range(pl.len(), dtype=pl.Int64).alias("place"))
    )
    numbered = reports.join(places, on=JOB).select(
        "host", "job_id", pl.col("place").alias("job"), pl.col("job_id").alias("report")
    )
    placed = history.placed_tests(numbered).join(numbered, on=["host", "job_id"])
    mine = failed.join(moving, on=[*JOB, "test"], how="semi").select("host", "job_id", "test")
    found = orders(placed, mine.join(numbered, on=["host", "job_id"]), claim)
    known = found.join(places.select(*_PIPELINE, pl.col("place").alias("job")), on="job")
    return known.sort(*TEST, "p").unique(TEST, keep="first", maintain_order=True).drop("job")


def _reports(executions: pl.DataFrame, failed: pl.DataFrame) -> pl.DataFrame:
    """Which executions of the jobs of these failures are looked at for the order of tests: host, job_id, the columns of `JOB`."""
    key = ["host", "job_id"]
    failing = failed.select(*JOB, "job_id").unique(maintain_order=True)
    others = (
        executions.join(failing.select(JOB).unique(), on=JOB, how="semi")
        .join(failing, on=key, how="anti")
        .sort("run_created_at", "job_id", descending=True)
        .select(*JOB, "job_id")
    )
    return pl.concat([frame.group_by(JOB, maintain_order=True).head(REPORTS) for frame in (failing, others)])


def _moving(history: History, reports: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """The units (the columns of `JOB`, `test`) before which not always the same test stands: of the others, which are
    most, order tells nothing, and they take no time.
    """
    wanted = reports.join(units, on=JOB)
    before = history.tests_before(wanted).join(reports, on=["host", "job_id"])
    counts = before.group_by(*JOB, "test", "before").len()
    usual = counts.group_by(*JOB, "test").agg((pl.col("len").max() / pl.col("len").sum()).alias("share"))
    return usual.filter(pl.col("share") <= FIXED).select(*JOB, "test")
