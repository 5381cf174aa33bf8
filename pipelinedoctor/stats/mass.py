"""Reports of tests in which so much failed at once that no test is to blame for it."""

from collections.abc import Sequence

import polars as pl

from pipelinedoctor.stats.posterior import FEW_TOGETHER

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
    """Reports with several failures: `REPORT`'s columns, `mass` and `familiar`, sorted.

    `failed` has a row a failing execution of a test: the columns of `REPORT`, `job` and `test`, and `run_created_at`.
    `reports` has `REPORT` and `tests`, the number of results in it. A report is a `mass` failure where a fifth of its tests,
    and at least ten, failed, or ten and four times as many as its job's failing reports usually have, unless the same
    tests failed together at another time, too: then they are `familiar`.
    """
    sizes = (
        failed.group_by(*dict.fromkeys((*REPORT, *job)))
        .agg(pl.len().alias("failing"), pl.col("run_created_at").min())
        .join(reports, on=REPORT, how="left")
        .with_columns(
            (pl.col("failing") / pl.col("tests")).alias("share"), pl.col("failing").median().over(job).alias("usual")
        )
    )
    several = sizes.filter(pl.col("failing") > FEW_TOGETHER)
    known = _familiar(several, sizes, failed, test).with_columns(pl.lit(value=True).alias("familiar"))
    whole = pl.col("share") >= SHARE
    unusual = (pl.col("share") >= UNUSUAL_SHARE) & (pl.col("failing") >= USUAL_TIMES * pl.col("usual"))
    familiar = pl.col("familiar").fill_null(value=False)
    return (
        several.join(known, on=REPORT, how="left")
        .select(*REPORT, (pl.col("failing") >= LEAST) & (whole | (unusual & ~familiar)), familiar)
        .rename({"failing": "mass"})
        .sort(REPORT)
    )


def _familiar(several: pl.DataFrame, sizes: pl.DataFrame, failed: pl.DataFrame, test: Sequence[str]) -> pl.DataFrame:
    """Those of the reports whose tests failed together at another time, too."""
    size = pl.col("failing")
    mine = failed.join(several.select(*REPORT, size, "run_created_at"), on=REPORT).select(
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
