"""The control of false discoveries, against the library's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from pipelinedoctor.stats.discoveries import adjusted


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=20), st.integers(0, 30))
@settings(max_examples=100)
def test_a_family_counts_what_is_not_at_hand(p: list[float], more: int) -> None:
    whole = false_discovery_control([*p, *[1.0] * more])[: len(p)]
    assert adjusted(p, len(p) + more).tolist() == pytest.approx(whole.tolist())


def test_of_nothing_there_is_nothing() -> None:
    assert adjusted([], 0).tolist() == []
