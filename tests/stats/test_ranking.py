"""The order of flaky units: what raises a unit, what does not, and what the number means."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.stats.ranking import (
    CONTRADICTED,
    FAILED,
    FLAKY_SHARE,
    ISOLATED,
    expected_failures,
    ranked,
)

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
UNIT = ("test",)
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "test": pl.String,
    "line": pl.String,
    "at": pl.Datetime("us", "UTC"),
    "kind": pl.String,
    "together": pl.Int64,
}
Row = tuple[str, str, datetime, str, int]


def evidence(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


def ago(days: float) -> datetime:
    return END - timedelta(days=days)


def expected(*rows: Row, **options: float) -> dict[str, float]:
    units = expected_failures(evidence(*rows), UNIT, START, END, **options)
    return dict(units.select("test", "expected").rows())


failures = st.builds(
    lambda test, line, days, kind, together: (test, line, ago(days), kind, together),
    st.sampled_from("abc"),
    st.sampled_from(["1", "2", "3", "4"]),
    st.integers(1, 300),
    st.sampled_from(list(FLAKY_SHARE)),
    st.integers(1, 12),
)


def test_a_steady_rate_is_foretold_as_it_is() -> None:
    """One contradiction every third day is ten in 30 days, each one a flaky failure with probability .95."""
    rows: list[Row] = [("a", str(day), ago(day + 0.5), CONTRADICTED, 1) for day in range(1, 365, 3)]
    assert expected(*rows)["a"] == pytest.approx(10 * 0.9526, rel=0.03)


def test_without_fading_it_is_the_mean_rate() -> None:
    rows: list[Row] = [("a", str(day), ago(day), CONTRADICTED, 1) for day in (10, 20, 300)]
    assert expected(*rows, half_life=1e9)["a"] == pytest.approx(3 * FLAKY_SHARE[CONTRADICTED] * 30 / 366, rel=1e-6)


def test_a_failure_counts_half_after_one_half_life() -> None:
    found = expected(("a", "1", ago(10), ISOLATED, 1), ("b", "2", ago(17), ISOLATED, 1), half_life=7)
    assert found["b"] == pytest.approx(found["a"] / 2)


def test_the_kind_of_evidence_weighs() -> None:
    found = expected(*((kind, kind, ago(5), kind, 1) for kind in (CONTRADICTED, ISOLATED, FAILED)))
    assert found[CONTRADICTED] > found[ISOLATED] > found[FAILED] > 0


def test_those_that_fail_together_share_the_failure() -> None:
    alone = expected(("a", "1", ago(5), CONTRADICTED, 1))["a"]
    crowd = expected(*((test, "1", ago(5), CONTRADICTED, 4) for test in "abcd"))
    assert sum(crowd.values()) == pytest.approx(alone)


def test_a_line_of_work_counts_once_however_often_it_was_tried() -> None:
    once = expected(("a", "1", ago(5), CONTRADICTED, 1))
    again = expected(
        ("a", "1", ago(5), CONTRADICTED, 1), ("a", "1", ago(6), FAILED, 3), ("a", "1", ago(7), CONTRADICTED, 2)
    )
    assert again == once


def test_lines_are_counted_by_their_strongest_kind() -> None:
    units = expected_failures(
        evidence(
            ("a", "1", ago(9), FAILED, 1),
            ("a", "1", ago(8), CONTRADICTED, 1),
            ("a", "2", ago(3), ISOLATED, 1),
            ("a", "3", ago(4), FAILED, 1),
        ),
        UNIT,
        START,
        END,
    )
    assert units.select(CONTRADICTED, ISOLATED, FAILED, "last_at").row(0) == (1, 1, 1, ago(3))


def test_what_is_out_of_the_window_counts_for_nothing() -> None:
    inside: Row = ("a", "1", START, ISOLATED, 1)
    assert expected(inside, ("a", "2", START - timedelta(seconds=1), ISOLATED, 1), ("b", "3", END, FAILED, 1)) == (
        expected(inside)
    )


def test_no_evidence_no_units() -> None:
    assert expected_failures(evidence(), UNIT, START, END).is_empty()


@pytest.mark.parametrize(
    ("row", "start", "half_life"),
    [
        (("a", "1", ago(5), "odd", 1), START, 30),
        (("a", "1", ago(5), FAILED, 0), START, 30),
        (("a", "1", ago(5), FAILED, 1), END, 30),
        (("a", "1", ago(5), FAILED, 1), START, 0),
    ],
)
def test_what_makes_no_sense_is_refused(row: Row, start: datetime, half_life: float) -> None:
    with pytest.raises(ValueError):
        expected_failures(evidence(row), UNIT, start, END, half_life)


@given(st.lists(failures, max_size=20), failures)
def test_more_evidence_never_lowers_a_unit_and_touches_no_other(rows: list[Row], more: Row) -> None:
    before, after = expected(*rows), expected(*rows, (more[0], "new", *more[2:]))
    assert after[more[0]] > before.get(more[0], 0)
    assert {test: value for test, value in after.items() if test != more[0]} == {
        test: value for test, value in before.items() if test != more[0]
    }


@given(st.lists(failures, max_size=20), st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows: list[Row], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert expected(*shuffled) == expected(*rows)


def test_the_score_is_a_product_and_equals_stand_by_name() -> None:
    units = pl.DataFrame(
        {"test": ["d", "c", "b", "a"], "probability": [0.5, 1.0, 0.9, 0.5], "expected": [4.0, 3.0, 0.1, 4.0]}
    )
    found = ranked(units, UNIT)
    assert found["test"].to_list() == ["c", "a", "d", "b"]
    assert found["score"].to_list() == pytest.approx([3.0, 2.0, 2.0, 0.09])
