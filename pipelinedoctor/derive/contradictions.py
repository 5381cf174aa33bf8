"""When a failure and a pass on the same commit contradict each other, and when they are but a step in time."""

import polars as pl

from pipelinedoctor.derive.flakiness import JOB
from pipelinedoctor.stats.evidence import COMMIT, DEFAULT

_NAMED = (*JOB, *COMMIT, "name")


def without_steps(commits: pl.DataFrame, jobs: pl.DataFrame) -> pl.DataFrame:
    """The commits, of which those that only show a step in time are no longer `contradicted`.

    `commits` is `stats.evidence.commit_verdicts` by `JOB`, `jobs` the executions with all that is broken. On a commit of
    the default branch all passes of a job came before all of its failures, in different runs, and the next commit failed
    first of all; or the reverse, and the one before failed last of all: the date, a service or the environment changed,
    and no coin was thrown. A rerun within one run, and a pass between failures, are what no step explains.
    """
    seen = commits.filter("contradicted", pl.col("event_class") == DEFAULT).select(*JOB, *COMMIT)
    mine = jobs.filter(~pl.col("infrastructure")).join(seen, on=[*JOB, *COMMIT], how="semi")
    steps = (
        _shapes(mine)
        .join(_surroundings(jobs, seen), on=[*JOB, *COMMIT], how="left")
        .with_columns(
            ((pl.col("worse") & pl.col("red_after")) | (pl.col("better") & pl.col("red_before")))
            .fill_null(value=False)
            .alias("step")
        )
        .group_by(*JOB, *COMMIT)
        .agg(pl.col("step").all())
        .filter("step")
    )
    marked = commits.join(steps, on=[*JOB, *COMMIT], how="left", maintain_order="left")
    return marked.with_columns(pl.col("contradicted") & pl.col("step").is_null()).drop("step")


def _shapes(jobs: pl.DataFrame) -> pl.DataFrame:
    """Of each name that failed and passed on a commit: `worse` (all passes came first) and `better` (all failures did)."""
    at, failed = pl.coalesce("started_at", "run_created_at"), pl.col("failed")
    mixed = (failed.any() & ~failed.all()).over(*_NAMED, "run_id")
    names = jobs.with_columns(mixed.alias("mixed"), at.alias("at")).group_by(_NAMED)
    ends = names.agg(
        pl.col("mixed").any(),
        pl.col("at").filter("failed").min().alias("first_failed"),
        pl.col("at").filter("failed").max().alias("last_failed"),
        pl.col("at").filter(~failed).min().alias("first_passed"),
        pl.col("at").filter(~failed).max().alias("last_passed"),
    ).filter(pl.col("first_failed").is_not_null(), pl.col("first_passed").is_not_null())
    return ends.select(
        *_NAMED,
        (~pl.col("mixed") & (pl.col("last_passed") < pl.col("first_failed"))).alias("worse"),
        (~pl.col("mixed") & (pl.col("last_failed") < pl.col("first_passed"))).alias("better"),
    )


def _surroundings(jobs: pl.DataFrame, commits: pl.DataFrame) -> pl.DataFrame:
    """Of the jobs of these commits, by `JOB` and `COMMIT`: whether they failed last on the commit before, first on the next."""
    mine = jobs.filter(pl.col("event_class") == DEFAULT, ~pl.col("infrastructure")).join(commits, on=JOB, how="semi")
    in_order = (
        mine.sort(pl.coalesce("started_at", "run_created_at"), "run_id", "attempt", "job_id")
        .group_by(*JOB, *COMMIT, maintain_order=True)
        .agg(
            pl.col("run_created_at").min().alias("at"),
            pl.col("failed").first().alias("failed_first"),
            pl.col("failed").last().alias("failed_last"),
        )
        .sort(*JOB, "at", "commit_sha")
    )
    return in_order.select(
        *JOB,
        *COMMIT,
        pl.col("failed_last").shift(1).over(JOB).alias("red_before"),
        pl.col("failed_first").shift(-1).over(JOB).alias("red_after"),
    )
