import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.stats.breakages import Breakage, Stretch, breakages, commits_between, stretches


def of(letters: str, job: str = "a") -> list[Stretch]:
    """Stretches of one execution a run: s passed, f failed, `.` did not run."""
    ran = [(i, letter) for i, letter in enumerate(letters) if letter != "."]
    return stretches(job, [i for i, _ in ran], [int(letter == "f") for _, letter in ran], [1] * len(ran))


def test_a_breakage_that_lasts() -> None:
    (one,) = of("s" * 20 + "fff")

    assert (one.cleared, one.first, one.last, one.passed) == (19, 20, 22, None)
    assert (one.failing, one.runs, one.failures, one.executions) == ((20, 21, 22), 3, 3, 3)
    assert (one.ever_passed, one.over) == (True, False)
    assert one.confidence > 0.9


def test_one_pass_ends_a_breakage_that_failed_throughout() -> None:
    (one,) = of("s" * 20 + "fffs")

    assert (one.last, one.passed, one.over) == (22, 23, True)


def test_one_pass_does_not_end_a_breakage_that_had_passes() -> None:
    fails = "ffsff" * 3
    (few,), (many,) = of("s" * 20 + fails + "s"), of("s" * 20 + fails + "s" * 30)

    assert (few.passed, few.over) == (35, False)
    assert (many.passed, many.over) == (35, True)


def test_two_breakages_are_two() -> None:
    assert [(one.first, one.last, one.over) for one in of("s" * 30 + "ffff" + "s" * 30 + "fff")] == [
        (30, 33, True),
        (64, 66, False),
    ]


def test_flakes_are_none() -> None:
    assert of("sssfssssfsssssfsffssss" * 5) == []


def test_a_job_that_never_passed_is_cleared_before_it_first_ran() -> None:
    (one,) = of("....ffff")

    assert (one.cleared, one.first, one.ever_passed) == (3, 4, False)


def test_runs_without_the_job_are_no_part_of_it() -> None:
    (one,) = of("s" * 20 + ".f.f.f.")

    assert (one.cleared, one.failing, one.runs) == (19, (21, 23, 25), 3)


def test_what_always_failed_after_it_always_passed_began_after_the_last_pass() -> None:
    (one,) = of("s" * 20 + ".fff")

    assert (one.before, one.latest, one.likeliest, one.partial) == (19, 21, 21, False)


def test_what_fails_three_times_of_four_may_have_begun_before_its_first_failure() -> None:
    (one,) = of("s" * 40 + "fffs" * 5)

    assert one.before < 38 < one.cleared
    assert (one.cleared, one.first, one.likeliest) == (39, 40, 40)
    assert one.partial


def test_a_flake_before_may_not_be_its_beginning() -> None:
    (one,) = of("sssf" + "s" * 40 + "fsfffffffffffffff")

    assert (one.first, one.likeliest) == (44, 44)
    assert one.latest > 45


def test_a_history_that_begins_broken_has_no_range() -> None:
    (one,) = of("fffsff")

    assert (one.before, one.latest, one.likeliest) == (-1, 0, 0)


def test_jobs_of_one_breakage_share_a_range() -> None:
    (one,) = together("s" * 40 + "fffs" * 4 + "ffff", "s" * 39 + ".ffsffffffffff")

    assert one.blamed == (max(each.before for each in one.stretches), 41, 40)


@settings(deadline=None, max_examples=100)
@given(st.text("sf.", max_size=60))
def test_stretches_begin_and_end_with_failures_in_order(letters: str) -> None:
    found = of(letters)

    for one in found:
        assert letters[one.first] == letters[one.last] == "f"
        assert one.cleared < one.first <= one.last
        assert one.before <= one.cleared
        assert one.before < one.likeliest <= one.latest <= one.last
        assert one.latest >= one.first
        assert all(letters[position] == "f" for position in one.failing)
        assert not one.over or one.passed is not None
        assert one.passed is None or (letters[one.passed] == "s" and one.passed > one.last)
    assert all(before.last < after.first for before, after in itertools.pairwise(found))


def together(*letters: str, greens: tuple[int, ...] = ()) -> list[Breakage]:
    return breakages([one for job, of_job in zip("abcd", letters, strict=False) for one in of(of_job, job)], greens)


def test_jobs_broken_by_the_same_run_are_one_breakage() -> None:
    (one,) = together("s" * 20 + "fff", "s" * 20 + "fffs", "s" * 23)

    assert [stretch.job for stretch in one.stretches] == ["a", "b"]
    assert (one.cleared, one.first, one.failing, one.over) == (19, 20, (20, 21, 22), False)


def test_jobs_whose_ranges_of_blame_overlap_are_one_breakage() -> None:
    (one,) = together("s" * 20 + "..fff", "s" * 21 + "ffff")

    assert (one.cleared, one.first) == (20, 21)


def test_jobs_broken_by_different_runs_are_two() -> None:
    first, second = together("s" * 20 + "ffffff", "s" * 22 + "ffff")

    assert (first.first, second.first) == (20, 22)


def test_a_job_that_passed_where_the_other_first_failed_was_broken_later() -> None:
    first, second = together("s" * 20 + "ffffff", "s" * 21 + "fffff")

    assert (first.first, second.first) == (20, 21)


def test_a_job_that_fails_more_often_in_the_middle_of_a_breakage_has_one() -> None:
    (one,) = of("s" * 60 + "ffs" * 30 + "f" * 40)

    assert (one.first, one.last, one.failures, one.executions) == (60, 189, 100, 130)


def test_failures_before_a_shared_breakage_are_no_part_of_it() -> None:
    (one,) = together("s" * 20 + "ffsfff", "s" * 23 + "fff")

    assert [stretch.job for stretch in one.stretches] == ["a", "b"]
    assert (one.cleared, one.first, one.failing, one.over) == (22, 23, (23, 24, 25), False)


def test_two_jobs_that_both_failed_before_share_the_later_breakage() -> None:
    (one,) = together("s" * 20 + "ffsfff", "s" * 21 + "fsfff")

    assert (one.first, {stretch.first for stretch in one.stretches}) == (23, {23})


@pytest.mark.parametrize(
    "other",
    ["s" * 20 + "ffsfff", "s" * 20 + "ff" + "s" * 4, "s" * 25 + "f", "s" * 26],
    ids=["shares the whole", "shares the beginning", "one failure", "none"],
)
def test_a_breakage_with_passes_keeps_its_beginning(other: str) -> None:
    first = together("s" * 20 + "ffsfff", other)[0]

    assert (first.cleared, first.first) == (19, 20)
    assert first.failing == (20, 21, 23, 24, 25)


def test_a_single_failure_after_the_last_pass_is_no_core() -> None:
    (one,) = of("s" * 20 + "fffsf")

    assert one.core is None


def test_the_core_begins_after_the_last_pass() -> None:
    (one,) = of("s" * 20 + "ffsfff")

    assert one.core is not None
    assert (one.core.cleared, one.core.first, one.core.failing, one.core.core) == (22, 23, (23, 24, 25), None)
    assert (one.core.failures, one.core.executions, one.core.over) == (3, 3, False)


def test_the_culprit_failed_most() -> None:
    (one,) = together("s" * 20 + "ffff", "s" * 20 + "ffss")

    assert one.culprit is not None
    assert one.culprit.job == "a"


def test_two_that_failed_alike_are_no_culprit() -> None:
    (one,) = together("s" * 20 + "ffff", "s" * 20 + "ffff")

    assert one.culprit is None


@pytest.mark.parametrize(("first", "culprit"), [("fffff.....", None), ("ffffffff..", "a")])
def test_a_culprit_failed_in_four_of_five(first: str, culprit: str | None) -> None:
    (one,) = together("s" * 20 + first, "s" * 20 + "ff......" + "ff")

    assert (one.culprit.job if one.culprit else None) == culprit


def test_a_green_run_ends_what_was_taken_out() -> None:
    (one,) = together("s" * 20 + "fff...", greens=(5, 24))

    assert one.over
    assert one.stretches[0].passed == 24


def test_a_green_run_before_ends_nothing() -> None:
    (one,) = together("s" * 20 + "fff", greens=(5, 19))

    assert not one.over


PARENTS = {"d": "c,x", "c": "b", "b": "a", "a": ""}


@pytest.mark.parametrize(
    ("cleared", "first", "expected"),
    [
        ("a", "d", (["d", "c", "b"], True)),
        ("c", "d", (["d"], True)),
        ("x", "d", (["d", "s2", "s1"], False)),
        (None, "d", (["d", "s2", "s1"], False)),
        ("z", "y", (["y", "s2", "s1"], False)),
    ],
)
def test_commits_between(cleared: str | None, first: str, expected: tuple[list[str], bool]) -> None:
    assert commits_between(PARENTS, cleared, first, ["s1", "s2"]) == expected


def test_a_loop_of_parents_ends() -> None:
    assert commits_between({"a": "b", "b": "a"}, "c", "a", []) == (["a"], False)
