"""Which failures of jobs belong to a breakage of the default branch: there, and on changes made while it was broken."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from pipelinedoctor.derive.branch_pipelines import ITSELF, branch_pipelines
from pipelinedoctor.derive.default_branch import KEY, default_branch
from pipelinedoctor.derive.flakiness import JOB
from pipelinedoctor.store.history import History

CHANGES = ("change", "merge_group")
"""Classes of events whose runs have the default branch's newest commit under them."""

SURE = 0.8
"""Confidence from which failures are put down to a breakage."""

_STRETCHES: dict[str, pl.DataType | type[pl.DataType]] = {
    "host": pl.String,
    "repository_id": pl.Int64,
    "pipeline_id": pl.Int64,
    "job": pl.String,
    "broken_from": pl.Datetime("us", "UTC"),
    "broken_to": pl.Datetime("us", "UTC"),
    "passed_at": pl.Datetime("us", "UTC"),
}


def broken_stretches(history: History) -> pl.DataFrame:
    """The stretches of the default branch in which a job was surely broken, in the order of their pipelines.

    Columns: those of `JOB`; `broken_from` and `broken_to` (when the first and the last failing run were made) and
    `passed_at` (when the run with the next pass was made; null where it lasts).
    """
    return pl.DataFrame(list(_stretches(history)), schema=_STRETCHES, orient="row")


def _stretches(history: History) -> Iterator[tuple[Any, ...]]:
    for one in branch_pipelines(default_branch(history)):
        made = [run["created_at"] for run in one.runs]
        key = tuple(one.runs[0][name] for name in KEY)
        for stretch in (each for broken in one.broken for each in broken.stretches):
            if stretch.job != ITSELF and stretch.confidence >= SURE:
                ended = made[stretch.passed] if stretch.over and stretch.passed is not None else None
                yield (*key, stretch.job, made[stretch.first], made[stretch.last], ended)


def with_broken(jobs: pl.DataFrame, stretches: pl.DataFrame, explained: pl.DataFrame) -> pl.DataFrame:
    """The executions with a column `broken`: one that failed because the default branch was broken.

    `jobs` has the columns of `flakiness.executions`, `stretches` is `broken_stretches`, `explained` has host, job_id and
    fingerprint of failures whose log was read. On the default branch these are the failures of the job in the runs of a
    stretch. On a change they are those in runs made between its first failing run and the pass that ended it, unless
    both say what failed, and not the same.
    """
    failing = (
        jobs.filter(pl.col("failed") & ~pl.col("infrastructure"))
        .select(*JOB, "job_id", "event_class", "run_created_at")
        .join(explained.select("host", "job_id", "fingerprint"), on=["host", "job_id"], how="left")
        .join(stretches.with_row_index("stretch"), on=JOB)
    )
    made = pl.col("run_created_at")
    here = failing.filter(pl.col("event_class") == "default", made.is_between("broken_from", "broken_to"))
    since = failing.filter(
        pl.col("event_class").is_in(CHANGES),
        made >= pl.col("broken_from"),
        pl.col("passed_at").is_null() | (made < pl.col("passed_at")),
    )
    said = here.group_by("stretch").agg(pl.col("fingerprint").drop_nulls().unique().alias("said"))
    other = (
        pl.col("fingerprint").is_not_null()
        & (pl.col("said").list.len() > 0)
        & ~pl.col("said").list.contains(pl.col("fingerprint"))
    )
    alike = since.join(said, on="stretch", how="left").filter(~other.fill_null(value=False))
    found = pl.concat([here.select("host", "job_id"), alike.select("host", "job_id")]).unique()
    return jobs.join(
        found.with_columns(pl.lit(value=True).alias("broken")),
        on=["host", "job_id"],
        how="left",
        maintain_order="left",
    ).with_columns(pl.col("broken").fill_null(value=False))
