"""Tests that fail only after a certain other test, and tests that fail only at the edge of their report.

A test that leaves something behind makes another one fail ("polluter" and "victim": A. Shi and others, "iFixFlakies",
FSE 2019). Where the order of a report changes from run to run, or what is in a shard, that shows: in all reports with a
failure the other test came before, in many without one it did not. Each possible polluter is tried as a value of an axis is
(see `stats.association`), those of all tests being one family. The first and the last place are tried likewise: there
stands what a shard begins with, or is cut off at. An association is no cause.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelinedoctor.stats.association import Claim, least
from pipelinedoctor.stats.discoveries import adjusted

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]

RIGHT_AFTER, FIRST, LAST, AFTER = "right after", "first", "last", "after"
PLACES = (RIGHT_AFTER, FIRST, LAST, AFTER)
"""Of two that explain alike the first one is told."""

_NONE = -1
"""Stands for the test before the first one."""
_ABSENT = np.iinfo(np.int64).max
_FOUND = {
    "job": pl.Int64(), "test": pl.String(), "place": pl.String(), "other": pl.String(),
    "failures": pl.Int64(), "runs_in": pl.Int64(), "runs": pl.Int64(),
}  # fmt: skip


class _Tried(NamedTuple):
    """Columns of other tests (`_NONE` for places) and in how many of the unit's reports they came before it."""

    place: str
    others: _Ints
    counts: _Ints
    always: _Bools
    """Whether they did in all that failed."""


def orders(placed: pl.DataFrame, failures: pl.DataFrame, claim: Claim) -> pl.DataFrame:
    """The one place or predecessor that explains each test's failures best, where there is one that all of them have.

    `placed`: `job`, `report` (Int64, as the caller numbers them), `test` (String) and `position` (Int64), a row for each
    execution of a test of which the place is known; of several of a test in a report the first one counts.
    `failures`: `job`, `report`, `test` of each flaky failure.

    Gives, sorted by job and test: `job`, `test`, `place` (one of `PLACES`), `other` (the test before it; null for first and
    last), `alike` (Int64: how many other tests explain as well), `failures` (Int64: reports in which the test failed, all
    of which have the place), `runs_in`, `runs` (Int64: reports with the place, and with the test), `p`, `q` (Float64).
    """
    key = ["job", "report", "test"]
    first = placed.group_by(key).agg(pl.col("position").min())
    units = (
        failures.select(key)
        .unique()
        .join(first, on=key, how="semi")
        .filter(pl.len().over("job", "test") >= claim.failures)
        .sort("job", "test", "report")
    )
    rows: list[tuple[object, ...]] = []
    tests = 0
    for (job,), mine in units.group_by("job", maintain_order=True):
        found, tried = _of_job(first.filter(pl.col("job") == job), mine, claim)
        rows += [(job, *row) for row in found]
        tests += tried
    frame = pl.DataFrame(rows, schema=_FOUND, orient="row")
    # All failures within: the least p there can be is the p.
    p = least(frame["runs_in"], frame["failures"], frame["runs"])
    rank = pl.col("place").replace_strict({place: at for at, place in enumerate(PLACES)}, return_dtype=pl.Int64)
    return (
        frame.with_columns(pl.Series("p", p, dtype=pl.Float64), pl.Series("q", adjusted(p, tests), dtype=pl.Float64))
        .with_columns((pl.len().over("job", "test", "place", "runs_in") - 1).cast(pl.Int64).alias("alike"))
        .filter(pl.col("q") <= claim.level)
        .sort("job", "test", "runs_in", rank, "other")
        .unique(["job", "test"], keep="first", maintain_order=True)
        .select("job", "test", "place", "other", "alike", "failures", "runs_in", "runs", "p", "q")
    )


def _of_job(placed: pl.DataFrame, units: pl.DataFrame, claim: Claim) -> tuple[list[tuple[object, ...]], int]:
    """What all failures of a test have (test, place, other, failures, runs_in, runs), and how much was tried."""
    reports, tests = (placed[name].unique().sort() for name in ("report", "test"))
    positions = np.full((len(reports), len(tests)), _ABSENT, dtype=np.int64)
    where = reports.search_sorted(placed["report"]), tests.search_sorted(placed["test"])
    positions[where[0].to_numpy(), where[1].to_numpy()] = placed["position"].to_numpy()
    order = np.argsort(positions, axis=1, kind="stable")
    rows: list[tuple[object, ...]] = []
    tried = 0
    for (test,), failed in units.group_by("test", maintain_order=True):
        column = int(tests.search_sorted(str(test)))
        present = positions[:, column] != _ABSENT
        failing = np.isin(reports.to_numpy(), failed["report"].to_numpy())[present]
        k, n = int(failing.sum()), len(failing)
        for one in _candidates(positions[present], order[present], column, failing):
            able = _able(one.counts, k, n, claim)
            tried += int(able.sum())
            kept = able & one.always
            others = (None if at == _NONE else tests[int(at)] for at in one.others[kept])
            rows += [
                (test, one.place, other, k, int(count), n)
                for other, count in zip(others, one.counts[kept], strict=True)
            ]
    return rows, tried


def _candidates(positions: _Ints, order: _Ints, column: int, failing: _Bools) -> Iterator[_Tried]:
    """What there is to try in the reports with the test of a column, a row each; `failing` are those in which it failed."""
    before = positions < positions[:, [column]]
    yield _Tried(AFTER, np.arange(positions.shape[1]), before.sum(axis=0), np.all(before[failing], axis=0))
    at = before.sum(axis=1)
    previous = np.where(at > 0, np.take_along_axis(order, np.maximum(at - 1, 0)[:, None], axis=1)[:, 0], _NONE)
    others, index = np.unique(previous, return_inverse=True)
    right = np.arange(len(others))[None, :] == index.reshape(-1)[:, None]
    real = others != _NONE
    yield _Tried(RIGHT_AFTER, others[real], right.sum(axis=0)[real], right[failing].all(axis=0)[real])
    size = (positions != _ABSENT).sum(axis=1)
    for place, edge in ((FIRST, at == 0), (LAST, at == size - 1)):
        yield _Tried(place, np.array([_NONE]), np.array([edge.sum()]), np.array([edge[failing].all()]))


def _able(counts: _Ints, failures: int, runs: int, claim: Claim) -> _Bools:
    """What could be found, be it that all failures had it."""
    whole = pl.Series(np.full(len(counts), runs)), pl.Series(np.full(len(counts), failures))
    inside = (counts >= claim.failures) & (counts < runs)
    able: _Bools = inside & (least(pl.Series(counts), whole[1], whole[0]) <= claim.level)
    return able
