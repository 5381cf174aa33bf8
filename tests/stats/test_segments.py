import itertools
import math
from collections.abc import Iterable
from math import lgamma

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.stats.segments import ALPHA, BETA, BROKEN_PRIOR, PRIOR, Segment, segments

Counts = list[tuple[int, int]]

law = settings(deadline=None, max_examples=100)
count = st.integers(1, 3).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
counts = st.lists(count, max_size=25)
few = st.lists(count | st.sampled_from([(0, 30), (0, 1), (3, 3)]), min_size=1, max_size=9)
blocks = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30)), min_size=1, max_size=5)


def beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def value(parts: list[Counts]) -> float:
    """The log odds of a partition, straight from the model."""
    sums = [(sum(x for x, _ in part), sum(n for _, n in part)) for part in parts]
    evidence = sum(beta(ALPHA + x, BETA + n - x) - beta(ALPHA, BETA) for x, n in sums)
    broken = [Segment(0, 1, x, n).broken for x, n in sums]
    return evidence + sum(math.log(BROKEN_PRIOR if one or two else PRIOR) for one, two in itertools.pairwise(broken))


def split(part: Counts, cuts: Iterable[int]) -> list[Counts]:
    return [part[a:b] for a, b in itertools.pairwise([0, *cuts, len(part)])]


def cuts(part: Counts) -> list[int]:
    return [one.start for one in segments([x for x, _ in part], [n for _, n in part])][1:]


@law
@given(part=few)
def test_no_partition_is_better(part: Counts) -> None:
    places = range(1, len(part))
    every = [value(split(part, at)) for size in range(len(part)) for at in itertools.combinations(places, size)]

    assert value(split(part, cuts(part))) == pytest.approx(max(every))


@law
@given(blocks=blocks)
def test_reversing_mirrors_the_segments(blocks: list[tuple[int, int]]) -> None:
    part = [(x, 3) for x, length in blocks for _ in range(length)]
    there, back = cuts(part), [len(part) - cut for cut in reversed(cuts(part[::-1]))]

    # Not the cuts themselves: where two partitions are as good as each other, either may be given.
    assert value(split(part, there)) == pytest.approx(value(split(part, back)))


@pytest.mark.parametrize("middle", [[1] * 3, [1, 1, 0, 1, 1, 1], [1] * 30])
def test_reversing_mirrors_the_cuts(middle: list[int]) -> None:
    part = [(x, 1) for x in [0] * 60 + middle + [0, 0, 0, 0, 1] * 20]

    assert cuts(part)[:2] == [60, 60 + len(middle)]
    assert cuts(part[::-1]) == [len(part) - cut for cut in reversed(cuts(part))]


@law
@given(part=counts)
def test_segments_cover_all_positions_once(part: Counts) -> None:
    found = segments([x for x, _ in part], [n for _, n in part])

    assert [position for one in found for position in range(one.start, one.end)] == list(range(len(part)))
    assert [one.failures for one in found] == [sum(x for x, _ in part[one.start : one.end]) for one in found]
    assert [one.executions for one in found] == [sum(n for _, n in part[one.start : one.end]) for one in found]


@law
@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=50), failing=st.booleans())
def test_one_outcome_is_one_segment(lengths: list[int], failing: bool) -> None:
    assert len(segments([n if failing else 0 for n in lengths], lengths)) == 1


def test_nothing_has_no_segments() -> None:
    assert segments([], []) == []


def test_a_breakage_is_cut_out_at_its_commits() -> None:
    found = segments([0] * 50 + [1] * 5 + [0] * 50, [1] * 105)

    assert [(one.start, one.end, one.broken) for one in found] == [(0, 50, False), (50, 55, True), (55, 105, False)]


@pytest.mark.parametrize(
    ("passes", "fails", "parts"),
    [(40, 1, 1), (10, 2, 2), (5, 2, 1), (4, 3, 2), (1, 3, 1)],
)
def test_how_much_history_a_breakage_takes(passes: int, fails: int, parts: int) -> None:
    assert len(segments([0] * passes + [1] * fails, [1] * (passes + fails))) == parts


@pytest.mark.parametrize(("passes", "parts"), [(8, 1), (9, 2), (16, 2)])
def test_how_much_history_a_job_takes_that_began_to_fail_now_and_then(passes: int, parts: int) -> None:
    assert len(segments([0] * passes + [0, 1] * 12, [1] * (passes + 24))) == parts


def test_a_job_that_fails_now_and_then_is_one_segment() -> None:
    assert len(segments([0, 0, 1, 0, 0, 0, 1, 1, 0, 0] * 10, [1] * 100)) == 1


@pytest.mark.parametrize(
    ("failures", "executions", "broken"),
    [(3, 5, True), (59, 100, False), (1, 1, False), (2, 2, True), (0, 0, False)],
)
def test_broken_is_a_rate_of_six_tenths_and_two_failures(failures: int, executions: int, broken: bool) -> None:
    assert Segment(0, 1, failures, executions).broken is broken


@pytest.mark.parametrize(("failures", "executions"), [([1], [1, 1]), ([2], [1]), ([-1], [1])])
def test_counts_that_cannot_be(failures: list[int], executions: list[int]) -> None:
    with pytest.raises(ValueError, match="0 <= failures <= executions"):
        segments(failures, executions)
