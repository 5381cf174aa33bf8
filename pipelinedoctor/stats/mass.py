"""Reports of tests in which so much failed at once that no test is to blame for it."""

from collections.abc import Sequence

import polars as pl

REPORT = ("host", "run_id", "attempt", "job_id")

LEAST = 10
SHARE = 0.2
"""Share of a report's tests, and at least `LEAST` of them, that make a mass failure whatever came before."""

USUAL_TIMES = 4
UNUSUAL_SHARE = 0.02
"""Fewer failures do where they are so many times what failing reports of the job usually have, and so large a share."""

ALIKE = 0.5
APART_S = 6 * 3600
"""Tests that failed together in another report so long before or after share a cause of their own: half of the one's
failures and half of the other's."""


def mass_reports(failed: pl.DataFrame, reports: pl.DataFrame, job: Sequence[str], test: Sequence[str]) -> pl.DataFrame:
    """The reports (`REPORT`'s columns) of mass failures, sorted.

    `failed` has a row a failing execution of a test: the columns of `REPORT`, `job` and `test`, and `run_created_at`.
    `reports` has `REPORT` and `tests`, the number of results in it.
    """
    sizes = (
        failed.group_by(*dict.fromkeys((*REPORT, *job)))
        .agg(pl.len().alias("failing"), pl.col("run_created_at").min())
        .join(reports, on=REPORT, how="left")
        .with_columns(
            (pl.col("failing") / pl.col("tests")).alias("share"), pl.col("failing").median().over(job).alias("usual")
        )
    )
    many = sizes.filter(pl.col("failing") >= LEAST)
    whole = many.filter(pl.col("share") >= SHARE)
    unusual = many.filter(
        pl.col("share") < SHARE, pl.col("share") >= UNUSUAL_SHARE, pl.col("failing") >= USUAL_TIMES * pl.col("usual")
    )
    strange = unusual.join(_familiar(unusual, sizes, failed, test), on=REPORT, how="anti")
    return pl.concat([whole, strange]).select(REPORT).sort(REPORT)


def _familiar(unusual: pl.DataFrame, sizes: pl.DataFrame, failed: pl.DataFrame, test: Sequence[str]) -> pl.DataFrame:
    """Those of the unusual reports whose tests failed together at another time, too."""
    size = pl.col("failing")
    mine = failed.join(unusual.select(*REPORT, size, "run_created_at"), on=REPORT).select(
        *REPORT, *test[1:], "failing", "run_created_at"
    )
    others = failed.join(sizes.select(*REPORT, size), on=REPORT).select(
        *(pl.col(name).alias(f"{name}_of_other") for name in REPORT[1:]),
        *test,
        size.alias("others"),
        pl.col("run_created_at").alias("at_of_other"),
    )
    # A report of a size that the half of neither is the other's need not be compared.
    pairs = mine.join(others, on=list(test)).filter(
        (pl.col("others") >= ALIKE * size) & (pl.col("others") <= size / ALIKE),
        (pl.col("at_of_other") - pl.col("run_created_at")).dt.total_seconds().abs() > APART_S,
    )
    both = pairs.group_by(*REPORT, "failing", "others", *(f"{name}_of_other" for name in REPORT[1:])).agg(
        pl.len().alias("both")
    )
    return (
        both.filter((pl.col("both") >= ALIKE * size) & (pl.col("both") >= ALIKE * pl.col("others")))
        .select(REPORT)
        .unique()
    )
