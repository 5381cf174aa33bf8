"""Outcomes of jobs in GraphQL: what is asked how, what falls back to lists, and what the words become."""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.github.client import Client
from pipelinedoctor.fetch.github.details import Task
from pipelinedoctor.fetch.github.outcomes import BATCH, Outcomes
from pipelinedoctor.fetch.github.rows import repository_row
from pipelinedoctor.fetch.github.run_marks import Phase, RunMark
from pipelinedoctor.fetch.interface import Level, Page, Source
from pipelinedoctor.model import Job
from pipelinedoctor.simulate.mishaps import Mishap
from tests.fetch.rig import GRAPH, JOBS, Rig
from tests.fetch.scripted import Asked, Said, scripted
from tests.helpers.bodies import repository_body
from tests.helpers.recordings import Run, job, run

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SHOP = repository_row("github.com", repository_body("acme/shop"))
Answer = Callable[[list[str]], Said]


def task(run_id: int) -> Task:
    mark = RunMark(
        attempt=1,
        updated_at=NOW,
        created_at=NOW,
        started_at=NOW,
        phase=Phase.LISTED,
        known=0,
        red=False,
        node=f"CS_{run_id}",
    )
    return Task(SHOP, run_id, mark)


def check(run_id: int, number: int = 0, **over: object) -> dict[str, object]:
    job_id = run_id * 1000 + number
    body = {
        "databaseId": job_id,
        "name": f"job {number}",
        "status": "COMPLETED",
        "conclusion": "SUCCESS",
        "startedAt": "2026-01-05T12:00:10Z",
        "completedAt": "2026-01-05T12:02:10Z",
        "detailsUrl": f"https://github.com/acme/shop/actions/runs/{run_id}/job/{job_id}",
    }
    return {**body, **over}


def suite(node: str, *checks: Mapping[str, object], more: str | None = None) -> dict[str, object]:
    info = {"hasNextPage": more is not None, "endCursor": more}
    found = list(checks) or [check(int(node.removeprefix("CS_")))]
    return {"__typename": "CheckSuite", "id": node, "checkRuns": {"pageInfo": info, "nodes": found}}


def said(nodes: list[object], *errors: Mapping[str, object]) -> Said:
    return Said(body=json.dumps({"data": {"nodes": nodes}, **({"errors": errors} if errors else {})}).encode())


def good(nodes: list[str]) -> Said:
    return said([suite(node) for node in nodes])


class Asking:
    """A client of a forge whose GraphQL answers by a script, and what was asked of it: the suites of each question."""

    def __init__(self, url: str, asked: list[Asked]) -> None:
        source = Source(forge="github", host="github.com", url=url, repositories=(), token="t", throttle=0)
        self.client = Client(source, Budget(None, pause=lambda _: None))
        self._asked = asked

    def sizes(self) -> list[int]:
        found = [json.loads(one.body)["variables"] for one in self._asked if one.body]
        return [len(one.get("suites", [one.get("suite")])) for one in found]


@contextmanager
def asking(answer: Answer) -> Iterator[Asking]:
    def script(asked: Asked) -> Said:
        variables = json.loads(asked.body)["variables"] if asked.body else {}
        return answer(variables.get("suites", [variables.get("suite", "")]))

    with scripted(script) as (url, asked):
        yield Asking(url, asked)


def read(answer: Answer, count: int = 1, outcomes: Outcomes | None = None) -> tuple[Page, list[int]]:
    with asking(answer) as forge:
        page = (outcomes or Outcomes(readable=True)).page(
            forge.client, [task(number) for number in range(1, count + 1)]
        )
        return page, forge.sizes()


def jobs_of(page: Page) -> list[Job]:
    return [row for row in page.rows if isinstance(row, Job)]


TOO_MUCH = [
    Said(502, b"<html>"),
    Said(504),
    Said(body=b'{"data": null, "errors": [{"message": "Something went wrong while executing your query."}]}'),
    Said(body=b'{"data": null, "errors": [{"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Too much."}]}'),
    Said(body=b"{", promised=100),
    Said(body=b"<html>"),
]


@pytest.mark.parametrize("fault", TOO_MUCH)
def test_a_question_that_is_too_much_is_halved_and_that_is_remembered(fault: Said) -> None:
    outcomes = Outcomes(readable=True)
    page, sizes = read(lambda nodes: fault if len(nodes) > 7 else good(nodes), BATCH, outcomes)
    assert sizes == [25, 12, *[6] * 4, 1]
    assert (outcomes.size, outcomes.readable) == (6, True)
    assert len(jobs_of(page)) == len(page.marks) == BATCH
    assert page.requests == len(sizes)
    assert read(good, 12, outcomes)[1] == [6, 6]


def test_a_single_run_is_asked_for_with_patience_and_then_left_to_its_list() -> None:
    outcomes = Outcomes(readable=True)
    page, sizes = read(lambda nodes: Said(502) if "CS_2" in nodes else good(nodes), 3, outcomes)
    assert sizes == [3, 1, *[1] * 5, 1]
    assert {job.run_id for job in jobs_of(page)} == {1, 3}
    assert outcomes.readable
    assert not outcomes.forbidden


def test_where_single_runs_fail_again_and_again_lists_are_read_for_the_rest_of_the_fetch() -> None:
    outcomes = Outcomes(readable=True, size=1)
    page, sizes = read(lambda _: Said(502), 50, outcomes)
    assert (page.rows, page.marks) == ([], [])
    assert len(sizes) < 20
    assert (outcomes.readable, outcomes.forbidden, outcomes.failing) == (False, False, True)


def test_what_is_missing_for_its_size_is_asked_for_in_smaller_questions() -> None:
    def answer(nodes: list[str]) -> Said:
        short = range(3, len(nodes))
        told = [{"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Too much.", "path": ["nodes", at]} for at in short]
        return said([*(suite(node) for node in nodes[:3]), *(None for _ in short)], *told)

    page, sizes = read(answer, 12)
    assert len(jobs_of(page)) == 12
    assert sizes == [12, 6, 3, 3]


def test_a_token_that_is_not_known_ends_all() -> None:
    with pytest.raises(ForgeError, match="401"):
        read(lambda _: Said(401, b'{"message": "Bad credentials"}'), 3)


FORBIDDEN = {"type": "FORBIDDEN", "message": "Resource not accessible by personal access token"}
REFUSALS: list[Answer] = [
    lambda nodes: said([None] * len(nodes), *({**FORBIDDEN, "path": ["nodes", at]} for at in range(len(nodes)))),
    lambda _: Said(403, b'{"message": "Resource not accessible"}'),
    lambda _: Said(404, b'{"message": "Not Found"}'),
    lambda _: Said(body=b'{"errors": [{"message": "No field", "extensions": {"code": "undefinedField"}}]}'),
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_token_that_may_not_read_checks_is_asked_with_once(answer: Answer) -> None:
    outcomes = Outcomes(readable=True)
    page, sizes = read(answer, 60, outcomes)
    assert (sizes, page.rows, page.marks) == ([25], [], [])
    assert (outcomes.readable, outcomes.forbidden) == (False, True)


def test_of_runs_some_of_which_are_refused_the_others_are_read() -> None:
    outcomes = Outcomes(readable=True)
    tasks = [task(number) for number in (1, 2, 3)]
    with asking(
        lambda nodes: said([suite(nodes[0]), None, suite(nodes[2])], {**FORBIDDEN, "path": ["nodes", 1]})
    ) as it:
        page = outcomes.page(it.client, tasks)
    assert outcomes.readable
    assert {job.run_id for job in jobs_of(page)} == {1, 3}
    assert [one.mark.phase for one in tasks] == [Phase.OFFERED, Phase.LISTED, Phase.OFFERED]
    assert [one.mark.fresh for one in tasks] == [False] * 3


ODD: list[list[object]] = [
    [None],
    [],
    [{"__typename": "Issue"}],
    [{"__typename": "CheckSuite", "checkRuns": None}],
    [suite("CS_1", check(1), {})],
    [{"__typename": "CheckSuite", "id": "CS_1", "checkRuns": {"pageInfo": {}, "nodes": [check(1), None]}}],
    [suite("CS_1", check(1, databaseId=None))],
    [suite("CS_1", check(1), more="again")],
]


@pytest.mark.parametrize("nodes", ODD)
def test_of_a_run_that_is_not_told_whole_nothing_is_taken(nodes: list[object]) -> None:
    page, _ = read(lambda _: said(nodes))
    assert (page.rows, page.marks) == ([], [])


def test_what_a_workflow_reports_by_the_api_of_checks_is_no_job() -> None:
    reported = check(1, 7, name="Test results", detailsUrl="https://github.com/acme/shop/runs/1007")
    elsewhere = check(1, 8, name="Of another run", detailsUrl="https://github.com/acme/shop/actions/runs/2/job/1008")
    page, _ = read(lambda _: said([suite("CS_1", check(1), reported, elsewhere)]))
    assert [job.name for job in jobs_of(page)] == ["job 0"]
    # Where no page tells a job from a check, the list of jobs does.
    page, _ = read(lambda _: said([suite("CS_1", reported)]))
    assert (page.rows, page.marks) == ([], [])


WORDS = [
    ("SUCCESS", "success"),
    ("FAILURE", "failure"),
    ("STARTUP_FAILURE", "failure"),
    ("TIMED_OUT", "timed_out"),
    ("CANCELLED", "cancelled"),
    ("SKIPPED", "skipped"),
    ("NEUTRAL", "skipped"),
    ("STALE", "unknown"),
    ("ACTION_REQUIRED", "unknown"),
    ("SOMETHING_NEW", "unknown"),
    (None, "unknown"),
]


@pytest.mark.parametrize(("conclusion", "result"), WORDS)
def test_the_words_of_graphql_become_those_of_rest(conclusion: str | None, result: str) -> None:
    (found,) = jobs_of(read(lambda _: said([suite("CS_1", check(1, conclusion=conclusion))]))[0])
    assert (found.result, found.forge_result) == (result, conclusion.lower() if conclusion else None)
    assert (found.status, found.detail) == ("completed", "outcomes")
    assert (found.duration_s is None) == (result in {"skipped", "cancelled"})


@pytest.mark.parametrize("status", ["QUEUED", "IN_PROGRESS", "WAITING", "PENDING", "REQUESTED"])
def test_a_job_that_has_not_ended_has_no_result(status: str) -> None:
    (found,) = jobs_of(read(lambda _: said([suite("CS_1", check(1, status=status, conclusion=None))]))[0])
    assert (found.status, found.result) == (status.lower(), "unknown")


def test_times_that_mean_never_or_run_backwards_are_not_known() -> None:
    never = "0001-01-01T00:00:00Z"
    checks = [
        check(1, 0, startedAt=never, completedAt=never, conclusion="SKIPPED"),
        check(1, 1, startedAt="2026-01-05T12:00:10Z", completedAt="2026-01-05T11:00:00Z"),
        check(1, 2, startedAt=None, completedAt=None),
    ]
    page, _ = read(lambda _: said([suite("CS_1", *checks)]))
    assert [(job.started_at, job.completed_at, job.duration_s) for job in jobs_of(page)] == [
        (None, None, None),
        (datetime(2026, 1, 5, 12, 0, 10, tzinfo=UTC), None, None),
        (None, None, None),
    ]
    assert page.dirty == 1


def test_a_run_with_a_failing_job_is_wanted_and_one_without_is_offered() -> None:
    tasks = [task(1), task(2)]
    with asking(lambda nodes: said([suite(nodes[0], check(1, conclusion="TIMED_OUT")), suite(nodes[1])])) as it:
        Outcomes(readable=True).page(it.client, tasks)
    assert [one.mark.phase for one in tasks] == [Phase.WANTED, Phase.OFFERED]
    digest = f"{zlib.crc32(b'job 0'):08x}"
    assert [one.mark.names for one in tasks] == [[""], [digest]]


# --- The whole fetch -----------------------------------------------------------------------------------------------

GREEN = [run(number, jobs=[job("a"), job("b")]) for number in range(1, 31)]


def invented(seed: int) -> list[Run]:
    """Runs that were rerun up to three times: all jobs, or some, with the others listed once more or not."""
    random = Random(seed)
    found = []
    for number in range(1, 41):
        names = random.sample(["build", "lint", "test (a)", "test (b)"], random.randint(1, 4))
        jobs: list[Any] = []
        listed_again = random.random() < 0.5
        last: dict[str, Any] = {}
        for attempt in range(1, random.choice([1, 1, 1, 2, 3, 4]) + 1):
            again = (
                names if attempt == 1 or random.random() < 0.4 else random.sample(names, random.randint(1, len(names)))
            )
            start = NOW + timedelta(hours=attempt - 1)
            for name in names:
                if name in again:
                    ended = start + timedelta(seconds=random.randint(40, 2_000))
                    times = {"started_at": zulu(start + timedelta(seconds=20)), "completed_at": zulu(ended)}
                    last[name] = (random.choice(["success", "failure", "skipped"]), times)
                if name in again or listed_again:
                    conclusion, times = last[name]
                    jobs.append(job(name, conclusion, attempt=attempt, body=times))
        found.append(run(number, jobs=jobs))
    return found


def zulu(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("seed", range(4))
def test_lists_after_outcomes_leave_what_lists_alone_leave(nights: Rig, tmp_path: Path, seed: int) -> None:
    runs = invented(seed)
    nights.record(*runs).fetch(level=Level.FULL)
    assert nights.count(GRAPH) >= 3
    tables = ("jobs", "steps", "runs", "run_attempts", "failures")
    found = {table: nights.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}
    (tmp_path / "lists").mkdir()
    with ExitStack() as stack:
        lists = Rig(tmp_path / "lists", stack).record(*runs, checks=False)
        lists.fetch(level=Level.FULL)
        assert {table: lists.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables} == found
    assert nights.rows("SELECT count(*) FROM jobs WHERE carried_over")[0][0] > 0


def detail(nights: Rig) -> list[tuple[Any, ...]]:
    return nights.rows("SELECT run_id, job_id, attempt, name, result FROM jobs ORDER BY ALL")


def whole(runs: list[Run]) -> list[tuple[Any, ...]]:
    return sorted(
        (one.id, one.id * 1000 + at, each.attempt, each.name, each.conclusion)
        for one in runs
        for at, each in enumerate(one.jobs)
    )


def test_all_jobs_of_a_run_with_hundreds_are_read(nights: Rig) -> None:
    runs = [run(1, jobs=[job(f"j{number}") for number in range(250)]), *GREEN[1:]]
    nights.record(*runs).fetch(most=40, level=Level.OUTCOMES)
    assert detail(nights) == whole(runs)
    assert nights.count(GRAPH) == 2 + 2 + 1
    assert nights.count(JOBS) == 0


def test_what_graphql_fails_at_is_read_by_lists(nights: Rig) -> None:
    nights.record(*GREEN).plant(Mishap("502", route=GRAPH)).fetch(level=Level.OUTCOMES)
    assert detail(nights) == whole(GREEN)
    assert nights.count(JOBS) == 30
    assert "unreadable" not in nights.marks("checks")


def test_half_an_answer_costs_a_smaller_question_and_no_list(nights: Rig) -> None:
    nights.record(*GREEN).plant(Mishap("query halved", route=GRAPH, at=(1,))).fetch(level=Level.OUTCOMES)
    assert detail(nights) == whole(GREEN)
    assert nights.count(JOBS) == 0


def test_where_checks_may_not_be_read_each_run_is_read_by_its_list_and_it_is_tried_again_after_a_week(
    nights: Rig,
) -> None:
    nights.record(*GREEN, checks=False)
    for days in range(12):
        more = [
            run(100 + 10 * days + at, jobs=[job("a")], created=f"2026-01-{20 + days:02}T12:00:00Z") for at in range(3)
        ]
        nights.record(*GREEN, *more, checks=False).fetch(days=days + 1)
        asked = [one for one in nights.forge.ledger.requests if one.route == GRAPH]
        # One question is of changes and commits.
        assert len(asked) == (2 if days in {0, 7} else 1), days
    assert detail(nights)[:60] == whole(GREEN)


def test_rights_that_were_given_are_noticed(nights: Rig) -> None:
    nights.record(*GREEN, checks=False).fetch()
    assert nights.count(JOBS) == 30
    more = [run(100 + at, jobs=[job("a")], created="2026-01-25T12:00:00Z") for at in range(10)]
    nights.record(*GREEN, *more).fetch(days=8, level=Level.OUTCOMES)
    assert nights.count(JOBS) == 0
    assert nights.rows("SELECT count(*) FROM jobs WHERE detail = 'outcomes'") == [(10,)]


def test_a_rerun_that_is_read_again_loses_nothing_that_was_known(nights: Rig) -> None:
    others = [run(number, jobs=[job("a")]) for number in range(2, 40)]
    first = [job("test", "failure", log="Error: x\n"), job("lint")]
    nights.record(run(1, jobs=first), *others).fetch()
    rerun = run(1, jobs=[*first, job("test", attempt=2)])
    nights.record(rerun, *others).plant(Mishap("500", route=JOBS)).fetch(days=1)
    assert nights.rows("SELECT job_id, labels, detail FROM jobs WHERE run_id = 1 ORDER BY ALL") == [
        (1000, "ubuntu-latest", "full"),
        (1001, "ubuntu-latest", "full"),
    ]
    nights.forge.heal()
    nights.fetch(days=2)
    assert nights.rows("SELECT job_id, attempt, labels, detail FROM jobs WHERE run_id = 1 ORDER BY ALL") == [
        (1000, 1, "ubuntu-latest", "full"),
        (1001, 1, "ubuntu-latest", "full"),
        (1002, 2, "ubuntu-latest", "full"),
    ]
