"""Test reports of GitLab's pipelines as results."""

from typing import Any

import pytest

from pipelinedoctor.fetch.dialects.interface import DETAIL
from pipelinedoctor.fetch.download import UnfitError
from pipelinedoctor.fetch.gitlab import reports as gitlab_reports
from pipelinedoctor.fetch.gitlab.marks import folded
from pipelinedoctor.fetch.gitlab.reports import results
from pipelinedoctor.simulate.gitlab.bodies import report_body
from tests.helpers.gitlab_recordings import case

JOBS = {folded("rspec"): (70, 2)}


def read(report: object) -> list[tuple[Any, ...]]:
    return [
        (one.job_id, one.attempt, one.test, one.ordinal, one.suite, one.result, one.message)
        for one in results("h", 1, 3, JOBS, report)
    ]


def test_a_suite_goes_to_the_job_it_is_named_after() -> None:
    report = report_body(
        {"rspec": [case("a"), case("a", "failed", output="boom\nmore")], "rspec 1/2": [case("b", "error")]}
    )
    assert read(report) == [
        (70, 2, "tests.unit::a", 0, "rspec", "success", None),
        (70, 2, "tests.unit::a", 1, "rspec", "failure", "boom"),
        (0, 3, "tests.unit::b", 0, "rspec 1/2", "error", None),
    ]


def test_what_a_test_said_comes_as_text_or_as_an_element() -> None:
    cases = [
        {"status": "failed", "name": "a", "system_output": {"message": "boom", "__content__": "at line 1"}},
        {"status": "failed", "name": "b", "system_output": None, "stack_trace": "deep"},
        {"status": "failed", "name": "c", "system_output": "é" * DETAIL},
        {"status": "skipped", "name": "d", "system_output": "not said", "execution_time": -1},
    ]
    found = results("h", 1, 1, {}, {"test_suites": [{"name": "s", "test_cases": cases}]})
    assert [one.message for one in found[:2]] == ["boom", "deep"]
    assert found[0].detail == "boom\nat line 1"
    assert len((found[2].detail or "").encode()) <= DETAIL
    assert (found[3].result, found[3].detail, found[3].duration_s) == ("skipped", None, None)


@pytest.mark.parametrize("report", [None, [], {}, {"test_suites": {}}, "x"])
def test_what_is_no_report_is_unfit(report: object) -> None:
    with pytest.raises(UnfitError, match="no test report"):
        read(report)


@pytest.mark.parametrize(
    "suite",
    [None, "s", {}, {"test_cases": None}, {"test_cases": [None, "x", {}, {"status": "success"}, {"name": "a"}]}],
)
def test_what_is_no_test_is_passed_over(suite: object) -> None:
    assert read({"test_suites": [suite]}) == []


def test_a_report_without_end_is_unfit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitlab_reports, "MOST", 2)
    with pytest.raises(UnfitError, match="more than 2 results"):
        read(report_body({"rspec": [case("a"), case("b"), case("c")]}))
