"""The ledger: the primary cause first, equal claims equally, and the laws that forbid counting twice."""

from collections.abc import Sequence
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.stats.ledger import shares

Claim = tuple[int, str, int, float]
KEY = ("host", "job_id")
NEARLY = 1e-9


def frame(claims: Sequence[Claim]) -> pl.DataFrame:
    columns = {"job_id": pl.Int64, "finding": pl.String, "rank": pl.Int64, "claimed": pl.Float64}
    made = pl.DataFrame([list(claim) for claim in claims], schema=columns, orient="row")
    return made.with_columns(pl.lit("h").alias("host"))


def owned(claims: Sequence[Claim]) -> dict[tuple[int, str], float]:
    made = shares(frame(claims), KEY)
    return {(job, finding): own for job, finding, own in made.select("job_id", "finding", "own").iter_rows()}


def test_who_is_alone_gets_what_it_claims() -> None:
    assert owned([(1, "a", 3, 1.0), (2, "a", 3, 0.25)]) == {(1, "a"): 1.0, (2, "a"): 0.25}


def test_the_primary_cause_comes_first() -> None:
    assert owned([(1, "outage", 0, 1.0), (1, "job", 3, 1.0)]) == {(1, "outage"): 1.0, (1, "job"): 0.0}


def test_a_job_keeps_what_no_test_explains() -> None:
    claims = [(1, "test", 2, 0.25), (1, "another", 2, 0.25), (1, "job", 3, 1.0)]
    assert owned(claims) == {(1, "test"): 0.25, (1, "another"): 0.25, (1, "job"): 0.5}


def test_equal_rank_is_divided_equally() -> None:
    made = owned([(1, name, 3, 1.0) for name in "abc"])
    assert made == {(1, name): pytest.approx(1 / 3) for name in "abc"}


def test_two_claims_of_one_finding_are_one() -> None:
    assert owned([(1, "a", 3, 0.5), (1, "a", 2, 1.0), (1, "b", 2, 1.0)]) == {(1, "a"): 0.5, (1, "b"): 0.5}


def test_nobody_claims_nothing() -> None:
    assert shares(frame([]), KEY).is_empty()


claims = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from("abcdef"), st.integers(0, 4), st.floats(0, 1)), max_size=30
)
minutes = st.lists(st.integers(0, 400), min_size=4, max_size=4)


@given(claims, minutes)
def test_findings_never_count_more_than_was_claimed_and_than_ran(made: list[Claim], ran: list[int]) -> None:
    own = owned(made)
    by_job = {job: sum(share for (of, _), share in own.items() if of == job) for job, _ in own}
    assert all(total <= 1 + NEARLY for total in by_job.values())
    attributed = sum(share * ran[job - 1] for (job, _), share in own.items())
    claimed = sum(ran[job - 1] for job in by_job)
    assert attributed <= claimed + NEARLY <= sum(ran) + 2 * NEARLY


@given(claims)
def test_no_share_is_negative_or_beyond_the_claim(made: list[Claim]) -> None:
    for (job, finding), share in owned(made).items():
        assert 0 <= share <= max(one[3] for one in made if (one[0], one[1]) == (job, finding))


@given(claims, st.tuples(st.integers(1, 4), st.just("new"), st.integers(0, 4), st.floats(0, 1)))
def test_one_more_finding_raises_no_others_share(made: list[Claim], new: Claim) -> None:
    before, after = owned(made), owned([*made, new])
    assert all(after[key] <= share + NEARLY for key, share in before.items())


@given(claims, st.randoms())
def test_the_order_of_claims_means_nothing(made: list[Claim], chance: Random) -> None:
    mixed = list(made)
    chance.shuffle(mixed)
    assert shares(frame(made), KEY).equals(shares(frame(mixed), KEY))
