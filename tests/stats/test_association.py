"""Associations against a count by hand, and the laws: order is nothing, health gives nothing, what is planted is found."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from math import comb
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from pipelinedoctor.stats.association import Claim, Counted, associations, at_least, least, tried
from pipelinedoctor.stats.axes import SEVERAL

DAY = date(2026, 1, 1)
BY = Counted(unit=("repo", "test"), place=("repo", "job"), axes={"os": 1.0, "label": 1.0})
CLAIM = Claim()

Execution = tuple[str, str | None, str | None]
"""Job, operating system, labels."""


def executions(rows: Sequence[Execution]) -> pl.DataFrame:
    schema = {"job": pl.String(), "os": pl.String(), "label": pl.String()}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(repo=pl.lit("r"))


def failures(rows: list[tuple[str, int]], ran: pl.DataFrame) -> pl.DataFrame:
    """Tests with the number of the execution in which each failed; every execution has a day of its own."""
    numbered = (
        ran.with_row_index("at")
        .with_columns(pl.col("at").cast(pl.Int64))
        .with_columns(day=pl.lit(DAY) + pl.duration(days="at"))
    )
    failed = pl.DataFrame(rows, schema={"test": pl.String(), "at": pl.Int64()}, orient="row")
    return failed.join(numbered, on="at")


def pairs(*rows: tuple[str, str]) -> pl.DataFrame:
    schema = {"test": pl.String(), "job": pl.String()}
    return pl.DataFrame(list(rows), schema=schema, orient="row").with_columns(repo=pl.lit("r"))


NOWHERE = pairs()
SYSTEMS: Sequence[Execution] = [*[("a", "Windows", "w")] * 60, *[("a", "Linux", "l")] * 340]
WINDOWS = [("t", at) for at in (*range(11), *range(60, 69))]


def test_a_test_that_fails_on_windows() -> None:
    ran = executions(SYSTEMS)
    found = tried(failures(WINDOWS, ran), ran, NOWHERE, BY, CLAIM)
    (best,) = associations(found, BY.unit, CLAIM).rows(named=True)
    p = hypergeom.sf(10, 400, 20, 60)
    assert (best["axis"], best["value"]) == ("os", "Windows")  # the label says the same, and comes second
    assert (best["failing_in"], best["runs_in"], best["failing_out"], best["runs_out"]) == (11, 60, 9, 340)
    assert best["lift"] == pytest.approx(11 / 60 / (9 / 340))
    assert best["p"] == pytest.approx(p)
    assert best["q"] == pytest.approx(
        2 * p
    )  # two values share the weight, and the label, which says the same, comes second
    assert len(found) == 4


def test_what_never_fails_elsewhere_has_no_lift() -> None:
    ran = executions(SYSTEMS)
    found = associations(tried(failures(WINDOWS[:5], ran), ran, NOWHERE, BY, CLAIM), BY.unit, CLAIM)
    assert found.select("value", "lift", "failing_out").rows() == [("Windows", None, 0)]


@pytest.mark.parametrize("stricter", [Claim(level=1e-9), Claim(lift=8), Claim(failures=12), Claim(days=12)], ids=repr)
def test_each_part_of_the_claim_is_needed(stricter: Claim) -> None:
    ran = executions(SYSTEMS)
    assert associations(tried(failures(WINDOWS, ran), ran, NOWHERE, BY, stricter), BY.unit, stricter).is_empty()


def test_failures_of_one_day_are_one_story() -> None:
    ran = executions(SYSTEMS)
    same = failures(WINDOWS, ran).with_columns(day=pl.lit(DAY))
    assert associations(tried(same, ran, NOWHERE, BY, CLAIM), BY.unit, CLAIM).is_empty()


def test_passes_of_other_jobs_count_only_where_the_test_runs() -> None:
    ran = executions([("a", "Windows", None)] * 60 + [("b", "Linux", None)] * 340)
    failed = failures([("t", at) for at in range(6)], ran)
    assert tried(failed, ran, NOWHERE, BY, CLAIM).is_empty()  # all it has is Windows
    (best,) = tried(failed, ran, pairs(("t", "b"), ("other", "b")), BY, CLAIM).rows(named=True)
    assert (best["failing_in"], best["runs_in"], best["failing_out"], best["runs_out"]) == (6, 60, 0, 340)


def test_of_several_values_each_counts_and_what_is_unknown_counts_nowhere() -> None:
    gpu = SEVERAL.join(("gpu", "linux"))
    ran = executions([("a", None, gpu)] * 50 + [("a", None, "linux")] * 100 + [("a", None, None)] * 500)
    found = tried(failures([("t", at) for at in (0, 1, 2, 3, 4, 5, 200)], ran), ran, NOWHERE, BY, CLAIM)
    (best,) = found.filter(pl.col("value") == "gpu").rows(named=True)
    assert (best["failing_in"], best["runs_in"], best["failing_out"], best["runs_out"]) == (6, 50, 0, 100)


def test_more_failures_than_executions_are_refused() -> None:
    ran = executions(SYSTEMS)
    failed = failures(WINDOWS, ran)
    with pytest.raises(ValueError, match="more executions"):
        tried(pl.concat([failed] * 40), ran, NOWHERE, BY, CLAIM)


def test_nothing_in_nothing_out() -> None:
    ran = executions(SYSTEMS)
    none = failures([], ran)
    found = tried(none, ran, NOWHERE, BY, CLAIM)
    assert found.is_empty()
    assert associations(found, BY.unit, CLAIM).columns[-3:] == ["lift", "p", "q"]


History = tuple[list[Execution], list[tuple[str, int]], list[tuple[str, str]]]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Blocks of like executions, of which each test fails in the first few."""
    labels = st.sampled_from([None, "x", "y", f"x{SEVERAL}y"])
    execution = st.tuples(st.sampled_from("ab"), st.sampled_from([None, "Linux", "Windows", "macOS"]), labels)
    block = st.tuples(execution, st.integers(1, 30), *[st.integers(0, 8)] * 3)
    ran: list[Execution] = []
    failed: list[tuple[str, int]] = []
    for one, number, *hits in draw(st.lists(block, min_size=1, max_size=6)):
        failed += [
            (test, len(ran) + at) for test, hit in zip("tuv", hits, strict=True) for at in range(min(hit, number))
        ]
        ran += [one] * number
    return ran, failed, draw(st.lists(st.tuples(st.sampled_from("tuv"), st.sampled_from("ab")), unique=True))


def by_hand(ran: list[Execution], failed: list[tuple[str, int]], known: list[tuple[str, str]]) -> list[tuple[Any, ...]]:
    """Test, axis, value, four counts, p and how many values share the axis, of all that is asked; the slow way."""
    found = []
    for test in sorted({test for test, _ in failed}):
        mine = {at for name, at in failed if name == test}
        jobs = {ran[at][0] for at in mine} | {job for name, job in known if name == test}
        same: set[tuple[Any, ...]] = set()
        for axis, place in (("os", 1), ("label", 2)):
            here = [
                (at, one[0], str(one[place]).split(SEVERAL))
                for at, one in enumerate(ran)
                if one[0] in jobs and one[place]
            ]
            k, m = sum(at in mine for at, _, _ in here), len(here)
            asked = []
            for value in sorted({value for _, _, values in here for value in values}):
                having = [(at, job) for at, job, values in here if value in values]
                whole = {job: sum(job == each for _, each, _ in here) for job in jobs}
                places = Counter(job for _, job in having)
                in_part = any(number < whole[job] for job, number in places.items())
                what = (axis, value) if in_part else (frozenset(places.items()), m)
                a, n = sum(at in mine for at, _ in having), len(having)
                could = min(k, n) >= 3 and n < m and hypergeom.sf(min(k, n) - 1, m, k, n) <= 0.05 + 1e-9
                if could and len(mine) >= 3 and what not in same:
                    p = hypergeom.sf(a - 1, m, k, n) if a * m > n * k else 1.0
                    asked.append((test, axis, value, a, n, k - a, m - n, min(p, 1.0)))
                same.add(what)
            found += [(*one, len(asked)) for one in asked]
    return found


@given(histories())
@settings(max_examples=200, deadline=None)
def test_counts_p_and_q_are_those_of_a_count_by_hand(history: History) -> None:
    rows, failed, known = history
    ran = executions(rows)
    found = tried(failures(failed, ran), ran, pairs(*known), BY, CLAIM)
    every = by_hand(rows, failed, known)
    questions = len({row[:2] for row in every})
    seen = sorted((row for row in every if row[3]), key=lambda row: row[7] * row[8])
    told, least_yet = [], 1.0
    for rank, row in reversed(list(enumerate(seen, 1))):
        least_yet = min(least_yet, row[7] * row[8] * questions / rank)
        told.append((*row[:8], max(least_yet, row[7])))
    told.sort()
    columns = ("test", "axis", "value", "failing_in", "runs_in", "failing_out", "runs_out", "p", "q")
    got = found.select(columns).sort("test", "axis", "value")
    assert got.drop("p", "q").rows() == [row[:-2] for row in told]
    assert got["p"].to_list() == pytest.approx([row[-2] for row in told])
    assert got["q"].to_list() == pytest.approx([row[-1] for row in told])


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_is_nothing(history: History, random: Any) -> None:
    rows, failed, known = history
    ran = executions(rows)
    frames = (failures(failed, ran), ran, pairs(*known))
    seed = random.randrange(1000)
    failed_so, ran_so, known_so = (frame.sample(fraction=1, shuffle=True, seed=seed) for frame in frames)
    assert tried(failed_so, ran_so, known_so, BY, CLAIM).equals(tried(*frames, BY, CLAIM))


@given(st.integers(1, 60), st.data())
@settings(max_examples=200)
def test_the_least_p_is_that_of_all_there_is_room_for(total: int, data: st.DataObject) -> None:
    inside, hits = (data.draw(st.integers(1, total)) for _ in range(2))
    few, many = min(inside, hits), max(inside, hits)
    one = tuple(pl.Series([number]) for number in (inside, hits, total))
    assert least(*one)[0] == pytest.approx(comb(total - few, many - few) / comb(total, many))
    assert least(*one)[0] <= at_least(pl.Series([data.draw(st.integers(0, few))]), *one)[0] + 1e-12


def fleet(seed: int, risk: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """300 flaky tests of four jobs, 1,500 executions; every third test fails `risk` times as often on Windows."""
    random = np.random.default_rng(seed)
    ran = executions(
        [
            (f"j{random.integers(4)}", str(random.choice(["Linux", "Windows", "macOS"], p=[0.7, 0.2, 0.1])), None)
            for _ in range(1500)
        ]
    ).with_columns(label=pl.Series(random.choice([f"hour {hour}" for hour in range(6)], 1500)))
    windows = (ran["os"] == "Windows").to_numpy()
    rows: list[tuple[str, int]] = []
    for number in range(300):
        chance = min(0.12, 10 ** random.normal(-2.0, 0.5))
        weight = np.where(windows & (number % 3 == 0), risk, 1.0)
        rows += [(f"t{number:03}", int(at)) for at in np.flatnonzero(random.random(1500) < chance * weight)]
    return failures(rows, ran), ran


def score(risk: float, seeds: range) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in seeds:
        failed, ran = fleet(seed, risk)
        every = tried(failed, ran, NOWHERE, BY, CLAIM)
        found = associations(every, BY.unit, CLAIM)
        raw = every.filter(pl.col("p") <= CLAIM.level).unique("test", keep="first", maintain_order=True)
        often = failed.group_by("test").len().filter(pl.col("len") >= 3)["test"]
        planted = {test for test in often if int(test[1:]) % 3 == 0 and risk > 1}
        right, raw_right = (
            len({test for test, value in frame.select("test", "value").iter_rows() if value == "Windows"} & planted)
            for frame in (found, raw)
        )
        counts += Counter(claimed=len(found), right=right, planted=len(planted), families=int(len(found) > 0))
        counts += Counter(raw=len(raw), raw_right=raw_right)
    return counts


def test_what_is_planted_is_found() -> None:
    counts = score(4.5, range(5))
    assert counts["right"] >= 0.95 * counts["claimed"]
    assert counts["right"] >= 0.55 * counts["planted"]
    assert counts["raw_right"] < 0.8 * counts["raw"]  # every p of 0.05 taken at its word


def test_health_gives_nothing() -> None:
    """With nothing to be found any claim is false: a share of `level` of the families may make one."""
    assert score(1.0, range(25))["families"] <= 4  # more has a chance of 1 in 100 at the level, and it is below it
