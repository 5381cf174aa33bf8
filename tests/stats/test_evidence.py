"""What counts as evidence that a unit contradicts itself, and how much of it makes a verdict."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipelinedoctor.stats.evidence import Rule, commit_verdicts, judged, line_of_work
from pipelinedoctor.stats.posterior import flaky_probability

START = datetime(2026, 1, 1, tzinfo=UTC)
UNIT = ("unit",)
RULE = Rule(prior=0.1, least_commits=10, least_evidence=2, flaky_from=0.8, suspected_from=0.5)


def ran(
    commit: str,
    letter: str,
    *,
    event: str = "default",
    name: str = "unit",
    hour: float | None = None,
    infrastructure: bool = False,
) -> dict[str, Any]:
    """One execution: `f` failed, `p` passed. Commits c1, c2, … were run an hour after each other."""
    return {
        "unit": "unit",
        "name": name,
        "commit_sha": commit,
        "event_class": event,
        "branch": "main",
        "change_number": None,
        "run_created_at": START + timedelta(hours=float(commit[1:]) if hour is None else hour),
        "failed": letter == "f",
        "infrastructure": infrastructure,
    }


def verdicts(*executions: dict[str, Any]) -> pl.DataFrame:
    frame = pl.DataFrame(executions, schema_overrides={"change_number": pl.Int64})
    return commit_verdicts(frame, UNIT)


def marked(frame: pl.DataFrame, column: str) -> list[str]:
    return frame.filter(column)["commit_sha"].to_list()


def test_a_commit_is_failed_contradicted_or_neither() -> None:
    found = verdicts(ran("c1", "p"), ran("c2", "f"), ran("c2", "f"), ran("c3", "f"), ran("c3", "p"), ran("c4", "p"))
    assert found.columns == ["unit", "commit_sha", "event_class", "at", "line", "contradicted", "failed", "isolated"]
    assert found["commit_sha"].to_list() == ["c1", "c2", "c3", "c4"]
    assert marked(found, "failed") == ["c2", "c3"]
    assert marked(found, "contradicted") == ["c3"]


def test_a_lone_failure_between_passes_is_isolated() -> None:
    assert marked(verdicts(ran("c1", "p"), ran("c2", "f"), ran("c3", "p")), "isolated") == ["c2"]


@pytest.mark.parametrize("event", ["change", "merge_group", "other"])
def test_only_the_default_branch_has_neighbours(event: str) -> None:
    found = verdicts(*(ran(f"c{n}", letter, event=event) for n, letter in enumerate("pfp")))
    assert marked(found, "isolated") == []


@pytest.mark.parametrize("letters", ["fp", "pf", "f", "pffp", "ffp", "pff"])
def test_what_has_no_pass_on_both_sides_is_not_isolated(letters: str) -> None:
    assert marked(verdicts(*(ran(f"c{n}", letter) for n, letter in enumerate(letters))), "isolated") == []


def test_a_failure_that_was_tried_again_is_not_isolated() -> None:
    assert marked(verdicts(ran("c1", "p"), ran("c2", "f"), ran("c2", "f"), ran("c3", "p")), "isolated") == []


def test_shards_that_each_failed_once_were_not_tried_again() -> None:
    shards = [ran("c2", "f", name="unit (1/2)"), ran("c2", "f", name="unit (2/2)")]
    assert marked(verdicts(ran("c1", "p"), *shards, ran("c3", "p")), "isolated") == ["c2"]


def test_a_neighbour_that_contradicts_itself_passed() -> None:
    found = verdicts(ran("c1", "f"), ran("c1", "p"), ran("c2", "f"), ran("c3", "p"), ran("c3", "f"))
    assert marked(found, "isolated") == ["c2"]


def test_neighbours_are_of_the_same_class_of_event_and_the_same_unit() -> None:
    change = ran("c1", "p", event="change")
    assert marked(verdicts(change, ran("c2", "f"), ran("c3", "p")), "isolated") == []
    other = {**ran("c1", "p"), "unit": "another"}
    assert marked(verdicts(other, ran("c2", "f"), ran("c3", "p")), "isolated") == []


def test_neighbours_are_those_before_and_after_in_time() -> None:
    found = verdicts(ran("c3", "p", hour=1), ran("c1", "f", hour=2), ran("c2", "p", hour=3))
    assert found["commit_sha"].to_list() == ["c3", "c1", "c2"]
    assert marked(found, "isolated") == ["c1"]


def test_a_commit_is_as_old_as_its_first_run() -> None:
    found = verdicts(ran("c1", "p", hour=9), ran("c1", "p", hour=4, name="unit (2/2)"), ran("c2", "p", hour=5))
    assert found["at"].to_list() == [START + timedelta(hours=4), START + timedelta(hours=5)]


def test_two_names_of_a_unit_do_not_contradict_each_other() -> None:
    found = verdicts(ran("c1", "f", name="unit (1/2)"), ran("c1", "p", name="unit (2/2)"))
    assert marked(found, "contradicted") == []
    assert marked(found, "failed") == ["c1"]


def test_infrastructure_says_nothing_of_a_commit() -> None:
    found = verdicts(ran("c1", "p"), ran("c2", "f", infrastructure=True), ran("c3", "p"), ran("c3", "f"))
    assert found["commit_sha"].to_list() == ["c1", "c3"]


@pytest.mark.parametrize(
    ("event", "change", "branch", "at", "line"),
    [
        ("default", 7, "main", START, "sha"),
        ("change", 7, "topic", START, "7"),
        ("change", None, "topic", START, "topic"),
        ("change", None, None, START, "sha"),
        ("other", 7, "release", datetime(2026, 12, 31, tzinfo=UTC), "release 2026-W53"),
        ("other", 7, "release", datetime(2027, 1, 1, tzinfo=UTC), "release 2026-W53"),
        ("other", 7, "release", datetime(2027, 1, 4, tzinfo=UTC), "release 2027-W01"),
        ("merge_group", None, None, START, "sha 2026-W01"),
    ],
)
def test_what_shares_its_faults_weighs_as_one(
    event: str, change: int | None, branch: str | None, at: datetime, line: str
) -> None:
    row = {
        "event_class": event, "change_number": change, "branch": branch, "commit_sha": "sha", "run_created_at": at,
    }  # fmt: skip
    frame = pl.DataFrame([row], schema_overrides={"change_number": pl.Int64, "branch": pl.String})
    assert frame.select(line_of_work()).item() == line


def said(line: str, what: str, *, event: str = "default", unit: str = "unit") -> dict[str, Any]:
    """A commit with a failure: `contradicted`, `isolated`, or failed only."""
    return {
        "unit": unit,
        "event_class": event,
        "line": line,
        "contradicted": what == "contradicted",
        "isolated": what == "isolated",
    }


def verdict(*failing: dict[str, Any], commits: int = 20, rule: Rule = RULE) -> dict[str, Any]:
    totals = pl.DataFrame({"unit": ["unit"], "commits": [commits]})
    (row,) = judged(pl.DataFrame(failing), totals, UNIT, rule).rows(named=True)
    return row


def test_commits_are_counted_and_lines_of_work_are_weighed() -> None:
    row = verdict(
        said("7", "contradicted", event="change"),
        said("7", "contradicted", event="change"),
        said("a", "contradicted"),
        said("b", "isolated"),
        said("8", "failed", event="change"),
        said("8", "failed", event="change"),
        said("9", "failed", event="change"),
        said("c", "failed"),
    )
    counts = ("commits", "failed", "contradicted", "isolated")
    assert {name: row[name] for name in counts} == {"commits": 20, "failed": 8, "contradicted": 3, "isolated": 1}
    assert row["probability"] == pytest.approx(float(flaky_probability(2, 1, 0, 2, RULE.prior)))


def test_the_interval_is_that_of_what_contradicts() -> None:
    row = verdict(said("a", "contradicted"), said("b", "isolated"), said("c", "failed"))
    assert row["low"] < 2 / 20 < row["high"]
    assert row["low"] == pytest.approx(0.0213, abs=1e-4)


@pytest.mark.parametrize(
    ("failing", "commits", "expected"),
    [
        ([said("a", "contradicted"), said("b", "contradicted")], 10, "flaky"),
        ([said("a", "contradicted"), said("b", "contradicted")], 9, None),
        ([said("a", "contradicted")], 10, None),
        ([said("a", "isolated"), said("b", "isolated")], 10, "flaky"),
        ([said("a", "isolated"), said("a", "isolated")], 10, "suspected"),
        ([said("7", "contradicted", event="change"), said("7", "contradicted", event="change")], 10, "suspected"),
        ([said(str(n), "failed", event="change") for n in range(9)], 10, None),
    ],
    ids=[
        "enough",
        "few commits",
        "little evidence",
        "between passes",
        "one day",
        "one line of work",
        "no contradiction",
    ],
)
def test_a_verdict_takes_history_evidence_and_probability(
    failing: list[dict[str, Any]], commits: int, expected: str | None
) -> None:
    assert verdict(*failing, commits=commits)["verdict"] == expected


def test_the_bounds_are_the_rules() -> None:
    two = (said("a", "isolated"), said("b", "isolated"))
    probability = verdict(*two)["probability"]
    at = Rule(prior=0.1, least_commits=20, least_evidence=2, flaky_from=probability, suspected_from=0.5)
    assert verdict(*two, rule=at)["verdict"] == "flaky"


def test_units_come_in_their_order() -> None:
    failing = [said("a", "failed", unit=unit) for unit in ("b", "c", "a")]
    totals = pl.DataFrame({"unit": ["c", "a", "b", "healthy"], "commits": [1, 1, 1, 1]})
    assert judged(pl.DataFrame(failing), totals, UNIT, RULE)["unit"].to_list() == ["a", "b", "c"]


def aged(line: str, what: str, *, days: float = 0, weight: float = 1) -> dict[str, Any]:
    """A commit with a failure so many days before the newest, of a change where it recurs or failed only."""
    row = said(line, what, event="change" if what in ("recurring", "failed") else "default")
    return row | {"recurring": what == "recurring", "at": START - timedelta(days=days), "weight": weight}


def test_evidence_weighs_half_as_much_for_each_half_life() -> None:
    row = verdict(aged("a", "contradicted"), aged("b", "contradicted", days=45), aged("c", "isolated", days=90))
    assert row["probability"] == pytest.approx(float(flaky_probability(1.5, 0.25, 0, 0, RULE.prior)))
    assert (row["contradicted"], row["isolated"]) == (2, 1)


def test_a_newer_failure_that_is_no_evidence_ages_none() -> None:
    newest = aged("d", "failed", days=0)
    row = verdict(aged("a", "contradicted", days=45), aged("b", "contradicted", days=45), newest)
    assert row["probability"] == pytest.approx(float(flaky_probability(2, 0, 0, 1, RULE.prior)))


def test_of_one_line_the_weightiest_counts_once_for_each_kind() -> None:
    row = verdict(
        aged("a", "contradicted", weight=0.25),
        aged("a", "contradicted", weight=0.5),
        aged("a", "isolated", weight=0.75),
        aged("7", "recurring", weight=0.5),
        aged("7", "recurring", weight=0.25),
    )
    assert row["probability"] == pytest.approx(float(flaky_probability(0.5, 0.75, 0.5, 0, RULE.prior)))


def test_what_recurs_is_evidence_and_counted_by_lines_of_work() -> None:
    row = verdict(
        aged("a", "contradicted"),
        aged("7", "recurring"),
        aged("7", "recurring"),
        aged("8", "recurring"),
        aged("9", "failed"),
    )
    assert (row["contradicted"], row["recurring"], row["failed"]) == (1, 2, 5)
    assert row["probability"] == pytest.approx(float(flaky_probability(1, 0, 2, 1, RULE.prior)))
    assert row["low"] < 3 / 20 < row["high"]
    assert row["verdict"] == "flaky"
