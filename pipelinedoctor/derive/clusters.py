"""Failures put together: one row for each failing job whose log was read, with its cluster; outages among them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipelinedoctor.logs.mine import mine
from pipelinedoctor.model import Category
from pipelinedoctor.store.history import History, Window

INFRASTRUCTURE = (Category.RUNNER, Category.NETWORK, Category.REGISTRY, Category.RATE_LIMIT)
"""Categories whose cause can lie in what many jobs share."""
FAILING = ("failure", "timed_out", "error")

_HOUR = timedelta(hours=1)
_OUTAGE_REPOSITORIES, _OUTAGE_RUNS, _OUTAGE_JOBS = 3, 5, 3
_COLUMNS = (
    "host", "forge", "repository_id", "repository", "pipeline", "job", "job_id", "run_id", "actor", "run_created_at",
    "started_at", "completed_at", "billed_minutes", "result", "html_url", "ordinal", "line", "masked", "category", "rule",
    "fingerprint",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outage:
    """One cluster that struck many places at once; `rows` are its failing jobs, in the order of time."""

    start: datetime
    end: datetime
    rows: pl.DataFrame


def failing_jobs(history: History) -> pl.DataFrame:
    """All failing jobs of the window, with a log or without: host, job_id."""
    jobs = history.jobs(["host", "job_id", "result"]).filter(pl.col("result").is_in(FAILING))
    return jobs.select("host", "job_id").collect().sort("host", "job_id")


def clustered(history: History) -> pl.DataFrame:
    """The explained failing jobs of the trend window, in the order of time, with their clusters.

    Columns: host, forge, repository_id, repository, pipeline, job, job_id, run_id, actor, html_url, line, masked,
    category, rule, fingerprint; `at` (end of the job, else its start, else its run's creation), `minutes` (billed),
    `recent` (whether its run was made in the history's window), `template`, `cluster`.
    """
    failures = history.failures(_COLUMNS, window=_both(history)).filter(
        pl.col("ordinal") == 0, pl.col("result").is_in(FAILING)
    )
    recent = pl.col("run_created_at").is_between(history.window.start, history.window.end, closed="left")
    lines = failures.with_columns(
        pl.coalesce("completed_at", "started_at", "run_created_at").alias("at"),
        pl.col("billed_minutes").alias("minutes"),
        recent.alias("recent"),
    ).drop("ordinal", "result", "run_created_at", "started_at", "completed_at", "billed_minutes")
    frame = lines.collect().sort("at", "host", "job_id")
    return frame.join(mine(frame), on=["category", "masked", "fingerprint"], how="left", maintain_order="left")


def _both(history: History) -> Window:
    """The trend window, and the window where it begins before."""
    return Window(min(history.trend.start, history.window.start), max(history.trend.end, history.window.end))


def outages(rows: pl.DataFrame, repositories: int) -> Iterator[Outage]:
    """Outages among the rows of one cluster on one host, which are in the order of time.

    Within an hour the cluster struck at least three repositories; where the host has fewer (`repositories`), at least
    five runs of at least three jobs. Hours that overlap are one outage.
    """
    times = rows["at"].to_list()
    start = 0
    spans: list[tuple[int, int]] = []
    for end, at in enumerate(times):
        while at - times[start] > _HOUR:
            start += 1
        if _is_outage(rows[start : end + 1], repositories):
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
    for first, last in spans:
        yield Outage(times[first], times[last], rows[first : last + 1])


def _is_outage(hour: pl.DataFrame, repositories: int) -> bool:
    if repositories >= _OUTAGE_REPOSITORIES:
        return len(hour) >= _OUTAGE_REPOSITORIES and hour["repository_id"].n_unique() >= _OUTAGE_REPOSITORIES
    jobs = hour.select("pipeline", "job").n_unique()
    return len(hour) >= _OUTAGE_RUNS and hour["run_id"].n_unique() >= _OUTAGE_RUNS and jobs >= _OUTAGE_JOBS
