"""A report rich enough to show every part of a page, and small builders for the rest."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipelinedoctor.findings import Column, Cost, Evidence, Finding, Link, Measure, Subject
from pipelinedoctor.model import Severity, Verdict
from pipelinedoctor.report.model import Coverage, GapGroup, Report, Section, Source
from pipelinedoctor.store.history import Totals, Window

NOW = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
HOST = "github.com"
RUN = "https://github.com/acme/checkout/actions/runs/71234567/job/"
LOG = """+ ./gradlew :payments:integrationTest
org.testcontainers.containers.ContainerLaunchException: Container startup failed for image postgres:15
\tat org.testcontainers.containers.GenericContainer.doStart(GenericContainer.java:349)
Caused by: java.net.SocketTimeoutException: Read timed out
FAILURE: Build failed with an exception."""


def finding(**changes: Any) -> Finding:
    """A finding with everything in it, then changed."""
    whole = Finding(
        query="flaky_jobs",
        subject=Subject(
            host=HOST,
            forge="github",
            repository="acme/checkout",
            pipeline=".github/workflows/ci.yml",
            job="integration (payments)",
        ),
        verdict=Verdict.FLAKY,
        severity=Severity.CRITICAL,
        confidence=0.994,
        title="integration (payments) fails and passes on the same commit",
        evidence=Evidence(
            summary="It failed on 17 of 515 commits on which it also passed, on 14 branches of 9 people.",
            k=17,
            n=515,
            low=0.0204,
            high=0.0523,
            links=(Link(text="failed", url=f"{RUN}1"), Link(text="passed, same commit", url=f"{RUN}2")),
            details=(("Failures that a rerun turned green", "15 of 17"), ("Most common failed step", "Run tests")),
            excerpt=LOG,
        ),
        cost=Cost(runner_minutes=1236.0, jobs=56, wait_minutes=312.0, method="Failed jobs and their reruns."),
        since=datetime(2026, 1, 12, 9, 30, tzinfo=UTC),
        next_step="Start the database once a job and wait for its port, then rerun the job 20 times on one commit.",
    )
    return dataclasses.replace(whole, **changes)


def other(job: str, severity: Severity, verdict: Verdict, title: str, **changes: Any) -> Finding:
    """A finding about another job."""
    subject = Subject(host=HOST, forge="github", repository="acme/web", pipeline=".github/workflows/web.yml", job=job)
    given = {"cost": None, "confidence": None, **changes}
    return finding(subject=subject, severity=severity, verdict=verdict, title=f"{job} {title}", **given)


def findings() -> tuple[Finding, ...]:
    """Thirteen findings, worst first."""
    bare = Evidence(summary="The last 9 runs on main failed, 4 commits of 3 people among them.", k=9, n=9)
    few = Cost(runner_minutes=41, jobs=6)
    return (
        finding(),
        other("deploy", Severity.CRITICAL, Verdict.BROKEN, "has failed since commit 4f1c2ab", evidence=bare, cost=few),
        other("build (windows)", Severity.HIGH, Verdict.INFRASTRUCTURE, "loses its runner", confidence=0.87),
        other("e2e (chrome)", Severity.HIGH, Verdict.REGRESSED, "takes 18 min instead of 11 min", confidence=0.999),
        *(
            other(f"unit ({n})", Severity.MEDIUM, Verdict.SUSPECTED, "may be flaky", confidence=0.7, cost=few)
            for n in range(5)
        ),
        *(other(f"lint ({n})", Severity.LOW, Verdict.RECOVERED, "has been green for 30 days") for n in range(4)),
    )


def weeks(count: int, *names: str) -> list[dict[str, Any]]:
    """A row a week and name, with a hole in the first line."""
    start = date(2025, 9, 1)
    return [
        {
            "week": start + timedelta(weeks=week),
            "repository": name,
            "p50": None if (week, place) == (3, 0) else 3600.0 * (5 + (week * 7 + place * 3) % 6),
            "p90": 3600.0 * (14 + (week * 5 + place) % 11),
            "n": 20 + week,
        }
        for place, name in enumerate(names)
        for week in range(count)
    ]


LEAD = (
    Column(name="week", title="Week", unit="date"),
    Column(name="repository", title="Repository"),
    Column(name="p50", title="Half within", unit="seconds"),
    Column(name="p90", title="Nine of ten within", unit="seconds"),
    Column(name="n", title="Commits", unit="count"),
)


def series(name: str, count: int, *names: str) -> Measure:
    """A weekly series, a panel for each name."""
    return Measure(
        id=name,
        title="From commit to release",
        caption=f"Commits of the week, {count} weeks; time from the commit to the first release that holds it.",
        columns=LEAD,
        rows=weeks(count, *names),
        kind="series",
        x="week",
        y=("p50", "p90"),
        by="repository" if len(names) > 1 else None,
    )


def clusters(count: int) -> Measure:
    """A table with more rows than a page shows."""
    return Measure(
        id="clusters",
        title="Failures that look alike",
        caption="Failed jobs whose explaining lines are the same but for numbers and names.",
        columns=(
            Column(name="line", title="Line"),
            Column(name="jobs", title="Jobs", unit="count"),
            Column(name="share", title="Share", unit="share"),
            Column(name="lost", title="Runner time", unit="minutes"),
            Column(name="last", title="Last seen", unit="time"),
            Column(name="url", title="Newest", unit="link"),
        ),
        rows=[
            {
                "line": f"java.net.SocketTimeoutException: Read timed out after <num> ms ({n})",
                "jobs": 1000 - n,
                "share": 1 / (n + 2),
                "lost": 3000.0 / (n + 1),
                "last": NOW - timedelta(hours=n),
                "url": f"{RUN}{n}",
            }
            for n in range(count)
        ],
    )


def report(**changes: Any) -> Report:
    """A report with every part in it, then changed."""
    found = findings()
    docs = "A job is *flaky* when it failed and passed on one commit.\n\n- same name, same `sha`\n- same kind of event"
    whole = Report(
        scope="acme/checkout and 1 more repository",
        generated_at=NOW,
        version="0.1.0",
        window=Window(NOW - timedelta(days=30), NOW),
        trend=Window(NOW - timedelta(days=180), NOW),
        origin="simulated",
        headline=(
            "13 findings: 2 critical, 2 high, 5 medium, 4 low.",
            "206 of 1,204 runner hours (17.1 %) went into failed jobs; 41 hours (3.4 %) into jobs that passed on the same commit.",
            "Seen: 3,351 runs and 41,022 jobs of 2 repositories.",
        ),
        findings=found,
        sections=(
            Section(
                id="flaky_jobs",
                title="Which jobs are flaky?",
                docs=docs,
                remediation="Fix the first, then see again.",
                findings=found,
            ),
            Section(
                id="failure_clusters",
                title="What do failures have in common?",
                docs=docs,
                remediation="Begin with the largest.",
                measures=(clusters(845),),
                notes=("12 logs had expired.",),
            ),
            Section(
                id="lead_time",
                title="How long does a change take?",
                docs=docs,
                remediation="Look at the longest part.",
                measures=(
                    series("release", 26, "acme/web"),
                    series("merge", 12, "acme/web", "acme/checkout", "acme/api"),
                ),
            ),
            Section(
                id="flaky_tests",
                title="Which tests are flaky?",
                docs=docs,
                remediation="Publish JUnit reports.",
                reason="no test results: 0 of 3,351 runs had a JUnit artifact",
            ),
            Section(
                id="broken",
                title="A question of your own",
                docs=docs,
                remediation="Mend it.",
                reason="KeyError: 'job'",
                failed=True,
            ),
        ),
        sources=(
            Source(
                host=HOST,
                forge="github",
                origin="simulated",
                fetched_at=NOW - timedelta(hours=3),
                age_s=10800.0,
                outcome="complete",
            ),
        ),
        coverage=(
            Coverage(
                host=HOST,
                repository="acme/checkout",
                runs=2151,
                jobs=31022,
                jobs_in_full=31022,
                test_results=0,
                first_run=NOW - timedelta(days=30),
                last_run=NOW - timedelta(hours=3),
            ),
            Coverage(
                host=HOST,
                repository="acme/web",
                runs=1200,
                jobs=10000,
                jobs_in_full=1000,
                test_results=0,
                first_run=NOW - timedelta(days=29),
                last_run=NOW - timedelta(hours=4),
            ),
        ),
        gaps=(
            GapGroup(
                host=HOST,
                repository="acme/checkout",
                kind="log",
                reason="the forge no longer has the log",
                things=202,
                rows_missing=2620,
                examples=("71234567", "71234568"),
            ),
        ),
        totals=Totals(
            runs=3351,
            jobs=41022,
            test_results=0,
            runner_minutes=72240,
            failing_jobs=1210,
            failing_minutes=12360,
            contradicted_jobs=205,
            contradicted_minutes=2460,
        ),
    )
    return dataclasses.replace(whole, **changes)


@pytest.fixture(scope="session")
def make_finding() -> Callable[..., Finding]:
    return finding


@pytest.fixture(scope="session")
def make_report() -> Callable[..., Report]:
    return report


@pytest.fixture(scope="session")
def make_series() -> Callable[..., Measure]:
    return series


@pytest.fixture(scope="session")
def make_table() -> Callable[[int], Measure]:
    return clusters


def empty() -> Report:
    """A report on a store with nothing in it."""
    section = Section(
        id="flaky_jobs",
        title="Which jobs are flaky?",
        docs="Docs.",
        remediation="Fetch first.",
        reason="too little history: 0 of 10 runs",
    )
    return report(
        scope="No repository",
        origin="none",
        headline=("No findings.", "No job ran in the window.", "Nothing was seen."),
        findings=(),
        sections=(section,),
        sources=(),
        coverage=(),
        gaps=(),
        totals=Totals(0, 0, 0, 0, 0, 0, 0, 0),
    )


@pytest.fixture(scope="session")
def make_empty() -> Callable[[], Report]:
    return empty
