"""The tail of the hypergeometric distribution, against exact counts and the library's."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from pipelinedoctor.stats.hypergeometric import tail


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, int, int, int]:
    m = draw(st.integers(0, 80))
    n, k = draw(st.integers(0, m)), draw(st.integers(0, m))
    return draw(st.integers(-1, m + 1)), n, k, m


@given(st.lists(cases(), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_it_is_the_share_of_ways(many: list[tuple[int, int, int, int]]) -> None:
    exact = [
        float(Fraction(sum(comb(k, i) * comb(m - k, n - i) for i in range(max(a, 0), min(n, k) + 1)), comb(m, n)))
        for a, n, k, m in many
    ]
    assert tail(*np.array(many).T).tolist() == pytest.approx(exact, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(
    "case",
    [(60, 5_000, 40_000, 3_000_000), (9, 4, 9, 20), (20_500, 200_000, 200_000, 2_000_000), (30, 1_000, 30, 100_000)],
)
def test_it_is_the_library_s_where_numbers_are_large(case: tuple[int, int, int, int]) -> None:
    a, n, k, m = case
    assert tail(*case) == pytest.approx(float(hypergeom.sf(a - 1, m, k, n)), rel=1e-7)


def test_one_number_goes_with_many() -> None:
    assert tail([[1], [2]], 2, 2, 4).tolist() == [[pytest.approx(5 / 6)], [pytest.approx(1 / 6)]]


@pytest.mark.parametrize("case", [(1, 5, 2, 4), (1, 2, 5, 4), (1, -1, 2, 4), (1, 2, -1, 4)])
def test_no_more_are_drawn_or_hit_than_there_are(case: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="more are drawn"):
        tail(*case)
