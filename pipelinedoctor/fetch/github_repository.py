"""The fetch of one repository of a GitHub: what it is, its runs in windows, its commits, then details, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.github_client import Clients, RefusedError
from pipelinedoctor.fetch.github_details import Task, details, run_key
from pipelinedoctor.fetch.github_lists import LISTED, Entries, Listing, Lists
from pipelinedoctor.fetch.github_rows import commit_row, gap, repository_row, run_rows
from pipelinedoctor.fetch.github_session import LOOK_BACK, RunMark, Session, listed, open_session
from pipelinedoctor.fetch.interface import Closed, Mark, Order, Page, Progress, Source, SyncState
from pipelinedoctor.fetch.parallel import in_order
from pipelinedoctor.fetch.windows import CAP, Span, hidden, stamp
from pipelinedoctor.model import FetchGap, Repository, Row, Run, RunAttempt

_NO_COMMITS = frozenset({404, 409})
"""No such branch; an empty repository."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all repositories of a fetch share."""

    source: Source
    clients: Clients
    budget: Budget
    progress: Progress


def repository_pages(name: str, tools: Tools, order: Order, state: SyncState) -> Iterator[Page]:
    """All pages of the repository that the configuration calls `name`. Raises `RefusedError` where there is none."""
    client = tools.clients.mine()
    before = client.made
    repository = repository_row(tools.source.host, client.ask(f"/repos/{quote(name)}"))
    fetch = _Fetch(tools, name, repository, open_session(name, order, state), Lists(client, name))
    fetch.recall(state)
    back = Closed(repository=name, kind="runs", subject=name)
    yield Page(rows=[repository], closed=[back], marks=[fetch.session.opened()], requests=client.made - before)
    yield from fetch.runs()
    yield from fetch.commits()
    yield from fetch.open_runs()
    yield from fetch.details()
    yield Page(marks=[*fetch.lists.ended(), *fetch.session.closed()])


@dataclass(slots=True)
class _Fetch:
    tools: Tools
    name: str
    repository: Repository
    session: Session
    lists: Lists
    known: dict[str, RunMark] = field(default_factory=dict)
    relisted: set[str] = field(default_factory=set)

    def recall(self, state: SyncState) -> None:
        """Take up what earlier fetches left."""
        self.lists.recall(state)
        mine = (item for item in state.all("run").items() if item[0].startswith(run_key(self.repository, "")))
        self.known = {key: RunMark.read(value) for key, value in mine}

    def runs(self) -> Iterator[Page]:
        """The runs of the session's spans, with the mark of each that is new or has changed."""
        task = f"{self.name}: runs"
        self.tools.progress.start(task, None)
        for span in self.session.spans():
            for page in self.lists.runs(span, self._path(""), self._take_runs, self._overflow):
                self.tools.progress.advance(task)
                yield page
        self.tools.progress.finish(task, f"{len(self.relisted)} new or changed")

    def commits(self) -> Iterator[Page]:
        """The commits of the default branch in the session's spans."""
        task = f"{self.name}: commits"
        self.tools.progress.start(task, None)
        branch = {"sha": self.repository.default_branch} if self.repository.default_branch else {}
        branch_name = self.repository.default_branch or "default branch"
        try:
            for span in self.session.spans():
                bounds = {"since": stamp(span.since), "until": stamp(span.until)}
                listing = Listing(f"commits {span}", self._path("commits"), "commits", branch | bounds)
                for page in self.lists.read(listing, self._take_commits):
                    self.tools.progress.advance(task)
                    yield page
        except RefusedError as error:
            if error.status not in _NO_COMMITS:
                raise
            yield Page(rows=[self._gap("commits", branch_name, "no such branch, or it is empty")], requests=1)
        else:
            yield Page(closed=[Closed(repository=self.repository.full_name, kind="commits", subject=branch_name)])
        self.tools.progress.finish(task)

    def open_runs(self) -> Iterator[Page]:
        """Runs that had not ended when last seen and were made before what is listed again, one by one.

        What the forge has not touched for as long as a run can last is given up.
        """
        name = f"open {stamp(self.session.until)}"
        if self.lists.state(name) == LISTED:
            return
        oldest = self.session.until - LOOK_BACK
        left = [key for key, mark in self.known.items() if mark.phase == "open" and mark.updated_at >= oldest]
        client = self.lists.client
        for key in sorted(set(left) - self.relisted):
            before = client.made
            try:
                rows, marks = self._take_runs([client.ask(self._path(f"actions/runs/{key.rpartition('/')[2]}"))])
            except RefusedError as error:
                if error.status not in {404, 410}:
                    raise
                rows, marks = [], [Mark(kind="run", key=key, value=None)]
                del self.known[key]
            yield Page(rows=rows, marks=marks, requests=client.made - before)
        yield Page(marks=[self.lists.marked("window", name, LISTED)])

    def details(self) -> Iterator[Page]:
        """The details of all runs that want them, newest first."""
        numbers = ((int(key.rpartition("/")[2]), mark) for key, mark in self.known.items() if mark.wanted)
        tasks = [Task(self.repository, number, mark) for number, mark in sorted(numbers, reverse=True, key=_number)]
        task = f"{self.name}: details"
        self.tools.progress.start(task, len(tasks))
        clients, workers = self.tools.clients, self.tools.budget.workers(self.tools.source.workers)
        for page in in_order(lambda one: details(clients.mine(), one), tasks, workers, self.tools.budget.close):
            self.tools.progress.advance(task)
            yield page
        self.tools.progress.finish(task, f"{len(tasks)} runs")

    def _take_runs(self, entries: Entries) -> tuple[list[Row], list[Mark]]:
        rows: list[Row] = []
        marks: list[Mark] = []
        for body in entries:
            run, attempt, *commit = run_rows(self.repository.host, body)
            assert isinstance(run, Run)
            assert isinstance(attempt, RunAttempt)
            key = run_key(self.repository, run.run_id)
            mark = listed(run, attempt, self.known.get(key))
            if mark is not None:
                rows += [run, attempt, *commit]
                marks.append(Mark(kind="run", key=key, value=str(mark)))
                self.known[key] = mark
                self.relisted.add(key)
        return rows, marks

    def _take_commits(self, entries: Entries) -> tuple[list[Row], list[Mark]]:
        repository = self.repository
        return [commit_row(repository.host, body, repository.repository_id) for body in entries], []

    def _overflow(self, window: Span, total: int) -> list[Row]:
        if not hidden(total):
            return []
        reason = f"{total} runs in one second, of which the forge shows {CAP}"
        return [self._gap("runs", str(window), reason, hidden(total))]

    def _gap(self, kind: str, subject: str, reason: str, missing: int | None = None) -> FetchGap:
        return gap(self.repository.host, self.repository.full_name, kind, subject, reason, missing)

    def _path(self, rest: str) -> str:
        return f"/repos/{quote(self.repository.full_name)}/{rest}"


def _number(item: tuple[int, RunMark]) -> int:
    return item[0]
