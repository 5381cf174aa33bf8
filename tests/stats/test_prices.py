"""Prices: whole minutes or seconds as billed, one's own before the table's, and none that is guessed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest

from pipelinedoctor.stats.prices import Price, Rates, priced

NONE: Mapping[str, float] = MappingProxyType({})
TABLE = (
    Price(host="github.com", label="ubuntu-latest", dollars=0.006, billed="minute"),
    Price(host="github.com", label="macos-latest", dollars=0.062, billed="minute"),
    Price(host="github.com", label="self-hosted", dollars=0.0, billed="minute"),
    Price(host="gitlab.com", label="small", dollars=0.01, billed="second"),
)


def price(
    labels: str | None, host: str = "github.com", seconds: float | None = 61, own: Mapping[str, float] = NONE
) -> Any:
    minutes = 0 if seconds is None else -(-int(seconds) // 60)
    jobs = pl.DataFrame(
        {"host": [host], "job_id": [1], "labels": [labels], "duration_s": [seconds], "billed_minutes": [minutes]},
        schema_overrides={"labels": pl.String, "duration_s": pl.Float64},
    )
    return priced(jobs, Rates(prices=TABLE, own=own))["dollars"].item()


@pytest.mark.parametrize(
    ("labels", "host", "dollars"),
    [
        ("ubuntu-latest", "github.com", 0.012),
        ("Ubuntu-Latest", "github.com", 0.012),
        ("self-hosted,linux,x64", "github.com", 0.0),
        ("small", "gitlab.com", 0.01 * 61 / 60),
        ("small", "gitlab.example.com", None),
        ("ubuntu-latest", "github.example.com", None),
        ("gpu-box", "github.com", None),
        ("ubuntu-latest,macos-latest", "github.com", None),
        ("", "github.com", None),
        (None, "github.com", None),
    ],
)
def test_a_price_is_that_of_the_label_or_not_known(labels: str | None, host: str, dollars: float | None) -> None:
    assert price(labels, host) == pytest.approx(dollars)


def test_ones_own_price_comes_before_the_tables() -> None:
    assert price("ubuntu-latest", own={"ubuntu-latest": 1.0}) == 2.0
    assert price("self-hosted,GPU-box", own={"gpu-box": 0.5}) == 1.0
    assert price("gpu", host="gitlab.example.com", own={"gpu": 0.5}) == 1.0


def test_a_job_of_unknown_duration_costs_nothing_that_is_known() -> None:
    assert price("ubuntu-latest", seconds=None) == 0
