"""What CI said of default branches: their runs in order, and what ran in them. Two questions start from here."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from pipelinedoctor.model import Result
from pipelinedoctor.stats.outages import roll_ups, with_outages
from pipelinedoctor.store.history import History

KEY = ("host", "repository_id", "pipeline_id")
"""What names a pipeline; the frames below are sorted by it first."""

JOB = (*KEY, "job")

FAILING = (Result.FAILURE.value, Result.TIMED_OUT.value)
COUNTED = (Result.SUCCESS.value, *FAILING)
"""Results that say something of the code; the others (cancelled, skipped, error, unknown) are not counted."""

OUTAGE = timedelta(hours=2)
OUTAGE_RUNS = 4
"""Mass failures in a row that a job saw for longer, or in more runs, than these are its own: most outages are shorter."""

_RUN = (
    *KEY, "forge", "repository", "default_branch", "pipeline", "run_id", "event", "event_class", "commit_sha",
    "created_at", "updated_at", "attempt", "result", "forge_result", "html_url",
)  # fmt: skip
_JOB = (
    "host", "repository_id", "run_id", "event_class", "job", "job_id", "attempt", "result", "run_created_at", "started_at",
    "completed_at", "duration_s", "html_url",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DefaultBranch:
    """Three eager frames over the trend window, as known at its end.

    `runs`: `position` (Int64, from 0 in each pipeline, in the order the runs were made), the key, forge, repository,
    default_branch, pipeline, run_id, event, commit_sha, created_at, result, forge_result, html_url, `jobs` (number of
    counted executions), `at` (end of the newest attempt) and `green` (Boolean, null where its result does not count).
    `outcomes`: key, position, attempt, `at`, `green`: the attempts whose result counts; of the older attempts those
    that failed.
    `executions`: key, position, run_id, job, job_id, attempt, `failed`, `at` (end), duration_s, html_url, and
    `infrastructure` (Boolean: it failed in an outage, see `_with_outages`). A job that failed while its attempt succeeded
    was allowed to fail and is left out; so is a job that only reports what others found (`stats.outages.roll_ups`).
    """

    runs: pl.DataFrame
    outcomes: pl.DataFrame
    executions: pl.DataFrame


def default_branch(history: History) -> DefaultBranch:
    """Runs of pushes and schedules on the default branches; what ended after the window is not known yet."""
    runs = (
        history.runs(_RUN, window=history.trend)
        .filter(pl.col("event_class") == "default")
        .collect()
        .sort(*KEY, "created_at", "run_id")
        .with_columns(position=pl.int_range(pl.len()).over(KEY))
    )
    jobs = _jobs(history)
    of_run = runs.select(
        "host", "run_id", *KEY[1:], "position", "updated_at", pl.col("result").alias("run_result"), newest="attempt"
    )
    executions = (
        jobs.join(of_run, on=["host", "run_id"], how="inner")
        .with_columns(
            at=pl.coalesce("completed_at", "started_at", "updated_at"),
        )
        .filter(
            pl.col("at") < history.trend.end,
            ~(
                pl.col("failed")
                & (pl.col("attempt") == pl.col("newest"))
                & (pl.col("run_result") == Result.SUCCESS.value)
            ),
        )
        .sort(*KEY, "position", "attempt", "job", "job_id")
    )
    attempts = executions.group_by(*KEY, "position", "attempt", "newest").agg(
        pl.col("at").max(), pl.col("failed").any(), jobs=pl.len().cast(pl.Int64)
    )
    runs = _with_outcome(runs, attempts, history)
    return DefaultBranch(
        runs=runs.drop("event_class", "updated_at", "attempt"),
        outcomes=_outcomes(runs, attempts),
        executions=_short_outages(executions)
        .join(roll_ups(executions, JOB), on=JOB, how="anti", maintain_order="left")
        .select(
            *KEY,
            "position",
            "run_id",
            "job",
            "job_id",
            "attempt",
            "failed",
            "infrastructure",
            "at",
            "duration_s",
            "html_url",
        ),
    )


def _jobs(history: History) -> pl.DataFrame:
    """The counted executions of default branches, with `failed` and `infrastructure`: outages show in all runs together."""
    counted = history.jobs(_JOB, window=history.trend).filter(pl.col("result").is_in(COUNTED)).collect()
    said = history.failures(["host", "job_id", "category", "fingerprint", "ordinal"], window=history.trend)
    explained = said.filter(pl.col("ordinal") == 0).drop("ordinal").collect()
    marked = with_outages(counted.with_columns(failed=pl.col("result").is_in(FAILING)), explained)
    return marked.filter(pl.col("event_class") == "default")


def _short_outages(executions: pl.DataFrame) -> pl.DataFrame:
    """Of the mass failures those as short as outages are: what broke most jobs of a pipeline for longer is no outage.

    A job's failures in a row, from a pass to the next, are an outage's where all are mass failures, in at most
    `OUTAGE_RUNS` runs, and the last ended no more than `OUTAGE` after the first. `executions` are sorted by position and attempt.
    """
    in_a_row = (*JOB, "row")
    rows = executions.with_columns(row=pl.col("failed").rle_id().over(JOB))
    length = pl.col("at").max().over(in_a_row) - pl.col("at").min().over(in_a_row)
    runs = pl.col("position").n_unique().over(in_a_row)
    outage = pl.col("infrastructure").all().over(in_a_row) & (length <= OUTAGE) & (runs <= OUTAGE_RUNS)
    return rows.with_columns(infrastructure=outage).drop("row")


def _with_outcome(runs: pl.DataFrame, attempts: pl.DataFrame, history: History) -> pl.DataFrame:
    newest = attempts.filter(pl.col("attempt") == pl.col("newest")).select(*KEY, "position", "at", "jobs")
    known = pl.col("result").is_in(COUNTED) & (pl.col("at") < history.trend.end)
    return (
        runs.join(newest, on=[*KEY, "position"], how="left", maintain_order="left")
        .with_columns(at=pl.coalesce("at", "updated_at"), jobs=pl.col("jobs").fill_null(0))
        .with_columns(green=pl.when(known).then(pl.col("result") == Result.SUCCESS.value))
    )


def _outcomes(runs: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    last = runs.filter(pl.col("green").is_not_null()).select(*KEY, "position", "attempt", "at", "green")
    earlier = attempts.filter(pl.col("failed"), pl.col("attempt") < pl.col("newest")).select(
        *KEY, "position", "attempt", "at", green=~pl.col("failed")
    )
    return pl.concat([last, earlier]).sort(*KEY, "at", "position", "attempt")
