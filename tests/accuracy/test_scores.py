"""Scores: what they are by hand, and the laws they keep."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.accuracy import scores
from pipelinedoctor.accuracy.scores import Share, Tally

UNIT = ("test",)
START = datetime(2026, 1, 1, tzinfo=UTC)

numbers = st.lists(st.integers(0, 20))
pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200)


def units(numbers: Sequence[int]) -> pl.DataFrame:
    return pl.DataFrame({"test": list(numbers)}, schema={"test": pl.Int64})


@given(numbers, numbers)
def test_a_tally_counts_as_sets_do(said: list[int], true: list[int]) -> None:
    hit = len(set(said) & set(true))
    assert scores.tally(units(said), units(true), UNIT) == Tally(hit, len(set(said)), hit, len(set(true)))


@given(numbers, numbers)
def test_precision_and_recall_change_places_with_what_is_said_and_true(said: list[int], true: list[int]) -> None:
    one, other = scores.tally(units(said), units(true), UNIT), scores.tally(units(true), units(said), UNIT)
    assert (one.precision, one.recall, one.f1) == (other.recall, other.precision, other.f1)


@given(numbers, numbers)
def test_f1_lies_between_precision_and_recall(said: list[int], true: list[int]) -> None:
    made = scores.tally(units(said), units(true), UNIT)
    ends = sorted(one for one in (made.precision.value, made.recall.value) if one is not None)
    if made.f1 is not None:
        assert ends[0] - 1e-12 <= made.f1 <= ends[1] + 1e-12
    else:
        assert len(ends) < 2


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_its_share(one: int, other: int) -> None:
    share = Share(min(one, other), max(one, other))
    low, high = share.interval
    assert 0 <= low <= high <= 1
    assert share.value is None or low <= share.value <= high


def test_nothing_is_not_zero() -> None:
    assert Share(0, 0).value is None
    assert scores.NOTHING.f1 is None
    assert scores.brier([], []) is None
    assert scores.ndcg_at([0.0], 10) is None


def test_failures_without_a_label_stay_in_the_confusion() -> None:
    causes = pl.DataFrame({"id": [1, 2, 3], "cause": ["genuine", "genuine", "flaky"]})
    labels = pl.DataFrame({"id": [1, 4], "label": ["known_flaky", "broken"]})
    counts = scores.confusion(labels, causes, ["id"])
    assert counts.rows() == [("known_flaky", "genuine", 1), (None, "flaky", 1), (None, "genuine", 1)]
    assert scores.labelled(counts, "genuine", ["known_flaky", "passed_later"]) == Share(1, 2)


def stretch(test: int, sha: str, first: int, last: int, failing: int = 2) -> dict[str, object]:
    at = {"first_at": START + timedelta(hours=first), "last_at": START + timedelta(hours=last)}
    return {"test": test, "first_bad_sha": sha, **at, "failing": failing}


KIND: dict[str, pl.DataType | type[pl.DataType]] = {
    "test": pl.Int64,
    "first_bad_sha": pl.String,
    "first_at": pl.Datetime("us", "UTC"),
    "last_at": pl.Datetime("us", "UTC"),
    "failing": pl.Int64,
}


def frame(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=KIND)


def test_a_stretch_hits_the_regression_it_overlaps() -> None:
    true = frame(
        stretch(1, "a", 0, 5), stretch(1, "b", 10, 12), stretch(2, "c", 0, 0, failing=1), stretch(3, "d", 0, 9)
    )
    said = frame(stretch(1, "a", 2, 3), stretch(1, "x", 12, 14), stretch(2, "y", 1, 2), stretch(4, "d", 0, 9))
    made = scores.stretches(said, true, UNIT)
    assert made.counted == Tally(right=2, said=4, hit=2, true=3)
    assert made.every == Tally(right=2, said=4, hit=2, true=4)
    assert made.exact == Share(1, 2)


def test_two_stretches_in_one_regression_hit_it_once_and_the_first_names_its_commit() -> None:
    said = frame(stretch(1, "late", 4, 5), stretch(1, "a", 0, 1))
    made = scores.stretches(said, frame(stretch(1, "a", 0, 5)), UNIT)
    assert (made.counted, made.exact) == (Tally(2, 2, 1, 1), Share(1, 1))


def test_a_regression_that_never_failed_on_the_branch_is_none_to_find() -> None:
    made = scores.stretches(frame(), frame(stretch(1, "a", 0, 5, failing=0)), UNIT)
    assert made == scores.NO_STRETCHES


@given(pairs)
def test_tenths_hold_every_verdict_once(rows: list[tuple[float, bool]]) -> None:
    said, came = [one for one, _ in rows], [other for _, other in rows]
    table = scores.tenths(said, came)
    assert sum(one.true.n for one in table) == len(rows)
    assert sum(one.true.k for one in table) == sum(came)
    for one in table:
        assert one.mean is None or one.low - 1e-12 <= one.mean <= one.high + 1e-12


def test_a_tenth_is_covered_where_the_interval_holds_its_mean() -> None:
    honest, boastful = (
        scores.tenths([0.95] * 100, [True] * 95 + [False] * 5),
        scores.tenths([0.95] * 100, [False] * 100),
    )
    assert (honest[9].covered, boastful[9].covered, honest[0].covered) == (True, False, None)


@given(pairs)
def test_the_base_rate_scores_as_itself(rows: list[tuple[float, bool]]) -> None:
    came = [other for _, other in rows]
    rate = sum(came) / len(came)
    constant = scores.brier([rate] * len(came), came)
    assert constant is not None
    assert constant.score == pytest.approx(constant.base)
    perfect = scores.brier([float(one) for one in came], came)
    assert perfect is not None
    assert perfect.score == 0


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        scores.brier([1.5], [True])
    with pytest.raises(ValueError, match="each outcome"):
        scores.tenths([0.5, 0.5], [True])


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_ndcg_is_one_for_the_best_order_and_never_more(gains: list[float]) -> None:
    made, best = scores.ndcg_at(gains, 10), scores.ndcg_at(sorted(gains, reverse=True), 10)
    assert (made is None) == (best is None) == (max(gains) == 0)
    assert made is None or (made <= 1 + 1e-9 and best == pytest.approx(1))


@given(pairs)
def test_the_gain_is_the_difference_of_the_two_scores(rows: list[tuple[float, bool]]) -> None:
    said, came = [one for one, _ in rows], [other for _, other in rows]
    made, gain = scores.brier(said, came), scores.brier_gain(said, came, draws=20)
    assert made is not None
    assert gain is not None
    assert gain.value == pytest.approx(made.base - made.score)
    assert gain == scores.brier_gain(said, came, draws=20)


def test_who_knows_gains_surely_and_who_guesses_does_not() -> None:
    came = [True, False] * 100
    knows, guesses = scores.brier_gain([0.9, 0.1] * 100, came), scores.brier_gain([0.9, 0.1, 0.1, 0.9] * 50, came)
    assert knows is not None
    assert guesses is not None
    assert knows.low > 0 > guesses.high
