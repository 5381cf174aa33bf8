import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.errors import StoreError
from pipelinedoctor.fetch.github.session import LOOK_BACK, Session, open_session
from pipelinedoctor.fetch.github.windows import Span
from pipelinedoctor.fetch.interface import Mark, Order

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


def listed(session: Session) -> list[Mark]:
    """The marks of all windows of a session having been listed whole, and of its end."""
    return [*(Mark(kind="leaf", key=f"{NAME} {span}", value="[]") for span in session.spans()), *session.closed()]


def test_windows_that_were_listed_are_asked_for_under_their_names_and_only_what_is_new_besides() -> None:
    marks = Marks()
    first = open_session(NAME, order(20), marks)
    marks.write(*listed(first))
    second = open_session(NAME, order(20, NOW + DAY), marks)
    assert second.spans() == [Span(NOW + SECOND, NOW + DAY), *first.spans()]
    assert second.fresh() == [Span(NOW - DAY, NOW + DAY)]
    marks.write(*listed(second))
    third = open_session(NAME, order(20, NOW + 2 * DAY), marks)
    assert third.spans() == [Span(NOW + DAY + SECOND, NOW + 2 * DAY), *second.spans()]


def test_fetches_of_one_day_leave_one_window() -> None:
    marks = Marks()
    until = NOW + timedelta(hours=1)
    marks.write(*listed(open_session(NAME, order(20, until), marks)))
    for hour in range(2, 12):
        session = open_session(NAME, order(20, NOW + timedelta(hours=hour)), marks)
        assert len(session.spans()) == 2
        for name in list(marks.all("leaf")):
            if name.removeprefix(f"{NAME} ") not in map(str, session.spans()):
                marks.write(Mark(kind="leaf", key=name, value=None))
        marks.write(*listed(session))


def test_a_window_older_than_what_can_change_is_left_alone() -> None:
    marks = Marks()
    old = open_session(NAME, order(20), marks)
    marks.write(*listed(old))
    late = open_session(NAME, order(20, NOW + 40 * DAY), marks)
    marks.write(*listed(late))
    again = open_session(NAME, order(20, NOW + 80 * DAY), marks)
    assert again.spans() == [Span(NOW + 40 * DAY + SECOND, NOW + 80 * DAY), late.spans()[0]]


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
    marks = Marks()
    marks.write(Mark(kind="leaf", key=f"{NAME} {value}", value="[]"))
    with pytest.raises(StoreError, match="mark leaf of acme/shop"):
        open_session(NAME, order(1), marks)


def test_a_session_is_a_value() -> None:
    assert Session(NAME, NOW - DAY, NOW, (), None) == open_session(NAME, order(1), Marks())
