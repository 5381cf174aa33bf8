import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.errors import StoreError
from pipelinedoctor.fetch.github_rows import run_rows
from pipelinedoctor.fetch.github_session import LOOK_BACK, RunMark, Session, listed, open_session
from pipelinedoctor.fetch.interface import Mark, Order
from pipelinedoctor.fetch.windows import Span
from pipelinedoctor.model import Run, RunAttempt
from tests.helpers.recordings import job, run, run_body

NAME = "acme/shop"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


class Marks:
    """Sync state in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, str]] = {}

    def get(self, kind: str, key: str) -> str | None:
        return self.kept.get(kind, {}).get(key)

    def all(self, kind: str) -> Mapping[str, str]:
        return self.kept.get(kind, {})

    def write(self, *marks: Mark) -> None:
        for mark in marks:
            kind = self.kept.setdefault(mark.kind, {})
            kind.pop(mark.key, None)
            if mark.value is not None:
                kind[mark.key] = mark.value


def order(days: float, until: datetime = NOW) -> Order:
    return Order(since=until - days * DAY, until=until)


def test_the_first_session_covers_the_order() -> None:
    session = open_session(NAME, order(90), Marks())
    assert session.spans() == [Span(NOW - 90 * DAY, NOW)]


def test_a_session_left_open_is_gone_on_with_and_keeps_its_windows() -> None:
    marks = Marks()
    first = open_session(NAME, order(90), marks)
    marks.write(first.opened())
    second = open_session(NAME, order(30, NOW + DAY), marks)
    assert second.spans() == [Span(NOW + SECOND, NOW + DAY), *first.spans()]
    marks.write(second.opened())
    third = open_session(NAME, order(30, NOW + 2 * DAY), marks)
    assert third.spans() == [Span(NOW + DAY + SECOND, NOW + 2 * DAY), *second.spans()]
    assert open_session(NAME, order(30, NOW + DAY), marks) == second


def test_after_a_complete_session_what_can_still_change_is_looked_at_again() -> None:
    marks = Marks()
    marks.write(*open_session(NAME, order(90), marks).closed())
    assert marks.get("session", NAME) is None
    later = open_session(NAME, order(30, NOW + DAY), marks)
    assert later.spans() == [Span(NOW - LOOK_BACK, NOW + DAY)]
    marks.write(*later.closed())
    assert json.loads(marks.get("covered", NAME) or "") == {
        "since": "2026-03-03T00:00:00Z",
        "until": "2026-06-02T00:00:00Z",
    }


def test_an_order_that_reaches_further_back_adds_what_lies_before() -> None:
    marks = Marks()
    marks.write(*open_session(NAME, order(90), marks).closed())
    assert open_session(NAME, order(365), marks).spans() == [
        Span(NOW - LOOK_BACK, NOW),
        Span(NOW - 365 * DAY, NOW - 90 * DAY - SECOND),
    ]


def test_a_young_history_is_not_looked_for_before_its_start() -> None:
    marks = Marks()
    marks.write(*open_session(NAME, order(5), marks).closed())
    assert open_session(NAME, order(3), marks).spans() == [Span(NOW - 5 * DAY, NOW)]


SECONDS = st.integers(0, 100 * 86_400)


@given(st.lists(st.tuples(SECONDS, SECONDS, st.booleans()), min_size=1, max_size=5))
@settings(deadline=None)
def test_sessions_leave_nothing_out(fetches: list[tuple[int, int, bool]]) -> None:
    """Whatever fetches are ordered, and broken off, what is covered is one span that was all listed."""
    marks = Marks()
    asked: list[Span] = []
    for start, length, completes in fetches:
        since = NOW + start * SECOND
        session = open_session(NAME, Order(since=since, until=since + length * SECOND), marks)
        spans = session.spans()
        for later, earlier in itertools.pairwise(spans):
            assert later.since > earlier.until
        marks.write(session.opened())
        if completes:
            asked += spans
            marks.write(*session.closed())
    covered = json.loads(marks.get("covered", NAME) or "{}")
    if covered:
        reached = datetime.fromisoformat(covered["since"])
        for span in sorted(asked):
            assert span.since <= reached + SECOND
            reached = max(reached, span.until)
        assert reached == datetime.fromisoformat(covered["until"])


@pytest.mark.parametrize("value", ["{", "[]", "7"])
def test_marks_that_cannot_be_read_are_told(value: str) -> None:
    marks = Marks()
    marks.write(Mark(kind="session", key=NAME, value=value))
    with pytest.raises(StoreError, match="session of acme/shop"):
        open_session(NAME, order(1), marks)
    with pytest.raises(StoreError, match="mark of a run"):
        RunMark.read(value)


def rows(**body: Any) -> tuple[Run, RunAttempt]:
    found, attempt, *_ = run_rows("github.com", run_body(run(7, jobs=[job()], body=body)))
    assert isinstance(found, Run)
    assert isinstance(attempt, RunAttempt)
    return found, attempt


def test_a_run_mark_survives_being_written() -> None:
    for started in (NOW, None):
        mark = RunMark(2, NOW, "listed", started, 1)
        assert RunMark.read(str(mark)) == mark
    assert str(RunMark(2, NOW, "done", None, 2)) == "2|2026-06-01T00:00:00Z|done||2"


def test_a_new_run_wants_its_details_and_has_them_once() -> None:
    mark = listed(*rows(), None)
    assert mark is not None
    assert (mark.wanted, mark.open, mark.known) == (True, False, 0)
    done = mark.detailed()
    assert (done.wanted, done.known) == (False, 1)
    assert listed(*rows(), done) is None
    assert listed(*rows(), mark) == mark


def test_a_rerun_wants_the_details_of_its_new_attempt() -> None:
    first = listed(*rows(), None)
    assert first is not None
    again = listed(*rows(run_attempt=2, updated_at="2026-01-06T00:00:00Z"), first.detailed())
    assert again is not None
    assert (again.wanted, again.attempt, again.known) == (True, 2, 1)


def test_an_update_of_the_same_attempt_is_seen() -> None:
    first = listed(*rows(), None)
    assert first is not None
    again = listed(*rows(updated_at="2026-01-06T00:00:00Z"), first.detailed())
    assert again is not None
    assert (again.wanted, again.known) == (True, 1)


def test_a_run_that_has_not_ended_is_asked_for_again() -> None:
    running = listed(*rows(status="in_progress", conclusion=None, run_attempt=2), None)
    assert running is not None
    kept = running.detailed()
    assert (str(running).split("|")[2], str(kept).split("|")[2], kept.known) == ("listed-open", "open", 1)
    assert listed(*rows(status="in_progress", conclusion=None, run_attempt=2), kept) == RunMark(
        kept.attempt, kept.updated_at, "listed-open", kept.started_at, 1
    )
    ended = listed(*rows(run_attempt=2), kept)
    assert ended is not None
    assert (ended.phase, ended.known, ended.detailed().known) == ("listed", 1, 2)


def test_a_session_is_a_value() -> None:
    assert Session(NAME, NOW - DAY, NOW, (), None) == open_session(NAME, order(1), Marks())
