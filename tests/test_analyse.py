"""The core on a real store, with small questions of its own."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from pipelinedoctor.analyse import analyse
from pipelinedoctor.conclude import Terms
from pipelinedoctor.errors import PackError, StoreError
from pipelinedoctor.findings import Answer, Claims, Column, Cost, Evidence, Finding, Measure, Subject
from pipelinedoctor.ignore_file import Entry
from pipelinedoctor.model import Cause, FetchGap, Job, Repository, Run, Severity, Verdict
from pipelinedoctor.query import NoOptions, Query
from pipelinedoctor.ranking import ranked
from pipelinedoctor.report.html import HtmlRenderer
from pipelinedoctor.report.json import JsonRenderer
from pipelinedoctor.report.markdown import MarkdownRenderer
from pipelinedoctor.report.model import Report
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import History, Totals, Window

NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)
HOST = "github.com"
SCHEMA = Path(__file__).resolve().parent.parent / "docs" / "report.schema.json"
WINDOW, TREND = Window(NOW - timedelta(days=30), NOW), Window(NOW - timedelta(days=180), NOW)


class Heard:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def start(self, task: str, total: int | None) -> None:
        self.said.append(("start", task, total))

    def advance(self, task: str, steps: int = 1) -> None:
        self.said.append(("advance", task, steps))

    def finish(self, task: str, summary: str = "") -> None:
        self.said.append(("finish", task, summary))


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Options of a question."""

    least: int = 10


def question(id: str, answer: Callable[[History, Any], Any], options: type[Any] = NoOptions) -> Query[Any]:  # noqa: A002
    return Query(id=id, title=f"{id}?", docs="Docs.", remediation="Mend.", answer=answer, options=options)


def found(query: str, name: str, severity: Severity = Severity.LOW, minutes: float | None = None) -> Finding:
    return Finding(
        query=query,
        subject=Subject(host=HOST, forge="github", repository="acme/web", job=name),
        verdict=Verdict.FLAKY,
        severity=severity,
        confidence=None,
        title=name,
        evidence=Evidence(summary="s"),
        cost=None if minutes is None else Cost(runner_minutes=minutes, jobs=1),
        since=None,
        next_step="n",
    )


def ask(
    store: Store, *queries: Query[Any], options: dict[str, Any] | None = None, heard: Heard | None = None
) -> Report:
    return analyse(
        store,
        {query.id: query for query in queries},
        options or {},
        window=WINDOW,
        trend=TREND,
        generated_at=NOW,
        progress=heard or Heard(),
    )


def run(number: int, repository: int, days_ago: float, sha: str = "a" * 40) -> Run:
    at = NOW - timedelta(days=days_ago)
    return Run(
        host=HOST, run_id=number, repository_id=repository, pipeline_id=7, pipeline=".github/workflows/ci.yml",
        pipeline_name="CI", run_number=number, event="push", branch="main", commit_sha=sha, change_number=None,
        title="t", actor="a", status="completed", result="success", forge_result="success", attempt=1, created_at=at,
        updated_at=at, html_url=f"https://github.com/r/{number}",
    )  # fmt: skip


def job(number: int, run_of: Run, result: str, seconds: float) -> Job:
    at = run_of.created_at
    return Job(
        host=HOST, job_id=number, run_id=run_of.run_id, repository_id=run_of.repository_id, attempt=1, name="build",
        status="completed", result=result, forge_result=result, created_at=None, started_at=at,
        completed_at=at + timedelta(seconds=seconds), queue_s=None, duration_s=seconds, labels=None, runner=None,
        carried_over=False, html_url=f"https://github.com/j/{number}",
    )  # fmt: skip


def repository(number: int, name: str) -> Repository:
    return Repository(
        host=HOST, repository_id=number, forge="github", full_name=name, default_branch="main", html_url="https://x"
    )


@pytest.fixture
def filled(store: Store) -> Store:
    """Two repositories: one with a job that fails and passes on one commit, one that did nothing in the window."""
    runs = [run(1, 1, 9), run(2, 1, 8), run(3, 1, 7, "b" * 40), run(4, 2, 99)]
    gaps = [
        FetchGap(host=HOST, repository="acme/web", kind="log", subject=subject, reason=reason, rows_missing=missing)
        for subject, reason, missing in (
            ("4", "expired", None), ("1", "expired", 3), ("2", "expired", 4), ("3", "expired", None), ("9", "secret", None),
        )
    ]  # fmt: skip
    jobs = [job(1, runs[0], "failure", 61), job(2, runs[1], "success", 60), job(3, runs[2], "failure", 30)]
    store.write(HOST, [repository(1, "acme/web"), repository(2, "acme/api"), *runs, *jobs, *gaps])
    store.record_source(
        host=HOST, forge="github", origin="live", fetched_at=NOW - timedelta(hours=3), outcome="complete"
    )
    return store


def test_facts_are_put_together(filled: Store) -> None:
    report = ask(filled, question("q", lambda *_: Answer()))
    assert (report.scope, report.origin, report.window, report.trend) == (
        "acme/api and acme/web",
        "live",
        WINDOW,
        TREND,
    )
    assert [(one.repository, one.runs, one.jobs, one.jobs_in_full, one.test_results) for one in report.coverage] == [
        ("acme/api", 0, 0, 0, 0),
        ("acme/web", 3, 3, 3, 0),
    ]
    assert report.coverage[0].first_run is None
    assert (report.coverage[1].first_run, report.coverage[1].last_run) == (
        NOW - timedelta(days=9),
        NOW - timedelta(days=7),
    )
    (source,) = report.sources
    assert (source.host, source.origin, source.age_s, source.outcome) == (HOST, "live", 10800, "complete")
    assert [(gap.reason, gap.things, gap.rows_missing, gap.examples) for gap in report.gaps] == [
        ("expired", 4, 7, ("1", "2", "3")),
        ("secret", 1, None, ("9",)),
    ]
    assert report.totals == Totals(3, 3, 0, 4, 2, 3, 1, 2)
    assert "Of 4 runner minutes 3 (75.0 %)" in report.headline[1]
    assert report.headline[2].startswith("Seen: 3 runs, 3 jobs, 0 test results of 1 of 2 repositories. Missing")


@pytest.mark.parametrize(
    ("origins", "least"),
    [
        (["live"], "live"),
        (["live", "recording"], "recording"),
        (["simulated", "live"], "simulated"),
        (["ingested"], "ingested"),
        (["ingested", "live"], "live"),
        (["ingested", "recording"], "recording"),
    ],
)
def test_one_unreal_source_makes_an_unreal_report(origins: list[str], least: str, store: Store) -> None:
    for number, origin in enumerate(origins):
        store.record_source(host=f"h{number}", forge="github", origin=origin, fetched_at=None, outcome="failed")
    report = ask(store)
    assert report.origin == least
    assert [source.age_s for source in report.sources] == [None] * len(origins)


def test_findings_of_all_questions_are_ranked(store: Store) -> None:
    one = [found("a", "cheap", minutes=1), found("a", "dear", minutes=9), found("a", "free")]
    two = [found("b", "grave", Severity.CRITICAL), found("b", "dear", minutes=9)]
    report = ask(store, question("a", lambda *_: Answer(findings=one)), question("b", lambda *_: Answer(findings=two)))
    assert report.findings[0].query == "b"
    assert [finding.title for finding in report.findings] == ["grave", "dear", "dear", "cheap", "free"]
    assert [finding.title for finding in report.sections[0].findings] == ["dear", "cheap", "free"]
    assert ranked(tuple(reversed(report.findings)), WINDOW) == report.findings


def test_a_question_gets_its_options_or_its_defaults(store: Store) -> None:
    def answer(history: History, options: Limits) -> Answer:
        return Answer(notes=(f"{options.least} {history.window == WINDOW}",))

    asked = question("a", answer, Limits), question("b", answer, Limits)
    report = ask(store, *asked, options={"b": Limits(least=3)})
    assert [section.notes for section in report.sections] == [("10 True",), ("3 True",)]


def test_a_broken_question_takes_no_other_with_it(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")

    def broken(*_: Any) -> Answer:
        raise KeyError("job\n" + "x" * 1000)

    heard = Heard()
    report = ask(
        store, question("a", broken), question("b", lambda *_: Answer(findings=[found("b", "x")])), heard=heard
    )
    assert report.failed_queries == ("a",)
    assert str(report.sections[0].reason).startswith("KeyError: 'job\\n")
    assert len(str(report.sections[0].reason)) == 300
    assert len(report.findings) == 1
    assert "1 of 2 questions broke while it was asked" in report.headline[0]
    assert "in broken" in caplog.text  # the traceback, for who writes the question
    assert heard.said == [
        ("start", "analyse", 2),
        ("advance", "analyse", 1),
        ("advance", "analyse", 1),
        ("finish", "analyse", "1 finding from 2 questions"),
    ]


def test_a_reason_is_handed_on(store: Store) -> None:
    report = ask(store, question("a", lambda *_: Answer(reason="too little history")))
    assert (report.sections[0].reason, report.sections[0].failed, report.failed_queries) == (
        "too little history",
        False,
        (),
    )


def test_the_projects_own_errors_stay_loud(store: Store) -> None:
    def broken(*_: Any) -> Answer:
        raise StoreError("the disk is gone")

    with pytest.raises(StoreError, match="the disk is gone"):
        ask(store, question("a", broken))


def counted(**numbers: Any) -> Finding:
    """A finding whose numbers are what NumPy hands on, as a question may well forget."""
    return dataclasses.replace(found("a", "x"), evidence=Evidence(summary="s", **numbers))


def measure(rows: list[dict[str, Any]], **changes: Any) -> Answer:
    return Answer(
        measures=[Measure(id="m", title="M", caption="C", columns=(Column(name="n", title="N"),), rows=rows, **changes)]
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([], "answered with list; a question returns an Answer"),
        (Answer(findings=[found("other", "x")]), "of the question 'other', not 'a'"),
        (Answer(findings=[found("a", "x"), found("a", "x")]), "two findings on 'x'; tell them apart by `key`"),
        (Answer(findings=[counted(k=np.int64(1))]), "finding 'x': k is a int64; make it a number with int"),
        (Answer(findings=[counted(low=np.array(0.5))]), "low is a ndarray"),
        (measure([{"m": 1}]), "measure 'm': a row's entries are not its columns: m, n"),
        (measure([{"n": timedelta(1)}]), "n holds a timedelta"),
        (measure([], x="week"), "plots week, which is no column"),
        (measure([], y=("p50", "n")), "plots p50"),
    ],
)
def test_an_answer_that_breaks_the_contract_is_loud(answer: Any, said: str, store: Store) -> None:
    with pytest.raises(PackError, match=said):
        ask(store, question("a", lambda *_: answer))


def test_an_empty_store_gives_a_report_of_reasons(store: Store) -> None:
    report = ask(store)
    assert (report.scope, report.origin, report.findings, report.coverage) == ("No repository", "none", (), ())
    assert report.headline[2] == "Nothing was seen: the store holds no repository."


def test_the_same_store_gives_the_same_report(filled: Store) -> None:
    asked = question("a", lambda *_: Answer(findings=[found("a", "x")]))
    assert ask(filled, asked) == ask(filled, asked)


def test_what_is_ignored_has_a_section_and_a_sentence_of_its_own(filled: Store) -> None:
    held = Entry(owner="ann", reason="moves", expires=NOW.date(), job="x")
    gone = Entry(owner="bob", reason="later", expires=NOW.date() - timedelta(days=1), job="y")
    asked = question("a", lambda *_: Answer(findings=[found("a", "x", Severity.HIGH), found("a", "y", minutes=1)]))
    report = analyse(
        filled, {"a": asked}, {}, window=WINDOW, trend=TREND, generated_at=NOW, progress=Heard(),
        terms=Terms(ignored=(held, gone)),
    )  # fmt: skip
    assert [(one.verdict, one.title) for one in report.findings] == [
        (Verdict.FLAKY, "y"),
        (Verdict.EXPIRED, "The entry on job y expired on 2026-03-01"),
    ]
    assert [[one.title for one in section.findings] for section in report.sections] == [
        ["y"],
        ["The entry on job y expired on 2026-03-01"],
    ]
    assert [row["finding"] for row in report.sections[1].measures[0].rows] == ["x"]
    assert "Ignored until a day that is set: 1 finding. Expired: 1 entry." in report.headline
    document = json.loads(JsonRenderer().text(report))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert "Ignored, by whom, until when" in HtmlRenderer().text(report)
    assert "ignored.md" in MarkdownRenderer().pages(report)


def test_claims_become_costs_and_are_no_part_of_the_document(filled: Store) -> None:
    claims = Claims(cause=Cause.FLAKY_JOB, executions=((1, 1.0),))
    asked = question("a", lambda *_: Answer(findings=[dataclasses.replace(found("a", "x"), claims=claims)]))
    report = ask(filled, asked)
    (one,) = report.findings
    assert one.cost is not None
    assert (one.cost.runner_minutes, one.cost.jobs, one.cost.dollars, one.cost.priced) == (2.0, 1, None, 0.0)
    assert one.last_at == NOW - timedelta(days=9) + timedelta(seconds=61)
    assert (
        "The findings account for 2 min of runner time, each execution counted once (at a price that is not known)"
        in " ".join(report.headline)
    )
    document = json.loads(JsonRenderer().text(report))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert "claims" not in document["findings"][0]


def test_a_claim_that_is_none_is_loud(store: Store) -> None:
    claims = Claims(cause=Cause.OTHER, executions=((1, 1.5),))
    asked = question("a", lambda *_: Answer(findings=[dataclasses.replace(found("a", "x"), claims=claims)]))
    with pytest.raises(PackError, match=r"claims \(1, 1.5\); a claim is the id of a job, and a share from 0 to 1"):
        ask(store, asked)
