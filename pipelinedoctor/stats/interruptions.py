"""How often failures interrupted someone, and how long that someone waited for a green run of the same commit."""

import polars as pl

INTERRUPTION = ("host", "repository_id", "actor", "line", "day")
"""Who was interrupted, at which change or commit, on which day."""

_SAME = ("host", "repository_id", "pipeline_id", "job", "name", "commit_sha")


def interruptions(failures: pl.DataFrame, passes: pl.DataFrame, wait_cap: float) -> pl.DataFrame:
    """One row for each finding and interruption: `INTERRUPTION`, `finding`, `rank`, `claimed`, `waited` (minutes); sorted.

    `failures` are claimed executions: `finding`, `rank`, `claimed` (share of the execution, 0 to 1), host,
    repository_id, pipeline_id, job, name, commit_sha, `actor`, `change_number`, `at` (end, Datetime). `passes` are the
    executions that succeeded, with the same names of the job and `at`. `claimed` is the greatest of the interruption.

    Waiting goes from the first failure of a job on a commit to its first pass after that on the same commit; of several
    jobs of a commit the longest counts. Where nothing passed on the commit, no one is taken to have waited for it. An
    interruption counts `wait_cap` minutes at the most.
    """
    first = failures.group_by("finding", *_SAME).agg(pl.col("at").min().alias("red"))
    green = (
        first.join(passes.select(*_SAME, pl.col("at").alias("green")), on=_SAME)
        .filter(pl.col("green") > pl.col("red"))
        .group_by("finding", *_SAME)
        .agg((pl.col("green") - pl.col("red")).min().dt.total_seconds().truediv(60.0).alias("waited"))
    )
    marked = failures.with_columns(
        pl.col("actor").fill_null(""),
        pl.coalesce(pl.col("change_number").cast(pl.String), "commit_sha").alias("line"),
        pl.col("at").dt.date().alias("day"),
    ).join(green, on=["finding", *_SAME], how="left")
    by_commit = marked.group_by("finding", *INTERRUPTION, "commit_sha").agg(
        pl.col("rank").min(), pl.col("claimed").max(), pl.col("waited").max().fill_null(0.0)
    )
    return (
        by_commit.sort("finding", *INTERRUPTION, "commit_sha")
        .group_by("finding", *INTERRUPTION, maintain_order=True)
        .agg(pl.col("rank").min(), pl.col("claimed").max(), pl.col("waited").sum().clip(0.0, wait_cap))
    )
