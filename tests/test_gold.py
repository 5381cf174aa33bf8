"""The way from a forge to a report, end to end on a small history, held against files; `tests/gold/README.md` says how."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

GOLD = Path(__file__).resolve().parent / "gold"


@pytest.fixture(scope="module")
def report(small_demo: Path) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads((small_demo / "demo" / "report.json").read_text(encoding="utf-8"))
    return whole


def rounded(value: Any) -> Any:
    """Numbers to nine digits: the last ones differ between processors and versions of the libraries."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def compare(name: str, text: str) -> None:
    if os.environ.get("PIPELINEDOCTOR_GOLD") == "renew":
        (GOLD / name).write_text(text, encoding="utf-8")
    assert text == (GOLD / name).read_text(encoding="utf-8"), "tests/gold/README.md says how to renew it"


def test_the_facts_are_those_of_the_gold_file(report: dict[str, Any]) -> None:
    facts = {name: value for name, value in report.items() if name != "version"}
    compare("report.json", json.dumps(rounded(facts), indent=1) + "\n")


def test_the_wikis_index_is_that_of_the_gold_file(small_demo: Path) -> None:
    compare("Home.md", (small_demo / "demo" / "wiki" / "Home.md").read_text(encoding="utf-8"))


def test_the_screen_is_that_of_the_gold_file(small_demo: Path) -> None:
    compare("screen.txt", (small_demo / "screen.txt").read_text(encoding="utf-8"))


def test_every_question_finds_something_and_every_finding_leads_to_the_forge(report: dict[str, Any]) -> None:
    silent = {"red_jobs"}  # it has figures only
    assert {one["query"] for one in report["findings"]} == {one["id"] for one in report["sections"]} - silent
    for finding in report["findings"]:
        runs = f"https://github.com/{finding['subject']['repository']}/actions/runs/"
        assert finding["evidence"]["links"], finding["title"]
        assert all(link["url"].startswith(runs) for link in finding["evidence"]["links"]), finding["title"]


def test_every_finding_is_on_every_page_that_should_have_it(small_demo: Path, report: dict[str, Any]) -> None:
    html = (small_demo / "demo" / "report.html").read_text(encoding="utf-8")
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (small_demo / "demo" / "wiki").iterdir()}
    for finding in report["findings"]:
        assert f'id="{finding["fingerprint"]}"' in html
        assert finding["fingerprint"] in pages["Home"]
        assert finding["fingerprint"] in pages[finding["query"].replace("_", "-")]


def test_a_job_list_without_a_run_and_a_lost_log_are_told_as_gaps(report: dict[str, Any]) -> None:
    told = {(gap["kind"], gap["things"], gap["rows_missing"]) for gap in report["gaps"]}
    assert told == {("jobs", 1, 2), ("log", 1, None)}
