"""Results of tests by the hundred thousand: as columns, for a row of Python each would take most of the time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import polars as pl

from pipelinedoctor.model import TestResult
from pipelinedoctor.store.arrow import visible
from pipelinedoctor.store.writer import Written, columnar, columns, merge

TEXTS = ("test", "suite", "message", "detail")
"""What people wrote."""

_SCHEMA = columns(TestResult)
_OWN = tuple(name for name in _SCHEMA if name not in ("host", "run_id", "job_id", "attempt", "ordinal", "position"))


def frame_of(
    host: str, jobs: Iterable[tuple[int, int, int, int]], results: Mapping[str, Sequence[Any]]
) -> pl.DataFrame:
    """Results as a frame with the columns of their table but `ordinal` and `position`.

    `jobs` are run_id, job_id, attempt of each job with the number of its results, in their order; `results` the columns
    test, suite, result, duration_s, message, detail.
    """
    place = pl.DataFrame(
        list(jobs), schema={"run_id": pl.Int64, "job_id": pl.Int64, "attempt": pl.Int64, "n": pl.Int64}, orient="row"
    )
    repeated = place.select(pl.col("run_id", "job_id", "attempt").repeat_by("n").explode())
    own = columnar([results[name] for name in _OWN], {name: _SCHEMA[name] for name in _OWN})
    return repeated.hstack(own).with_columns(host=pl.lit(host))


class Ordinals:
    """Numbers the executions of each test of a job from 0, and all of the job, over frames of which a job may fill several.

    What is remembered of a job that goes on are 8 bytes a result.
    """

    def __init__(self) -> None:
        self._seen = pl.Series("place", dtype=pl.UInt64)
        self._entered = (0, 0)
        """The job that goes on, and how many results it has so far."""

    def numbered(self, frame: pl.DataFrame, unfinished: int | None) -> pl.DataFrame:
        """The frame in the shape of its table; `unfinished` is the job whose results go on in the next one.

        Where two tests have one hash, which is next to impossible, numbers are left out and none is given twice.
        """
        place = frame.select(place=pl.col("test").hash() ^ pl.col("job_id").hash()).to_series()
        ordinals = pl.repeat(0, len(frame), dtype=pl.Int64, eager=True)
        if place.n_unique() < len(place):
            again = pl.DataFrame({"place": place}).with_row_index("at").filter(pl.col("place").is_duplicated())
            counted = again.with_columns(ordinal=pl.int_range(pl.len(), dtype=pl.Int64).over("place"))
            ordinals = ordinals.scatter(counted["at"], counted["ordinal"])
        if len(self._seen):
            after, before = (self._seen.search_sorted(place, side) for side in ("right", "left"))
            ordinals = ordinals + (after.cast(pl.Int64) - before.cast(pl.Int64))
        job, entered = self._entered
        position = pl.int_range(pl.len(), dtype=pl.Int64).over("job_id") + entered * (pl.col("job_id") == job)
        positions = frame.select(position=position).to_series()
        self._remember(place, frame["job_id"], unfinished)
        return frame.with_columns(ordinals.alias("ordinal"), positions).select(*_SCHEMA)

    def _remember(self, place: pl.Series, jobs: pl.Series, unfinished: int | None) -> None:
        """Keep what was seen of the unfinished job; where it does not fill the frame, it began in it."""
        if unfinished is None:
            self._seen, self._entered = self._seen.clear(), (0, 0)
            return
        mine = jobs == unfinished
        goes_on = mine.all()
        old = self._seen if goes_on else self._seen.clear()
        entered = self._entered[1] if self._entered[0] == unfinished and goes_on else 0
        self._entered = (unfinished, entered + int(mine.sum()))
        self._seen = old.to_frame().merge_sorted(place.filter(mine).sort().to_frame(), key="place").to_series()


def write_results(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame, known: Iterable[int]) -> Written:
    """Write a frame of results with one row a key; the caller holds the transaction.

    Those of jobs that are not `known` to have results in the store go in unseen, in half the time.
    """
    stored = pl.col("job_id").is_in(list(known))
    fresh, again = frame.filter(~stored), frame.filter(stored)
    new, changed = len(fresh), 0
    if new:
        with visible(connection, fresh) as batch:
            connection.execute(f"INSERT INTO test_results SELECT * FROM {batch}")  # noqa: S608  own name
    if len(again):
        done = merge(connection, TestResult, again)
        new, changed = new + done["INSERT"], changed + done["UPDATE"]
    return Written({TestResult.table: new}, {TestResult.table: changed})
