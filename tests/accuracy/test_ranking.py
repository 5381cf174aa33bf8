"""Scores of an order by hand, and what the order of flaky tests scores on real histories."""

import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from pipelinedoctor.accuracy.order_scores import Difference, average_precision, difference, ndcg, precision
from pipelinedoctor.accuracy.ranking import (
    BY_COUNT,
    BY_FLIPS,
    DASK,
    OFFICIAL,
    OURS,
    OZONE,
    Cell,
    RankingSection,
    ours,
    sections,
)
from pipelinedoctor.accuracy.ranking_sets import RealSet, ozone

HITS = np.array([[True, False, True, False, False]])


def test_average_precision_by_hand() -> None:
    assert average_precision(HITS) == pytest.approx([(1 + 2 / 3) / 2])


def test_precision_of_fewer_than_twenty_is_of_all() -> None:
    assert precision(HITS) == pytest.approx([2 / 5])
    assert precision(np.array([[True] * 5 + [False] * 15 + [True] * 9])) == pytest.approx([0.25])


def test_ndcg_by_hand() -> None:
    assert ndcg(HITS) == pytest.approx([(1 + 1 / 2) / (1 + 1 / math.log2(3))])
    assert ndcg(np.array([[True, True, False]])) == pytest.approx([1.0])


def test_an_order_does_not_differ_from_itself() -> None:
    things = ["a", "b", "c", "d"]
    assert difference(things, things, frozenset("bd"), average_precision) == Difference(0, 0, 0, 4)


def test_the_better_order_is_ahead_and_the_same_draws_give_the_same_interval() -> None:
    good = [f"hit{n}" for n in range(9)] + [f"miss{n}" for n in range(20)]
    labelled = frozenset(good[:9])
    first = difference(good, good[::-1], labelled, average_precision)
    assert 0 < first.low <= first.value <= first.high
    assert first == difference(good, good[::-1], labelled, average_precision)


@pytest.mark.parametrize(("theirs", "labelled"), [(["a", "c"], "a"), (["b", "a"], "z")])
def test_what_cannot_be_compared_is_refused(theirs: list[str], labelled: str) -> None:
    with pytest.raises(ValueError):
        difference(["a", "b"], theirs, frozenset(labelled), precision)


def test_without_data_there_is_a_reason_and_no_number(tmp_path: Path) -> None:
    assert [(each.rows, each.reason) for each in sections(tmp_path)] == [
        ((), f"the data set {folder} is not there") for folder in (OZONE.folder,) * 2 + (DASK.folder,) * 2
    ]


def folder(data: Path, name: str) -> Path:
    if not (data / name).is_dir():
        pytest.skip(f"real data absent: no folder {name} in {data}")
    return data / name


@pytest.fixture(scope="module")
def history(data: Path) -> RealSet:
    return ozone(folder(data, OZONE.folder))


@pytest.fixture(scope="module")
def tables(data: Path) -> list[RankingSection]:
    for study in (OZONE, DASK):
        folder(data, study.folder)
    return sections(data)


def official(tables: list[RankingSection], order: str) -> dict[str, Cell]:
    rows = [dict(zip(tables[0].columns, row, strict=True)) for row in tables[0].rows]
    return next(row for row in rows if row["cut"] == str(OFFICIAL.cut) and row["order"] == order)


def test_candidates_and_labels_are_those_of_the_goal(tables: list[RankingSection]) -> None:
    row = official(tables, OURS)
    assert (row["candidates"], row["labelled"], row["labels until"]) == (79, 21, "2022-06-30")


@pytest.mark.parametrize(("order", "at_20", "average"), [(BY_COUNT, 0.70, 0.750), (BY_FLIPS, 0.70, 0.755)])
def test_the_rivals_score_what_is_known_of_them(
    tables: list[RankingSection], order: str, at_20: float, average: float
) -> None:
    row = official(tables, order)
    assert row["P@20"] == pytest.approx(at_20)
    assert row["AP"] == pytest.approx(average, abs=0.0005)


def test_our_order_reaches_the_goal(tables: list[RankingSection]) -> None:
    row = official(tables, OURS)
    assert isinstance(row["P@20"], float)
    assert isinstance(row["AP"], float)
    assert row["P@20"] >= 0.75
    assert row["AP"] >= 0.78


def test_an_interval_that_contains_zero_is_said_to(tables: list[RankingSection]) -> None:
    for section in (tables[0], tables[2]):
        for row in section.rows:
            of = dict(zip(section.columns, row, strict=True))
            gain = of["ours - its AP"]
            if isinstance(gain, Difference):
                zero = gain.low <= 0 <= gain.high
                assert of["the interval of AP"] == ("contains zero" if zero else "does not contain zero")


def test_the_half_life_taken_foretells_best_over_both_histories(tables: list[RankingSection]) -> None:
    both = zip(tables[1].rows, tables[3].rows, strict=True)
    deviance = {(one[0], one[-1]): float(str(one[1])) + float(str(other[1])) for one, other in both}
    assert min(deviance, key=lambda key: deviance[key])[1] == "taken"


def test_the_order_sees_nothing_after_the_cut(history: RealSet) -> None:
    cut = date(2021, 9, 1)
    before = history.evidence.filter(history.evidence["at"].dt.date() < cut)
    assert ours(before, cut) == ours(history.evidence, cut)


def test_a_class_counts_as_labelled_on_its_days_only(history: RealSet) -> None:
    assert "TestParentAcl" in history.labelled(date(2022, 4, 26), date(2022, 4, 26))
    assert "TestParentAcl" not in history.labelled(date(2022, 4, 27), date(2022, 6, 30))
