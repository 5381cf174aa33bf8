import itertools
import math
from collections.abc import Iterable
from math import lgamma

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.stats.segments import (
    ALPHA,
    BETA,
    BROKEN_PRIOR,
    PRIOR,
    TAIL,
    Segment,
    border_interval,
    can_break,
    segments,
)

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


@law
@given(part=counts)
def test_what_cannot_break_has_no_broken_segment(part: Counts) -> None:
    fails, runs = [x for x, _ in part], [n for _, n in part]
    every = [
        Segment(a, b, sum(fails[a:b]), sum(runs[a:b])).broken
        for a, b in itertools.combinations(range(len(part) + 1), 2)
    ]

    assert can_break(fails, runs) is any(every)
    assert can_break(fails, runs) or not any(one.broken for one in segments(fails, runs))


def interval(part: Counts, border: int) -> tuple[int, int, int]:
    return border_interval([x for x, _ in part], [n for _, n in part], 0, len(part), border)


parted = st.lists(count, min_size=2, max_size=25).flatmap(
    lambda part: st.tuples(st.just(part), st.integers(1, len(part) - 1))
)


def posterior(part: Counts) -> dict[int, float]:
    """The probability of each border, straight from the model."""
    sums = {
        k: [(sum(x for x, _ in one), sum(n for _, n in one)) for one in (part[:k], part[k:])]
        for k in range(1, len(part))
    }
    odds = {
        k: math.exp(sum(beta(ALPHA + x, BETA + n - x) - beta(ALPHA, BETA) for x, n in both)) for k, both in sums.items()
    }
    return {k: one / sum(odds.values()) for k, one in odds.items()}


@law
@given(of=parted)
def test_the_interval_of_a_border_is_that_of_its_posterior(of: tuple[Counts, int]) -> None:
    part, border = of
    share = posterior(part)
    earliest, latest, likeliest = interval(part, border)

    assert earliest <= min(likeliest, border)
    assert latest >= max(likeliest, border)
    assert share[likeliest] == pytest.approx(max(share.values()))
    assert sum(one for k, one in share.items() if k < earliest) <= TAIL + 1e-6
    assert sum(one for k, one in share.items() if k > latest) <= TAIL + 1e-6
    assert earliest in (likeliest, border) or sum(one for k, one in share.items() if k <= earliest) > TAIL - 1e-6
    assert latest in (likeliest, border) or sum(one for k, one in share.items() if k >= latest) > TAIL - 1e-6


@law
@given(of=parted)
def test_reversing_mirrors_the_interval_of_a_border(of: tuple[Counts, int]) -> None:
    part, border = of
    earliest, latest, likeliest = interval(part, border)
    mirrored = interval(part[::-1], len(part) - border)

    assert (
        mirrored[:2] == (len(part) - latest, len(part) - earliest) or len(set(posterior(part).values())) < len(part) - 1
    )
    assert posterior(part)[len(part) - mirrored[2]] == pytest.approx(posterior(part)[likeliest])


@law
@given(failing=st.integers(1, 3), of=st.integers(4, 6), length=st.integers(2, 10), times=st.integers(2, 5))
def test_more_executions_do_not_widen_the_interval_of_a_border(failing: int, of: int, length: int, times: int) -> None:
    part = [(0, of)] * length + [(failing, of)] * length
    more = [(x * times, n * times) for x, n in part]
    (first, last, _), (first_of_more, last_of_more, likeliest) = interval(part, length), interval(more, length)

    assert first <= first_of_more <= last_of_more <= last
    assert likeliest == length


def test_what_fails_three_times_of_four_has_a_wider_interval_than_what_always_fails() -> None:
    passed = [(0, 1)] * 40
    (always, until, _), (partly, last, likeliest) = (
        interval([*passed, *[(x, 1) for x in fails]], 40) for fails in ([1] * 20, [1, 1, 1, 0] * 5)
    )

    assert likeliest == 40
    assert partly < 38 < always
    assert until - always < last - partly


@pytest.mark.parametrize(("start", "end", "border"), [(0, 3, 0), (0, 3, 3), (-1, 3, 1), (0, 4, 1)])
def test_a_border_lies_between_its_segments(start: int, end: int, border: int) -> None:
    with pytest.raises(ValueError, match="between"):
        border_interval([0, 0, 1], [1, 1, 1], start, end, border)
