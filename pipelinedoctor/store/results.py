"""Results of tests by the hundred thousand: as columns, for a row of Python each would take most of the time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import duckdb
import polars as pl

from pipelinedoctor.model import Result, TestResult
from pipelinedoctor.store.arrow import visible
from pipelinedoctor.store.writer import Written, columnar, columns, merge

Frame = pl.DataFrame
"""What is handed on between reading and writing."""
TEXTS = ("test", "suite", "message", "detail")
"""What people wrote."""

_SCHEMA = columns(TestResult)
_PIECE = 2_000_000
"""Characters of cases that are taken apart at once, or few more."""
_SUITES = {"suite": pl.String(), "n": pl.Int64()}
_OWN = tuple(name for name in _SCHEMA if name not in ("host", "run_id", "job_id", "attempt", "ordinal", "position"))


class Passed(NamedTuple):
    """Test cases that passed, as they stand in a report: so many `cases`, each a tag that has these attributes in this order.

    Their values, and nothing else, stand between quotation marks. Of `name` and `classname` there is one at least.
    """

    suite: str | None
    attributes: tuple[str, ...]
    text: str
    cases: int


def frame_of(
    host: str,
    jobs: Iterable[tuple[int, int, int, int]],
    results: Mapping[str, Sequence[Any]],
    passed: Sequence[Passed] = (),
) -> pl.DataFrame:
    """Results as a frame with the columns of their table but `ordinal` and `position`.

    `jobs` are run_id, job_id, attempt of each job with the number of its results, in their order; `results` the columns
    test, suite, result, duration_s, message, detail, and, where there are some in `passed` too, `after`: how many of those
    come before it.
    """
    place = pl.DataFrame(
        list(jobs), schema={"run_id": pl.Int64, "job_id": pl.Int64, "attempt": pl.Int64, "n": pl.Int64}, orient="row"
    )
    repeated = place.select(pl.col("run_id", "job_id", "attempt").repeat_by("n").explode())
    own = columnar([results[name] for name in _OWN], {name: _SCHEMA[name] for name in _OWN})
    if passed:
        # Between two that passed there is room for any number that are listed, in their order.
        listed = own.with_columns(2 * pl.Series("key", results["after"], dtype=pl.Int64))
        plain = _of_passed(passed).with_columns((2 * pl.int_range(pl.len(), dtype=pl.Int64) + 1).alias("key"))
        own = plain.merge_sorted(listed, key="key").drop("key")
    return repeated.hstack(own).with_columns(host=pl.lit(host))


def _of_passed(passed: Sequence[Passed]) -> pl.DataFrame:
    """Results in columns, as `_OWN` names them, of cases that passed."""
    return pl.concat([_of_alike(runs) for runs in _pieces(passed)])


def _pieces(passed: Sequence[Passed]) -> Iterator[Sequence[Passed]]:
    """Runs of like cases, in order, a few at a time: to take a text apart takes ten times its size."""
    for _, alike in groupby(passed, key=attrgetter("attributes")):
        piece: list[Passed] = []
        for run in alike:
            piece.append(run)
            if sum(len(one.text) for one in piece) >= _PIECE:
                yield piece
                piece = []
        if piece:
            yield piece


def _of_alike(runs: Sequence[Passed]) -> pl.DataFrame:
    attributes = runs[0].attributes
    pieces = pl.Series(["".join(run.text for run in runs)]).str.split('"').explode()
    values = pl.DataFrame(
        [
            pieces.gather_every(2 * len(attributes), 2 * place + 1).alias(name)
            for place, name in enumerate(attributes)
            if name in ("name", "classname", "time")
        ]
    )
    suites = pl.DataFrame({"suite": [run.suite for run in runs], "n": [run.cases for run in runs]}, schema=_SUITES)
    suite = suites.select(pl.col("suite").repeat_by("n").explode())
    name = pl.col("name") if "name" in attributes else pl.lit("")
    group = (
        pl.coalesce(pl.col("classname").replace("", None), "suite") if "classname" in attributes else pl.col("suite")
    )
    took = pl.col("time").cast(pl.Float64) if "time" in attributes else pl.lit(None, dtype=pl.Float64)
    return values.hstack(suite).select(
        pl.coalesce(pl.concat_str(group, pl.lit("::"), name), name).alias("test"),
        "suite",
        pl.lit(Result.SUCCESS.value).alias("result"),
        took.alias("duration_s"),
        pl.lit(None, dtype=pl.String).alias("message"),
        pl.lit(None, dtype=pl.String).alias("detail"),
    )


class Ordinals:
    """Numbers the executions of each test of a job from 0, and all of the job, over frames of which a job may fill several.

    What is remembered of a job that goes on are 8 bytes a result.
    """

    def __init__(self) -> None:
        self._seen = pl.Series("place", dtype=pl.UInt64)
        self._job: int | None = None
        """The job that goes on."""
        self._entered = 0
        """How many results it has so far."""

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
            mine = (frame["job_id"] == self._job).arg_true()
            right, left = (self._seen.search_sorted(place.gather(mine), side) for side in ("right", "left"))
            ordinals = ordinals.scatter(mine, ordinals.gather(mine) + right.cast(pl.Int64) - left.cast(pl.Int64))
        job = -1 if self._job is None else self._job
        position = pl.int_range(pl.len(), dtype=pl.Int64).over("job_id") + self._entered * (pl.col("job_id") == job)
        positions = frame.select(position=position).to_series()
        self._remember(place, frame["job_id"], unfinished)
        return frame.with_columns(ordinals.alias("ordinal"), positions).select(*_SCHEMA)

    def _remember(self, place: pl.Series, jobs: pl.Series, unfinished: int | None) -> None:
        """Keep what was seen of the unfinished job; where it does not fill the frame, it began in it."""
        goes_on, self._job = self._job == unfinished, unfinished
        if unfinished is None:
            self._seen, self._entered = self._seen.clear(), 0
            return
        mine = jobs == unfinished
        old = self._seen if mine.all() else self._seen.clear()
        self._entered = (self._entered if goes_on else 0) + int(mine.sum())
        self._seen = old.to_frame().merge_sorted(place.filter(mine).sort().to_frame(), key="place").to_series()


def write_results(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame, known: Iterable[int]) -> Written:
    """Write a frame of results with one row a key; the caller holds the transaction.

    Those of jobs that are not `known` to have results in the store go in unseen, in half the time.
    """
    again = frame.filter(pl.col("job_id").is_in(list(known)))
    fresh = frame.join(again, on="job_id", how="anti", maintain_order="left") if len(again) else frame
    new, changed = len(fresh), 0
    if new:
        with visible(connection, fresh) as batch:
            connection.execute(f"INSERT INTO test_results SELECT * FROM {batch}")  # noqa: S608  own name
    if len(again):
        done = merge(connection, TestResult, again)
        new, changed = new + done["INSERT"], changed + done["UPDATE"]
    return Written({TestResult.table: new}, {TestResult.table: changed})
