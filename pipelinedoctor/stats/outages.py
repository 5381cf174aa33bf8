"""Failures that no job and no test is to blame for: runs that fail throughout, hours in which a host fails en masse,
one infrastructure error in many places at once.
"""

from collections.abc import Sequence

import polars as pl
from scipy.special import bdtrc

from pipelinedoctor.model import Category
from pipelinedoctor.stats.axes import family

ATTEMPT = ("host", "run_id", "attempt")

LEAST_JOBS = 4
LEAST_FAILING = 3
FAILING_SHARE = 0.5
LEAST_PLACES = 3
SURPRISE = 1e-4
_QUARTER_S = 900

SHARED = (Category.RUNNER.value, Category.NETWORK.value, Category.REGISTRY.value, Category.RATE_LIMIT.value)
"""Categories of failures whose cause can lie in what all jobs share."""


def with_outages(executions: pl.DataFrame, explained: pl.DataFrame) -> pl.DataFrame:
    """The executions with a column `infrastructure`: a failing one that took part in a mass failure.

    Takes `host`, `repository_id`, `run_id`, `attempt`, `job_id`, `job`, `run_created_at`, `started_at`, `completed_at` and
    `failed` (Boolean, never null), one row for each execution of a job that passed or failed; and of those whose log was
    read `host`, `job_id`, `category` and `fingerprint` of the failure. A mass failure is

    - an attempt in which half of at least four jobs, and at least three of different names, failed: the jobs of one matrix
      fail together for one wrong line, and a job that began when another had failed may only report it;
    - half an hour or an hour of a host, from any quarter of an hour on, in which more attempts turned red than chance
      allows (binomial, p < 0.0001, at the host's own rate) in at least three repositories;
    - one error of runner, network, registry or rate limit that within an hour before or after struck at least three
      repositories, or three jobs of one repository.
    """
    attempts = executions.group_by(ATTEMPT).agg(
        pl.col("repository_id").first(),
        pl.coalesce("started_at", "run_created_at").min().dt.epoch("s").floordiv(_QUARTER_S).alias("quarter"),
        pl.len().alias("jobs"),
        pl.col("failed").sum().alias("failing"),
    )
    throughout = _throughout(executions, attempts).with_columns(pl.lit(value=True).alias("throughout"))
    hours = _bad_quarters(attempts).with_columns(pl.lit(value=True).alias("bad_hour"))
    struck = (
        attempts.join(hours, on=["host", "quarter"], how="left")
        .join(throughout, on=ATTEMPT, how="left")
        .select(*ATTEMPT, pl.any_horizontal(pl.col("throughout", "bad_hour").fill_null(value=False)).alias("struck"))
    )
    shared = _shared_errors(executions, explained).with_columns(pl.lit(value=True).alias("shared"))
    mass = pl.col("struck") | pl.col("shared").fill_null(value=False)
    return (
        executions.join(struck, on=ATTEMPT, how="left", maintain_order="left")
        .join(shared, on=["host", "job_id"], how="left", maintain_order="left")
        .with_columns((pl.col("failed") & mass).alias("infrastructure"))
        .drop("struck", "shared")
    )


def _throughout(executions: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    """The attempts (`ATTEMPT`) that failed throughout."""
    many = attempts.filter(
        pl.col("jobs") >= LEAST_JOBS,
        pl.col("failing") >= LEAST_FAILING,
        pl.col("failing") >= FAILING_SHARE * pl.col("jobs"),
    )
    failed = executions.filter("failed").join(many.select(ATTEMPT), on=ATTEMPT, how="semi")
    begun = pl.col("started_at") < pl.col("completed_at").min().over(ATTEMPT)
    return (
        failed.filter(begun.fill_null(value=True))
        .group_by(ATTEMPT)
        .agg(family("job").n_unique().alias("families"))
        .filter(pl.col("families") >= LEAST_FAILING)
        .select(ATTEMPT)
    )


def _shared_errors(executions: pl.DataFrame, explained: pl.DataFrame) -> pl.DataFrame:
    """`host` and `job_id` of the executions that failed by one error in many places within an hour."""
    errors = (
        executions.filter("failed")
        .join(explained.filter(pl.col("category").is_in(SHARED)), on=["host", "job_id"])
        .with_columns(pl.coalesce("completed_at", "started_at", "run_created_at").alias("at"))
        .sort("at", "host", "job_id")
    )
    around = errors.rolling("at", period="2h", offset="-1h", closed="both", group_by=["host", "fingerprint"]).agg(
        pl.col("repository_id").n_unique().alias("repositories")
    )
    nearby = errors.rolling(
        "at", period="2h", offset="-1h", closed="both", group_by=["host", "repository_id", "fingerprint"]
    ).agg(pl.col("job").n_unique().alias("jobs"))
    places = errors.join(
        around.filter(pl.col("repositories") >= LEAST_PLACES), on=["host", "fingerprint", "at"], how="semi"
    )
    crowded = errors.join(
        nearby.filter(pl.col("jobs") >= LEAST_PLACES), on=["host", "repository_id", "fingerprint", "at"], how="semi"
    )
    return pl.concat([places, crowded]).select("host", "job_id").unique()


def _bad_quarters(attempts: pl.DataFrame) -> pl.DataFrame:
    """`host` and `quarter` of the quarters of an hour that lie in a time in which a host failed en masse."""
    red = pl.col("failing") > 0
    rates = attempts.group_by("host").agg(red.mean().alias("rate"))
    found = []
    for quarters in (2, 4):
        for offset in range(quarters):
            spans = (
                attempts.group_by("host", pl.col("quarter").add(offset).floordiv(quarters).alias("span"))
                .agg(
                    pl.len().alias("n"),
                    red.sum().alias("k"),
                    pl.col("repository_id").filter(red).n_unique().alias("repositories"),
                    pl.col("quarter").unique(),
                )
                .filter(pl.col("repositories") >= LEAST_PLACES)
                .join(rates, on="host")
            )
            chance = bdtrc(spans["k"].to_numpy() - 1.0, spans["n"].to_numpy(), spans["rate"].to_numpy())
            found.append(spans.filter(pl.Series(chance < SURPRISE, dtype=pl.Boolean)).select("host", "quarter"))
    return pl.concat(found).explode("quarter").unique()


def roll_ups(executions: pl.DataFrame, unit: Sequence[str]) -> pl.DataFrame:
    """The units that only report what failed before them, like a closing "all green" job, with `failures`; sorted.

    Takes `host`, `run_id`, `attempt`, `job_id`, `started_at`, `completed_at`, `failed` and the columns of `unit`. A unit
    is a roll-up if it failed at least twice, each time after a sibling of the same attempt had failed, and that is not
    chance: were its failures spread over its executions at random, all would so coincide with p <= 0.05.
    """
    ended = (
        executions.filter("failed", pl.col("completed_at").is_not_null())
        .sort("completed_at", "job_id")
        .group_by(ATTEMPT)
        .agg(
            pl.col("job_id").first().alias("first"),
            pl.col("completed_at").first().alias("first_at"),
            pl.col("completed_at").get(1, null_on_oob=True).alias("second_at"),
        )
    )
    sibling = pl.when(pl.col("first") == pl.col("job_id")).then("second_at").otherwise("first_at")
    after = (sibling <= pl.col("started_at")).fill_null(value=False)
    counts = (
        executions.join(ended, on=ATTEMPT, how="left")
        .with_columns(after.alias("after"))
        .group_by(unit)
        .agg(
            pl.col("failed").sum().alias("failures"),
            (pl.col("failed") & ~pl.col("after")).sum().alias("alone"),
            pl.col("after").mean().alias("share"),
        )
    )
    chance = pl.col("share").pow(pl.col("failures"))
    found = counts.filter(pl.col("failures") >= 2, pl.col("alone") == 0, chance <= 0.05)
    return found.select(*unit, "failures").sort(unit)
