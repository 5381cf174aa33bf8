"""Reports made by hand, held against a truth made by hand and against a simulated one."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pipelinedoctor.simulate.organisation import SMALL, write_organisation
from pipelinedoctor.simulate.score import Tally, score

CI = ".github/workflows/ci.yml"
START, END = "2026-05-02T00:00:00Z", "2026-06-01T00:00:00Z"
LINE = "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable"


def failing(number: int, cause: str, key: str | None, **fields: Any) -> dict[str, Any]:
    row = {
        "job_id": number, "run_id": number, "attempt": 1, "repository": "a/shop", "pipeline": CI, "job": "test (1)",
        "event": "push", "sha": f"sha-{number}", "made_at": "2026-05-10T10:00:00Z", "cause": cause, "key": key,
        "tests": [], "contradicted": True,
    }  # fmt: skip
    return row | fields


def flaky(key: str, job: str, test: str | None) -> dict[str, Any]:
    return {"key": key, "repository": "a/shop", "pipeline": CI, "jobs": [job], "test": test}


def regression(key: str, job: str, at: str, fixed: str | None, hit: int = 4) -> dict[str, Any]:
    fields = {"first_bad_at": at, "fixed_at": fixed, "open": fixed is None, "default_runs_hit": hit, "test": None}
    return {"key": key, "repository": "a/shop", "pipeline": CI, "jobs": [job]} | fields


def failing_test(number: int, key: str, **fields: Any) -> dict[str, Any]:
    said = [{"test": f"t::{key}", "key": key, "contradicted": True}]
    return failing(number, "flaky_test", key, tests=said, **fields)


TRUTH: dict[str, Any] = {
    "flaky_tests": [flaky(f"flaky-test-{i}", "test (1)", f"t::flaky-test-{i}") for i in (1, 2, 3, 4)],
    "flaky_jobs": [flaky("flaky-job-1", "integration", None), flaky("flaky-job-2", "deploy", None)],
    "regressions": [
        regression("regression-1", "lint", "2026-05-30T00:00:00Z", None),
        regression("regression-2", "docs", "2026-05-12T00:00:00Z", "2026-05-13T00:00:00Z"),
        regression("regression-3", "build", "2026-05-14T00:00:00Z", "2026-05-14T02:00:00Z", 1),
        regression("regression-4", "lint", "2026-03-12T00:00:00Z", "2026-03-13T00:00:00Z"),
    ],
    "outages": [
        {"key": "outage-1", "start": "2026-05-20T12:00:00Z", "end": "2026-05-20T13:00:00Z", "line": LINE, "runs_hit": 9},
        {"key": "outage-2", "start": "2026-04-20T12:00:00Z", "end": "2026-04-20T13:00:00Z", "line": "Gone", "runs_hit": 9},
    ],
    "renames": [{"repository": "a/shop", "pipeline": CI, "old": "it", "new": "integration", "at": START}],
    "infrastructure_lines": ["The hosted runner lost communication"],
    "failing_jobs": [
        *(failing_test(i, "flaky-test-1") for i in range(3)),
        *(failing_test(i, "flaky-test-2") for i in range(10, 13)),
        failing_test(20, "flaky-test-3"),
        *(failing_test(i, "flaky-test-4", made_at="2026-04-01T00:00:00Z") for i in range(30, 34)),
        *(failing(i, "flaky_job", "flaky-job-1", job="integration") for i in range(40, 43)),
        *(failing(i, "flaky_job", "flaky-job-2", job="deploy", contradicted=False) for i in range(50, 55)),
        failing(60, "outage", "outage-1", job="build"),
    ],
}  # fmt: skip


def finding(query: str, verdict: str, job: str | None = None, test: str | None = None, **fields: Any) -> dict[str, Any]:
    subject = {"host": "h", "forge": "github", "repository": "a/shop", "pipeline": CI, "job": job, "test": test}
    evidence: dict[str, Any] = {"summary": "", "excerpt": None, "details": []}
    one = {"query": query, "verdict": verdict, "subject": subject, "title": "", "since": None, "evidence": evidence}
    return one | fields


def tallies(*findings: dict[str, Any], truth: dict[str, Any] = TRUTH) -> dict[str, Tally]:
    report = {"window": {"start": START, "end": END}, "findings": list(findings)}
    return {one.kind: one for one in score(report, truth).tallies}


def counted(tally: Tally) -> tuple[int, int, int, int]:
    return tally.right, tally.wrong, tally.missed, tally.of


def test_a_report_that_says_nothing_misses_all_and_is_wrong_in_nothing() -> None:
    found = {kind: counted(tally) for kind, tally in tallies().items()}
    assert found == {
        "flaky tests": (0, 0, 2, 2),
        "flaky jobs": (0, 0, 1, 1),
        "default branch broken now": (0, 0, 1, 1),
        "breakages that are over": (0, 0, 1, 1),
        "outages": (0, 0, 1, 1),
    }


def test_flaky_tests_are_found_by_repository_and_name() -> None:
    found = tallies(
        finding("flaky_tests", "flaky", "test (1)", "t::flaky-test-1"),
        finding("flaky_tests", "suspected", None, "t::flaky-test-1"),
        finding("flaky_tests", "flaky", "test (1)", "t::flaky-test-3"),
    )
    assert counted(found["flaky tests"]) == (1, 0, 1, 2)
    assert found["flaky tests"].line() == (
        "flaky tests: 1 of 2 found, 1 missed, 0 wrong; of 1 too rare to be told, 1 found"
    )


@pytest.mark.parametrize(
    ("job", "test"),
    [("test (1)", "t::healthy"), ("test (2)", "t::flaky-test-1"), ("test (1)", "t::flaky-test-4")],
    ids=["another test", "another job", "flaky before the window only"],
)
def test_a_test_that_is_not_flaky_there_is_wrong(job: str, test: str) -> None:
    assert counted(tallies(finding("flaky_tests", "flaky", job, test))["flaky tests"]) == (0, 1, 2, 2)


def test_a_test_of_another_repository_is_wrong() -> None:
    one = finding("flaky_tests", "flaky", "test (1)", "t::flaky-test-1")
    one["subject"]["repository"] = "a/other"
    assert counted(tallies(one)["flaky tests"]) == (0, 1, 2, 2)


def test_flaky_jobs_count_those_flaky_by_themselves() -> None:
    found = tallies(
        finding("flaky_jobs", "flaky", "it"),  # the name before the rename
        finding("flaky_jobs", "flaky", "test (1)"),  # flaky through its tests: neither counted nor wrong
        finding("flaky_jobs", "suspected", "deploy"),  # never passed on the commits it failed on: too rare
        finding("flaky_jobs", "flaky", "build"),  # an outage's victim
    )["flaky jobs"]
    assert counted(found) == (1, 1, 0, 1)
    assert (found.rare, found.rare_of) == (1, 1)


@pytest.mark.parametrize("verdict", ["worsening", "recovered"])
def test_a_flaky_job_that_grows_or_is_over_is_found_too(verdict: str) -> None:
    assert counted(tallies(finding("flaky_jobs", verdict, "it"))["flaky jobs"]) == (1, 0, 0, 1)


def test_breakages_are_held_against_regressions_of_their_time() -> None:
    found = tallies(
        finding("pipeline_health", "broken", "lint"),
        finding("pipeline_health", "broken", "docs"),
        finding("pipeline_health", "recovered", "docs"),
        finding("pipeline_health", "recovered", "build"),
        finding("pipeline_health", "recovered", "package", since="2026-05-20T12:30:00Z"),  # kept red by the outage
        finding("pipeline_health", "recovered", "package", since="2026-05-25T12:30:00Z"),
    )
    assert counted(found["default branch broken now"]) == (1, 1, 0, 1)
    assert counted(found["breakages that are over"]) == (1, 1, 0, 1)
    assert (found["breakages that are over"].rare, found["breakages that are over"].rare_of) == (1, 1)


def test_a_breakage_without_a_job_speaks_of_the_pipeline() -> None:
    assert counted(tallies(finding("pipeline_health", "broken"))["default branch broken now"]) == (1, 0, 0, 1)


def test_a_regression_mended_after_the_window_is_open_in_it() -> None:
    truth = TRUTH | {"regressions": [regression("r", "lint", "2026-05-30T00:00:00Z", "2026-06-02T00:00:00Z")]}
    found = tallies(finding("pipeline_health", "broken", "lint"), truth=truth)
    assert counted(found["default branch broken now"]) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"evidence": {"summary": "", "excerpt": f"12:00 {LINE}", "details": []}}, (1, 0, 0, 1)),
        (
            {"title": "Error response from daemon: received unexpected HTTP status: <N0> Service Unavailable"},
            (1, 0, 0, 1),
        ),
        ({"since": "2026-05-20T12:20:00Z"}, (1, 0, 0, 1)),
        ({"since": "2026-04-20T12:20:00Z"}, (0, 1, 1, 1)),
        ({"title": "The hosted runner lost communication"}, (0, 0, 1, 1)),
        ({"title": "expected 3, got 4"}, (0, 1, 1, 1)),
    ],
)
def test_outages_are_found_by_their_line_or_their_time(
    fields: dict[str, Any], expected: tuple[int, int, int, int]
) -> None:
    assert counted(tallies(finding("failure_clusters", "infrastructure", **fields))["outages"]) == expected


def test_a_report_that_tells_the_whole_truth_is_right_in_all(tmp_path: Path) -> None:
    truth = asdict(write_organisation(tmp_path, seed=2, scale=SMALL))
    told = [
        *(finding("flaky_tests", "flaky", one["jobs"][0], one["test"]) | at(one) for one in truth["flaky_tests"]),
        *(finding("flaky_jobs", "flaky", one["jobs"][0]) | at(one) for one in truth["flaky_jobs"]),
        *(
            finding("pipeline_health", "broken", one["jobs"][0]) | at(one)
            for one in truth["regressions"]
            if one["open"]
        ),
        *(finding("x", "infrastructure", title=one["line"]) for one in truth["outages"]),
    ]
    report = {"window": {"start": truth["start"], "end": truth["as_of"]}, "findings": told}
    found = {one.kind: one for one in score(report, truth).tallies}
    for kind in ("flaky tests", "flaky jobs", "default branch broken now", "outages"):
        tally = found[kind]
        assert tally.right == tally.of > 0, tally
        assert tally.missed == 0, tally
    assert found["default branch broken now"].wrong == found["outages"].wrong == 0


def at(one: dict[str, Any]) -> dict[str, Any]:
    """The subject of a finding on what was planted."""
    subject = {"host": "h", "forge": "github", "repository": one["repository"], "pipeline": one["pipeline"]}
    return {"subject": subject | {"job": one["jobs"][0], "test": one["test"]}}
