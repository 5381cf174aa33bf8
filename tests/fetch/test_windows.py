import itertools
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.fetch.github.windows import CAP, Span, between, hidden, pieces, split

SECOND = timedelta(seconds=1)
ZERO = datetime(2020, 1, 1, tzinfo=UTC)
YEARS = 5 * 365 * 86_400


def at(seconds: int) -> datetime:
    return ZERO + seconds * SECOND


def halves(span: Span) -> tuple[Span, Span]:
    parts = split(span, CAP)
    assert parts is not None
    return parts


def leaves(span: Span, made: list[datetime]) -> list[tuple[Span, int]]:
    """What a fetch lists of runs made at these moments, newest first, each window with its total."""
    found: list[tuple[Span, int]] = []
    windows = [span]
    while windows:
        window = windows.pop()
        total = bisect_right(made, window.until) - bisect_left(made, window.since)
        parts = split(window, total)
        if parts:
            windows += reversed(parts)
        else:
            found.append((window, total))
    return found


@st.composite
def made_in(draw: st.DrawFn) -> tuple[Span, list[datetime]]:
    """A span, and moments in and around it that crowd in places, some of them in a single second."""
    since = draw(st.integers(0, YEARS))
    until = since + draw(st.integers(0, YEARS))
    crowds = draw(
        st.lists(
            st.tuples(st.integers(0, 2 * YEARS), st.integers(1, 1_500), st.sampled_from([0, 1, 60, 86_400])), max_size=4
        )
    )
    made = [at(start + number * step) for start, count, step in crowds for number in range(count)]
    return Span(at(since), at(until)), sorted(made)


@given(made_in())
@settings(deadline=None, max_examples=60)
def test_windows_cover_the_span_once_and_each_can_be_shown(case: tuple[Span, list[datetime]]) -> None:
    span, made = case
    found = leaves(span, made)
    assert found[0][0].until == span.until
    assert found[-1][0].since == span.since
    for (later, _), (earlier, _) in itertools.pairwise(found):
        assert later.since == earlier.until + SECOND
    for window, total in found:
        assert window.since <= window.until
        assert total < CAP or window.since == window.until
    inside = sum(span.since <= moment <= span.until for moment in made)
    assert sum(total for _, total in found) == inside


@given(st.integers(0, YEARS), st.integers(0, YEARS), st.integers(0, YEARS))
@settings(deadline=None, max_examples=60)
def test_inner_windows_are_the_same_wherever_the_span_ends(since: int, until: int, later: int) -> None:
    made = [at(number * 8_000) for number in range(2 * YEARS // 8_000)]
    short = Span(at(since), at(since + until))
    long = Span(at(since), at(since + until + later))
    inner = [window for window, _ in leaves(short, made) if window.until < short.until]
    assert set(inner) <= {window for window, _ in leaves(long, made)}


def test_cuts_lie_on_weeks_then_days_then_seconds() -> None:
    monday = datetime(2026, 1, 5, tzinfo=UTC)
    later, earlier = halves(Span(monday - timedelta(days=3), monday + timedelta(days=3)))
    assert (later.since, earlier.until) == (monday, monday - SECOND)
    later, _ = halves(Span(monday + timedelta(hours=1), monday + timedelta(hours=40)))
    assert later.since == monday + timedelta(days=1)
    later, earlier = halves(Span(monday + SECOND, monday + 2 * SECOND))
    assert later == Span(monday + 2 * SECOND, monday + 2 * SECOND)
    assert earlier == Span(monday + SECOND, monday + SECOND)


def test_what_can_be_shown_is_not_cut_and_a_second_cannot_be() -> None:
    day = Span(ZERO, ZERO + timedelta(days=1))
    assert split(day, CAP - 1) is None
    assert split(Span(ZERO, ZERO), 5_000) is None
    assert (hidden(CAP), hidden(CAP + 1), hidden(0)) == (0, 1, 0)


def test_a_span_is_spelled_as_the_search_wants_it() -> None:
    assert str(Span(ZERO, ZERO + timedelta(days=1) - SECOND)) == "2020-01-01T00:00:00Z..2020-01-01T23:59:59Z"
    offset = ZERO.astimezone(datetime.fromisoformat("2020-01-01T00:00:00+05:30").tzinfo)
    assert str(between(offset, offset)) == "2020-01-01T00:00:00Z..2020-01-01T00:00:00Z"
    assert between(ZERO + timedelta(microseconds=5), ZERO) == Span(ZERO, ZERO)
    assert between(ZERO + SECOND, ZERO) is None


@given(st.lists(st.integers(-50, 150), max_size=6))
@settings(deadline=None)
def test_pieces_end_where_earlier_fetches_ended_and_cover_the_span(ends: list[int]) -> None:
    span = Span(at(0), at(100))
    cut = pieces(span, [at(end) for end in [*set(ends)]])
    assert [piece.until for piece in cut] == [
        at(100),
        *(at(end) for end in sorted(set(ends), reverse=True) if 0 <= end < 100),
    ]
    assert cut[-1].since == span.since
    assert all(later.since == earlier.until + SECOND for later, earlier in itertools.pairwise(cut))


@pytest.mark.parametrize("total", [CAP, 10 * CAP])
def test_cutting_ends_at_single_seconds(total: int) -> None:
    span: Span | None = Span(ZERO, ZERO + timedelta(days=3_000))
    for _ in range(60):
        parts = split(span, total) if span else None
        if parts is None:
            break
        span = parts[0]
    assert span is not None
    assert span.since == span.until
