"""What failing executions complain of: counted by line and by test, told by the most frequent, with its reasons for silence."""

from collections.abc import Mapping, Sequence

import pytest

from pipelinedoctor.derive.complaints import Asked, Complaints
from pipelinedoctor.model import FetchGap
from pipelinedoctor.store.connection import Store
from tests.helpers.verdicts import HOST, Made, fill

BROKEN_TEST = ("test", "There are test failures")
CRASH = ("crash", "Aborted (core dumped).")


def failing(line: tuple[str, str] | None = None, tests: Sequence[str] = ()) -> Made:
    errors: Mapping[str, tuple[str, str]] = {} if line is None else {"unit": line}
    reports = {("unit", 1): dict.fromkeys(tests, "f") | {"sound": "p"}} if tests else {}
    return Made(commit="c", jobs={"unit": "f"}, errors=errors, tests=reports)


def ask(store: Store, *runs: Made) -> Complaints:
    """Of the runs' failing executions, the last of which is the newest."""
    history = fill(store, runs)
    jobs = [(HOST, 10_000 * run + 100) for run in range(len(runs), 0, -1)]
    return Asked(history, jobs, history.window).of(jobs)


def test_the_test_that_failed_most_is_where_to_begin(store: Store) -> None:
    found = ask(store, failing(tests=["a", "b"]), failing(tests=["b"]), failing(tests=["c"]), failing())

    assert found.begin() == "Begin with b, which failed in 2 of its 3 failures with a report of tests."
    assert (found.of, found.logs, found.reports) == (4, 0, 3)
    assert found.tests == (("b", 2), ("c", 1), ("a", 1))
    assert list(found.details()) == [("failed tests (3 of 4 failures have a report)", "b (2); c (1); a (1)")]


def test_a_test_is_more_than_the_line_that_says_that_tests_failed(store: Store) -> None:
    found = ask(store, failing(BROKEN_TEST, ["a"]), failing(BROKEN_TEST, ["a"]), failing(BROKEN_TEST, ["b"]))

    assert found.begin() == "Begin with a, which failed in 2 of its 3 failures."


def test_a_crash_is_more_than_the_test_it_struck(store: Store) -> None:
    found = ask(store, failing(CRASH, ["a"]), failing(CRASH, ["a"]), failing(CRASH, ["b"]))

    assert found.begin() == "Begin with what 3 of its 3 failures say: “Aborted (core dumped)”."
    assert found.excerpt == CRASH[1]


def test_of_lines_as_frequent_the_newest_is_told(store: Store) -> None:
    found = ask(store, failing(("test", "old")), failing(CRASH), failing())

    assert found.begin() == (
        "Begin with what the newest of its 2 failures with a log that was read says (no two say the same): “Aborted (core dumped)”."
    )
    assert [(one.line, one.count) for one in found.lines] == [(CRASH[1], 1), ("old", 1)]
    assert list(found.details()) == [("what the logs say (2 of 3 failures have one)", f"{CRASH[1]} (1); old (1)")]


@pytest.mark.parametrize(
    ("runs", "begin"),
    [
        ([failing(CRASH)], "Begin with its only log: “Aborted (core dumped)”."),
        ([failing(CRASH), failing()], "Begin with its only log: “Aborted (core dumped)”."),
        (
            [failing(("test", "x")), failing(CRASH)],
            "Begin with what the newest of its 2 failures says (no two say the same): “Aborted (core dumped)”.",
        ),
        (
            [failing(tests=["a"]), failing()],
            "Begin with a, which failed in the only one of its 2 failures with a report of tests.",
        ),
        ([failing(), failing()], None),
    ],
)
def test_where_to_begin_with_little(store: Store, runs: list[Made], begin: str | None) -> None:
    assert ask(store, *runs).begin() == begin


def test_the_rule_that_chose_the_line_says_what_may_help(store: Store) -> None:
    history = fill(store, [failing(("resource", "No space left on device"))])
    store.connection.execute("UPDATE failures SET rule = 'disk-full'")

    begin = Asked(history, [(HOST, 10_100)], history.window).of([(HOST, 10_100)]).begin()

    assert begin is not None
    assert begin.startswith("Begin with its only log: “No space left on device”. Free space before the job")


def test_why_there_is_no_log_is_told_where_one_reason_holds_for_all(store: Store) -> None:
    def gap(job: int, reason: str) -> FetchGap:
        return FetchGap(
            host=HOST, repository="o/r1", kind="log", subject=f"job {job}", reason=reason, rows_missing=None
        )

    history = fill(store, [failing(), failing()])
    store.write(HOST, [gap(10_100, "log expired"), gap(20_100, "log expired")])
    jobs = [(HOST, 10_100), (HOST, 20_100)]

    one_reason = Asked(history, jobs, history.window).of(jobs)
    store.write(HOST, [gap(20_100, "refused")])
    two_reasons = Asked(history, jobs, history.window).of(jobs)

    assert (one_reason.unread, two_reasons.unread) == ("log expired", None)
    assert list(one_reason.details()) == [("why there is no log", "log expired")]


def test_a_long_line_is_cut_and_folded(store: Store) -> None:
    (line,) = ask(store, failing(("test", f"a   b\t{'x' * 500}"))).lines

    assert line.line.startswith("a b xxx")
    assert len(line.line) == 160
    assert line.line.endswith("…")


def test_only_three_are_listed(store: Store) -> None:
    found = ask(store, failing(tests=["a", "b", "c", "d"]))

    assert next(found.details())[1] == "a (1); b (1); c (1); and 1 more"
