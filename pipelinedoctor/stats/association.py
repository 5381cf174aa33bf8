"""With what do the failures of a unit go together: an operating system, a runner, an hour, …?

Each value of each axis is held against all others by the one-sided hypergeometric test (R. A. Fisher, 1922): given that a
unit failed in K of M executions, of which N had the value, how likely are `a` failures or more among these N? The p values
of all units and values are one family, of which a share of at most `level` may be false (Y. Benjamini and Y. Hochberg,
JRSS B 57, 1995). Each axis of a unit has a weight in it that is known beforehand, and which its values share (weights:
C. Genovese, K. Roeder and L. Wasserman, Biometrika 93, 2006): a hundred runners ask no more than two operating systems do.
Values that could not be found even if every failure had them are no part of the family, and of values that are the same
executions there is but one: both are told by K, N and M alone (R. Tarone, Biometrics 46, 1990).

An association is no cause. Failures of one day often share one, so it takes failures on several days.
Nothing here is as large as units times executions: executions are counted by job, failures by unit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import gammaln

from pipelinedoctor.stats.axes import NONE, SEVERAL
from pipelinedoctor.stats.discoveries import adjusted
from pipelinedoctor.stats.hypergeometric import tail

Floats = npt.NDArray[np.float64]

_ROUNDED = 1 + 1e-9
"""For what rounding takes from a p that is the level."""
_UNIT, _PLACE, _SET = "__unit", "__place", "__set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What an association takes: a share of false ones, a least lift, and least numbers of failures and of their days."""

    level: float = 0.05
    lift: float = 2.0
    failures: int = 3
    days: int = 3


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted: the columns that name a unit, those that name a place where units run, and the axes (String) with
    their weights.

    An execution may have several values of an axis, with `stats.axes.SEVERAL` between them, or `stats.axes.NONE`.

    Of two axes that explain alike the first one is told.
    """

    unit: tuple[str, ...]
    place: tuple[str, ...]
    axes: Mapping[str, float]


def tried(
    failures: pl.DataFrame, executions: pl.DataFrame, runs_in: pl.DataFrame, by: Counted, claim: Claim
) -> pl.DataFrame:
    """Every value of every axis that a unit failed with, whether or not it means anything.

    `executions` has the columns of the place and of the axes: one row an execution, all of them, passed or failed.
    `failures` has those of the unit, the place and the axes, and `day`: one row for each flaky failure, which is among the
    executions of its place. `runs_in` has those of the unit and the place: where each unit runs; where it failed counts
    anyway. An axis that is null in an execution is not known.

    Gives, sorted by unit, weighted p, and axis: the unit, `axis`, `value`, `failing_in`, `runs_in`, `failing_out`, `runs_out`,
    `days` (Int64), `lift` (Float64: rate in / rate out, null where none failed out), `p`, `q` (Float64).
    Raises `ValueError` where a unit failed more often than it ran.
    """
    enough = failures.group_by(by.unit).len().filter(pl.col("len") >= claim.failures).sort(by.unit).drop("len")
    units = enough.with_row_index(_UNIT)
    mine = failures.join(units, on=by.unit, nulls_equal=True)
    places = executions.select(by.place).unique().sort(by.place).with_row_index(_PLACE)
    sets = _sets(mine, runs_in.join(units, on=by.unit, nulls_equal=True), places, by.place)
    totals = _totals(executions.join(places, on=by.place, nulls_equal=True), sets, by.axes)
    failed = _failed(mine, by.axes)
    ran = failed.join(sets, on=_UNIT).join(totals, on=[_SET, "axis", "value"], how="left")
    if not ran.filter(pl.col("failing_in") > pl.col("runs_in")).is_empty():
        raise ValueError("a unit failed in more executions than its places had")
    hypotheses = _hypotheses(failed, totals, sets, claim)
    weights = pl.col("axis").replace_strict(dict(by.axes), return_dtype=pl.Float64)
    hypotheses = hypotheses.with_columns(weights.alias("weight"))
    seen = hypotheses.join(failed.drop("of_axis"), on=[_UNIT, "axis", "value"])
    questions = float(hypotheses.select(_UNIT, "axis", "weight").unique()["weight"].sum())
    p = at_least(seen["failing_in"], seen["runs_in"], seen["of_axis"], seen["all"])
    weighed = p * (seen["values"] / seen["weight"]).to_numpy()
    q = np.maximum(adjusted(weighed, questions), p)
    outside = (pl.col("of_axis") - pl.col("failing_in")).alias("failing_out")
    rates = pl.col("failing_in") / pl.col("runs_in"), pl.col("failing_out") / pl.col("runs_out")
    order = pl.col("axis").replace_strict({axis: place for place, axis in enumerate(by.axes)}, return_dtype=pl.Int64)
    return (
        seen.with_columns(
            outside,
            (pl.col("all") - pl.col("runs_in")).alias("runs_out"),
            pl.Series("p", p, dtype=pl.Float64),
            pl.Series("q", q, dtype=pl.Float64),
            pl.Series("weighed", weighed, dtype=pl.Float64),
        )
        .with_columns(pl.when(pl.col("failing_out") > 0).then(rates[0] / rates[1]).alias("lift"))
        .join(units, on=_UNIT)
        .sort(*by.unit, "weighed", order, "value", nulls_last=True)
        .select(*by.unit, "axis", "value", "failing_in", "runs_in", "failing_out", "runs_out", "days", "lift", "p", "q")
    )


def associations(found: pl.DataFrame, unit: Sequence[str], claim: Claim) -> pl.DataFrame:
    """Of what was `tried`, the one value that explains each unit's failures best, where it passes all of `claim`.

    An operating system, a label and a value of the matrix are often one and the same, and what is said of one of them
    holds of the others in part: so one is told, that with the least p for the weight it has.
    """
    passes = (
        (pl.col("q") <= claim.level)
        & (pl.col("failing_in") >= claim.failures)
        & (pl.col("days") >= claim.days)
        & (pl.col("lift").is_null() | (pl.col("lift") >= claim.lift))
    )
    return found.filter(passes).unique(list(unit), keep="first", maintain_order=True)


def _sets(mine: pl.DataFrame, runs_in: pl.DataFrame, places: pl.DataFrame, place: Sequence[str]) -> pl.DataFrame:
    """For each unit the set of places where it runs: `__unit`, `__set` (its name), `__place` (the list).

    Most units share their set with others, so executions are counted once a set.
    """
    pairs = pl.concat([frame.select(_UNIT, *place) for frame in (mine, runs_in)]).unique()
    return (
        pairs.join(places, on=list(place), nulls_equal=True)
        .group_by(_UNIT)
        .agg(pl.col(_PLACE).sort())
        .with_columns(pl.col(_PLACE).cast(pl.List(pl.String)).list.join(",").alias(_SET))
        .sort(_UNIT)
    )


def _totals(executions: pl.DataFrame, sets: pl.DataFrame, axes: Iterable[str]) -> pl.DataFrame:
    """`runs_in` of each value and `all` of its axis, by set: `__set`, `axis`, `value`, `runs_in`, `all`.

    Values that all executions of a place have, or none, are the same ones where they are so in the same places; then the
    first of them is kept.
    """
    members = sets.select(_SET, _PLACE).unique(_SET).explode(_PLACE)
    known = executions.join(members, on=_PLACE, how="semi")
    found = []
    for axis in axes:
        counts = known.filter(pl.col(axis).is_not_null()).group_by(_PLACE, pl.col(axis).alias("value")).len()
        whole = counts.group_by(_PLACE).agg(pl.col("len").sum().alias("whole"))
        of_place = _single(counts).group_by(_PLACE, "value").agg(pl.col("len").sum()).join(whole, on=_PLACE)
        of_value = (
            members.join(of_place, on=_PLACE)
            .group_by(_SET, "value")
            .agg(
                pl.col("len").sum().cast(pl.Int64).alias("runs_in"),
                (pl.col("len") < pl.col("whole")).any().alias("in_part"),
                pl.format("{}:{}", _PLACE, "len").sort().str.join(",").alias("places"),
            )
        )
        of_axis = members.join(whole, on=_PLACE).group_by(_SET).agg(pl.col("whole").sum().cast(pl.Int64).alias("all"))
        found.append(of_value.join(of_axis, on=_SET).with_columns(pl.lit(axis).alias("axis")).sort(_SET, "value"))
    own = pl.when("in_part").then(pl.format("{} {}", "axis", "value")).otherwise("places").alias("places")
    every = pl.concat(found).with_columns(own)
    same = [_SET, "in_part", "places", "all"]
    return every.unique(same, keep="first", maintain_order=True).drop("in_part", "places")


def _failed(mine: pl.DataFrame, axes: Iterable[str]) -> pl.DataFrame:
    """`__unit`, `axis`, `value`, `failing_in`, `days`, and `of_axis`: the unit's failures of which the axis is known."""
    found = []
    for axis in axes:
        known = mine.filter(pl.col(axis).is_not_null()).select(_UNIT, "day", pl.col(axis).alias("value"))
        whole = known.group_by(_UNIT).agg(pl.len().cast(pl.Int64).alias("of_axis"))
        inside = (
            _single(known)
            .group_by(_UNIT, "value")
            .agg(pl.len().cast(pl.Int64).alias("failing_in"), pl.col("day").n_unique().cast(pl.Int64).alias("days"))
        )
        found.append(inside.join(whole, on=_UNIT).with_columns(pl.lit(axis).alias("axis")))
    return pl.concat(found)


def _single(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each value of `value` that can be told."""
    if frame["value"].str.contains(SEVERAL, literal=True).any():
        frame = frame.with_columns(pl.col("value").str.split(SEVERAL)).explode("value")
    return frame.filter(pl.col("value") != NONE)


def _hypotheses(failed: pl.DataFrame, totals: pl.DataFrame, sets: pl.DataFrame, claim: Claim) -> pl.DataFrame:
    """The family: all values of a unit's axes that could be found, those that it did not fail with among them."""
    margins = failed.select(_UNIT, "axis", "of_axis").unique().join(sets.select(_UNIT, _SET), on=_UNIT)
    shared = margins.select(_SET, "axis", "of_axis").unique().join(totals, on=[_SET, "axis"])
    wide = shared.filter(
        (pl.col("of_axis") >= claim.failures)
        & (pl.col("runs_in") >= claim.failures)
        & (pl.col("runs_in") < pl.col("all"))
    )
    best = least(wide["runs_in"], wide["of_axis"], wide["all"])
    able = wide.filter(pl.Series(best <= claim.level * _ROUNDED, dtype=pl.Boolean))
    found = margins.join(able, on=[_SET, "axis", "of_axis"]).drop(_SET)
    return found.with_columns(pl.len().over(_UNIT, "axis").alias("values"))


def least(within: pl.Series, failed: pl.Series, everything: pl.Series) -> Floats:
    """The least p value there can be: that of as many failures within as there is room for."""
    inside, hits, total = (column.to_numpy().astype(np.float64) for column in (within, failed, everything))
    few, many = np.minimum(inside, hits), np.maximum(inside, hits)
    # All of the fewer lie among the more: C(total - few, many - few) of C(total, many) ways.
    chance: Floats = np.exp(gammaln(total - few + 1) - gammaln(many - few + 1) - gammaln(total + 1) + gammaln(many + 1))
    return chance


def at_least(a: pl.Series, within: pl.Series, failed: pl.Series, everything: pl.Series) -> Floats:
    """P(`a` failures or more among the executions `within`), of all that failed of `everything`; each case computed once.

    1 where no more of those within failed than of all: there the exact value, about a half or more, is of no use.
    """
    table = pl.DataFrame({"a": a, "within": within, "failed": failed, "everything": everything})
    more = pl.col("a") * pl.col("everything") > pl.col("within") * pl.col("failed")
    cases = table.filter(more).unique(maintain_order=True)
    numbers = [cases[name].to_numpy() for name in table.columns]
    known = cases.with_columns(pl.Series("chance", tail(*numbers), dtype=pl.Float64))
    told = table.join(known, on=table.columns, how="left", maintain_order="left")["chance"]
    p: Floats = told.fill_null(1.0).to_numpy()
    return p
