"""Windows that were listed before, put together with what is new."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.fetch.github.windows import Span, around, read_span

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MOMENTS = st.integers(0, 500).map(lambda seconds: START + seconds * SECOND)
SPANS = st.tuples(MOMENTS, MOMENTS).map(lambda pair: Span(min(pair), max(pair)))


@given(SPANS, st.lists(SPANS, max_size=6))
def test_every_second_is_in_exactly_one_part_and_leaves_stay_whole(span: Span, leaves: list[Span]) -> None:
    parts = around(span, leaves)
    assert parts == sorted(parts, reverse=True)
    for later, earlier in itertools.pairwise(parts):
        assert earlier.until == later.since - SECOND
    assert parts[0].until == span.until
    assert parts[-1].since <= span.since
    assert all(part in leaves or span.since <= part.since for part in parts)


@given(SPANS, st.lists(SPANS, max_size=6))
def test_leaves_that_do_not_overlap_are_all_taken(span: Span, leaves: list[Span]) -> None:
    apart: list[Span] = []
    for leaf in leaves:
        if all(leaf.until < other.since or other.until < leaf.since for other in apart):
            apart.append(leaf)
    inside = [leaf for leaf in apart if span.since <= leaf.until <= span.until]
    assert set(inside) <= set(around(span, apart))


@given(SPANS)
def test_a_span_is_read_as_it_is_written(span: Span) -> None:
    assert read_span(str(span)) == span
