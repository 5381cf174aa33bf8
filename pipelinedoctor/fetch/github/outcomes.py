"""Outcomes of the jobs of many runs at once, in GraphQL: results and times, at a fortieth of what lists of jobs cost.

A run's jobs are the check runs of its check suite. GraphQL tells neither labels nor runner nor when a job was queued, and
it needs the right to read checks, which fine-grained tokens cannot have: where it lacks, each run's list is read instead.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipelinedoctor.fetch.attempts import carry_over, derived_attempts, placed
from pipelinedoctor.fetch.bounds import bounded, instant, seconds_between
from pipelinedoctor.fetch.github.client import TOO_MUCH, Client, GraphAnswer
from pipelinedoctor.fetch.github.details import Task
from pipelinedoctor.fetch.github.rows import FAILING, NEVER_RAN, RESULTS, backwards, not_before, number_of
from pipelinedoctor.fetch.interface import Mark, Page
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Detail, Job, Repository, Result, Row

BATCH = 25
"""Runs asked for at once; halved where the forge cannot cope."""
_CHECK_RUNS = """checkRuns(first: 100, after: $after, filterBy: {checkType: ALL}) {
  pageInfo { hasNextPage endCursor }
  nodes { databaseId name status conclusion startedAt completedAt detailsUrl }
}"""
OUTCOMES = f"""query Outcomes($suites: [ID!]!, $after: String) {{
  nodes(ids: $suites) {{ __typename ... on CheckSuite {{ id {_CHECK_RUNS} }} }}
}}"""
MORE = f"""query MoreOutcomes($suite: ID!, $after: String) {{
  node(id: $suite) {{ __typename ... on CheckSuite {{ id {_CHECK_RUNS} }} }}
}}"""
_PAGES_MOST = 100
"""Pages of one suite's check runs: 10,000 jobs."""
_NO_RIGHT = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES"})
_REFUSING = frozenset({403, 404})
_FAILURES = 3
"""Single runs in a row whose question failed, after which lists are read instead for the rest of the fetch."""


@dataclass(slots=True)
class Outcomes:
    """What all workers share of the way outcomes are read: whether it is open, and how many runs fit a question.

    `forbidden`: it was found closed for lack of rights, which will be so tomorrow, too.
    """

    readable: bool
    size: int = BATCH
    forbidden: bool = False
    _failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def failing(self) -> bool:
        """Whether it is closed for the rest of this fetch only, as the forge failed at questions of single runs."""
        return self._failed >= _FAILURES

    def page(self, client: Client, tasks: Sequence[Task]) -> Page:
        """The outcomes of these runs, each with its new mark.

        What could not be had so keeps its mark, and its task loses its node: it is read by its list, and not asked for again.
        Raises `BudgetError` at a limit and `ForgeError` where the forge is gone.
        """
        before = client.spent
        rows: list[Row] = []
        marks: list[Mark] = []
        dirty = 0
        left = {task.key: task for task in tasks}
        for task, bodies in self._read(client, list(tasks)):
            jobs = _jobs(task, bodies)
            rows += [*jobs, *derived_attempts(jobs, task.mark.attempt)]
            task.mark = task.mark.with_outcomes(
                failing=any(job.result in FAILING for job in jobs),
                names={job.name for job in jobs if job.result == Result.SUCCESS},
            )
            marks.append(Mark(kind="run", key=task.key, value=str(task.mark)))
            dirty += sum(backwards(instant(body.get("startedAt")), instant(body.get("completedAt"))) for body in bodies)
            del left[task.key]
        for task in left.values():
            task.mark = replace(task.mark, node="")
        return Page(rows=rows, marks=marks, dirty=dirty, **client.spent.since(before))

    def _read(self, client: Client, tasks: list[Task]) -> Iterator[tuple[Task, list[Mapping[str, Any]]]]:
        while tasks and self.readable:
            asked, tasks = tasks[: self.size], tasks[self.size :]
            answer = self._answer(client, asked)
            if answer is None:
                tasks = asked + tasks if len(asked) > 1 else tasks
                continue
            nodes = answer.data.get("nodes")
            suites = nodes if isinstance(nodes, list) else []
            if not any(suites) and _NO_RIGHT & set(answer.types.values()):
                self._close()
            again: list[Task] = []
            for place, (task, suite) in enumerate(zip(asked, suites, strict=False)):
                if suite is None and len(asked) > 1 and answer.types.get(f"nodes.{place}") in TOO_MUCH:
                    again.append(task)
                    continue
                found = _of_run(self._all(client, suite), task.run_id)
                if found is not None:
                    yield task, found
            if again:
                self._halve(len(asked))
                tasks = again + tasks

    def _answer(self, client: Client, asked: list[Task]) -> GraphAnswer | None:
        """The answer to a question for these runs, or None; then a smaller one is to be asked, or none at all."""
        try:
            answer = client.graphql(OUTCOMES, {"suites": [task.mark.node for task in asked]}, patient=len(asked) == 1)
        except RefusedError as error:
            if error.status == 401:
                raise
            if error.status in _REFUSING:
                self._close()
            elif len(asked) > 1:
                self._halve(len(asked))
            else:
                self._fail()
            return None
        with self._lock:
            self._failed = 0
        return answer

    def _all(self, client: Client, suite: object) -> list[Mapping[str, Any]] | None:
        """All check runs of a suite; None where they cannot be had, all of them."""
        found: list[Mapping[str, Any]] = []
        for _ in range(_PAGES_MOST):
            if not isinstance(suite, Mapping) or suite.get("__typename") != "CheckSuite":
                return None
            listed = suite.get("checkRuns")
            nodes = listed.get("nodes") if isinstance(listed, Mapping) else None
            if not isinstance(listed, Mapping) or not isinstance(nodes, list):
                return None
            if not all(isinstance(node, Mapping) and number_of(node.get("databaseId")) for node in nodes):
                return None
            found += nodes
            info = listed.get("pageInfo")
            if not isinstance(info, Mapping) or info.get("hasNextPage") is not True:
                return found
            try:
                more = client.graphql(MORE, {"suite": suite.get("id"), "after": info.get("endCursor")})
            except RefusedError as error:
                if error.status == 401:
                    raise
                return None
            suite = more.data.get("node")
        return None

    def _close(self) -> None:
        with self._lock:
            self.readable = False
            self.forbidden = True

    def _fail(self) -> None:
        """Note that the question of a single run failed; after a few of them it is the forge that cannot answer."""
        with self._lock:
            self._failed += 1
            if self._failed >= _FAILURES:
                self.readable = False

    def _halve(self, asked: int) -> None:
        with self._lock:
            self.size = max(1, min(self.size, asked // 2))


def _jobs(task: Task, bodies: Sequence[Mapping[str, Any]]) -> list[Job]:
    jobs = {job.job_id: job for job in (_job(task, body) for body in bodies)}
    mark = task.mark
    starts = {mark.attempt: mark.started_at} if mark.started_at else {}
    return carry_over(placed(list(jobs.values()), mark.attempt, mark.started_at), starts)


def _of_run(bodies: list[Mapping[str, Any]] | None, run_id: int) -> list[Mapping[str, Any]] | None:
    """Those of the check runs of a suite that are jobs of the run, by the page they lead to; None where none seems to be.

    What a workflow reports by the API of checks, such as results of tests, stands in the suite of some run of the same
    commit, beside that run's jobs, and leads elsewhere.
    """
    if not bodies:
        return bodies
    jobs = [body for body in bodies if f"/actions/runs/{run_id}/" in (bounded(body.get("detailsUrl")) or "")]
    return jobs or None


def _job(task: Task, body: Mapping[str, Any]) -> Job:
    """A check run as its job; its conclusions are REST's, in capitals."""
    repository: Repository = task.repository
    status = (bounded(body.get("status")) or "unknown").lower()
    conclusion = bounded(body.get("conclusion"))
    word = conclusion.lower() if conclusion else None
    result = RESULTS.get(word or "", Result.UNKNOWN) if status == "completed" else Result.UNKNOWN
    started = instant(body.get("startedAt"))
    completed = not_before(started, instant(body.get("completedAt")))
    return Job(
        host=repository.host,
        job_id=number_of(body.get("databaseId")) or 0,
        run_id=task.run_id,
        repository_id=repository.repository_id,
        attempt=task.mark.attempt,
        name=bounded(body.get("name")) or "",
        status=status,
        result=result.value,
        forge_result=word,
        created_at=None,
        started_at=started,
        completed_at=completed,
        queue_s=None,
        duration_s=None if result in NEVER_RAN else seconds_between(started, completed),
        labels=None,
        runner=None,
        carried_over=False,
        html_url=bounded(body.get("detailsUrl")) or "",
        detail=Detail.OUTCOMES.value,
    )
