"""Order: a victim after its polluter, the edges of a report, and nothing where the order never changes."""

from itertools import count
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.stats.association import Claim
from pipelinedoctor.stats.order import orders

CLAIM = Claim()
Report = list[str]


def asked(reports: list[Report], failing: dict[str, list[int]], claim: Claim = CLAIM) -> pl.DataFrame:
    """Reports of one job, each the tests in their order; `failing` are the reports in which a test failed."""
    rows = [
        (7, at, test, place) for at, tests in enumerate(reports) for test, place in zip(tests, count(), strict=False)
    ]
    schema = {"job": pl.Int64(), "report": pl.Int64(), "test": pl.String(), "position": pl.Int64()}
    placed = pl.DataFrame(rows, schema=schema, orient="row")
    failed = [(7, at, test) for test, numbers in failing.items() for at in numbers]
    del schema["position"]
    return orders(placed, pl.DataFrame(failed, schema=schema, orient="row"), claim)


def told(found: pl.DataFrame) -> list[tuple[Any, ...]]:
    return found.select("job", "test", "place", "other", "alike", "failures", "runs_in", "runs").rows()


def shuffled(seed: int, reports: int, tests: int) -> list[Report]:
    random = np.random.default_rng(seed)
    return [[f"t{number:02}" for number in random.permutation(tests)] for _ in range(reports)]


def test_a_victim_fails_right_after_its_polluter() -> None:
    reports = shuffled(1, 150, 20)
    bad = [at for at, one in enumerate(reports) if one[one.index("t05") - 1] == "t09" and one.index("t05")]
    assert len(bad) >= 4
    assert told(asked(reports, {"t05": bad})) == [(7, "t05", "right after", "t09", 0, len(bad), len(bad), 150)]


def test_a_victim_fails_at_times_anywhere_after_its_polluter() -> None:
    reports = shuffled(2, 150, 20)
    after = [at for at, one in enumerate(reports) if one.index("t09") < one.index("t05")]
    bad = after[::4]
    assert told(asked(reports, {"t05": bad})) == [(7, "t05", "after", "t09", 0, len(bad), len(after), 150)]


@pytest.mark.parametrize(("place", "edge"), [("first", 0), ("last", -1)])
def test_at_the_edge_of_a_shard(place: str, edge: int) -> None:
    reports = shuffled(3, 150, 10)
    bad = [at for at, one in enumerate(reports) if one[edge] == "t05"]
    assert told(asked(reports, {"t05": bad})) == [(7, "t05", place, None, 0, len(bad), len(bad), 150)]


def test_what_always_runs_before_explains_nothing() -> None:
    reports = [["t1", "t2", "t3"]] * 100
    assert asked(reports, {"t3": [1, 5, 9, 30]}).is_empty()


def test_a_polluter_may_be_absent_and_its_like_are_counted() -> None:
    """Where two tests are in the same reports in the same order, nothing tells which of them it is."""
    reports = [["a", "b", "x", "t"] if at % 4 == 0 else ["x", "t"] for at in range(100)]
    found = told(asked(reports, {"t": list(range(0, 100, 8))}))
    assert found == [(7, "t", "after", "a", 1, 13, 25, 100)]


def test_all_failures_have_it_or_it_is_not_told() -> None:
    reports = shuffled(2, 150, 20)
    after = [at for at, one in enumerate(reports) if one.index("t09") < one.index("t05")]
    other = next(at for at in range(150) if at not in after)
    assert asked(reports, {"t05": [*after[::4], other]}).is_empty()


def test_too_few_failures_and_nothing_at_all() -> None:
    reports = shuffled(1, 150, 20)
    assert asked(reports, {"t05": [0, 1]}).is_empty()
    assert asked([], {}).columns == asked(reports, {}).columns


def test_chance_gives_nothing() -> None:
    """30 flaky tests with nothing to be found: any claim is false, and one in twenty families may make one."""
    claims = 0
    for seed in range(20):
        random = np.random.default_rng(100 + seed)
        failing = {f"t{test:02}": np.flatnonzero(random.random(60) < 0.1).tolist() for test in range(30)}
        claims += not asked(shuffled(seed, 60, 30), failing).is_empty()
    assert claims <= 3


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Report], dict[str, list[int]]]:
    reports = draw(st.lists(st.lists(st.sampled_from("abcd"), unique=True), max_size=25))
    numbers = st.lists(st.integers(0, 24), unique=True)
    return reports, draw(st.dictionaries(st.sampled_from("abcd"), numbers))


def place_of(report: Report, test: str) -> dict[tuple[str, str | None], bool]:
    at = report.index(test)
    found: dict[tuple[str, str | None], bool] = {("after", other): True for other in report[:at]}
    found[("first", None)], found[("last", None)] = at == 0, at == len(report) - 1
    if at:
        found[("right after", report[at - 1])] = True
    return found


@given(histories())
@settings(max_examples=200, deadline=None)
def test_counts_are_those_of_a_count_by_hand(history: tuple[list[Report], dict[str, list[int]]]) -> None:
    reports, failing = history
    for row in asked(reports, failing, Claim(level=1.0, failures=1)).iter_rows(named=True):
        mine = [at for at, one in enumerate(reports) if row["test"] in one]
        what = (row["place"], row["other"])
        having = [at for at in mine if place_of(reports[at], row["test"]).get(what, False)]
        bad = [at for at in mine if at in failing[row["test"]]]
        assert (row["failures"], row["runs_in"], row["runs"]) == (len(bad), len(having), len(mine))
        assert set(bad) <= set(having)
