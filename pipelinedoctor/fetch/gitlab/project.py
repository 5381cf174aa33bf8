"""A project in a fetch: what is known of its pipelines, and what comes of their jobs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pipelinedoctor.fetch.bounds import bounded, instant
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.gitlab.attempts import attempts, numbered
from pipelinedoctor.fetch.gitlab.bridges import Family
from pipelinedoctor.fetch.gitlab.client import Body, Client
from pipelinedoctor.fetch.gitlab.forgetting import Tops
from pipelinedoctor.fetch.gitlab.marks import Phase, RunMark
from pipelinedoctor.fetch.gitlab.retries import left_behind
from pipelinedoctor.fetch.gitlab.rows import (
    CHILD,
    commit_row,
    gap,
    identity,
    is_whole,
    job_row,
    mapping,
    run_row,
    runs_backwards,
)
from pipelinedoctor.fetch.interface import Level, Mark, Order, Page, Progress, Source, SyncState
from pipelinedoctor.model import Repository, Result, Row, Run

GIVEN_UP = timedelta(days=7)
"""A pipeline that goes on, or of which something failed in passing, is not asked for again so long after its last update."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all projects of a fetch share."""

    source: Source
    order: Order
    state: SyncState
    clients: Clients[Client]
    budget: Budget
    progress: Progress


@dataclass(slots=True)
class Project:
    """What is known of a project.

    `key` begins the keys of its marks: its id, which survives renames, or its name where a job's token does not let us know more.
    `path` begins the paths of its routes. `known` are the marks of its pipelines, `listed` those that this fetch listed,
    `settled` those whose jobs it has read to the last.
    """

    tools: Tools
    name: str
    key: str
    path: str
    repository: Repository
    known: dict[int, RunMark] = field(default_factory=dict)
    listed: set[int] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)
    children: bool = False
    tops: Tops = field(default_factory=Tops)
    family: Family = field(default_factory=Family)
    _red: dict[int, tuple[int, bool]] = field(default_factory=dict)

    def recall(self) -> None:
        """Take up what earlier fetches left."""
        mine = f"{self.key}/"
        marks = self.tools.state.all("run").items()
        self.known = {int(key.removeprefix(mine)): RunMark.read(value) for key, value in marks if key.startswith(mine)}

        if self.tools.order.level is Level.FULL:
            left = self.tools.state.all("bridges")
            self.family.left = frozenset(int(key.removeprefix(mine)) for key in left if key.startswith(mine))

    def note(self, run: Run) -> Run:
        """Take note of a run that was read."""
        if self.tools.order.level is Level.FULL:
            self.family.note(run)
        if run.branch is not None and run.branch == self.repository.default_branch and run.result != Result.UNKNOWN:
            newest, _ = self._red.get(run.pipeline_id, (0, False))
            if run.run_id >= newest:
                self._red[run.pipeline_id] = (run.run_id, run.result == Result.FAILURE)
        return run

    @property
    def ailing(self) -> bool:
        """Whether the newest run of a pipeline on the default branch failed, of the runs that this fetch read."""
        return any(red for _, red in self._red.values())

    def recent(self, mark: RunMark) -> bool:
        """Whether a pipeline was updated not long ago."""
        updated = instant(mark.updated)
        return updated is not None and updated > self.tools.order.until - GIVEN_UP

    def lacking(self) -> list[int]:
        """The pipelines whose jobs are wanted, or went on when they were last read, newest first."""
        return sorted(
            (
                run_id
                for run_id, mark in self.known.items()
                if mark.unread or (mark.phase is Phase.OPEN and run_id not in self.settled and self.recent(mark))
            ),
            reverse=True,
        )

    def closed(self) -> Page:
        """The end of a fetch that has read all: marks of pipelines that are done with are let go."""
        done = {run: mark.updated for run, mark in self.known.items() if not (mark.unread or mark.wanted)}
        marks = []
        for run_id in self.tops.outlived(done):
            del self.known[run_id]
            marks.append(Mark(kind="run", key=f"{self.key}/{run_id}", value=None))
        return Page(marks=marks)

    def mark(self, run_id: int, mark: RunMark) -> Mark:
        """Set the mark of a pipeline."""
        self.known[run_id] = mark
        return Mark(kind="run", key=f"{self.key}/{run_id}", value=str(mark))

    def left_mark(self, run_id: int, *, wanted: bool) -> Mark:
        """The mark of a pipeline that is to be asked again which children it started, or is no more."""
        return Mark(kind="bridges", key=f"{self.key}/{run_id}", value="" if wanted else None)

    def settle(self, run_id: int, bodies: Sequence[Body]) -> Page:
        """What all jobs of a pipeline, retried ones included, come to: rows, and its mark."""
        host, repository_id = self.repository.host, self.repository.repository_id
        every = {identity(body, "job"): body for body in bodies}  # a list that shifts tells some of them twice
        jobs = numbered(job_row(host, body, repository_id) for body in every.values())
        before = self.known.get(run_id) or RunMark(updated=None)
        left = list(left_behind(jobs, every, before.told, self.tools.order.until))
        mark = before.settled(jobs, [one.job_id for one in left if one.why is None])
        embedded = mapping(bodies[0], "pipeline") if bodies else {}
        rows: list[Row] = [*jobs, *attempts(jobs)]
        name = self.repository.full_name
        rows += [gap(host, name, "tests", f"job {one.job_id}", one.why) for one in left if one.why is not None]
        commit = next((mapping(body, "commit") for body in bodies if mapping(body, "commit").get("id")), None)
        if commit is not None:
            rows.append(commit_row(host, commit, repository_id))
        updated = bounded(embedded.get("updated_at")) or before.updated
        fresh = run_id not in self.listed or mark.attempt != before.attempt or updated != before.updated
        told = (
            self._told(run_id, embedded, bodies, needed=mark.attempt != before.attempt) if embedded and fresh else None
        )
        if told is not None:
            rows.append(self.note(run_row(host, told, repository_id, mark.attempt)))
            mark = mark.seen(bounded(told.get("updated_at")))
        self.children |= embedded.get("source") == CHILD
        self.settled.add(run_id)
        dirty = sum(map(runs_backwards, every.values()))
        return Page(rows=rows, marks=[self.mark(run_id, mark)], dirty=dirty)

    def _told(self, run_id: int, embedded: Body, jobs: Sequence[Body], *, needed: bool) -> Body | None:
        """The body of a pipeline whose row is to be written anew; `None` where a list will tell it better."""
        if is_whole(embedded):
            return embedded
        if self.tools.source.job_token:
            made = min((made for job in jobs if (made := bounded(job.get("created_at")))), default=None)
            return {"created_at": made, "updated_at": made, **embedded}
        if not needed:
            return None
        body: Any = self.tools.clients.mine().ask(f"{self.path}/pipelines/{run_id}")
        return body if isinstance(body, dict) else None
