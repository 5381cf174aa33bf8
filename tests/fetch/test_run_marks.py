"""What is known of a run, from night to night."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pipelinedoctor.errors import StoreError
from pipelinedoctor.fetch.github.rows import run_rows
from pipelinedoctor.fetch.github.run_marks import Phase, RunMark, listed
from pipelinedoctor.model import Run, RunAttempt
from tests.helpers.recordings import job, run, run_body

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def rows(conclusion: str | None = "success", **body: Any) -> tuple[Run, RunAttempt]:
    found, attempt, *_ = run_rows("github.com", run_body(run(7, jobs=[job(conclusion=conclusion)], body=body)))
    assert isinstance(found, Run)
    assert isinstance(attempt, RunAttempt)
    return found, attempt


def marked(earlier: RunMark | None = None, conclusion: str | None = "success", **body: Any) -> RunMark:
    mark = listed(*rows(conclusion, **body), "CS_7", earlier)
    assert mark is not None
    return mark


def test_a_mark_survives_being_written() -> None:
    for started in (NOW, None):
        mark = RunMark(
            attempt=2,
            updated_at=NOW,
            created_at=NOW,
            started_at=started,
            phase=Phase.LISTED,
            known=1,
            red=True,
            node="CS_kwDO",
        )
        assert RunMark.read(str(mark)) == mark


@pytest.mark.parametrize("value", ["{", "", "1|2", "2|2026-06-01T00:00:00Z|done||2", "1|x|x||done|1||", "a" * 500])
def test_what_is_no_mark_is_told(value: str) -> None:
    with pytest.raises(StoreError, match="mark of a run"):
        RunMark.read(value)


def test_a_node_cannot_break_the_mark() -> None:
    mark = listed(*rows(), "a|b||c", None)
    assert mark is not None
    assert RunMark.read(str(mark)) == mark


def test_a_run_that_succeeded_is_offered_and_then_done_with() -> None:
    first = marked()
    assert (first.phase, first.unread, first.wanted, first.known, first.node) == ("listed", True, True, 0, "CS_7")
    offered = first.with_outcomes(failing=False, names=["lint", "build"])
    assert (offered.phase, offered.wanted, len(offered.names)) == ("offered", False, 2)
    assert RunMark.read(str(offered)) == offered
    done = offered.detailed()
    assert (done.phase, done.known, done.node) == ("done", 1, "")
    for mark in (offered, done):
        assert listed(*rows(), "CS_7", mark) is None


@pytest.mark.parametrize(
    ("conclusion", "failing", "body"),
    [("failure", True, {}), ("timed_out", False, {}), ("success", True, {}), ("success", False, {"run_attempt": 2})],
)
def test_details_are_wanted_of_what_failed_or_was_rerun(conclusion: str, failing: bool, body: dict[str, Any]) -> None:
    mark = marked(None, conclusion, **body).with_outcomes(failing=failing, names=[])
    assert (mark.phase, mark.wanted, mark.unread) == ("wanted", True, False)
    assert listed(*rows(conclusion, **body), "CS_7", mark) is None
    assert mark.detailed().phase == "done"


def test_a_rerun_wants_the_details_of_its_new_attempt() -> None:
    again = marked(marked().detailed(), run_attempt=2, updated_at="2026-01-06T00:00:00Z")
    assert (again.phase, again.attempt, again.known, again.red) == ("listed", 2, 1, True)


def test_an_update_of_the_same_attempt_is_seen() -> None:
    again = marked(marked().detailed(), updated_at="2026-01-06T00:00:00Z")
    assert (again.phase, again.known) == ("listed", 1)


def test_a_run_that_has_not_ended_is_asked_for_again() -> None:
    running = marked(None, None, run_attempt=2)
    assert running.phase == "running"
    by_list = running.detailed()
    assert (by_list.phase, by_list.known, by_list.wanted) == ("open", 1, False)
    assert running.with_outcomes(failing=True, names=[]).phase == "open"
    assert marked(by_list, None, run_attempt=2).phase == "running"
    ended = marked(by_list, run_attempt=2)
    assert (ended.phase, ended.known, ended.detailed().known) == ("listed", 1, 2)


def test_what_was_listed_and_not_read_keeps_its_mark() -> None:
    mark = marked()
    assert listed(*rows(), "CS_7", mark) == mark


def test_what_failed_in_passing_is_asked_for_once_more() -> None:
    once = marked().detailed(lacking=True)
    assert (once.phase, once.wanted, once.known) == (Phase.AGAIN, True, 0)
    assert RunMark.read(str(once)) == once
    assert listed(*rows(), "CS_7", once) is None
    for lacking in (True, False):
        again = once.detailed(lacking=lacking)
        assert (again.phase, again.wanted, again.known) == (Phase.DONE, False, 1)
    assert once.detailed(lacking=True, recent=True).phase == Phase.AGAIN


def test_outcomes_are_asked_for_only_where_nothing_better_is_known() -> None:
    first = marked()
    assert first.fresh
    assert not first.with_outcomes(failing=False, names=[]).fresh
    touched = marked(first.detailed(), updated_at="2026-06-02T00:00:00Z")
    assert (touched.unread, touched.known, touched.fresh) == (True, 1, False)
