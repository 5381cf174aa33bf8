"""The GitLab fetcher against the loopback GitLab: what is stored, what it costs, and what is not asked again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.gitlab.fetcher import GitLabFetcher
from pipelinedoctor.fetch.interface import Level, Order, Progress, Silent, Source
from pipelinedoctor.simulate.sent import Sent
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync
from tests.fetch.nearby import Forge
from tests.fetch.nearby_gitlab import Fault, serve
from tests.helpers.gitlab_recordings import (
    Pipeline,
    case,
    change,
    deployment,
    job,
    pipeline,
    site_of,
    write_gitlab,
)

NOW = datetime(2026, 1, 20, tzinfo=UTC)
MONTH = timedelta(days=30)
TABLES = (
    "repositories", "runs", "run_attempts", "jobs", "failures", "test_results", "commits", "changes", "change_commits",
    "deployments", "environments", "releases", "tags", "fetch_gaps",
)  # fmt: skip
ROUTE = "/projects/:id"
PIPELINES, PIPELINE = f"{ROUTE}/pipelines", f"{ROUTE}/pipelines/:pipeline_id"
JOBS, ALONE, BRIDGES = f"{ROUTE}/jobs", f"{PIPELINE}/jobs", f"{PIPELINE}/bridges"
TRACE, REPORT = f"{ROUTE}/jobs/:job_id/trace", f"{PIPELINE}/test_report"
ARCHIVE = f"{ROUTE}/jobs/:job_id/artifacts"
CHANGE = f"{ROUTE}/merge_requests/:merge_request_iid"
AROUND = {
    f"{ROUTE}/repository/commits": 1, f"{ROUTE}/merge_requests": 1, f"{ROUTE}/deployments": 1, f"{ROUTE}/releases": 1,
}  # fmt: skip
FIRST_NIGHT = AROUND | {f"{ROUTE}/environments": 1, f"{ROUTE}/repository/tags": 1}

GREEN = pipeline(1, jobs=[job("build"), job("lint")])
RED = pipeline(
    2,
    created="2026-01-06T12:00:00Z",
    jobs=[job("build"), job("test", "failed", trace="Error: boom\n")],
    report={"test": [case("pays", "failed", output="boom\nat line 1")]},
)
RETRIED = pipeline(
    3,
    created="2026-01-07T12:00:00Z",
    jobs=[job("build"), job("test", "failed", trace="Error: boom\n"), job("test")],
    report={"test": [case("pays")]},
)


JUNIT = "<testsuite name='s'><testcase classname='tests.unit' name='pays'>{}</testcase></testsuite>"
BROKEN = JUNIT.format("<failure message='boom'>at line 1</failure>")


def flaky(*, files: Mapping[str, str] | None = None, left: Mapping[str, Any] | None = None) -> Pipeline:
    """A pipeline whose test failed at first and passed when its job was retried; `left` overrides the failed job's body."""
    first = job(
        "test", "failed", trace="Error: boom\n", files={"junit.xml": BROKEN} if files is None else files, body=left
    )
    return pipeline(3, jobs=[job("build"), first, job("test")], report={"test": [case("pays")]})


FAULTS = {
    "500": Sent(500, b"", {}),
    "502": Sent(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    "429": Sent(429, b"Retry later\n", {"Retry-After": "7"}),
    "429 without a time": Sent(429, b"", {}),
    "html": Sent(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
    "half": Sent(200, b'[{"id": 1', {"Content-Type": "application/json"}),
}


class Rig:
    """A GitLab over one recording after another, and a store that fetches from it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._made = 0
        self.forge: Forge
        self.store = stack.enter_context(Store.open(folder / "history.duckdb"))

    def record(self, *pipelines: Pipeline, **more: Any) -> "Rig":
        serving = {key: more.pop(key) for key in ("token", "job_token", "fault", "rate_limit") if key in more}
        self._made += 1
        folder = write_gitlab(self._folder / f"recording-{self._made}", pipelines, **more)
        self.forge = self._stack.enter_context(serve(folder, **serving))
        return self

    def fetch(
        self,
        *names: str,
        since: datetime = NOW - MONTH,
        until: datetime = NOW,
        most: int | None = None,
        level: Level = Level.SAMPLED,
        job_token: bool = False,
        topics: tuple[str, ...] = (),
        workers: int = 4,
        store: Store | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        self.forge.reset()
        source = Source(
            forge="gitlab",
            host="gitlab.com",
            url=self.forge.url,
            repositories=names or ("acme/shop",),
            token="secret",
            job_token=job_token,
            topics=topics,
            workers=workers,
            throttle=0,
        )
        order = Order(since=since, until=until, max_requests=most, level=level)
        return sync(GitLabFetcher(source, pause=lambda _: None), store or self.store, order, progress or Silent())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.store.connection.sql(sql).fetchall()


def tables(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    return {table: store.connection.sql(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in TABLES}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield Rig(tmp_path, stack)


def count(found: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in found.items() if number}


def test_a_history_is_stored_with_the_fewest_requests(rig: Rig) -> None:
    done = rig.record(GREEN, RED, RETRIED).fetch()
    assert rig.forge.counts() == {ROUTE: 1, PIPELINES: 1, JOBS: 1, TRACE: 2, REPORT: 2, **FIRST_NIGHT}
    assert done.requests == sum(rig.forge.counts().values())
    assert (done.outcome, done.gaps) == ("complete", 0)
    assert count(done.new) == {
        "repositories": 1, "runs": 3, "run_attempts": 4, "jobs": 7, "failures": 2, "test_results": 2, "commits": 3,
    }  # fmt: skip


def test_retries_are_attempts(rig: Rig) -> None:
    rig.record(GREEN, RED, RETRIED).fetch()
    assert rig.rows("SELECT run_id, attempt, name, result FROM jobs WHERE run_id > 1 ORDER BY job_id") == [
        (2, 1, "build", "success"),
        (2, 1, "test", "failure"),
        (3, 1, "build", "success"),
        (3, 1, "test", "failure"),
        (3, 2, "test", "success"),
    ]
    assert rig.rows("SELECT run_id, attempt, result, derived FROM run_attempts ORDER BY ALL") == [
        (1, 1, "success", True),
        (2, 1, "failure", True),
        (3, 1, "failure", True),
        (3, 2, "success", True),
    ]
    assert rig.rows("SELECT run_id, attempt, result, pipeline, event, branch FROM runs ORDER BY ALL") == [
        (1, 1, "success", "push", "push", "main"),
        (2, 1, "failure", "push", "push", "main"),
        (3, 2, "success", "push", "push", "main"),
    ]
    assert rig.rows("SELECT job_id, attempt, test, result, message, detail FROM test_results ORDER BY ALL") == [
        (2001, 1, "tests.unit::pays", "failure", "boom", "boom\nat line 1"),
        (3002, 2, "tests.unit::pays", "success", None, None),
    ]
    assert rig.rows("SELECT job_id, line FROM failures ORDER BY ALL") == [(2001, "Error: boom"), (3001, "Error: boom")]


def test_a_test_that_failed_and_passed_on_retry_is_seen(rig: Rig) -> None:
    rig.record(flaky()).fetch()
    assert rig.forge.counts() == {
        ROUTE: 1, PIPELINES: 1, JOBS: 1, TRACE: 1, REPORT: 1, ARCHIVE: 1, "blob artifacts": 1, **FIRST_NIGHT,
    }  # fmt: skip
    assert rig.rows(
        "SELECT job_id, attempt, test, ordinal, result, message, detail FROM test_results ORDER BY ALL"
    ) == [
        (3001, 1, "tests.unit::pays", 0, "failure", "boom", "at line 1"),
        (3002, 2, "tests.unit::pays", 0, "success", None, None),
    ]
    done = rig.fetch()
    assert (done.requests, count(done.new), count(done.changed)) == (7, {}, {})


def test_what_the_test_report_told_before_a_retry_is_not_asked_for_again(rig: Rig) -> None:
    told = {"test": [case("pays", "failed", output="boom")]}
    failed = job("test", "failed", trace="Error: boom\n", files={"junit.xml": BROKEN})
    rig.record(pipeline(3, jobs=[job("build"), failed], report=told)).fetch()
    assert ARCHIVE not in rig.forge.counts()
    later = pipeline(3, jobs=[job("build"), failed, job("test")], report={"test": [case("pays")]})
    rig.record(later).fetch()
    assert ARCHIVE not in rig.forge.counts()
    assert rig.rows("SELECT job_id, attempt, result, message FROM test_results ORDER BY ALL") == [
        (3001, 1, "failure", "boom"),
        (3002, 2, "success", None),
    ]


def artifact(kind: str, size: int) -> dict[str, Any]:
    return {"file_type": kind, "size": size, "filename": f"{kind}.bin", "file_format": None}


@pytest.mark.parametrize(
    ("left", "requests", "reason"),
    [
        ({"artifacts_expire_at": "2026-01-19T00:00:00.000Z"}, 0, "artifacts expired"),
        ({"artifacts": [artifact("archive", 2**26 + 1)]}, 0, "larger than 64 MiB"),
        ({"artifacts": [artifact("junit", 9)]}, 0, "the job was retried and its report is in no archive of artifacts"),
        ({"erased_at": "2026-01-19T00:00:00.000Z"}, 1, "artifacts expired or erased"),
        ({"artifacts_expire_at": "2026-01-21T00:00:00.000Z", "artifacts": [artifact("trace", 9)]}, 0, None),
        ({"artifacts": ["odd", {}, {"file_type": []}, {"file_type": "trace", "size": None}]}, 0, None),
    ],
)
def test_an_archive_that_cannot_be_had_is_a_gap(
    rig: Rig, left: Mapping[str, Any], requests: int, reason: str | None
) -> None:
    rig.record(flaky(left=left)).fetch()
    assert rig.forge.counts().get(ARCHIVE, 0) == requests
    gaps = rig.rows("SELECT subject, reason FROM fetch_gaps WHERE kind = 'tests'")
    assert gaps == ([("job 3001", reason)] if reason else [])
    assert rig.rows("SELECT job_id FROM test_results") == [(3002,)]
    done = rig.fetch()
    assert (done.requests, count(done.new), count(done.changed)) == (7, {}, {})


def test_of_a_large_archive_and_of_an_odd_one_what_can_be_read_is(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "a.xml": JUNIT.format(""),
        "b.xml": "<testsuite",
        "c.xml": "<project/>",
        "d.txt": "no report",
        "e.xml": BROKEN,
    }
    rig.record(flaky(files=files)).fetch()
    results = "SELECT ordinal, result FROM test_results WHERE job_id = 3001 ORDER BY ALL"
    assert rig.rows(results) == [(0, "success"), (1, "failure")]
    ((subject, _),) = rig.rows("SELECT subject, reason FROM fetch_gaps")
    assert subject == "job 3001: b.xml"
    monkeypatch.setattr("pipelinedoctor.fetch.archived.MOST", 2)
    with Store.open(rig._folder / "other.duckdb") as other:
        rig.fetch(store=other)
        assert other.connection.sql("SELECT count(*) FROM test_results").fetchall() == [(2,)]
        gaps = other.connection.sql("SELECT reason FROM fetch_gaps WHERE subject = 'job 3001'").fetchall()
        assert gaps == [("the run has more than 2 results of tests",)]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (Sent(200, b"no zip at all", {"Content-Type": "application/zip"}), "not a zip"),
        (Sent(200, b"PK\x03\x04 and no more", {"Content-Type": "application/zip"}), "broken archive (BadZipFile)"),
        (Sent(403, b"{}", {}), "artifacts not permitted to this token (403)"),
    ],
)
def test_an_archive_that_is_none_or_is_refused_is_a_gap(rig: Rig, sent: Sent, reason: str) -> None:
    rig.record(flaky(), fault=lambda _, path: sent if path.endswith("/artifacts") else None).fetch()
    assert rig.rows("SELECT kind, subject, reason FROM fetch_gaps") == [("tests", "job 3001", reason)]
    assert rig.fetch().requests == 7


@pytest.mark.parametrize("route", ["/trace", "/test_report", "/artifacts"])
def test_what_failed_in_passing_is_asked_for_again_while_it_is_worth_it(rig: Rig, route: str) -> None:
    ill = [True]
    fault: Fault = lambda _, path: Sent(503, b"", {}) if ill[0] and path.endswith(route) else None  # noqa: E731
    rig.record(flaky(), fault=fault).fetch(until=NOW - timedelta(days=14))
    assert rig.rows("SELECT count(*) FROM fetch_gaps") == [(1,)]
    ill[0] = False
    rig.fetch(until=NOW - timedelta(days=13))
    assert rig.rows("SELECT * FROM fetch_gaps") == []
    assert rig.rows("SELECT job_id, result FROM test_results ORDER BY ALL") == [(3001, "failure"), (3002, "success")]
    assert rig.rows("SELECT job_id FROM failures") == [(3001,)]
    assert rig.fetch().requests == 7
    ill[0] = True
    with Store.open(rig._folder / "late.duckdb") as late:
        rig.fetch(store=late)
        assert rig.fetch(store=late).requests == 7


def test_a_night_with_nothing_new_costs_seven_requests_and_writes_no_row(rig: Rig) -> None:
    child = pipeline(50, source="parent_pipeline", created="2026-01-08T13:00:00Z", jobs=[job("unit")])
    rig.record(GREEN, RED, RETRIED, deployments=[deployment()], changes=[change()]).fetch()
    done = rig.fetch()
    assert rig.forge.counts() == {ROUTE: 1, PIPELINES: 1, JOBS: 1, **AROUND}
    assert (done.requests, count(done.new), count(done.changed)) == (7, {}, {})
    rig.record(
        GREEN, RED, RETRIED, pipeline(49, created="2026-01-08T12:59:00Z", jobs=[job()], children=[child])
    ).fetch()
    done = rig.fetch()
    assert rig.forge.counts() == {ROUTE: 1, PIPELINES: 2, JOBS: 1, **AROUND}
    assert (done.requests, count(done.new), count(done.changed)) == (8, {}, {})


def test_a_thousand_pipelines_cost_a_hundred_and_twenty_requests(rig: Rig) -> None:
    start = NOW - timedelta(days=20)
    history = [
        pipeline(number, created=start + timedelta(minutes=28 * number), jobs=[job(f"job {one}") for one in range(10)])
        for number in range(1, 1001)
    ]
    done = rig.record(*history).fetch()
    assert count(done.new)["jobs"] == 10_000
    assert rig.forge.counts()[JOBS] + rig.forge.counts()[PIPELINES] == 111
    assert done.requests <= 120


def test_a_retry_that_comes_later_changes_what_it_must(rig: Rig) -> None:
    others = [
        pipeline(number, created=f"2026-01-08T{number % 24:02}:00:00Z", jobs=[job()] * 1) for number in range(10, 300)
    ]
    rig.record(GREEN, RED, *others).fetch()
    again = pipeline(
        2,
        created="2026-01-06T12:00:00Z",
        jobs=[job("build"), job("test", "failed", trace="Error: boom\n"), job("test", id=900_000)],
        report={"test": [case("pays")]},
        body={"updated_at": "2026-01-19T12:00:00.000Z"},
    )
    done = rig.record(GREEN, again, *others).fetch()
    assert rig.forge.counts() == {
        ROUTE: 1, PIPELINES: 1, JOBS: 1, ALONE: 1, REPORT: 1, **AROUND, f"{ROUTE}/repository/tags": 1,
    }  # fmt: skip
    assert count(done.new) == {"jobs": 1, "run_attempts": 1, "test_results": 1}
    assert count(done.changed) == {"runs": 1}
    assert rig.rows("SELECT job_id, attempt FROM jobs WHERE run_id = 2 AND name = 'test' ORDER BY ALL") == [
        (2001, 1),
        (900_000, 2),
    ]


def test_a_job_that_somebody_starts_later_is_read_again(rig: Rig) -> None:
    waiting = pipeline(2, jobs=[job("build"), job("deploy", "manual")], body={"status": "manual"})
    rig.record(waiting).fetch()
    assert rig.rows("SELECT result FROM jobs WHERE name = 'deploy'") == [("skipped",)]
    assert rig.rows("SELECT result, status FROM runs") == [("unknown", "manual")]
    played = pipeline(2, jobs=[job("build"), job("deploy", "failed")], body={"updated_at": "2026-01-15T12:00:00.000Z"})
    rig.record(played).fetch()
    assert rig.rows("SELECT result FROM jobs WHERE name = 'deploy'") == [("failure",)]
    assert rig.rows("SELECT result, status FROM runs") == [("failure", "completed")]
    assert rig.rows("SELECT kind, subject, reason FROM fetch_gaps") == [("log", "job 2001", "log is empty")]


def test_a_job_that_runs_is_asked_for_again_until_it_is_given_up(rig: Rig) -> None:
    going = pipeline(2, created="2026-01-19T12:00:00Z", jobs=[job("build", "running")])
    others = [
        pipeline(one, created=f"2026-01-19T13:{one % 60:02}:00Z", jobs=[job("lint")] * 1) for one in range(3, 200)
    ]
    rig.record(going, *others).fetch()
    assert rig.rows("SELECT status, result FROM jobs WHERE name = 'build'") == [("running", "unknown")]
    rig.fetch(until=NOW + timedelta(days=1))
    assert rig.forge.counts() == {ROUTE: 1, PIPELINES: 1, JOBS: 1, ALONE: 1, **AROUND}
    rig.fetch(until=NOW + timedelta(days=8))
    assert ALONE not in rig.forge.counts()


def test_child_pipelines_are_read_and_know_their_parent_where_all_is_read(rig: Rig) -> None:
    child = pipeline(50, source="parent_pipeline", sha="c" * 40, jobs=[job("unit"), job("unit")])
    parent = pipeline(49, sha="c" * 40, jobs=[job("generate")], children=[child])
    other = pipeline(48, created="2026-01-04T12:00:00Z", jobs=[job("build")])
    rig.record(other, parent).fetch()
    assert rig.rows("SELECT run_id, pipeline, attempt, parent_run_id FROM runs ORDER BY ALL") == [
        (48, "push", 1, None),
        (49, "push", 1, None),
        (50, "parent_pipeline", 2, None),
    ]
    assert BRIDGES not in rig.forge.counts()
    with Store.open(rig._folder / "full.duckdb") as full:
        rig.fetch(level=Level.FULL, store=full)
        assert rig.forge.counts()[BRIDGES] == 2
        runs = full.connection.sql("SELECT run_id, attempt, parent_run_id FROM runs ORDER BY ALL").fetchall()
        assert runs == [(48, 1, None), (49, 1, None), (50, 2, 49)]
        done = rig.fetch(level=Level.FULL, store=full)
        assert (count(done.new), count(done.changed), BRIDGES in rig.forge.counts()) == ({}, {}, False)


@pytest.mark.parametrize("fault", [FAULTS["502"], FAULTS["html"]])
def test_a_parent_that_failed_in_passing_is_known_the_next_night(rig: Rig, fault: Sent) -> None:
    child = pipeline(50, created="2026-01-19T12:00:00Z", source="parent_pipeline", sha="c" * 40, jobs=[job("unit")])
    parent = pipeline(49, created="2026-01-19T11:59:00Z", sha="c" * 40, jobs=[job("generate")], children=[child])
    ill = [True]
    strike: Fault = lambda _, path: fault if ill[0] and path.endswith("/bridges") else None  # noqa: E731
    rig.record(parent, fault=strike).fetch(level=Level.FULL)
    assert rig.rows("SELECT parent_run_id FROM runs WHERE run_id = 50") == [(None,)]
    ill[0] = False
    rig.fetch(level=Level.FULL)
    assert rig.rows("SELECT parent_run_id FROM runs WHERE run_id = 50") == [(49,)]
    done = rig.fetch(level=Level.FULL)
    assert (count(done.new), count(done.changed), BRIDGES in rig.forge.counts()) == ({}, {}, False)


@pytest.mark.parametrize("fault", [FAULTS["502"], FAULTS["html"], Sent(403, b"{}", {})])
def test_a_retry_whose_jobs_failed_in_passing_is_read_the_next_night(rig: Rig, fault: Sent) -> None:
    others = [
        pipeline(number, created=f"2026-01-08T{number % 24:02}:00:00Z", jobs=[job()] * 1) for number in range(10, 300)
    ]
    rig.record(RED, *others).fetch()
    jobs = [job("build"), job("test", "failed", trace="Error: boom\n"), job("test", id=900_000)]
    again = pipeline(2, created="2026-01-06T12:00:00Z", jobs=jobs, body={"updated_at": "2026-01-19T12:00:00.000Z"})
    ill = [True]
    strike: Fault = lambda _, path: fault if ill[0] and path.endswith("/pipelines/2/jobs") else None  # noqa: E731
    rig.record(again, *others, fault=strike).fetch()
    ((reason,),) = rig.rows("SELECT reason FROM fetch_gaps WHERE kind = 'jobs'")
    assert reason == {
        502: "jobs refused (502)", 200: "jobs not had: the answer is not JSON", 403: "jobs not permitted to this token (403)",
    }[fault.status]  # fmt: skip
    ill[0] = False
    rig.fetch()
    assert rig.rows("SELECT job_id FROM jobs WHERE attempt = 2") == [(900_000,)]
    assert rig.rows("SELECT * FROM fetch_gaps WHERE kind = 'jobs'") == []


def test_a_merge_request_s_pipeline_names_it(rig: Rig) -> None:
    rig.record(
        pipeline(1, source="merge_request_event", ref="refs/merge-requests/12/head", jobs=[job()]),
        pipeline(2, source="merge_request_event", ref="refs/merge-requests/13/train", jobs=[job()]),
        pipeline(3, source="schedule", jobs=[job()]),
    ).fetch()
    assert rig.rows("SELECT run_id, pipeline, event, branch, change_number FROM runs ORDER BY ALL") == [
        (1, "merge_request_event", "merge_request_event", None, 12),
        (2, "merge_request_event", "merge_train", None, 13),
        (3, "schedule", "schedule", "main", None),
    ]
    assert rig.rows("SELECT run_id, event_class FROM run_history ORDER BY ALL") == [
        (1, "change"),
        (2, "merge_group"),
        (3, "default"),
    ]


def test_what_surrounds_pipelines_is_stored(rig: Rig) -> None:
    notes: list[dict[str, Any]] = [
        {"body": "assigned to @ada", "created_at": "2026-01-04T09:30:00Z", "system": True},
        {"body": "Nice", "created_at": "2026-01-04T10:00:00Z"},
    ]
    rig.record(
        GREEN,
        changes=[change(1, commits=["c" * 40, "b" * 40], notes=notes), change(2, state="opened", merged=None)],
        deployments=[deployment(1), deployment(2, "running", environment="staging")],
        tags={"v1": "a" * 40},
        commits=["a" * 40],
    ).fetch()
    counts = rig.forge.counts()
    assert (counts[f"{CHANGE}/commits"], counts[f"{CHANGE}/notes"]) == (2, 2)
    assert rig.rows("SELECT number, state, first_review_at::VARCHAR, head, merge_sha FROM changes ORDER BY ALL") == [
        (1, "merged", "2026-01-04 10:00:00", "topic-1", f"{0xFF01:040x}"),
        (2, "open", None, "topic-2", None),
    ]
    assert rig.rows("SELECT number, sha, position FROM change_commits ORDER BY ALL") == [
        (1, "b" * 40, 1),
        (1, "c" * 40, 2),
    ]
    assert rig.rows("SELECT environment, result, finished_at::VARCHAR FROM deployments ORDER BY ALL") == [
        ("production", "success", "2026-01-05 12:40:00"),
        ("staging", "unknown", None),
    ]
    assert rig.rows("SELECT name FROM environments ORDER BY ALL") == [("production",), ("staging",)]
    assert rig.rows("SELECT tag FROM releases") == rig.rows("SELECT name FROM tags") == [("v1",)]
    done = rig.fetch()
    assert (done.requests, count(done.new), count(done.changed)) == (7, {}, {})


def test_at_the_level_of_outcomes_no_reviews_are_read(rig: Rig) -> None:
    rig.record(GREEN, changes=[change(notes=[{"body": "Nice", "created_at": "2026-01-04T10:00:00Z"}])])
    rig.fetch(level=Level.OUTCOMES)
    assert f"{CHANGE}/notes" not in rig.forge.counts()


def test_one_project_that_is_gone_does_not_stop_the_others(rig: Rig) -> None:
    elsewhere = pipeline(9, project="acme/till", jobs=[job()])
    done = rig.record(GREEN, elsewhere).fetch("acme/shop", "acme/gone", "acme/till")
    assert rig.rows("SELECT full_name FROM repositories ORDER BY ALL") == [("acme/shop",), ("acme/till",)]
    reason = "no such project, or none that the token may read"
    assert rig.rows("SELECT repository, kind, subject, reason FROM fetch_gaps") == [
        ("acme/gone", "runs", "acme/gone", reason)
    ]
    assert done.outcome == "complete"
    with pytest.raises(ForgeError, match=r"gitlab\.com knows none of acme/gone, acme/lost"):
        rig.fetch("acme/gone", "acme/lost")


@pytest.mark.parametrize("status", [403, 500])
def test_one_project_that_is_refused_does_not_stop_the_others(rig: Rig, status: int) -> None:
    bad = f"/projects/{site_of('acme/till').id}/pipelines"
    fault: Fault = lambda _, path: Sent(status, b"{}", {}) if path.endswith(bad) else None  # noqa: E731
    done = rig.record(GREEN, pipeline(9, project="acme/till"), fault=fault).fetch("acme/till", "acme/shop")
    assert rig.rows("SELECT repository, reason FROM fetch_gaps") == [("acme/till", f"refused ({status})")]
    assert rig.rows("SELECT count(*) FROM jobs") == [(2,)]
    assert done.requests == sum(rig.forge.counts().values())


def _json(body: object) -> Sent:
    return Sent(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


ODD_JOB = {"id": 5, "pipeline": {"id": 1}, "created_at": "2026-01-05T12:00:00Z"}


@pytest.mark.parametrize(
    ("route", "sent", "kind", "why"),
    [
        ("/jobs", _json([{**ODD_JOB, "pipeline": None}]), "runs", "described a job's pipeline without a usable `id`"),
        ("/jobs", _json([{**ODD_JOB, "id": 2**63}]), "runs", "described a job without a usable `id`"),
        ("/jobs", _json([{**ODD_JOB, "id": "5"}]), "runs", "described a job without a usable `id`"),
        ("/jobs", _json([{**ODD_JOB, "id": [5]}]), "runs", "described a job without a usable `id`"),
        ("/jobs", _json([{**ODD_JOB, "commit": {"id": 7}}]), "runs", "described a commit without a usable `id`"),
        ("/jobs", _json({"jobs": []}), "runs", "answered {path} without a list"),
        (
            "/deployments",
            _json([{"id": 5, "updated_at": "2026-01-05T12:00:00Z"}]),
            "deployments",
            "described a deployment without a usable `created_at`",
        ),
        ("/repository/tags", _json([{"name": "v1"}]), "releases", "described a tag without a usable `commit`"),
        ("", _json("a text"), "runs", "described a project without a usable `id`"),
        ("", _json([]), "runs", "described a project without a usable `id`"),
        ("", Sent(302, b"", {"Location": "http://elsewhere.example/"}), "runs", "sent {path} on to another address"),
        ("/jobs", Sent(500, b"[" * 200_000, {"Content-Type": "application/json"}), "runs", "refused (500)"),
    ],
)
def test_one_odd_body_is_a_gap_of_its_project_and_the_others_are_read(
    rig: Rig, route: str, sent: Sent, kind: str, why: str
) -> None:
    names = ("/projects/acme%2Ftill", f"/projects/{site_of('acme/till').id}")
    struck: list[str] = []

    def strike(_: int, path: str) -> Sent | None:
        found = next((name for name in names if path.endswith(name + route)), None)
        struck.extend([found + route] if found else [])
        return sent if found else None

    more: dict[str, Any] = {"projects": {"acme/shop": {}, "acme/till": {}}}
    rig.record(GREEN, pipeline(9, project="acme/till", jobs=[job("build")]), fault=strike, **more)
    rig.fetch("acme/till", "acme/shop")
    told = rig.rows("SELECT repository, kind, reason FROM fetch_gaps")
    assert told == [("acme/till", kind, why.format(path=struck[0]))]
    assert rig.rows("SELECT count(*) FROM jobs WHERE run_id = 1") == [(2,)]
    if kind == "runs":
        with pytest.raises(ForgeError, match="none of its projects could be read"):
            rig.fetch("acme/till")


def test_an_odd_job_of_a_pipeline_asked_for_alone_is_a_gap_of_that_pipeline(rig: Rig) -> None:
    others = [pipeline(one, created=f"2026-01-08T{one % 24:02}:00:00Z", jobs=[job()] * 1) for one in range(10, 300)]
    rig.record(RED, *others).fetch()
    again = pipeline(2, created="2026-01-06T12:00:00Z", jobs=RED.jobs, body={"updated_at": "2026-01-19T12:00:00.000Z"})
    odd = _json([{**ODD_JOB, "pipeline": None}])
    strike: Fault = lambda _, path: odd if path.endswith("/pipelines/2/jobs") else None  # noqa: E731
    rig.record(again, *others, fault=strike).fetch()
    assert rig.rows("SELECT kind, subject, reason FROM fetch_gaps WHERE kind = 'jobs'") == [
        ("jobs", "run 2", "described a job's pipeline without a usable `id`")
    ]


def test_a_kind_that_is_refused_is_a_gap_and_the_rest_is_read(rig: Rig) -> None:
    refused = [True]
    fault: Fault = lambda _, path: Sent(403, b"{}", {}) if refused[0] and path.endswith("/merge_requests") else None  # noqa: E731
    rig.record(GREEN, deployments=[deployment()], fault=fault).fetch()
    assert rig.rows("SELECT kind, subject, reason FROM fetch_gaps") == [
        ("changes", "acme/shop", "merge requests not permitted to this token (403)")
    ]
    assert rig.rows("SELECT count(*) FROM deployments") == [(1,)]
    refused[0] = False
    rig.fetch()
    assert rig.rows("SELECT * FROM fetch_gaps") == []


def test_a_renamed_project_keeps_its_id_and_its_marks(rig: Rig) -> None:
    rig.record(GREEN).fetch()
    done = rig.record(GREEN, projects={"acme/shop": {"former_paths": ["acme/stall"]}}).fetch("acme/stall")
    assert (done.requests, count(done.new), rig.forge.counts()["moved"]) == (7, {}, 1)


def test_where_lists_go_by_no_key_they_go_by_page(rig: Rig) -> None:
    history = [
        pipeline(one, created=NOW - timedelta(days=9) + timedelta(hours=one), jobs=[job("a"), job("a")])
        for one in range(1, 150)
    ]
    no_keys = [Sent(405, b'{"error": "Keyset pagination is not yet available for this type of request"}', {})]
    rig.record(*history, fault=lambda _, path: no_keys.pop() if no_keys and path.endswith("/jobs") else None).fetch()
    assert rig.rows("SELECT attempt, count(*) FROM jobs GROUP BY ALL ORDER BY ALL") == [(1, 149), (2, 149)]
    assert not any("keyset" in one.target for one in rig.forge.ledger.requests if one.status == 200)


def test_times_that_run_backwards_are_dropped_and_counted(rig: Rig) -> None:
    dirty = job("build", body={"finished_at": "2026-01-05T11:00:00.000Z"})
    done = rig.record(pipeline(1, jobs=[dirty, job("lint")])).fetch()
    assert done.dirty == 1
    assert rig.rows("SELECT name, completed_at IS NULL FROM jobs ORDER BY ALL") == [("build", True), ("lint", False)]


def test_what_a_job_s_token_left_out_is_no_gap_once_it_was_had(rig: Rig) -> None:
    rig.record(RED, token="secret", job_token=True).fetch(job_token=True)
    assert rig.rows("SELECT count(*) FROM fetch_gaps") == [(6,)]
    rig.record(RED, token="secret").fetch()
    assert rig.rows("SELECT * FROM fetch_gaps") == []
    assert rig.rows("SELECT count(*) FROM runs") == [(1,)]


def test_a_job_s_token_reads_jobs_and_deployments_and_tells_what_it_may_not(rig: Rig) -> None:
    done = rig.record(GREEN, RED, RETRIED, deployments=[deployment()], token="secret", job_token=True).fetch(
        job_token=True
    )
    assert rig.forge.counts() == {JOBS: 2, f"{ROUTE}/deployments": 1, f"{ROUTE}/environments": 1}
    assert count(done.new) == {
        "repositories": 1, "runs": 3, "run_attempts": 4, "jobs": 7, "commits": 3, "deployments": 1, "environments": 1, "fetch_gaps": 6,
    }  # fmt: skip
    assert rig.rows("SELECT run_id, attempt, result, event FROM runs ORDER BY ALL") == [
        (1, 1, "success", "push"),
        (2, 1, "failure", "push"),
        (3, 2, "success", "push"),
    ]
    assert rig.rows("SELECT reason FROM fetch_gaps WHERE kind = 'changes'") == [
        ("merge requests are not read with CI_JOB_TOKEN",)
    ]
    done = rig.fetch(job_token=True)
    assert (done.requests, count(done.new), count(done.changed)) == (3, {}, {})


def test_a_job_s_token_that_may_not_read_deployments_reads_jobs(rig: Rig) -> None:
    fault: Fault = lambda _, path: Sent(401, b"{}", {}) if path.endswith("/deployments") else None  # noqa: E731
    rig.record(GREEN, token="secret", job_token=True, fault=fault).fetch(job_token=True)
    assert rig.rows("SELECT subject, reason FROM fetch_gaps WHERE kind = 'deployments'") == [
        ("acme/shop", "deployments not permitted to this token (401)")
    ]
    assert rig.rows("SELECT count(*) FROM jobs") == [(2,)]


def test_a_longer_limit_ends_the_fetch_and_the_next_one_goes_on(rig: Rig) -> None:
    with pytest.raises(
        BudgetError, match=r"its rate limit is met; the next fetch goes on from here; come back in \d+ s"
    ):
        rig.record(GREEN, RED, rate_limit=3).fetch()
    assert rig.rows("SELECT count(*) FROM runs") == [(2,)]


def test_a_log_that_was_erased_is_a_gap(rig: Rig) -> None:
    erased = job("test", "failed", trace="boom", body={"erased_at": "2026-01-07T00:00:00.000Z"})
    rig.record(pipeline(1, jobs=[erased])).fetch()
    assert rig.rows("SELECT kind, subject, reason FROM fetch_gaps") == [("log", "job 1000", "log expired or erased")]


def test_a_longer_history_is_read_below_what_is_known(rig: Rig) -> None:
    old = pipeline(1, created="2025-06-05T12:00:00Z", jobs=[job()])
    rig.record(old, RED, RETRIED).fetch()
    assert rig.rows("SELECT run_id FROM runs ORDER BY ALL") == [(2,), (3,)]
    assert rig.rows("SELECT count(*) FROM jobs") == [(5,)]
    rig.fetch(since=NOW - 12 * MONTH)
    assert rig.rows("SELECT run_id FROM runs ORDER BY ALL") == [(1,), (2,), (3,)]
    assert rig.rows("SELECT count(*) FROM jobs") == [(6,)]


def _history(executions: Sequence[tuple[int, int, bool]], *, until: int) -> list[Pipeline]:
    """Pipelines whose executions began by a time: each of (pipeline, minutes after it was made, failed), ids by time."""
    start = NOW - timedelta(days=10)
    began = sorted(
        (each * 60 + minutes, each, place, failed) for place, (each, minutes, failed) in enumerate(executions)
    )
    ids = {place: 1000 + rank for rank, (_, _, place, _) in enumerate(began)}
    found = []
    for each in sorted({each for each, _, _ in executions}):
        mine = [one for one in began if one[1] == each and one[0] <= until]
        if not mine:
            continue
        made = start + timedelta(minutes=each * 60 + min(one[0] - each * 60 for one in mine if one[1] == each))
        jobs = [
            job(
                "test",
                "failed" if failed else "success",
                id=ids[place],
                minutes=1,
                trace="Error: boom\n",
                files={"junit.xml": BROKEN} if failed else None,
                body={"created_at": _at(start, at), "started_at": _at(start, at), "finished_at": _at(start, at + 1)},
            )
            for at, _, place, failed in mine
        ]
        updated = _at(start, max(at for at, *_ in mine) + 1)
        found.append(pipeline(each + 1, created=made, jobs=jobs, body={"updated_at": updated}))
    return found


def _at(start: datetime, minutes: float) -> str:
    return (start + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    executions=st.lists(
        st.tuples(st.integers(0, 130), st.integers(0, 5000), st.booleans()), min_size=100, max_size=260
    ),
    night=st.integers(0, 8000),
    limits=st.lists(st.integers(3, 25), min_size=1, max_size=12),
)
def test_however_often_it_is_broken_off_the_end_is_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    executions: list[tuple[int, int, bool]],
    night: int,
    limits: list[int],
) -> None:
    """Two nights of fetches that end anywhere come to the same as one that reads all at the end."""
    folder = tmp_path_factory.mktemp("broken")
    with ExitStack() as stack:
        rig = Rig(folder, stack)
        for until in (night, 10**9):
            rig.record(*_history(executions, until=until), projects={"acme/shop": {}})
            for limit in [*limits, None]:
                try:
                    rig.fetch(most=limit)
                except BudgetError:
                    continue
        whole = stack.enter_context(Store.open(folder / "whole.duckdb"))
        rig.fetch(store=whole)
        assert tables(rig.store) == tables(whole)
        done = rig.fetch()
        assert (done.requests, count(done.new), count(done.changed)) == (7, {}, {})


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(faults=st.dictionaries(st.integers(0, 120), st.sampled_from(sorted(FAULTS)), min_size=20, max_size=60))
def test_faults_on_the_way_change_nothing(tmp_path_factory: pytest.TempPathFactory, faults: dict[int, str]) -> None:
    """Whatever passes is tried again; no row and no log is missing, none is told twice."""
    folder = tmp_path_factory.mktemp("faults")
    history = [
        pipeline(
            one,
            created=NOW - timedelta(days=9) + timedelta(hours=one),
            jobs=[
                job("build"),
                job("test", "failed" if one % 5 == 0 else "success", trace="Error: boom\n"),
                job("lint"),
            ],
            report={"test": [case("pays", "failed", output="boom")]},
        )
        for one in range(1, 150)
    ]

    def strike(number: int, path: str) -> Sent | None:
        # At most three in a row, which patience outlasts. What is no JSON is no fault of a log.
        found = FAULTS[faults[number]] if number in faults and number % 4 else None
        return None if found is not None and found.status == 200 and path.endswith("/trace") else found

    more: dict[str, Any] = {"changes": [change(one, created="2026-01-15T09:00:00Z") for one in range(1, 9)]}
    with ExitStack() as stack:
        rig = Rig(folder, stack).record(*history, **more, fault=strike)
        rig.fetch(workers=1)
        (folder / "well").mkdir()
        well = Rig(folder / "well", stack).record(*history, **more)
        well.fetch()
        assert tables(rig.store) == tables(well.store)


def test_no_page_that_is_stored_is_asked_for_again(rig: Rig) -> None:
    history = [
        pipeline(number, created=NOW - timedelta(days=9) + timedelta(hours=number), jobs=[job("a"), job("b"), job("c")])
        for number in range(1, 200)
    ]
    rig.record(*history)
    once = rig.fetch().requests
    assert once == 1 + 2 + 6 + len(FIRST_NIGHT)
    with ExitStack() as stack:
        (rig._folder / "other").mkdir()
        other = Rig(rig._folder / "other", stack)
        other.record(*history)
        asked: list[str] = []
        for _ in range(30):
            try:
                other.fetch(most=6)
            except BudgetError:
                asked += [one.target for one in other.forge.ledger.requests]
                continue
            break
        lists = [target for target in asked if "/jobs?" in target and "keyset" in target and "cursor" in target]
        assert len(lists) == len(set(lists)) == 5
        assert tables(other.store) == tables(rig.store)


def test_the_marks_of_what_is_long_over_are_let_go_and_nothing_is_read_again(rig: Rig) -> None:
    """Three years of pipelines, a few a month, each fetch of the last 400 days: what is kept in mind stays as it is."""
    made = [NOW + timedelta(days=10 * number) for number in range(110)]
    history: list[Pipeline] = []
    changes: list[dict[str, Any]] = []
    for number, time in enumerate(made, 1):
        first = job("test", "failed", trace="Error: boom\n", files={"junit.xml": BROKEN})
        child = pipeline(2 * number + 1, source="parent_pipeline", created=time, jobs=[job("unit")])
        some = [child] if number < 40 else []
        history.append(pipeline(2 * number, created=time, jobs=[first, job("test")], children=some))
        changes.append(change(number, created=time.isoformat(), merged=None, state="opened"))
    most: list[tuple[int, int]] = []
    for known in range(10, 111, 20):
        rig.record(*history[:known], changes=changes[:known])
        now = made[known - 1] + timedelta(hours=1)
        rig.fetch(since=now - timedelta(days=400), until=now)
        ((runs, merges),) = rig.rows(
            "SELECT count(*) FILTER (kind = 'run'), count(*) FILTER (kind = 'change') FROM sync_state"
        )
        most.append((runs, merges))
        assert rig.forge.counts()[TRACE] == (10 if known == 10 else 20)
        done = rig.fetch(since=now - timedelta(days=400), until=now)
        assert (done.requests, count(done.new), count(done.changed)) == (8, {}, {})
    assert max(runs for runs, _ in most) <= 22
    assert max(merges for _, merges in most) <= 11
    assert rig.rows("SELECT count(*) FROM runs") == [(110 + 39,)]
    whole = rig._folder / "whole.duckdb"
    with Store.open(whole) as store:
        rig.fetch(since=made[0] - timedelta(days=1), until=now, store=store)
        rig.fetch(since=made[0] - timedelta(days=1), until=now)
        assert tables(rig.store) == tables(store)
    again = pipeline(
        4,
        created=made[1],
        jobs=[*history[1].jobs, job("test", id=900_000)],
        body={"updated_at": (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")},
    )
    rig.record(again, *history[2:known], changes=changes[:known])
    done = rig.fetch(since=now - timedelta(days=400), until=now + timedelta(hours=2))
    assert rig.forge.counts()[ALONE] == 1
    assert rig.rows("SELECT job_id, attempt FROM jobs WHERE run_id = 4 ORDER BY ALL") == [
        (4000, 1),
        (4001, 2),
        (900_000, 3),
    ]


def test_patterns_take_in_what_is_in_their_group_and_not_archived(rig: Rig) -> None:
    projects = {
        "acme/shop": {"topics": ["ci"]},
        "acme/deep/till": {"topics": ["CI", "tills"]},
        "acme/old": {"archived": True, "topics": ["ci"]},
        "acme/scratch": {"topics": ["ci"]},
        "acme/plain": {},
        "elsewhere/shop": {"topics": ["ci"]},
    }
    rig.record(GREEN, projects=projects).fetch("acme/**", "!acme/scratch", "elsewhere/*", "nobody/*")
    assert rig.rows("SELECT full_name FROM repositories ORDER BY ALL") == [
        ("acme/deep/till",),
        ("acme/plain",),
        ("acme/shop",),
        ("elsewhere/shop",),
    ]
    ((repository, kind, subject, reason),) = rig.rows("SELECT repository, kind, subject, reason FROM fetch_gaps")
    assert (repository, kind, subject) == ("nobody/*", "runs", "nobody/*")
    assert "answered 404 for /users/nobody/projects" in reason
    assert rig.forge.counts()["/groups/:id/projects"] == 3


def test_topics_narrow_what_patterns_take_in(rig: Rig) -> None:
    projects = {"acme/shop": {"topics": ["ci"]}, "acme/deep/till": {"topics": ["CI", "tills"]}, "acme/plain": {}}
    rig.record(GREEN, projects=projects).fetch("acme/**", topics=("Ci",))
    assert rig.rows("SELECT full_name FROM repositories ORDER BY ALL") == [("acme/deep/till",), ("acme/shop",)]
    with pytest.raises(ForgeError, match=r"acme/\*\*: .*with a topic of rust"):
        rig.fetch("acme/**", topics=("rust",))


def test_a_large_project_does_not_keep_the_others_waiting(rig: Rig) -> None:
    large = [
        pipeline(one, created=NOW - timedelta(days=9) + timedelta(minutes=one), jobs=[job() for _ in range(5)])
        for one in range(1, 400)
    ]
    small = pipeline(900, project="acme/till", jobs=[job("build"), job("test", "failed", trace="boom")])
    with pytest.raises(BudgetError):
        rig.record(*large, small).fetch("acme/shop", "acme/till", most=14)
    assert rig.rows("SELECT count(*) FROM jobs WHERE run_id = 900") == [(2,)]


class Told(Silent):
    def __init__(self) -> None:
        self.tasks: dict[str, list[int | str | None]] = {}

    def start(self, task: str, total: int | None) -> None:
        self.tasks.setdefault(task, []).append(total)

    def advance(self, task: str, steps: int = 1) -> None:
        self.tasks[task].append(f"+{steps}")

    def finish(self, task: str, summary: str = "") -> None:
        self.tasks[task].append(summary)


def test_progress_is_told_of_all_projects_together_and_of_what_there_is_to_do(rig: Rig) -> None:
    rig.record(GREEN, pipeline(9, project="acme/till", jobs=[job("build"), job("test", "failed", trace="boom")]))
    told, again = Told(), Told()
    rig.fetch("acme/shop", "acme/till", workers=1, progress=told)
    assert told.tasks == {
        "gitlab.com: requests for runs": [6, *["+1"] * 6, "2 runs new or changed"],
        "gitlab.com: details": [1, "+1", "1 runs"],
        "gitlab.com: changes": [2, "+1", "+1", ""],
    }
    rig.fetch("acme/shop", "acme/till", workers=1, progress=again)
    assert told.tasks.keys() - again.tasks.keys() == {"gitlab.com: details"}


def test_where_the_default_branch_fails_is_looked_at_first(rig: Rig) -> None:
    well = [
        pipeline(1, ref="topic", jobs=[job("test", "failed", trace="one")]),
        pipeline(2, created="2026-01-06T12:00:00Z", jobs=[job("test")]),
    ]
    ill = pipeline(9, project="acme/till", jobs=[job("test", "failed", trace="two")])
    rig.record(*well, ill).fetch("acme/shop", "acme/till", workers=1)
    traces = [one.target for one in rig.forge.ledger.requests if one.route == TRACE]
    assert [f"/projects/{site_of('acme/till').id}/" in target for target in traces] == [True, False]
