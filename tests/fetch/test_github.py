"""The fetcher against the loopback forge: what is stored, what it costs, and what is not asked again."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.github import fetcher as github
from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync
from tests.fetch.nearby import Forge, serve
from tests.helpers.bodies import minimal_repository_body, repository_body
from tests.helpers.recordings import Run, commit, job, run, write_recording

NOW = datetime(2026, 1, 20, tzinfo=UTC)
TABLES = ("repositories", "runs", "run_attempts", "jobs", "steps", "failures", "test_results", "commits", "fetch_gaps")
ROUTE = "/repos/{owner}/{repo}"
LIST = f"{ROUTE}/actions/runs"
JOBS = f"{ROUTE}/actions/runs/{{run_id}}/jobs"
LOG = f"{ROUTE}/actions/jobs/{{job_id}}/logs"
ARTIFACTS = f"{ROUTE}/actions/runs/{{run_id}}/artifacts"
ZIP = f"{ROUTE}/actions/artifacts/{{artifact_id}}/{{archive_format}}"
COMMITS = f"{ROUTE}/commits"
GRAPH = "/graphql"

JUNIT = "<testsuite name='s'><testcase classname='C' name='{}'>{}</testcase></testsuite>"
FAILED = JUNIT.format("pays", "<failure message='boom'/>")
PASSED = JUNIT.format("pays", "")
GREEN = run(1, jobs=[job("build"), job("lint")], created="2026-01-05T12:00:00Z")
RED = run(
    2,
    jobs=[
        job("test (linux)", "failure", log="Error: boom\n", junit=FAILED),
        job("test (mac)", "timed_out"),
        job("lint"),
    ],
    created="2026-01-06T12:00:00Z",
)
FIRST_ATTEMPT = [job("test", "failure", log="Error: boom\n", junit=FAILED), job("lint")]
COPY = {"started_at": "2026-01-07T12:00:10Z", "completed_at": "2026-01-07T12:02:10Z"}
SECOND_ATTEMPT = [job("test", attempt=2, junit=PASSED), job("lint", attempt=2, body=COPY)]
RERUN = run(3, jobs=[*FIRST_ATTEMPT, *SECOND_ATTEMPT], created="2026-01-07T12:00:00Z")
HISTORY = [commit("a" * 40), commit(f"{1:040x}", "2026-01-05T11:59:00Z", parents=["a" * 40])]


class Rig:
    """A forge over one recording after another, and a store that fetches from it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._made = 0
        self.forge: Forge
        self.store = stack.enter_context(Store.open(folder / "history.duckdb"))

    def record(self, *runs: Run, token: str | None = None, rate_limit: int = 10**6, checks: bool = True) -> "Rig":
        self._made += 1
        folder = write_recording(self._folder / f"recording-{self._made}", runs, commits=HISTORY)
        return self.serve(folder, token, rate_limit, checks)

    def serve(self, folder: Path, token: str | None = None, rate_limit: int = 10**6, checks: bool = True) -> "Rig":
        self.forge = self._stack.enter_context(serve(folder, token=token, rate_limit=rate_limit, checks=checks))
        return self

    def fetch(
        self,
        *names: str,
        since: datetime = NOW - timedelta(days=30),
        until: datetime = NOW,
        most: int | None = None,
        token: str | None = "secret-token",
    ) -> Summary:
        self.forge.reset()
        source = Source(
            forge="github",
            host="github.com",
            url=self.forge.url,
            repositories=names or ("acme/shop",),
            token=token,
            throttle=0,
        )
        order = Order(since=since, until=until, max_requests=most)
        return sync(GitHubFetcher(source, pause=lambda _: None), self.store, order, Silent())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.store.connection.sql(sql).fetchall()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        return {table: self.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES}

    def asked(self) -> int:
        """Requests that the forge's allowances are charged for."""
        made = sum(count for route, count in self.forge.counts().items() if not route.startswith("blob"))
        return made - self.forge.unchanged()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield Rig(tmp_path, stack)


def test_a_history_is_stored_with_the_fewest_requests(rig: Rig) -> None:
    done = rig.record(GREEN, RED, RERUN).fetch()
    counts = rig.forge.counts()
    assert counts == {
        ROUTE: 1,
        LIST: 1,
        GRAPH: 3,
        JOBS: 3,
        LOG: 3,
        ARTIFACTS: 2,
        ZIP: 3,
        "blob logs": 2,
        "blob artifacts": 3,
    }
    assert done.requests == rig.asked()
    assert (done.outcome, done.gaps) == ("complete", 1)
    assert {table: count for table, count in done.new.items() if count} == {
        "repositories": 1, "runs": 3, "run_attempts": 4, "jobs": 9, "steps": 3, "failures": 2, "test_results": 3,
        "commits": 4, "fetch_gaps": 1,
    }  # fmt: skip
    assert rig.rows("SELECT kind, subject, reason FROM fetch_gaps") == [("log", "job 2001", "log expired")]


def test_attempts_and_copies_are_told_apart(rig: Rig) -> None:
    rig.record(RERUN).fetch()
    assert rig.rows("SELECT attempt, name, result, carried_over FROM jobs ORDER BY ALL") == [
        (1, "lint", "success", False),
        (1, "test", "failure", False),
        (2, "lint", "success", True),
        (2, "test", "success", False),
    ]
    assert rig.rows("SELECT attempt, result, derived FROM run_attempts ORDER BY ALL") == [
        (1, "failure", True),
        (2, "success", False),
    ]
    assert rig.rows("SELECT job_id, attempt, test, result, message FROM test_results ORDER BY ALL") == [
        (3000, 1, "C::pays", "failure", "boom"),
        (3002, 2, "C::pays", "success", None),
    ]
    assert rig.rows("SELECT job_id, step, line FROM failures") == [(3000, "Run it", "Error: boom")]


def test_commits_come_whole_from_the_list_and_in_part_from_runs(rig: Rig) -> None:
    rig.record(GREEN, RED).fetch()
    assert rig.rows("SELECT sha, parents, author FROM commits ORDER BY sha") == [
        (f"{1:040x}", "a" * 40, "Ada"),
        (f"{2:040x}", None, "Ada"),
        ("a" * 40, "", "Ada"),
    ]
    assert "@" not in str(rig.tables())


def test_a_fetch_with_nothing_new_asks_for_lists_only_and_changes_no_row(rig: Rig) -> None:
    rig.record(GREEN, RED, RERUN).fetch()
    before = rig.tables()
    again = rig.fetch(until=NOW + timedelta(hours=1))
    assert rig.forge.counts() == {ROUTE: 1, LIST: 2, GRAPH: 1}
    assert rig.forge.unchanged() == 2
    assert (again.requests, again.free) == (4, 2)
    assert rig.tables() == before
    assert not any(again.new.values())
    assert not any(again.changed.values())


def test_a_rerun_is_noticed_and_what_is_known_is_not_asked_again(rig: Rig) -> None:
    once = run(3, jobs=FIRST_ATTEMPT, created="2026-01-07T12:00:00Z")
    rig.record(GREEN, once).fetch()
    expired = [job("test", "failure"), job("lint"), *SECOND_ATTEMPT]
    rerun = run(3, jobs=expired, created="2026-01-07T12:00:00Z")
    rig.record(GREEN, rerun).fetch(until=NOW + timedelta(days=10))
    assert rig.forge.counts() == {ROUTE: 1, LIST: 2, GRAPH: 1, JOBS: 1, ARTIFACTS: 1, ZIP: 1, "blob artifacts": 1}
    resumed = rig.tables()
    assert resumed["fetch_gaps"] == []
    assert len(resumed["failures"]) == 1
    assert [row[5:7] for row in resumed["test_results"]] == [(0, "s"), (0, "s")]


def test_a_run_rerun_after_29_days_is_noticed(rig: Rig) -> None:
    rig.record(run(3, jobs=FIRST_ATTEMPT, created="2026-01-07T12:00:00Z")).fetch()
    rig.record(RERUN).fetch(since=NOW + timedelta(days=10), until=NOW + timedelta(days=20))
    assert rig.rows("SELECT max(attempt) FROM jobs") == [(2,)]


def test_a_run_that_has_not_ended_is_asked_for_until_it_has(rig: Rig) -> None:
    open_jobs = [job("build"), job("test", None)]
    rig.record(run(1, jobs=open_jobs), checks=False).fetch()
    assert rig.rows("SELECT status, result FROM runs") == [("in_progress", "unknown")]
    assert rig.rows("SELECT name, result FROM jobs ORDER BY ALL") == [("build", "success"), ("test", "unknown")]
    rig.fetch(until=NOW + timedelta(hours=1))
    assert JOBS not in rig.forge.counts()  # the list is unchanged, and so is what it lists
    rig.record(run(1, jobs=[job("build"), job("test", "failure", log="Error: x\n")])).fetch(
        until=NOW + timedelta(days=1)
    )
    assert rig.rows("SELECT status, result FROM runs") == [("completed", "failure")]
    assert rig.rows("SELECT line FROM failures") == [("Error: x",)]
    rig.fetch(until=NOW + timedelta(days=2))
    assert JOBS not in rig.forge.counts()


def test_outcomes_of_a_run_that_has_not_ended_come_with_those_of_others(rig: Rig) -> None:
    rig.record(run(1, jobs=[job("build"), job("test", None)]), GREEN_LATE).fetch(until=NOW + timedelta(days=60))
    assert rig.rows("SELECT run_id, name, result, detail FROM jobs ORDER BY ALL") == [
        (1, "build", "success", "outcomes"),
        (1, "test", "unknown", "outcomes"),
        (9, "build", "success", "full"),  # drawn as a sample
    ]


def test_an_open_run_older_than_what_is_listed_again_is_asked_for_by_itself(rig: Rig) -> None:
    late = {"updated_at": "2026-03-01T00:00:00Z"}
    for days in (0, 49):
        rig.record(run(1, jobs=[job("wait", None)], body=late), GREEN_LATE).fetch(until=NOW + timedelta(days=days))
    rig.record(run(1, jobs=[job("wait")], body=late), GREEN_LATE).fetch(until=NOW + timedelta(days=69))
    assert rig.forge.counts()[f"{ROUTE}/actions/runs/{{run_id}}"] == 1
    assert rig.rows("SELECT result FROM runs WHERE run_id = 1") == [("success",)]
    rig.fetch(until=NOW + timedelta(days=70))
    assert f"{ROUTE}/actions/runs/{{run_id}}" not in rig.forge.counts()


GREEN_LATE = run(9, jobs=[job("build")], created="2026-03-10T00:00:00Z")


@pytest.mark.parametrize("checks", [True, False])
def test_a_limit_is_exact_keeps_what_was_done_and_many_limited_fetches_make_a_whole_one(
    rig: Rig, tmp_path: Path, checks: bool
) -> None:
    runs = [run(number, jobs=[job("a", "failure", log="x\n"), job("b")]) for number in range(1, 9)]
    rig.record(*runs, checks=checks)
    spent: list[int] = []
    for _ in range(10):
        done = limited_to(7, rig)
        spent.append(rig.asked())
        if done:
            break
    assert done
    assert set(spent[:-1]) == {7}
    assert len(spent) < 7
    limited = rig.tables()
    (tmp_path / "whole").mkdir()
    with ExitStack() as stack:
        whole = Rig(tmp_path / "whole", stack).record(*runs, checks=checks)
        whole.fetch()
        assert whole.tables() == limited


def limited_to(most: int, rig: Rig) -> bool:
    """Whether a fetch with so many requests was complete."""
    try:
        return rig.fetch(most=most).outcome == "complete"
    except BudgetError as error:
        return f"limit of {most} requests" not in str(error)


def test_the_forges_own_limit_ends_the_fetch_and_the_next_goes_on(rig: Rig) -> None:
    runs = [run(number, jobs=[job("a")]) for number in range(1, 31)]
    rig.record(*runs, rate_limit=20, checks=False)
    with pytest.raises(BudgetError, match=r"rate limit is met.*come back after 20"):
        rig.fetch()
    stored = rig.rows("SELECT count(DISTINCT run_id) FROM jobs")[0][0]
    assert stored == 18
    assert rig.rows("SELECT outcome FROM sources")[0][0].startswith("github.com: its rate limit is met")
    rig.record(*runs, checks=False).fetch()
    assert rig.forge.counts() == {ROUTE: 1, JOBS: 30 - stored, GRAPH: 1}
    assert rig.rows("SELECT count(*) FROM jobs") == [(30,)]


def test_newest_details_come_first(rig: Rig) -> None:
    runs = [run(number, jobs=[job("a")]) for number in range(1, 31)]
    with pytest.raises(BudgetError):
        rig.record(*runs, checks=False).fetch(most=13)
    assert rig.rows("SELECT DISTINCT run_id FROM jobs ORDER BY ALL") == [(number,) for number in range(21, 31)]


def test_more_runs_than_a_list_shows_are_all_found(rig: Rig) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    runs = [run(number, created=start + number * timedelta(minutes=5)) for number in range(1, 2_501)]
    with pytest.raises(BudgetError):
        rig.record(*runs, checks=False).fetch(most=45)
    assert rig.rows("SELECT count(*) FROM runs") == [(2_500,)]


def test_more_runs_in_one_second_than_a_list_shows_are_told(rig: Rig) -> None:
    runs = [run(number, created="2026-01-05T12:00:00Z") for number in range(1, 1_003)]
    with pytest.raises(BudgetError):
        rig.record(*runs, checks=False).fetch(most=60)
    assert rig.rows("SELECT count(*) FROM runs") == [(1_000,)]
    assert rig.rows("SELECT kind, subject, reason, rows_missing FROM fetch_gaps") == [
        (
            "runs",
            "2026-01-05T12:00:00Z..2026-01-05T12:00:00Z",
            "1002 runs in one second, of which the forge shows 1000",
            2,
        )
    ]


def test_a_repository_that_is_not_there_is_told_and_the_others_go_on(rig: Rig) -> None:
    done = rig.record(GREEN).fetch("acme/gone", "acme/shop")
    assert rig.rows("SELECT repository, kind, reason FROM fetch_gaps") == [
        ("acme/gone", "runs", "no such repository, or none that the token may read")
    ]
    assert (done.outcome, done.new["runs"], done.requests) == ("complete", 1, rig.asked())


def test_where_no_repository_is_there_the_fetch_fails(rig: Rig) -> None:
    with pytest.raises(ForgeError, match=r"github\.com knows none of acme/gone, acme/lost"):
        rig.record(GREEN).fetch("acme/gone", "acme/lost")


def test_a_repository_that_was_renamed_is_found_under_its_old_name(rig: Rig, tmp_path: Path) -> None:
    same_id = {"id": minimal_repository_body("acme/shop")["id"]}
    embedded = minimal_repository_body("acme/store") | same_id
    moved = run(8, jobs=[job("build")], repository="acme/store", body={"repository": embedded})
    folder = write_recording(tmp_path / "renamed", [GREEN, moved])
    line = json.dumps({"repository": repository_body("acme/store") | same_id})
    (folder / "repositories.jsonl").write_text(f"{line}\n")
    rig.serve(folder).fetch("acme/shop")
    assert rig.rows("SELECT count(*) FROM runs") == [(2,)]
    assert rig.rows("SELECT full_name FROM repositories") == [("acme/store",)]
    assert rig.forge.counts()["moved"] == 1


def test_a_wrong_token_is_told_without_being_shown(rig: Rig) -> None:
    rig.record(GREEN, token="right")
    with pytest.raises(ForgeError, match=r"401 .*Bad credentials; check the token") as told:
        rig.fetch(token="wr0ng-t0ken")
    assert "wr0ng" not in str(told.value)
    assert "wr0ng" not in str(rig.rows("SELECT * FROM sources"))


def test_the_token_goes_to_the_api_only_and_is_stored_nowhere(rig: Rig, tmp_path: Path) -> None:
    token = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    rig.record(GREEN, RED, RERUN, token=token).fetch(token=token)
    assert not [route for route in rig.forge.counts() if "with a token" in route]
    assert token not in repr(
        GitHubFetcher(Source(forge="github", host="h", url="u", repositories=(), token=token)).source
    )
    rig.store.close()
    assert token.encode() not in (tmp_path / "history.duckdb").read_bytes()


REPORTS: list[tuple[str, dict[str, str], list[tuple[Any, ...]], list[str]]] = [
    ("junit", {"a.xml": FAILED, "b.xml": PASSED}, [(0, "C::pays", 0, "failure"), (0, "C::pays", 1, "success")], []),
    ("junit-linux", {"a.xml": FAILED}, [(1000, "C::pays", 0, "failure")], []),
    ("linux", {"x/a.xml": FAILED, "pom.xml": "<project/>"}, [(1000, "C::pays", 0, "failure")], []),
    ("mac", {"a.xml": FAILED}, [], []),
    ("dist", {"a.xml": FAILED}, [], []),
    ("junit-linux", {"a.xml": "<testsuite>", "b.xml": PASSED}, [(1000, "C::pays", 0, "success")],
     ["run 1: junit-linux/a.xml|malformed XML in line 1"]),
    ("junit-linux", {"a.xml": f"<!DOCTYPE testsuite>{PASSED}"}, [(1000, "C::pays", 0, "success")],
     ["run 1: junit-linux/a.xml|XML with a DOCTYPE: what it refers to was not read"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "files", "results", "gaps"), REPORTS)
def test_test_reports_among_the_artifacts(
    rig: Rig, name: str, files: dict[str, str], results: list[tuple[Any, ...]], gaps: list[str]
) -> None:
    jobs = [job("test (linux)", "failure", log="x\n"), job("test (mac)")]
    rig.record(run(1, jobs=jobs, artifacts={name: files})).fetch()
    assert rig.rows("SELECT job_id, test, ordinal, result FROM test_results ORDER BY ALL") == results
    assert rig.rows("SELECT subject || '|' || reason FROM fetch_gaps ORDER BY ALL") == [(gap,) for gap in gaps]


def test_an_artifact_that_gathers_others_adds_nothing_twice(rig: Rig) -> None:
    jobs = [job("linux", "failure", log="x\n", junit=FAILED), job("mac", junit=PASSED)]
    gathered = {"all-test-results": {"linux.xml": FAILED, "mac.xml": PASSED, "more.xml": JUNIT.format("more", "")}}
    rig.record(run(1, jobs=jobs, artifacts=gathered)).fetch()
    assert rig.rows("SELECT job_id, test, ordinal, result FROM test_results ORDER BY ALL") == [
        (0, "C::more", 0, "success"),
        (1000, "C::pays", 0, "failure"),
        (1001, "C::pays", 0, "success"),
    ]


def test_equal_reports_of_two_jobs_are_two_executions(rig: Rig) -> None:
    jobs = [job("linux", "failure", log="x\n", junit=FAILED), job("mac", "failure", log="x\n", junit=FAILED)]
    rig.record(run(1, jobs=jobs)).fetch()
    assert rig.rows("SELECT job_id FROM test_results ORDER BY ALL") == [(1000,), (1001,)]


def test_of_results_without_end_so_many_are_kept_and_the_rest_is_told(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelinedoctor.fetch.archived.MOST", 3)
    files = {"a.xml": JUNIT.format("a", ""), "b.xml": f"<testsuites>{PASSED * 5}</testsuites>", "c.xml": PASSED}
    artifacts = {"junit-linux": files, "junit-more": {"d.xml": FAILED}}
    rig.record(run(1, jobs=[job("linux", "failure")], artifacts=artifacts)).fetch()
    assert rig.rows("SELECT count(*) FROM test_results") == [(3,)]
    gaps = rig.rows("SELECT subject FROM fetch_gaps WHERE reason LIKE '%more than 3 results%' ORDER BY ALL")
    assert gaps == [("run 1: junit-linux",), ("run 1: junit-linux/b.xml",), ("run 1: junit-more",)]


def test_of_many_long_logs_of_a_run_less_is_kept(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelinedoctor.fetch.github.details.LOGS_IN_FULL", 200_000)
    monkeypatch.setattr("pipelinedoctor.fetch.github.details.LOG_TAIL_OF_MANY", 10)
    rig.record(run(1, jobs=[job(name, "failure", log="y" * 150_000) for name in "abc"]))
    source = Source(forge="github", host="h", url=rig.forge.url, repositories=("acme/shop",), throttle=0)
    pages = GitHubFetcher(source).pages(
        Order(since=NOW - timedelta(days=30), until=NOW), rig.store.state("h"), Silent()
    )
    logs = [log.text for page in pages for log in page.logs]
    assert [len(log) for log in logs[:2]] == [150_000] * 2
    assert logs[2] == "y" * 65_536 + "\n[84454 bytes left out]\n" + "y" * 10


@pytest.mark.parametrize("pages", [0, 20], ids=["large", "small"])
def test_progress_is_told(rig: Rig, pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one repository the same, whether it is taken for one that must not keep others waiting or not."""
    monkeypatch.setattr(github, "_FIRST", pages)
    rig.record(GREEN, RED)
    told: list[tuple[str, str, int | None]] = []

    class Told:
        def start(self, task: str, total: int | None) -> None:
            told.append(("start", task, total))

        def advance(self, task: str, steps: int = 1) -> None:
            told.append(("advance", task, steps))

        def finish(self, task: str, summary: str = "") -> None:
            told.append(("finish", task, None))

    source = Source(forge="github", host="h", url=rig.forge.url, repositories=("acme/shop",), throttle=0)
    for _ in GitHubFetcher(source).pages(
        Order(since=NOW - timedelta(days=30), until=NOW), rig.store.state("h"), Told()
    ):
        pass
    runs = [(what, number) for what, task, number in told if task == "h: requests for runs"]
    # The repository; then, as there is one, a page of its runs, whose outcomes are too few for a question.
    assert runs == [("start", 1), ("advance", 1), ("start", 2), ("advance", 1), ("start", 2), ("finish", None)]
    details = [(what, number) for what, task, number in told if task == "h: details"]
    assert details == [("start", 2), ("advance", 1), ("advance", 1), ("finish", None)]
    assert [task for what, task, _ in told if what == "finish"] == [
        f"h: {one}" for one in ("plan", "requests for runs", "details", "changes", "samples")
    ]


def test_a_fetch_that_nobody_listens_to_any_more_ends_its_threads(rig: Rig) -> None:
    rig.record(*[run(number, jobs=[job("a")]) for number in range(1, 61)])
    source = Source(forge="github", host="h", url=rig.forge.url, repositories=("acme/shop",), throttle=0)
    pages = GitHubFetcher(source).pages(
        Order(since=NOW - timedelta(days=30), until=NOW), rig.store.state("h"), Silent()
    )
    handed = [next(pages) for _ in range(6)]
    pages.close()  # type: ignore[attr-defined]  # it is a generator
    asked = rig.asked()
    assert any(mark.value and "|done|" in mark.value for mark in handed[-1].marks)
    assert asked <= 6 + 3 * source.workers + source.workers
    assert rig.asked() == asked
