"""None for a while, or more than there was: held against sums, counting, and draws."""

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.stats.recency import chance_of_as_many, chance_of_none


@given(st.integers(0, 50), st.integers(0, 200), st.integers(0, 300))
def test_the_chance_of_none_is_the_product_of_the_single_ones(k: int, passed: int, more: int) -> None:
    n, expected = k + passed, 1.0
    for i in range(more):
        expected *= (passed + 0.5 + i) / (n + 1 + i)
    assert float(chance_of_none(k, n, more)) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_the_chance_of_none_falls_with_each_trial_and_each_event() -> None:
    falling = chance_of_none(5, 100, [0, 1, 10, 100])
    assert falling[0] == 1
    assert list(falling) == sorted(falling, reverse=True)
    assert list(chance_of_none([0, 5, 50], 100, 30)) == sorted(chance_of_none([0, 5, 50], 100, 30), reverse=True)


def test_more_events_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and n"):
        chance_of_none(3, 2, 1)


@given(st.integers(0, 7), st.integers(0, 7), st.integers(0, 7))
def test_the_chance_of_as_many_is_what_counting_gives(k: int, newer_n: int, newer_k: int) -> None:
    n = 7
    ways = [sum(one < newer_n for one in chosen) for chosen in combinations(range(n), k)]
    expected = sum(hits >= newer_k for hits in ways) / math.comb(n, k)
    assert float(chance_of_as_many(k, n, newer_k, newer_n)) == pytest.approx(expected, abs=1e-9)
