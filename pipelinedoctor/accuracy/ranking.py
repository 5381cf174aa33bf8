"""Whether the order of flaky tests puts those first which developers call flaky later: on two real histories.

Not circular: the order sees CI up to a day, the labels come from commits after it. How far the past counts was chosen by
how well it foretells failures, which takes no label either.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from pipelinedoctor.accuracy.order_scores import (
    FIRST,
    SCORES,
    Difference,
    Score,
    average_precision,
    difference,
    precision,
)
from pipelinedoctor.accuracy.ranking_sets import TEST, RealSet, dask, ozone
from pipelinedoctor.stats.posterior import flaky_probability
from pipelinedoctor.stats.ranking import (
    CONTRADICTED,
    HALF_LIFE_DAYS,
    HORIZON_DAYS,
    ISOLATED,
    expected_failures,
    ranked,
)

PRIOR = 0.04
"""The share of tests taken to be flaky before any evidence: what the question `flaky_tests` takes."""
YEAR = timedelta(days=365)
MONTH = timedelta(days=HORIZON_DAYS)
HALF_LIVES = (7.0, 14.0, 21.0, 30.0, 45.0, 60.0, 90.0, 180.0, 365.0)

OURS, BY_COUNT = "probability x expected failures", "failure count"
BY_FLIPS, BY_ISOLATED = "same-commit flips", "isolated failures"

Cell = str | int | float | Difference


@dataclass(frozen=True, slots=True)
class Split:
    """CI of the year before `cut`; labels from `cut` to `until`, included."""

    cut: date
    until: date


@dataclass(frozen=True, slots=True)
class Study:
    """A history, where it is cut, and what orders ours is compared with.

    `rivals` are names and the kind of evidence that is counted, None for any. From `first` to `last` months are foretold.
    """

    name: str
    folder: str
    load: Callable[[Path], RealSet]
    splits: tuple[Split, ...]
    rivals: tuple[tuple[str, str | None], ...]
    first: date
    last: date
    biases: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingSection:
    """One table. `biases` say which way its numbers may be wrong; `reason` why there are none, where there are none."""

    title: str
    method: str
    biases: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    reason: str | None = None


OFFICIAL = Split(date(2022, 3, 1), date(2022, 6, 30))
"""The cut of apache/ozone that the goals speak of; the others show how far one cut may be trusted."""

OZONE = Study(
    name="apache/ozone",
    folder="ozone",
    load=ozone,
    splits=(
        OFFICIAL,
        Split(date(2021, 3, 1), date(2022, 2, 28)),
        Split(date(2021, 9, 1), date(2022, 6, 30)),
        Split(date(2021, 12, 1), date(2022, 6, 30)),
    ),
    rivals=((BY_COUNT, None), (BY_FLIPS, CONTRADICTED)),
    first=date(2020, 9, 1),
    last=date(2022, 1, 30),
    biases=(
        "Only tests that failed in the year are candidates. Most labels come from one commit of 2022-03-16 that marked tests"
        " known to be flaky; before it only fixes are labels, so earlier cuts have few. Developers label what fails often and"
        " of late, which favours any order by frequency and recency; a test without a label may well be flaky. Earlier"
        " attempts of reruns are not in the archive, so contradictions come from a commit's several runs."
    ),
)
DASK = Study(
    name="dask/distributed",
    folder="dask_distributed",
    load=dask,
    splits=(
        Split(date(2022, 7, 1), date(2023, 6, 30)),
        Split(date(2023, 1, 1), date(2023, 12, 31)),
        Split(date(2024, 1, 1), date(2024, 12, 31)),
    ),
    rivals=((BY_COUNT, None), (BY_ISOLATED, ISOLATED)),
    first=date(2022, 9, 1),
    last=date(2024, 11, 30),
    biases=(
        "Only tests that failed at least once are in the history; it knows no commits and no reruns, so no test can contradict"
        " itself, and one report of a run may stand for several commits. Labels are few (marks, and fixes named in a commit's"
        " subject), are matched by the function's name alone, and tell what someone mended, not what is flaky: four to seven"
        " labelled tests of hundreds prove next to nothing."
    ),
)
STUDIES = (OZONE, DASK)

_METHOD = (
    "Tests that failed in CI in the year before the cut are put in order by the evidence of that year, and scored against"
    " labels added from the cut on: precision of the first 20, average precision, NDCG of the first 20. Equal tests stand by"
    " failure count, then name. Differences are to the rival's average precision and precision, with a 95 % bootstrap interval"
    " over tests (2,000 seeded draws, labelled tests and others apart)."
)
_COLUMNS = (
    *("cut", "labels until", "candidates", "labelled", "order", f"P@{FIRST}", "AP", f"NDCG@{FIRST}"),
    *("ours - its AP", f"ours - its P@{FIRST}", "the interval of AP"),
)
_FORETOLD = (
    "From every 30th day the flaky failures of the next 30 are foretold for each test that failed in the year before, with the"
    " past fading at several half-lives, and set against those that came: Poisson deviance per 100 tests (less is better), and"
    " foretold / come. The half-life with the least sum of the deviances on apache/ozone and dask/distributed is taken. Labels"
    " have no part in that; what each half-life would score by labels stands beside it to show what hangs on the choice."
)


def sections(data: Path | None) -> list[RankingSection]:
    """All tables, from the sets in the folder `data`, if there is one; where a set is absent its tables say so."""
    found = [_sections(study, data and data / study.folder) for study in STUDIES]
    return [section for each in found for section in each]


def _sections(study: Study, folder: Path | None) -> Iterator[RankingSection]:
    there = folder is not None and folder.is_dir()
    reason = None if there else f"the data set {study.folder} is not there"
    real = study.load(folder) if folder is not None and there else None
    yield RankingSection(
        title=f"Order of flaky tests: {study.name}",
        method=_METHOD,
        biases=study.biases,
        columns=_COLUMNS,
        rows=() if real is None else tuple(_compared(study, real)),
        reason=reason,
    )
    yield RankingSection(
        title=f"How fast evidence fades: {study.name}",
        method=_FORETOLD,
        biases=(
            "The half-life was chosen on failures up to 2022-02 (apache/ozone) and 2024-12 (dask/distributed), so of the orders"
            " above those with an earlier cut rest on a choice that saw later failures, though no later label."
        ),
        columns=("half-life in days", "deviance", "foretold / come", "mean AP over the cuts", "taken"),
        rows=() if real is None else tuple(_fading(study, real)),
        reason=reason,
    )


def window(cut: date) -> tuple[datetime, datetime]:
    """The year before the cut."""
    end = datetime.combine(cut, time.min, UTC)
    return end - YEAR, end


def ours(evidence: pl.DataFrame, cut: date, half_life: float = HALF_LIFE_DAYS) -> list[str]:
    """The tests that failed in the year before `cut`, in the product's order."""
    units = expected_failures(evidence, TEST, *window(cut), half_life)
    probability = flaky_probability(units[CONTRADICTED], units[ISOLATED], recurring=0, changes=0, prior=PRIOR)
    return ranked(units.with_columns(pl.Series("probability", probability)), TEST)["test"].to_list()


def rival(evidence: pl.DataFrame, cut: date, kind: str | None) -> list[str]:
    """The tests of that year by the number of their failures, or of those of one kind."""
    start, end = window(cut)
    counts = (
        evidence.filter((pl.col("at") >= start) & (pl.col("at") < end))
        .group_by("test")
        .agg(pl.len().alias("count"), (pl.col("kind") == kind if kind else pl.lit(value=True)).sum().alias("of_kind"))
    )
    return counts.sort("of_kind", "count", "test", descending=[True, True, False])["test"].to_list()


def _compared(study: Study, real: RealSet) -> Iterator[tuple[Cell, ...]]:
    for split in study.splits:
        labelled = real.labelled(split.cut, split.until)
        first = ours(real.evidence, split.cut)
        of = (str(split.cut), str(split.until), len(first), len(labelled & set(first)))
        yield (*of, OURS, *_scored(first, labelled), "", "", "")
        for name, kind in study.rivals:
            order = rival(real.evidence, split.cut, kind)
            gain = difference(first, order, labelled, average_precision)
            words = "contains zero" if gain.low <= 0 <= gain.high else "does not contain zero"
            more = difference(first, order, labelled, precision)
            yield (*of, name, *_scored(order, labelled), gain, more, words)


def _scored(order: Sequence[str], labelled: frozenset[str]) -> Iterator[float]:
    return (_score(score, order, labelled) for score in SCORES)


def _score(score: Score, order: Sequence[str], labelled: frozenset[str]) -> float:
    return float(score(np.array([[test in labelled for test in order]]))[0])


def _fading(study: Study, real: RealSet) -> Iterator[tuple[Cell, ...]]:
    foretold = {half_life: _foretold(study, real, half_life) for half_life in HALF_LIVES}
    for half_life, (deviance, ratio) in foretold.items():
        by_labels = [
            _score(average_precision, ours(real.evidence, split.cut, half_life), real.labelled(split.cut, split.until))
            for split in study.splits
        ]
        taken = "taken" if half_life == HALF_LIFE_DAYS else ""
        yield half_life, deviance, ratio, float(np.mean(by_labels)), taken


def _foretold(study: Study, real: RealSet, half_life: float) -> tuple[float, float]:
    """Poisson deviance per 100 tests and (failures foretold) / (failures that came), over all days of the study."""
    days = [study.first + step * MONTH for step in range((study.last - study.first) // MONTH + 1)]
    both = pl.concat(_month(real.evidence, cut, half_life) for cut in days)
    told, came = both["expected"].to_numpy(), both["came"].to_numpy()
    seen = came > 0
    deviance = 2 * ((came[seen] * np.log(came[seen] / told[seen])).sum() - (came - told).sum())
    return float(100 * deviance / len(both)), float(told.sum() / came.sum())


def _month(evidence: pl.DataFrame, cut: date, half_life: float) -> pl.DataFrame:
    """By test: the failures `expected` in the month after `cut`, and those that `came`, weighed in the same way."""
    start, end = window(cut)
    told = expected_failures(evidence, TEST, start, end, half_life)
    # Over a month in which nothing fades, what is expected of the next is what came.
    came = expected_failures(evidence, TEST, end, end + MONTH, half_life=1e9)
    seen = told.select(*TEST, "expected").join(
        came.select(*TEST, pl.col("expected").alias("came")), on=TEST, how="left", maintain_order="left"
    )
    return seen.with_columns(pl.col("came").fill_null(0.0))
