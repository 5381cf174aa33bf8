"""What job executions cost in money, where the price of their runner is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

_MINUTE, _SECOND = "minute", "second"
BILLED = (_MINUTE, _SECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a minute on the runners that `label` asks for at `host`; `billed` is `minute` or `second`."""

    host: str
    label: str
    dollars: float
    billed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """All that a cost rests on.

    `prices` are those of the shipped table, `own` (dollars a minute by label, on any host) come before them. `triage` are
    the minutes that an interruption takes from a person, low, expected and high; `wait_cap` the most minutes that are
    counted as waited for one; `hourly` what an hour of a person costs in dollars, or `None`: then people cost hours only.
    """

    prices: Sequence[Price] = ()
    own: Mapping[str, float] = field(default_factory=dict)
    triage: tuple[float, float, float] = (5.0, 10.0, 28.0)
    wait_cap: float = 60.0
    hourly: float | None = None


def priced(jobs: pl.DataFrame, rates: Rates) -> pl.DataFrame:
    """The jobs with `dollars` (Float64), null where no price is known.

    Takes `host`, `job_id` (together unique), `labels` (String, with commas between them, or null), `duration_s` and
    `billed_minutes`. Labels go by small letters. A job with a label of one's own price has that; else that of the table. Where labels
    of one job have several prices, none is known. What is billed by the second costs no whole minute.
    """
    labels = (
        jobs.select("host", "job_id", pl.col("labels").str.to_lowercase().str.split(",").alias("label"))
        .explode("label")
        .with_columns(pl.col("label").str.strip_chars())
        .drop_nulls()
    )
    found = pl.concat(
        [labels.join(_own(rates), on="label"), labels.join(_listed(rates), on=["host", "label"]).select(_FOUND)]
    )
    first = found.filter(pl.col("rank") == pl.col("rank").min().over("host", "job_id"))
    known = (
        first.group_by("host", "job_id")
        .agg(pl.col("price").n_unique().alias("prices"), pl.col("price", "billed").first())
        .filter(pl.col("prices") == 1)
    )
    minutes = pl.when(pl.col("billed") == _SECOND).then(pl.col("duration_s").fill_null(0.0) / 60)
    return (
        jobs.join(known.drop("prices"), on=["host", "job_id"], how="left", maintain_order="left")
        .with_columns((pl.col("price") * minutes.otherwise(pl.col("billed_minutes"))).alias("dollars"))
        .drop("price", "billed")
    )


_FOUND = ("host", "job_id", "label", "price", "billed", "rank")


def _own(rates: Rates) -> pl.DataFrame:
    schema = {"label": pl.String, "price": pl.Float64}
    rows = [(label.lower(), price) for label, price in sorted(rates.own.items())]
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.lit(_MINUTE).alias("billed"), pl.lit(0).alias("rank")
    )


def _listed(rates: Rates) -> pl.DataFrame:
    schema = {"host": pl.String, "label": pl.String, "price": pl.Float64, "billed": pl.String}
    rows = [(one.host, one.label.lower(), one.dollars, one.billed) for one in rates.prices]
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.lit(1).alias("rank"))
