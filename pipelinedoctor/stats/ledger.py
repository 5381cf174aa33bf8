"""Who pays for what ran: the claims of many findings on one thing are divided so that together they never exceed it."""

from collections.abc import Sequence

import polars as pl


def shares(claims: pl.DataFrame, of: Sequence[str]) -> pl.DataFrame:
    """The share of each thing that each finding is to count, sorted by thing, rank and finding.

    Takes the columns `of`, which name a thing (an execution, an interruption), `finding` (String), `rank` (Int64, 0 for the
    primary cause) and `claimed` (Float64, which share of the thing the finding claims, from 0 to 1). Gives the same with
    one row for each thing and finding (the greatest of its claims, its best rank), and `own` (Float64, 0 to `claimed`).

    A rank takes what those before it left. Where it claims more than is left, each of its findings gets the same
    part of what it claims; so equal claims are divided equally. Hence the shares of a thing sum to 1 at the most, and one
    more finding never raises the share of another.
    """
    once = claims.group_by(*of, "finding").agg(
        pl.col("rank").min(), pl.col("claimed").max().cast(pl.Float64).clip(0.0, 1.0)
    )
    sort = [*of, "rank", "finding"]
    ranks = (
        once.sort(sort)
        .group_by(*of, "rank", maintain_order=True)
        .agg(pl.col("claimed").sum().alias("asked"))
        .with_columns(left=(1.0 - (pl.col("asked").cum_sum().over(of) - pl.col("asked"))).clip(0.0, 1.0))
        .with_columns(
            part=pl.when(pl.col("asked") > pl.col("left")).then(pl.col("left") / pl.col("asked")).otherwise(1.0)
        )
    )
    return (
        once.join(ranks.select(*of, "rank", "part"), on=[*of, "rank"])
        .select(*of, "finding", "rank", "claimed", (pl.col("claimed") * pl.col("part")).alias("own"))
        .sort(sort)
    )
