"""Intervals and the posterior: known values, limits, and laws."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from pipelinedoctor.stats.posterior import flaky_probability, jeffreys, upper_bound_of_none


@pytest.mark.parametrize(("k", "n", "low", "high"), [(1, 10, 0.0110, 0.3813), (3, 10, 0.0927, 0.6058)])
def test_known_intervals(k: int, n: int, low: float, high: float) -> None:
    found = jeffreys(k, n)
    assert found[0] == pytest.approx(low, abs=1e-4)
    assert found[1] == pytest.approx(high, abs=1e-4)


def test_the_ends_close_where_nothing_or_all_failed() -> None:
    low, high = jeffreys([0, 10, 0], [10, 10, 0])
    assert low[0] == 0
    assert high[0] == pytest.approx(0.2172, abs=1e-4)
    assert low[1] == pytest.approx(1 - 0.2172, abs=1e-4)
    assert (high[1], low[2], high[2]) == (1, 0, 1)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_rate_and_agrees_with_the_beta_distribution(counts: tuple[int, int]) -> None:
    k, n = counts
    low, high = (float(end) for end in jeffreys(k, n))
    assert 0 <= low <= high <= 1
    if n:
        assert low <= k / n <= high
    if 0 < k < n:
        assert beta.cdf(low, k + 0.5, n - k + 0.5) == pytest.approx(0.025, abs=1e-9)
        assert beta.cdf(high, k + 0.5, n - k + 0.5) == pytest.approx(0.975, abs=1e-9)


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 2)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="between 0 and n"):
        jeffreys(k, n)


def test_nothing_seen_leaves_a_bound() -> None:
    assert upper_bound_of_none([0, 1, 40, 412]) == pytest.approx([1.0, 0.95, 0.0722, 0.00724], abs=1e-4)
    assert upper_bound_of_none(299_572) < 1e-5 < upper_bound_of_none(299_571)


def test_evidence_moves_the_prior_by_its_weights() -> None:
    assert flaky_probability(0, 0, 0, 0, 0.04) == pytest.approx(0.04)
    expected = 1 / (1 + math.exp(-(math.log(0.1 / 0.9) + 3.0 + 2 * 2.4 + 3 * 2.0 + 0.2)))
    assert flaky_probability(1, 2, 3, 1, 0.1) == pytest.approx(expected)


def test_each_kind_of_evidence_is_capped() -> None:
    assert flaky_probability(4, 5, 5, 5, 1e-9) == flaky_probability(400, 500, 500, 500, 1e-9)
    for kind, cap in enumerate((4, 5, 5, 5)):
        one_kind = [[float(count if place == kind else 0) for count in (cap - 1, cap, cap + 1)] for place in range(4)]
        contradicted, isolated, recurring, changes = one_kind
        below, at, above = flaky_probability(contradicted, isolated, recurring, changes, 1e-6)
        assert below < at == above
    assert flaky_probability(0, 0, 0, 1000, 0.1) < 0.5


def test_old_evidence_counts_in_part() -> None:
    expected = 1 / (1 + math.exp(-(math.log(0.1 / 0.9) + 3.0 * 0.5 + 2.4 * 0.25)))
    assert flaky_probability(0.5, 0.25, 0, 0, 0.1) == pytest.approx(expected)


Counts = tuple[int, int, int, int]
COUNTS = st.tuples(*[st.integers(0, 9)] * 4)


@settings(deadline=None, max_examples=60)
@given(COUNTS, COUNTS, st.floats(0.001, 0.5))
def test_more_evidence_never_lowers_the_probability(one: Counts, more: Counts, prior: float) -> None:
    less = flaky_probability(*one, prior)
    both = (one[0] + more[0], one[1] + more[1], one[2] + more[2], one[3] + more[3])
    assert prior <= less + 1e-12
    assert less <= flaky_probability(*both, prior)
