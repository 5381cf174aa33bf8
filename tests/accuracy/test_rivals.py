"""The rules of others, on histories small enough to judge by eye."""

import itertools
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelinedoctor.accuracy import rivals
from pipelinedoctor.accuracy.rivals import Outcomes

START = datetime(2026, 1, 1, tzinfo=UTC)


def outcomes(
    letters: str, *, commits: str | None = None, hours: int = 1, tests: int = 100, on_default: bool = True
) -> Outcomes:
    """One test of one job: a letter an execution, f where it failed; `commits` has a letter for the commit of each."""
    job = {"host": "h", "repository_id": 1, "pipeline_id": 2, "name": "unit"}
    executions = [
        {
            **job,
            "job_id": number,
            "commit_sha": commits[number] if commits else f"{number:040x}",
            "on_default": on_default,
            "at": START + number * timedelta(hours=hours),
            "tests": tests,
        }
        for number in range(len(letters))
    ]
    failures = [{**job, "test": "t", "job_id": number} for number, letter in enumerate(letters) if letter == "f"]
    kind = {"host": pl.String, "repository_id": pl.Int64, "pipeline_id": pl.Int64, "name": pl.String}
    return Outcomes(
        pl.DataFrame(executions, schema_overrides={"at": pl.Datetime("us", "UTC")}),
        pl.DataFrame(failures, schema={**kind, "test": pl.String, "job_id": pl.Int64}),
    )


def flagged(frame: pl.DataFrame) -> bool:
    assert frame.columns == ["host", "repository_id", "pipeline_id", "test"]
    return bool(len(frame))


@pytest.mark.parametrize(
    ("letters", "commits", "expected"), [("fs", "aa", True), ("fs", "ab", False), ("ff", "aa", False)]
)
def test_trunk_asks_for_both_outcomes_on_a_commit(letters: str, commits: str, expected: bool) -> None:
    assert flagged(rivals.trunk(outcomes(letters, commits=commits))) is expected


def test_trunk_drops_an_upload_that_failed_throughout() -> None:
    assert not flagged(rivals.trunk_protected(outcomes("fs", commits="aa", tests=1)))
    assert flagged(rivals.trunk_protected(outcomes("fs", commits="aa", tests=2)))


@pytest.mark.parametrize(
    ("flaky", "clean", "expected"), [(1, 99, False), (2, 97, False), (2, 98, True), (2, 199, False)]
)
def test_luci_asks_for_two_flaky_verdicts_one_percent_and_a_hundred(flaky: int, clean: int, expected: bool) -> None:
    commits = "".join(chr(200 + number) * 2 for number in range(flaky))
    commits += "".join(chr(1000 + number) for number in range(clean))
    assert flagged(rivals.luci(outcomes("fs" * flaky + "s" * clean, commits=commits))) is expected


@pytest.mark.parametrize(
    ("letters", "flips"), [("sfs", 2), ("fs", 1), ("sf", 1), ("ff", 0), ("sffsfs", 4), ("fssf", 2), ("sfff", 1)]
)
def test_apple_counts_changes_of_outcome(letters: str, flips: int) -> None:
    rate = flips / (len(letters) - 1)
    assert flagged(rivals.apple(outcomes(letters), rate)), letters
    assert not flagged(rivals.apple(outcomes(letters), rate + 0.01))


def test_apple_looks_at_the_default_branch() -> None:
    assert not flagged(rivals.apple(outcomes("sfs", on_default=False), 0.0))


@given(st.text("sf", min_size=2, max_size=40))
@example("sffffffffffffffffffsfsfsfsfsfsfsfsfsfsf")
def test_the_flip_rate_is_that_of_the_sequence(letters: str) -> None:
    flips = sum(one != other for one, other in itertools.pairwise(letters))
    least = flips / (len(letters) - 1)
    assert flagged(rivals.apple(outcomes(letters), least)) is ("f" in letters)
    assert not flagged(rivals.apple(outcomes(letters), least + 1e-6))


@pytest.mark.parametrize(("letters", "hours", "expected"), [("fs", 1, True), ("fff", 1, False), ("fs", 24 * 8, False)])
def test_gitlab_asks_for_a_mixed_week(letters: str, hours: int, expected: bool) -> None:
    assert flagged(rivals.gitlab(outcomes(letters, hours=hours))) is expected


@given(st.text("sf", min_size=1, max_size=30), st.data())
def test_who_is_flagged_by_a_stricter_rule_is_flagged_by_the_laxer(letters: str, data: st.DataObject) -> None:
    commits = data.draw(st.text("abcde", min_size=len(letters), max_size=len(letters)))
    history = outcomes(letters, commits=commits)
    assert len(rivals.trunk_protected(history)) <= len(rivals.trunk(history))
    assert len(rivals.luci(history)) <= len(rivals.trunk(history))
    assert len(rivals.apple(history, 0.05)) <= len(rivals.apple(history, 0.02))


def test_all_rules_flag_nothing_where_nothing_failed() -> None:
    assert [len(rival.flagged(outcomes("ssss", commits="aabb"))) for rival in rivals.RIVALS] == [0] * 6
