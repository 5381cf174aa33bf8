"""Flaky tests: each rule at its boundary, green jobs as passes, mass failures, the laws, and a real history."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.findings import Answer, Finding, Measure
from pipelinedoctor.model import Severity, TestResult, Verdict
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window
from queries.flaky_tests import Options, flaky_tests
from tests.helpers.verdicts import HOST, START, Made, fill, pushes, rows

T = "pkg.Case::works"
FILLER = {f"pkg.Case::other{number}": "p" for number in range(30)}


def ask(store: Store, history: Sequence[Made], options: Options | None = None, *, step: float = 24) -> Answer:
    """The answer on runs made a day after each other: the commits of one day of the default branch weigh as one."""
    return flaky_tests(fill(store, history, days=60, step=step), options or Options())


def only(answer: Answer) -> Finding:
    (finding,) = answer.findings
    return finding


def remarks(answer: Answer) -> dict[str, str]:
    table = next(one for one in answer.measures if one.id == "tests")
    assert isinstance(table, Measure)
    return {row["test"]: row["remark"] for row in table.rows}


def failing(commit: str, then: str = "p", job: str = "unit", **reports: dict[str, str]) -> Made:
    """A run whose first attempt fails by the test; `then` are the letters of the later attempts."""
    tests = {(job, 1): {T: "f", **FILLER}}
    tests |= {(job, int(name[1:])): report for name, report in reports.items()}
    return Made(commit=commit, jobs={job: f"f{then}"}, tests=tests)


def test_a_green_job_counts_as_a_pass_of_its_tests(store: Store) -> None:
    found = only(
        ask(store, [*pushes("p" * 10), failing("x"), *pushes("p", first=20), failing("y"), *pushes("p", first=30)])
    )
    assert (found.verdict, found.severity) == (Verdict.FLAKY, Severity.LOW)
    assert (found.subject.repository, found.subject.job, found.subject.test) == ("o/r1", None, T)
    assert found.title == "Case::works fails and passes on the same commit"
    assert found.confidence == pytest.approx(0.939, abs=1e-3)
    evidence = found.evidence
    assert (evidence.k, evidence.n) == (2, 14)
    assert evidence.summary == "Failed on 2 of 14 commits; on 2 of those its job passed on the same commit."
    assert [link.text for link in evidence.links] == ["failed on y", "passed on y", "failed on x"]
    assert dict(evidence.details) == {
        "last seen": "2026-01-13 on y, none in 2 executions of its jobs since",
        "commits by job": "unit 2",
        "passed": "as its whole job passed 2",
        "what it says": "expected 1, was 2 (2)",
    }
    assert evidence.excerpt == "expected 1, was 2"
    assert found.cost is not None
    assert (found.cost.runner_minutes, found.cost.jobs) == (20, 2)
    assert "in unit" in found.next_step


@pytest.mark.parametrize(
    ("test", "named"),
    [
        ("org.example.Case::works", "Case::works"),
        ("example.org/a/b::TestIt/1.5", "b::TestIt/1.5"),
        ("Adds 1.5 to 2::Adds 1.5 to 2", "Adds 1.5 to 2::Adds 1.5 to 2"),
        ("Case::works", "Case::works"),
        ("returns 1.5", "returns 1.5"),
        ("a.b", "a.b"),
        ("::", "::"),
    ],
)
def test_the_title_leaves_the_package_out(store: Store, test: str, named: str) -> None:
    runs = [
        Made(commit=c, jobs={"unit": "fp"}, tests={("unit", 1): {test: "f"}, ("unit", 2): {test: "p"}}) for c in "xy"
    ]
    found = only(ask(store, [*pushes("p" * 10), *runs]))
    assert found.title == f"{named} fails and passes on the same commit"
    assert found.subject.test == test


def together(commit: str, *tests: str) -> Made:
    """A run whose first attempt fails by these tests."""
    reports = {("unit", 1): dict.fromkeys(tests, "f") | FILLER, ("unit", 2): dict.fromkeys(tests, "p")}
    return Made(commit=commit, jobs={"unit": "fp"}, tests=reports)


def test_tests_that_fail_together_are_named_in_the_next_step(store: Store) -> None:
    runs = [together("x", "A::a", "B::b", "C::c"), together("y", "A::a", "B::b"), together("z", "A::a", "C::c", "D::d")]
    steps = {one.subject.test: one.next_step for one in ask(store, [*pushes("p" * 10), *runs]).findings}
    assert set(steps) == {"A::a", "B::b", "C::c"}
    assert steps["A::a"] == (
        "It fails together with C::c (2 of 3 failures) and B::b (2 of 3 failures): look first at what they share, as a fixture"
        " or a server, and run them in the order of the failing execution on z in unit."
    )
    assert steps["B::b"].startswith("It fails together with A::a (2 of 2 failures): look first")


def test_what_fails_together_once_is_chance(store: Store) -> None:
    runs = [together("x", "A::a", "B::b"), together("y", "A::a"), together("z", "B::b")]
    steps = [one.next_step for one in ask(store, [*pushes("p" * 10), *runs]).findings]
    assert [step.split(",")[0] for step in steps] == ["Run the test alone and in a loop"] * 2


@pytest.mark.parametrize(
    ("letter", "excerpt"), [("f", "expected 1, was 2"), ("e", "expected 1, was 2\n\tat Case.java:7")]
)
def test_the_excerpt_is_the_trace_or_else_the_message(store: Store, letter: str, excerpt: str) -> None:
    runs = [
        Made(commit=commit, jobs={"unit": "fp"}, tests={("unit", 1): {T: letter}, ("unit", 2): {T: "p"}})
        for commit in "xy"
    ]
    evidence = only(ask(store, [*pushes("p" * 10), *runs])).evidence
    assert evidence.excerpt == excerpt
    assert ("what it says", "expected 1, was 2 (2)") in evidence.details


def test_a_pass_by_its_report_counts_where_the_job_failed_again(store: Store) -> None:
    again = {T: "p", "pkg.Case::news": "f", **FILLER}
    history = [*pushes("p" * 10), failing("x", "f", a2=again), failing("y", "f", a2=again)]
    found = only(ask(store, history))
    assert "on 2 of those it passed on the same commit" in found.evidence.summary
    assert dict(found.evidence.details)["passed"] == "by its report 2"


def test_what_failed_only_is_not_flaky(store: Store) -> None:
    assert not ask(store, [*pushes("p" * 10), failing("x", ""), failing("y", ""), failing("z", "")]).findings


def test_one_commit_is_too_little_evidence(store: Store) -> None:
    assert remarks(ask(store, [*pushes("p" * 10), failing("x")])) == {T: "too little evidence: 1 of 2 commits"}


@pytest.mark.parametrize(("passing", "told"), [(7, "too little history: 9 of 10 commits"), (8, "flaky")])
def test_nothing_is_said_before_ten_commits_of_its_job(store: Store, passing: int, told: str) -> None:
    assert remarks(ask(store, [*pushes("p" * passing), failing("x"), failing("y")])) == {T: told}


def test_a_contradiction_and_a_failure_between_passes_are_enough(store: Store) -> None:
    history = [*pushes("p" * 10), failing("x"), *pushes("p", first=20), failing("y", ""), *pushes("p", first=30)]
    found = only(ask(store, history))
    assert found.verdict is Verdict.FLAKY
    assert found.confidence == pytest.approx(0.894, abs=1e-3)
    assert found.title == "Case::works fails and passes on the same commit"
    assert "1 stands alone between passing commits" in found.evidence.summary


@pytest.mark.parametrize(("days", "verdict"), [(1, Verdict.FLAKY), (15, Verdict.SUSPECTED), (45, Verdict.SUSPECTED)])
def test_evidence_fades_by_half_in_45_days(store: Store, days: int, verdict: Verdict) -> None:
    between_passes = [
        replace(failing(commit, ""), hour=hour) for commit, hour in (("x", 24 * 10), ("y", 24 * (10 + days)))
    ]
    passes = [replace(one, hour=24 * (days + 10) + 3) for one in pushes("p", first=90)]
    found = only(ask(store, [*pushes("p" * 10), between_passes[0], *pushes("p", first=20), between_passes[1], *passes]))
    assert found.verdict is verdict
    weight = 2.4 * (1 + 2 ** (-days / 45))
    assert found.confidence == pytest.approx(1 / (1 + math.exp(-weight) * 0.96 / 0.04), abs=1e-6)
    assert found.evidence.k == 2
    assert found.title == ("Case::works fails between passing commits" if days == 1 else "Case::works may be flaky")


def test_the_commits_of_one_day_of_the_default_branch_weigh_as_one(store: Store) -> None:
    history = [*pushes("p" * 10), failing("x"), *pushes("p", first=20), failing("y"), *pushes("p", first=30)]
    assert not ask(store, history, step=1).findings
    table = ask(store, history, step=1).measures[0]
    assert isinstance(table, Measure)
    assert [(row["contradicted"], row["remark"]) for row in table.rows] == [(2, "not likely enough")]


def on_change(number: int, hour: float, message: str | None = None, letters: str = "f") -> Made:
    """A change of its own in which the test failed; it says what the other failures say, or else something of its own."""
    report = {T: "f" if message is None else message, **FILLER}
    return Made(
        commit=f"h{number}",
        jobs={"unit": letters},
        event="pull_request",
        branch=f"b{number}",
        change=number,
        tests={("unit", 1): report},
        hour=hour,
    )


def test_a_failure_on_a_change_days_from_a_proof_counts(store: Store) -> None:
    history = [*pushes("p" * 10), failing("x"), on_change(1, 24 * 20)]
    found = only(ask(store, history))
    assert found.verdict is Verdict.FLAKY
    assert (found.evidence.k, found.evidence.n) == (2, 12)
    assert found.evidence.low is not None
    assert found.evidence.high is not None
    assert found.evidence.low < 2 / 12 < found.evidence.high
    assert "; on 1 change it failed once, days from such a failure" in found.evidence.summary


def test_a_failure_on_a_change_on_the_day_of_a_proof_does_not(store: Store) -> None:
    # 24 hours from the end of the failing job to the end of the other are a day apart, and not more.
    history = [*pushes("p" * 10), failing("x")]
    assert not ask(store, [*history, on_change(1, 24 * 11)]).findings


def between(reports: tuple[dict[str, str], dict[str, str]]) -> list[Made]:
    """Four failures of the test, each between two commits on which its job failed with these reports."""
    history = pushes("p" * 10)
    for number in range(4):
        history += [
            Made(commit=f"b{number}", jobs={"unit": "f"}, tests={("unit", 1): reports[0]}),
            failing(f"x{number}", ""),
            Made(commit=f"a{number}", jobs={"unit": "f"}, tests={("unit", 1): reports[1]}),
        ]
    return history


def test_neighbours_that_passed_by_their_report_count(store: Store) -> None:
    passed = {T: "p", "pkg.Case::other0": "f"}
    assert only(ask(store, between((passed, passed)))).evidence.k == 4


def test_neighbours_of_which_nothing_is_known_do_not(store: Store) -> None:
    unknown = {"pkg.Case::other0": "f"}
    assert not ask(store, between((unknown, unknown))).findings
    # Of the last one no later pass is known.
    assert only(ask(store, between(({T: "p", **unknown}, unknown)))).evidence.k == 3


def test_a_regression_that_is_mended_is_not_flaky(store: Store) -> None:
    broken = [failing(f"x{number}", "") for number in range(4)]
    assert not ask(store, [*pushes("p" * 10), *broken, *pushes("pppp", first=20)]).findings


def test_a_green_job_in_which_the_test_failed_says_nothing_of_it(store: Store) -> None:
    # The job tolerates failures of tests: its colour is no pass.
    tolerated = [
        Made(commit=f"x{number}", jobs={"unit": "pp"}, tests={("unit", 1): {T: "f", **FILLER}}) for number in range(4)
    ]
    assert not ask(store, [*pushes("p" * 10), *tolerated]).findings


def test_shards_do_not_pass_for_each_other(store: Store) -> None:
    shards = [
        Made(commit=f"x{n}", jobs={"unit (1/2)": "f", "unit (2/2)": "p"}, tests={("unit (1/2)", 1): {T: "f", **FILLER}})
        for n in range(4)
    ]
    green = [Made(commit=f"c{n}", jobs={"unit (1/2)": "p", "unit (2/2)": "p"}) for n in range(10)]
    assert not ask(store, [*green, *shards]).findings


def test_a_test_of_two_jobs_is_one_finding(store: Store) -> None:
    def both(commit: str, job: str) -> Made:
        other = "linux" if job == "mac" else "mac"
        return Made(commit=commit, jobs={job: "fp", other: "p"}, tests={(job, 1): {T: "f", **FILLER}})

    green = [Made(commit=f"c{n}", jobs={"linux": "p", "mac": "p"}) for n in range(10)]
    found = only(ask(store, [*green, both("x", "linux"), both("y", "mac"), both("z", "mac")]))
    assert (found.evidence.k, found.evidence.n) == (3, 13)
    assert dict(found.evidence.details)["commits by job"] == "mac 2, linux 1"


def test_the_two_jobs_of_one_commit_are_one_piece_of_evidence(store: Store) -> None:
    report = {T: "f", **FILLER}
    twice = Made(commit="x", jobs={"linux": "fp", "mac": "fp"}, tests={("linux", 1): report, ("mac", 1): report})
    green = [Made(commit=f"c{n}", jobs={"linux": "p", "mac": "p"}) for n in range(12)]
    assert remarks(ask(store, [*green, twice])) == {T: "too little evidence: 1 of 2 commits"}


def test_parameters_are_part_of_the_name(store: Store) -> None:
    def parameter(commit: str, number: int) -> Made:
        return Made(
            commit=commit, jobs={"unit": "fp"}, tests={("unit", 1): {f"pkg.Case::works[{number}]": "f", **FILLER}}
        )

    answer = ask(store, [*pushes("p" * 10), *(parameter(f"x{number}", number) for number in range(3))])
    assert not answer.findings
    assert len(remarks(answer)) == 3


def test_namesakes_in_one_report_do_not_contradict_each_other(store: Store) -> None:
    history = pushes("p" * 10)
    history += [Made(commit=f"x{n}", jobs={"unit": "f"}, tests={("unit", 1): {T: "fp", **FILLER}}) for n in range(4)]
    assert not ask(store, history).findings


def test_namesakes_on_changes_do_not_contradict_each_other(store: Store) -> None:
    changes = [replace(on_change(n, 24 * (10 + n)), tests={("unit", 1): {T: "fp", **FILLER}}) for n in range(4)]
    answer = ask(store, [*pushes("p" * 10), *changes])
    assert not answer.findings
    assert not remarks(answer)


@pytest.mark.parametrize(("failures", "sound"), [(9, True), (10, False)])
def test_a_report_in_which_a_fifth_and_ten_failed_is_no_evidence(store: Store, failures: int, *, sound: bool) -> None:
    names = [f"pkg.Case::case{number}" for number in range(30)]
    report = {name: "f" if place < failures else "p" for place, name in enumerate(names)}
    history = [*pushes("p" * 10)]
    history += [Made(commit=commit, jobs={"unit": "fp"}, tests={("unit", 1): report}) for commit in "xy"]
    answer = ask(store, history)
    assert bool(answer.findings) == sound
    assert any("2 of 2 test reports are left out" in note for note in answer.notes) != sound


def test_ten_of_many_tests_are_no_mass_failure(store: Store) -> None:
    report = {f"pkg.Case::case{number}": "f" if number < 10 else "p" for number in range(51)}
    history = [*pushes("p" * 10)]
    history += [Made(commit=commit, jobs={"unit": "fp"}, tests={("unit", 1): report}) for commit in "xy"]
    assert len(ask(store, history).findings) == 10


def test_tests_that_failed_in_an_outage_are_no_evidence(store: Store) -> None:
    error = {"unit": ("network", "Could not resolve host: example.org")}
    green = [Made(commit=f"c{n}", jobs={"unit": "p"}, repository=n % 3 + 1, hour=n / 3) for n in range(36)]
    outage = [
        replace(failing(f"o{n}{hour}"), repository=n, errors=error, hour=hour + n / 10)
        for hour in (20, 50)
        for n in (1, 2, 3)
    ]
    answer = ask(store, [*green, *outage])
    assert not answer.findings
    assert any("6 failing job executions" in note for note in answer.notes)


def test_the_cost_is_shared_among_the_tests_that_failed(store: Store) -> None:
    pair = {T: "f", "pkg.Case::twin": "f", **FILLER}
    history = [*pushes("p" * 10)]
    history += [Made(commit=commit, jobs={"unit": "fp"}, tests={("unit", 1): pair}) for commit in "xy"]
    costs = [found.cost.runner_minutes for found in ask(store, history).findings if found.cost]
    assert costs == [10, 10]


def test_without_reports_the_reason_tells_what_was_there(store: Store) -> None:
    answer = ask(store, [*pushes("ppf"), *pushes("p", first=9)])
    assert answer.reason == (
        "no test report was read in the window: 4 job executions passed or failed, 1 of them failed, none with a JUnit"
        " report"
    )


def test_a_healthy_history_gives_no_finding(store: Store) -> None:
    green = [Made(commit=f"c{n}", jobs={"unit": "p"}, tests={("unit", 1): {T: "p", **FILLER}}) for n in range(20)]
    answer = ask(store, green)
    assert not answer.findings
    assert answer.measures[0].reason == "none of 31 tests contradicted itself"


def test_reports_of_no_known_job_are_compared_with_each_other(store: Store) -> None:
    runs = [Made(commit=f"c{n}", jobs={"unit": "p"}, tests={("unit", 1): {T: "p", **FILLER}}) for n in range(10)]
    runs += [failing(commit, "f", a2={T: "p", "pkg.Case::news": "f"}) for commit in "xy"]
    found = [replace(row, job_id=0) if isinstance(row, TestResult) else row for row in rows(runs, step=24)]
    store.write(HOST, found)
    window = Window(START, START + timedelta(days=30))
    answer = flaky_tests(store.history(window, window), Options())
    assert {found.subject.test: found.evidence.n for found in answer.findings} == {T: 12}
    assert any("14 of 14 test reports could not be put to a job" in note for note in answer.notes)


LETTERS = st.sampled_from(["p", "f", "fp", "ff", "pp"])
HISTORIES = st.lists(
    st.builds(
        lambda commit, letters, first, second: Made(
            commit=f"c{commit}", jobs={"unit": letters}, tests={("unit", 1): first, ("unit", len(letters)): second}
        ),
        st.integers(0, 14),
        LETTERS,
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from("pfe")),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from("pfe")),
    ),
    min_size=8,
    max_size=30,
)


@settings(deadline=None, max_examples=8)
@given(HISTORIES, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing_and_counts_agree(
    new_store: Any, history: list[Made], rng: random.Random
) -> None:
    shuffled = rows(history, step=24)
    rng.shuffle(shuffled)
    window = Window(START, START + timedelta(days=30))
    answers = []
    for written in (rows(history, step=24), shuffled):
        with new_store() as store:
            store.write(HOST, written)
            answers.append(flaky_tests(store.history(window, window), Options()))
    assert answers[0] == answers[1]
    for found in answers[0].findings:
        assert found.evidence.k is not None
        assert found.evidence.n is not None
        assert 2 <= found.evidence.k <= found.evidence.n
        assert found.evidence.n >= 10


def mended(*, report: dict[str, str], after: Sequence[Made] = ()) -> list[Made]:
    """Two contradictions in the first days, then 150 green runs, and one with a report in which another test failed."""
    late = Made(commit="late", jobs={"unit": "fp"}, tests={("unit", 1): {"pkg.Case::bad": "f", **FILLER, **report}})
    early = [*pushes("p" * 10), failing("x"), *pushes("p" * 8, first=10), failing("y")]
    return [*early, *pushes("p" * 150, first=20), late, *after]


def test_what_passed_for_long_by_its_own_report_has_recovered(store: Store) -> None:
    (found,) = (one for one in ask(store, mended(report={T: "p"}), step=6).findings if one.subject.test == T)
    assert (found.verdict, found.severity) == (Verdict.RECOVERED, Severity.LOW)
    assert found.title == "Case::works was flaky, and has not been since 2026-01-05"
    assert "None in 153 executions of its jobs since 2026-01-05; if nothing had changed" in found.evidence.summary
    assert "mended it" in found.next_step


@pytest.mark.parametrize("report", [{T: "s"}, {}], ids=["skipped", "deleted"])
def test_what_no_report_tells_of_has_not_recovered(store: Store, report: dict[str, str]) -> None:
    (found,) = (one for one in ask(store, mended(report=report), step=6).findings if one.subject.test == T)
    assert found.verdict is Verdict.FLAKY


def test_what_failed_again_has_not_recovered(store: Store) -> None:
    again = Made(commit="z", jobs={"unit": "f"}, tests={("unit", 1): {T: "f", **FILLER}})
    (found,) = (
        one for one in ask(store, mended(report={T: "p"}, after=[again]), step=6).findings if one.subject.test == T
    )
    assert found.verdict is Verdict.FLAKY
    assert "1 other failure of the default branch" in dict(found.evidence.details)["last seen"]


def test_what_flakes_more_often_in_the_newer_half_is_worsening(store: Store) -> None:
    newer = [made for n in range(5) for made in (failing(f"n{n}"), *pushes("ppp", first=200 + 3 * n))]
    found = only(ask(store, [*pushes("p" * 110), failing("x"), *pushes("p" * 20, first=150), *newer], step=9))
    assert found.verdict is Verdict.WORSENING
    assert found.title == "Case::works is flaky, and more often than it was"
    assert "In the newer half of the window" in found.evidence.summary


def test_each_failing_execution_is_counted_by_its_kind(store: Store) -> None:
    lone = Made(commit="z", jobs={"unit": "f"}, tests={("unit", 1): {"pkg.Case::bad": "f", **FILLER}})
    answer = ask(store, [*pushes("p" * 10), failing("x"), failing("y"), *pushes("pp", first=20), lone])
    kinds = next(one for one in answer.measures if one.id == "kinds")
    assert [(row["kind"], row["failures"], row["tests"], row["reports"]) for row in kinds.rows] == [
        ("passed on the same commit, too", 2, 1, 2),
        ("likely genuine", 1, 1, 1),
    ]
    assert sum(row["share"] for row in kinds.rows) == pytest.approx(1)


@pytest.mark.parametrize(("in_a_row", "alone"), [(2, 2), (3, 0)])
def test_three_commits_in_a_row_do_not_stand_alone(store: Store, in_a_row: int, alone: int) -> None:
    red = [failing(f"x{number}", then="") for number in range(in_a_row)]
    table = next(
        one for one in ask(store, [*pushes("p"), *red, *pushes("p" * 6, first=20)]).measures if one.id == "tests"
    )
    assert [row["isolated"] for row in table.rows] == [alone] * bool(alone)


def test_tests_stand_in_the_order_of_the_failures_to_expect(store: Store) -> None:
    def red(commit: str, test: str) -> Made:
        return Made(commit=commit, jobs={"unit": "fp"}, tests={("unit", 1): {test: "f", **FILLER}})

    # What flaked most, and is surest, did so long ago.
    early, late = [red(f"a{n}", "pkg.Case::early") for n in range(3)], [red(f"b{n}", T) for n in range(2)]
    answer = ask(store, [*early, *pushes("p" * 50, first=20), *late])
    table = next(one for one in answer.measures if one.id == "tests")
    assert [row["test"] for row in table.rows] == [T, "pkg.Case::early"]
    assert table.rows[0]["probability"] < table.rows[1]["probability"]
