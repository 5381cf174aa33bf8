"""Where tests failed, by their reports, and what else is known of the same places: passes, runs before and after.

Reports are read only where a run failed or was rerun. So a green execution of a job counts as a pass of the tests which
that job is known to run; else there would be next to nothing to set a failure against. Failures are looked at first, and
of the passes, which are a thousand times as many, only those that stand beside one.
"""

from dataclasses import dataclass

import polars as pl

from pipelinedoctor.derive.flakiness import JOB
from pipelinedoctor.stats.evidence import COMMIT, DEFAULT, line_of_work
from pipelinedoctor.stats.mass import REPORT, mass_reports
from pipelinedoctor.store.history import History

TEST = ("host", "repository_id", "pipeline_id", "test")
"""What names a test over time."""

PLACE = (*TEST, "job", "name", *COMMIT)
"""Where a test failed or passed."""

_EXECUTION = (*REPORT, "test")
_NAMED = (*JOB, "name", *COMMIT)


@dataclass(frozen=True, slots=True)
class Tested:
    """What is known of tests.

    `failed`: `History.failed_tests` with `line` (`stats.evidence.line_of_work`), `together` (tests failing in the report),
    `familiar` (these tests failed together at another time, too), `signature` (see there),
    `minutes` (billed, of the job), `struck` (its job execution is infrastructure, and the test never said the same
    elsewhere), `mass` (its report is a mass failure) and `told_by_job` (whether the colour of its job speaks of the test at
    all: not where the job was green although it failed).
    `reports`: `History.test_reports` with `mass`. `jobs`: executions of jobs (`flakiness.executions`) that are no
    infrastructure, or in which a test failed by itself, with `reported`, whether they have a report.
    """

    failed: pl.DataFrame
    reports: pl.DataFrame
    jobs: pl.DataFrame


def tested(history: History, jobs: pl.DataFrame) -> Tested:
    """Of the window; `jobs` is `flakiness.executions`."""
    failed, reports = history.failed_tests(), history.test_reports()
    mass = mass_reports(failed, reports, JOB, TEST)
    struck = jobs.filter("infrastructure").select("host", "job_id", pl.lit(value=True).alias("struck"))
    green = pl.col("job_result") == "success"
    told = (
        failed.join(struck, on=["host", "job_id"], how="left", maintain_order="left")
        .join(mass, on=REPORT, how="left", maintain_order="left")
        .join(jobs.select("host", "job_id", "minutes"), on=["host", "job_id"], how="left", maintain_order="left")
        .with_columns(
            line_of_work(),
            pl.col("struck", "mass", "familiar").fill_null(value=False),
            signature(),
            pl.len().over(REPORT).alias("together"),
            pl.col("minutes").fill_null(0),
            (~green.fill_null(value=False).any().over(*TEST, "job")).alias("told_by_job"),
        )
        .with_columns(pl.col("struck") & ~_seen_elsewhere())
    )
    known = reports.join(mass.drop("familiar"), on=REPORT, how="left", maintain_order="left").with_columns(
        pl.col("mass").fill_null(value=False)
    )
    with_report = known.select("host", "job_id", "mass").filter(pl.col("job_id") != 0).unique(["host", "job_id"])
    own = told.filter(~pl.col("struck")).select("host", "job_id").unique()
    struck = jobs.filter("infrastructure").join(own, on=["host", "job_id"], how="anti")
    sound = (
        jobs.join(struck, on=["host", "job_id"], how="anti", maintain_order="left")
        .join(with_report, on=["host", "job_id"], how="left", maintain_order="left")
        .filter(~pl.col("mass").fill_null(value=False))
        .with_columns(pl.col("mass").is_not_null().alias("reported"))
        .drop("mass")
    )
    return Tested(told, known, sound)


def _seen_elsewhere() -> pl.Expr:
    """Whether the test failed with the same message outside of any mass failure, too: then it is its own."""
    sound = ~pl.col("struck") & ~pl.col("mass")
    return sound.any().over(*TEST, "signature") & pl.col("signature").is_not_null()


def signature() -> pl.Expr:
    """What a failure says, its numbers left out: the first line of `message`, as a hash; null where it says nothing."""
    line = pl.col("message").str.strip_chars().str.splitn("\n", 2).struct.field("field_0").str.strip_chars()
    masked = line.str.replace_all(r"[0-9]+", "0")
    return pl.when(masked != "").then(masked.hash()).alias("signature")


def passes(history: History, failing: pl.DataFrame, known: Tested) -> pl.DataFrame:
    """At each of the places with a failure (`PLACE` and `told_by_job`, distinct) at which the test passed, too: the last pass.

    Columns: `PLACE`, `passed_url`, `passed_run_id`, `passed_at`, and `by_job`: whether it is the whole job that passed, and
    not the test by its report.
    """
    job = known.jobs.filter(~pl.col("failed"))
    of_job = failing.filter("told_by_job").join(job, on=_NAMED).select(*_passing(), pl.lit(value=True).alias("by_job"))
    # Where the job's colour does not tell, its report does, if there is one.
    red = known.jobs.filter("reported")
    silent = failing.join(red, on=_NAMED).filter(pl.col("failed") | ~pl.col("told_by_job"))
    nowhere = (
        failing.filter(pl.col("job") == "")
        .join(without_job(known), on=[*TEST[:-1], *COMMIT])
        .with_columns(pl.lit(0, dtype=pl.Int64).alias("job_id"))
    )
    at_all = pl.concat([one.select(*_passing(), "attempt", "job_id") for one in (silent, nowhere)]).unique()
    passed = passed_in(history, known, at_all.select(_EXECUTION_OF))
    of_test = at_all.join(passed, left_on=list(_EXECUTION_OF_PASS), right_on=list(_EXECUTION), how="semi").select(
        *_PASSING_NAMES, pl.lit(value=False).alias("by_job")
    )
    return (
        pl.concat([of_test, of_job])
        .sort("by_job", "passed_at", "passed_run_id", descending=[False, True, True])
        .unique(PLACE, keep="first", maintain_order=True)
    )


def passed_in(history: History, known: Tested, wanted: pl.DataFrame) -> pl.DataFrame:
    """Which of these executions of tests (`REPORT`, test) passed; one with a failure, too, did not (a retry, or a namesake)."""
    if wanted.is_empty():
        return wanted.select(_EXECUTION)
    return history.passed_tests(wanted).join(known.failed, on=_EXECUTION, how="anti", maintain_order="left")


_PASSING_NAMES = (*PLACE, "passed_url", "passed_run_id", "passed_at")
_EXECUTION_OF = (pl.col("host"), pl.col("passed_run_id").alias("run_id"), "attempt", "job_id", "test")
_EXECUTION_OF_PASS = ("host", "passed_run_id", "attempt", "job_id", "test")


def _passing() -> tuple[pl.Expr, ...]:
    at = pl.coalesce("completed_at", "started_at", "run_created_at")
    return (
        *(pl.col(name) for name in PLACE),
        pl.col("html_url").alias("passed_url"),
        pl.col("run_id").alias("passed_run_id"),
        at.alias("passed_at"),
    )


def without_job(known: Tested) -> pl.DataFrame:
    """Reports of no known job, with what is known of their run: pipeline, commit, class of event, times, link."""
    columns = ("host", "run_id", *TEST[1:-1], *COMMIT, "run_created_at", "completed_at", "html_url")
    runs = pl.concat([known.failed.select(columns), known.jobs.select(columns)]).unique(
        ["host", "run_id"], keep="first", maintain_order=True
    )
    return (
        known.reports.filter(pl.col("job_id") == 0, ~pl.col("mass"))
        .join(runs, on=["host", "run_id"])
        .with_columns(pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("started_at"))
        .drop("job_id")
    )


def positions(known: Tested) -> pl.DataFrame:
    """Commits of the default branch on which something is known of a job's tests, in order of time.

    Columns: `JOB`, `name`, `commit_sha`, `position` (from 0 for each name: a shard does not pass for another), `at` (first
    run), `told` (executions that passed or have a report), `reported` (those that have one) and `green` (those that passed).
    """
    return (
        known.jobs.filter(pl.col("event_class") == DEFAULT, ~pl.col("failed") | pl.col("reported"))
        .group_by(*JOB, "name", "commit_sha")
        .agg(
            pl.col("run_created_at").min().alias("at"),
            pl.len().cast(pl.Int64).alias("told"),
            pl.col("reported").sum().cast(pl.Int64),
            (~pl.col("failed")).sum().cast(pl.Int64).alias("green"),
        )
        .sort(*JOB, "name", "at", "commit_sha")
        .with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over(*JOB, "name").alias("position"))
    )
