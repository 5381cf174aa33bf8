"""Spans of time small enough for a search that shows at most its first 1,000 results. Pure.

GitHub cuts a longer list off without a word, so a window that holds more is cut in two, down to a single second.
Cuts lie where the clock is roundest: on a week that is a multiple of the highest power of two weeks in the window,
or else so on a day, or else on a second. Wherever a fetch begins and ends, its inner windows are then the same ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CAP = 1_000
"""Most results a search shows."""

_SECOND = timedelta(seconds=1)
_GRIDS = (timedelta(weeks=1), timedelta(days=1), _SECOND)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A span of whole seconds in UTC, both ends included."""

    since: datetime
    until: datetime

    def __str__(self) -> str:
        """The span as GitHub's search syntax for ranges has it."""
        return f"{stamp(self.since)}..{stamp(self.until)}"

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies in the span."""
        return self.since <= moment < self.until + _SECOND


def stamp(moment: datetime) -> str:
    """A moment as the forge spells it, to the second: `2026-01-31T23:59:59Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def split(span: Span, total: int) -> tuple[Span, Span] | None:
    """The later and the earlier part of a span that holds `total` results; None where it is to be listed whole.

    It is listed whole when all of it is shown, or when it is a single second.
    """
    if total < CAP or span.until <= span.since:
        return None
    cut = _roundest(span)
    return Span(cut, span.until), Span(span.since, cut - _SECOND)


def hidden(total: int) -> int:
    """How many of `total` results a list does not show."""
    return max(0, total - CAP)


def between(since: datetime, until: datetime) -> Span | None:
    """The span of whole seconds from `since` to `until`; None where there is none."""
    first, last = (moment.astimezone(UTC).replace(microsecond=0) for moment in (since, until))
    return Span(first, last) if first <= last else None


def pieces(span: Span, ends: list[datetime]) -> list[Span]:
    """A span cut after each of `ends` that lies inside, newest piece first.

    A fetch that goes on with an earlier one so finds that one's windows again, under their old names.
    """
    cuts = [span.until, *sorted((end for end in ends if span.since <= end < span.until), reverse=True)]
    starts = [*(cut + _SECOND for cut in cuts[1:]), span.since]
    return [Span(start, end) for start, end in zip(starts, cuts, strict=True)]


def around(span: Span, leaves: Iterable[Span]) -> list[Span]:
    """A span as `leaves` and what lies between them, newest first; a leaf that only reaches into it is whole.

    Of leaves that overlap, the one that ends last is taken.
    """
    found: list[Span] = []
    end = span.until
    for leaf in sorted(leaves, key=lambda leaf: (leaf.until, leaf.since), reverse=True):
        if leaf.until > end or leaf.until < span.since:
            continue
        found += [Span(leaf.until + _SECOND, end)] if leaf.until < end else []
        found.append(leaf)
        end = leaf.since - _SECOND
    return found + ([Span(span.since, end)] if span.since <= end else [])


def read_span(text: str) -> Span:
    """The span that `str` wrote. Raises `ValueError`."""
    since, _, until = text.partition("..")
    return Span(datetime.fromisoformat(since), datetime.fromisoformat(until))


def _roundest(span: Span) -> datetime:
    """The roundest moment after the first second of `span` and not after its last."""
    for grid in _GRIDS:
        before, last = (span.since - _MONDAY) // grid, (span.until - _MONDAY) // grid
        if before < last:
            # The number in (before, last] with the most zeros at its end: keep what both have in common.
            bit = (before ^ last).bit_length() - 1
            return _MONDAY + (last >> bit << bit) * grid
    raise ValueError(f"a single second cannot be cut: {span}")
