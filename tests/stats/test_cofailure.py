"""What fails together: found where it is planted, not where it is not, whatever the order of rows."""

from collections import Counter, defaultdict
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.stats.cofailure import LARGEST, Bond, groups

UNIT, SCOPE = ("repo", "test"), ("repo",)
SCHEMA = {"repo": pl.Int64(), "test": pl.String(), "occasion": pl.Int64()}
BOND = Bond()
Rows = list[tuple[int, str, int]]


def grouped(rows: Rows, occasions: int = 400, bond: Bond = BOND) -> pl.DataFrame:
    totals = pl.DataFrame({"repo": list(range(4)), "occasions": [occasions] * 4})
    return groups(pl.DataFrame(rows, schema=SCHEMA, orient="row"), totals, UNIT, SCOPE, bond)


def failed(test: str, *occasions: int, repo: int = 0) -> Rows:
    return [(repo, test, occasion) for occasion in occasions]


def test_three_that_fail_together_and_one_that_does_not() -> None:
    rows = [*failed("a", 1, 2, 3, 4), *failed("b", 1, 2, 3), *failed("c", 2, 3, 4, 9), *failed("d", 5, 6, 7)]
    assert grouped(rows).rows() == [(0, 0, "a", 3, 4, 4), (0, 0, "b", 3, 3, 3), (0, 0, "c", 3, 4, 3)]


def test_two_groups_the_bigger_first() -> None:
    rows = [*failed("a", 1, 2, 3), *failed("b", 1, 2, 3), *(row for test in "xyz" for row in failed(test, 7, 8, 9))]
    assert grouped(rows).select("group", "test").rows() == [(0, "x"), (0, "y"), (0, "z"), (1, "a"), (1, "b")]


def test_repositories_have_no_occasion_in_common() -> None:
    assert grouped([*failed("a", 1, 2, 3), *failed("a", 1, 2, 3, repo=1)]).is_empty()


@pytest.mark.parametrize(
    ("rows", "occasions"),
    [
        ([*failed("a", 1, 2), *failed("b", 1, 2)], 400),  # too few failures
        ([*failed("a", 1, 2, 3), *failed("b", 1, 8, 9)], 100_000),  # only once together
        ([*failed("a", *range(30)), *failed("b", *range(20, 50))], 50),  # both fail all the time
        (
            [*failed("a", *range(3)), *failed("b", *range(60))],
            4_000,
        ),  # the one hardly ever without the other, but not back
    ],
)
def test_what_is_no_bond(rows: Rows, occasions: int) -> None:
    assert grouped(rows, occasions).is_empty()


def test_attempts_of_one_run_are_one_occasion() -> None:
    once = [*failed("a", 1, 2, 3), *failed("b", 1, 2, 3)]
    assert grouped(once * 2).equals(grouped(once))


def test_a_chain_is_cut_and_what_hangs_together_is_not() -> None:
    """A group through and through may be of any size; a chain of groups that touch is cut at its weakest."""
    whole = [row for number in range(LARGEST + 10) for row in failed(f"w{number:02}", 1, 2, 3, 4)]
    assert len(grouped(whole, 4_000)) == LARGEST + 10
    chain: Rows = []
    for link in range(12):
        for number in range(6):
            chain += failed(f"c{link:02}{number}", *range(link * 20, link * 20 + 12))
        shared = range(link * 20 + 9, link * 20 + 9 + 3)
        chain += failed(f"d{link:02}", *shared, *range(link * 20 + 20, link * 20 + 23))
    found = grouped(chain, 4_000)
    assert max(found.group_by("group").len()["len"].to_list()) <= LARGEST
    for link in range(12):
        mine = found.filter(pl.col("test").str.starts_with(f"c{link:02}"))
        assert (len(mine), mine["group"].n_unique()) == (6, 1)


def planted(seed: int) -> tuple[Rows, dict[str, int]]:
    """A repository with 12 clusters that fire together at 0.85, and 80 tests on their own, in 1,000 runs."""
    random = np.random.default_rng(seed)
    rows: Rows = []
    cluster: dict[str, int] = {}
    for number in range(92):
        chance = min(0.1, 10 ** random.normal(-2.3, 0.5))
        fired = np.flatnonzero(random.random(1000) < chance)
        for member in range(2 + int(random.geometric(1 / 6)) if number < 12 else 1):
            name = f"t{number:02}-{member:02}"
            cluster[name] = number
            rows += failed(name, *(int(at) for at in fired if number >= 12 or random.random() < 0.85))
    return rows, cluster


def together(names: dict[Any, list[str]]) -> set[tuple[str, str]]:
    return {pair for members in names.values() for pair in combinations(sorted(members), 2)}


def test_what_is_planted_is_found_and_nothing_else() -> None:
    counts: Counter[str] = Counter()
    for seed in range(5):
        rows, cluster = planted(seed)
        often = {test for test, number in Counter(test for _, test, _ in rows).items() if number >= BOND.failures}
        truth, told = defaultdict(list), defaultdict(list)
        for test in often:
            truth[cluster[test]].append(test)
        for group, test in grouped(rows, 1000).select("group", "test").iter_rows():
            told[group].append(test)
        right = together(truth) & together(told)
        counts += Counter(right=len(right), told=len(together(told)), planted=len(together(truth)))
    assert counts["right"] >= 0.99 * counts["told"]  # q is 0.01
    assert counts["right"] >= 0.9 * counts["planted"]


tests = st.tuples(st.integers(0, 1), st.sampled_from("abcde"), st.integers(0, 12))


@given(st.lists(tests, max_size=80), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_rows_is_nothing_and_counts_are_right(rows: Rows, random: Any) -> None:
    found = grouped(rows)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert grouped(shuffled).equals(found)
    of = {(repo, test): {at for a, b, at in rows if (a, b) == (repo, test)} for repo, test, _ in rows}
    for row in found.iter_rows(named=True):
        others = found.filter(pl.col("group") == row["group"]).select("repo", "test").rows()
        mine = (row["repo"], row["test"])
        assert (row["members"], row["failures"]) == (len(others), len(of[mine]))
        assert row["shared"] == len(of[mine] & set().union(*(of[other] for other in others if other != mine)))
