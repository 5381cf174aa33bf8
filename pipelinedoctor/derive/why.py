"""Why it flakes, as far as counting tells: what flaky failures of jobs and of tests go together with.

Three questions are asked of them: with what attribute of an execution (`stats.association`), with which other units
(`stats.cofailure`), and after which test (`stats.order`). What failed and is flaky is for the caller to say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pipelinedoctor.derive import why_words as words
from pipelinedoctor.derive.flakiness import JOB, counted
from pipelinedoctor.derive.testcases import TEST
from pipelinedoctor.derive.why_order import predecessors
from pipelinedoctor.findings import Column, Measure
from pipelinedoctor.stats.association import Claim, Counted, associations, tried
from pipelinedoctor.stats.axes import AXES, SEVERAL, axes, environment, family
from pipelinedoctor.stats.cofailure import Bond, groups
from pipelinedoctor.store.history import History

CLAIM = Claim()
BOND = Bond()
SAME_HOURS = Bond(together=3, p=1e-6)
"""All the world works at the same hours, so it takes more."""
ALL_THE_TIME = 4
"""A unit that fails in one of so many hours fails in those of others anyway."""

_PIPELINE = ("host", "repository_id", "pipeline_id")
_NAME = (*_PIPELINE, "name")
_TOLD = ("host", "job_id", "labels", "runner", "event", "duration_s", "result")
_OF_MATRIX = ("matrix", "os", "label")
"""What jobs of one matrix differ in; all else is told of each of them."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """What is told of one unit: `details` of a finding's evidence (name, text), and what to try first, if anything."""

    details: tuple[tuple[str, str], ...] = ()
    next_step: str | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """The answers: `reasons` by the values of `unit`'s columns, `measure` of all that was found, `notes`, and `groups`
    (the frame of `stats.cofailure`).
    """

    unit: tuple[str, ...]
    measure: Measure
    groups: pl.DataFrame = field(repr=False)
    notes: tuple[str, ...]
    reasons: Mapping[tuple[Any, ...], Reasons] = field(repr=False)

    def of(self, row: Mapping[str, Any]) -> Reasons:
        """Of the unit whose columns `row` has."""
        return self.reasons.get(tuple(row[name] for name in self.unit), Reasons())


def why_tests(history: History, jobs: pl.DataFrame, failures: pl.DataFrame, runs_in: pl.DataFrame) -> Why:
    """Of tests. `jobs` is `flakiness.executions`; `failures` has the columns of `TEST`, `run_id` and `job_id`: a row for each
    flaky failure; `runs_in` those of `TEST` and `name`: in which jobs, by their full names, a test is known to run.
    """
    distinct = failures.select(*TEST, "run_id", "job_id").unique().sort(*TEST, "run_id", "job_id")
    units = _often(distinct, TEST)
    mine = distinct.join(units, on=TEST, how="semi")
    known = runs_in.join(units, on=TEST, how="semi").select(*TEST, "name").unique()
    names = pl.concat([known.select(_NAME), jobs.join(mine, on=["host", "job_id"], how="semi").select(_NAME)]).unique()
    told = _attributed(history, jobs, names)
    attributes = told.select("host", "job_id", "name", "day", *AXES)
    failed = mine.join(attributes, on=["host", "job_id"])
    grouped = _grouped(jobs, TEST, mine)
    causes = _causes(units, grouped)
    unit = (*_PIPELINE, "cause")
    found = associations(
        tried(
            failed.join(causes, on=TEST).unique([*unit, "job_id"], maintain_order=True),
            told,
            known.join(causes, on=TEST).select(*unit, "name").unique(),
            Counted(unit, _NAME, AXES),
            CLAIM,
        ),
        unit,
        CLAIM,
    )
    each = found.join(causes, on=unit).drop("cause").sort(TEST).with_columns(pl.lit(value=False).alias("whole"))
    return _why(jobs, TEST, mine, grouped, each, predecessors(history, jobs, mine, CLAIM))


def why_jobs(history: History, jobs: pl.DataFrame, failures: pl.DataFrame) -> Why:
    """Of jobs. `jobs` is `flakiness.executions`, `failures` has the columns of `JOB`, `run_id` and `job_id`: a row for each
    flaky failure. What the jobs of one matrix differ in is told of all of them together, and of each that has it.
    """
    mine = failures.select(*JOB, "run_id", "job_id").unique().sort(*JOB, "run_id", "job_id")
    named = jobs.select(*JOB, "name").unique().with_columns(family("job").alias("matrix_of"))
    concerned = named.join(
        mine.with_columns(family("job").alias("matrix_of")), on=[*_PIPELINE, "matrix_of"], how="semi"
    )
    told = _attributed(history, jobs, concerned.select(_NAME).unique())
    failed = mine.join(told.select("host", "job_id", "name", "day", *AXES), on=["host", "job_id"])
    # Both in one family of tests: of each job what it alone can tell, and of each matrix what its jobs differ in.
    apart = [pl.lit(None, dtype=pl.String).alias(axis) for axis in AXES if axis not in _OF_MATRIX]
    alone, whole = pl.lit(value=False).alias("whole"), pl.lit(value=True).alias("whole")
    both = pl.concat(
        [failed.with_columns(alone), failed.with_columns(whole, family("job").alias("job"), *apart)], how="vertical"
    )
    runs_in = pl.concat(
        [
            concerned.select(*JOB, "name", alone),
            concerned.select(*_PIPELINE, pl.col("matrix_of").alias("job"), "name", whole),
        ]
    ).unique()
    by = Counted((*JOB, "whole"), _NAME, AXES)
    best = associations(tried(both, told, runs_in, by, CLAIM), by.unit, CLAIM)
    each = _of_each(best, told).with_columns(pl.lit(1, dtype=pl.Int64).alias("members"))
    return _why(jobs, JOB, mine, _grouped(jobs, JOB, mine), each, None)


def _grouped(jobs: pl.DataFrame, unit: tuple[str, ...], failures: pl.DataFrame) -> pl.DataFrame:
    """The units of each pipeline that fail in the same runs."""
    ran = jobs.group_by(_PIPELINE).agg(pl.col("run_id").n_unique().cast(pl.Int64).alias("occasions"))
    return groups(failures.rename({"run_id": "occasion"}), ran, unit, _PIPELINE, BOND)


def _causes(units: pl.DataFrame, grouped: pl.DataFrame) -> pl.DataFrame:
    """The columns of `TEST`, `cause` and `members`: what fails together has one cause, and all else one of its own.

    Failures of a group are the same story told by each of its tests: asked about once, it stands out more.
    """
    placed = units.join(grouped.select(*TEST, "group", "members"), on=TEST, how="left").sort(TEST)
    alone = pl.int_range(pl.len(), dtype=pl.Int64) + len(grouped)
    return placed.select(*TEST, pl.coalesce("group", alone).alias("cause"), pl.col("members").fill_null(1))


def _often(failures: pl.DataFrame, unit: tuple[str, ...]) -> pl.DataFrame:
    """The units that failed often enough for anything to be said."""
    return failures.group_by(unit).len().filter(pl.col("len") >= CLAIM.failures).select(unit)


def _attributed(history: History, jobs: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """The executions of the jobs of these names that are no infrastructure's, with the axes and the `day`."""
    mine = jobs.filter(~pl.col("infrastructure")).join(names, on=_NAME, how="semi", maintain_order="left")
    told = history.jobs(_TOLD).collect()
    day = pl.coalesce("started_at", "run_created_at").dt.date().alias("day")
    return axes(mine.join(told, on=["host", "job_id"], maintain_order="left").with_columns(day), JOB)


def _of_each(best: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """What was found of a matrix, for each of its jobs that has the value and of which nothing better was found.

    That one part of the work fails and another does not is no news: a value of one job alone must name an environment.
    """
    own = best.filter(~pl.col("whole"))
    matrix = best.filter("whole").rename({"job": "matrix_of"})
    values = [
        told.select(*JOB, pl.lit(axis).alias("axis"), pl.col(axis).str.split(SEVERAL).alias("value"))
        .drop_nulls("value")
        .unique()
        .explode("value")
        .unique()
        for axis in _OF_MATRIX
    ]
    having = (
        pl.concat(values)
        .with_columns(family("job").alias("matrix_of"))
        .filter(environment("value") | (pl.col("job").n_unique().over(*_PIPELINE, "matrix_of", "axis", "value") > 1))
    )
    each = matrix.join(having, on=[*_PIPELINE, "matrix_of", "axis", "value"]).select(own.columns)
    return pl.concat([own, each]).sort(*JOB, "p").unique(JOB, keep="first", maintain_order=True)


def _why(
    jobs: pl.DataFrame,
    unit: tuple[str, ...],
    failures: pl.DataFrame,
    grouped: pl.DataFrame,
    found: pl.DataFrame,
    ordered: pl.DataFrame | None,
) -> Why:
    names = jobs.group_by("host", "repository_id").agg(pl.col("repository").last())
    reasons = {key: Reasons(tuple(pairs), step) for key, pairs, step in _reasons(unit, found, grouped, ordered)}
    notes = tuple(_shared_hours(jobs, unit, failures, names))
    return Why(unit, _measure(unit, found, ordered, names), grouped, notes, reasons)


def _reasons(
    unit: tuple[str, ...], found: pl.DataFrame, grouped: pl.DataFrame, ordered: pl.DataFrame | None
) -> Iterator[tuple[tuple[Any, ...], list[tuple[str, str]], str]]:
    """Of each unit of which anything is told: its key, details and next step; order says most, an attribute least."""
    noun = unit[-1]
    frames = (ordered, grouped, found)
    by_unit = [
        {} if frame is None else {tuple(row[name] for name in unit): row for row in frame.iter_rows(named=True)}
        for frame in frames
    ]
    members: dict[int, list[str]] = {}
    for row in grouped.iter_rows(named=True):
        members.setdefault(row["group"], []).append(row[noun])
    for key in sorted({key for rows in by_unit for key in rows}):
        order, group, attribute = (rows.get(key) for rows in by_unit)
        pairs, steps = [], []
        if order:
            pairs.append(("order", words.order(order)))
            steps.append(words.step_of_order(order))
        if group:
            others = [one for one in members[group["group"]] if one != key[-1]]
            pairs.append(("fails together", words.together(group, others, noun)))
            steps.append(words.step_of_group(group, noun))
        if attribute:
            pairs.append(("fails", words.association(attribute)))
            steps.append(words.step_of_association(attribute))
        yield key, pairs, steps[0]


def _shared_hours(
    jobs: pl.DataFrame, unit: tuple[str, ...], failures: pl.DataFrame, names: pl.DataFrame
) -> Iterator[str]:
    """Sentences on groups of units of several repositories that fail in the same hours.

    Runs are made in working hours. So the hours are not those there are, but as many even ones as would bring two runs
    together as often (the inverse of E. Simpson's index, 1949); a unit that fails in a quarter of them is left out.
    """
    hour = pl.col("run_created_at").dt.truncate("1h").alias("occasion")
    runs = jobs.select("host", "run_id", hour).unique(["host", "run_id"], maintain_order=True)
    busy = runs.group_by("host", "occasion").agg(pl.len().cast(pl.Float64).alias("runs")).group_by("host")
    even = pl.col("runs").sum() ** 2 / (pl.col("runs") ** 2).sum()
    totals = busy.agg(even.floor().cast(pl.Int64).alias("occasions"))
    placed = (
        failures.select(*unit, "run_id")
        .join(runs, on=["host", "run_id"])
        .join(totals, on="host")
        .filter(pl.col("occasion").n_unique().over(unit) * ALL_THE_TIME <= pl.col("occasions"))
        .drop("occasions")
    )
    grouped = groups(placed, totals, unit, ("host",), SAME_HOURS).join(names, on=["host", "repository_id"])
    for (_,), group in grouped.sort("group", *unit).group_by("group", maintain_order=True):
        repositories = group["repository"].unique().sort().to_list()
        if len(repositories) > 1:
            yield words.shared_hours(len(group), repositories, unit[-1])


def _measure(unit: tuple[str, ...], found: pl.DataFrame, ordered: pl.DataFrame | None, names: pl.DataFrame) -> Measure:
    noun = unit[-1]
    columns = (
        Column(name="repository", title="Repository"),
        Column(name=noun, title=noun.capitalize()),
        Column(name="axis", title="Axis"),
        Column(name="value", title="Value"),
        Column(name="failing_in", title="Failures with", unit="count"),
        Column(name="runs_in", title="Executions with", unit="count"),
        Column(name="failing_out", title="Failures without", unit="count"),
        Column(name="runs_out", title="Executions without", unit="count"),
        Column(name="lift", title="Times more often"),
        Column(name="q", title="q"),
    )
    told = [found]
    if ordered is not None and len(ordered):
        told.append(_as_associations(ordered))
    every = pl.concat(told, how="diagonal").join(names, on=["host", "repository_id"]).sort("q", *unit, "axis")
    rows = [
        {column.name: row[column.name] for column in columns}
        | {
            "axis": words.axis(row["axis"]),
            "lift": "only there" if row["lift"] is None else words.times(row["lift"]),
            "q": f"{row['q']:.1g}",
        }
        for row in every.iter_rows(named=True)
    ]
    return Measure(
        id="in_common",
        title="What flaky failures have in common",
        caption=(
            f"What the flaky failures of {counted(every.select(unit).n_unique(), noun)} go together with: no cause, but"
            f" where to look. Counted are executions of the jobs that run the {noun}, passed ones as well. At most"
            f" {CLAIM.level:.0%} of the rows are there by chance (Benjamini and Hochberg), and q is that share at each row;"
            f" {noun}s with fewer than {CLAIM.failures} flaky failures are not looked at."
        ),
        columns=columns,
        rows=rows,
        reason=None if rows else f"no attribute of an execution goes with the flaky failures of a {noun}",
    )


def _as_associations(ordered: pl.DataFrame) -> pl.DataFrame:
    value = pl.when(pl.col("other").is_null()).then("place").otherwise(pl.format("{} {}", "place", "other"))
    return ordered.select(
        *TEST,
        pl.lit("order").alias("axis"),
        value.alias("value"),
        pl.col("failures").alias("failing_in"),
        "runs_in",
        pl.lit(0, dtype=pl.Int64).alias("failing_out"),
        (pl.col("runs") - pl.col("runs_in")).alias("runs_out"),
        pl.lit(None, dtype=pl.Float64).alias("lift"),
        "p",
        "q",
    )
