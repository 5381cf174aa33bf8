"""The fetch of one repository of a GitHub, in stages that its fetcher runs side by side with other repositories'.

First its runs, in windows, with the outcomes of their jobs; then details, newest first; then what else it holds; then
samples. Each stage hands on pages, and each page is made by whichever thread has the turn.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import Any
from urllib.parse import quote

from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.github.client import PER_PAGE, Client, GraphAnswer
from pipelinedoctor.fetch.github.details import Task, reason_of, run_key
from pipelinedoctor.fetch.github.lists import LISTED, Entries, Listing, Lists
from pipelinedoctor.fetch.github.outcomes import Outcomes
from pipelinedoctor.fetch.github.overview import CHANGES, DEPLOYMENTS, RELEASES, TAGS, Walk, commits_in, overview
from pipelinedoctor.fetch.github.rows import FAILING, commit_row, gap, repository_row, run_rows
from pipelinedoctor.fetch.github.run_marks import Phase, RunMark, listed
from pipelinedoctor.fetch.github.samples import Samples
from pipelinedoctor.fetch.github.session import LOOK_BACK, Session, open_session
from pipelinedoctor.fetch.github.windows import CAP, Span, hidden, stamp
from pipelinedoctor.fetch.interface import Closed, Level, Mark, Order, Page, Progress, Source, SyncState
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.fetch.steps import Steps
from pipelinedoctor.logs.redact import redact
from pipelinedoctor.model import FetchGap, Repository, Row, Run, RunAttempt

_WORTH = timedelta(days=7)
"""How long after a run what failed of it in passing is asked for again."""
_NO_COMMITS = frozenset({404, 409})
"""No such branch; an empty repository."""
NOBODY = "GraphQL answers only who has a token"
ABSENT = "no such repository, or none that the token may read"


@dataclass(frozen=True, slots=True)
class Tools:
    """What all repositories of a fetch share."""

    source: Source
    clients: Clients[Client]
    budget: Budget
    progress: Progress
    outcomes: Outcomes
    order: Order
    state: SyncState
    steps: Steps
    """The requests for runs and the outcomes of their jobs, of all repositories together."""


@dataclass(slots=True)
class RepositoryFetch:
    """One repository, by the name that the configuration or the forge gives it.

    `refused` says why it cannot be read, once that is known; `listed` that all its runs were listed. `left` are runs whose
    outcomes do not fill a question of their own, `unread` those of which it is not yet known. `told` is its body and `newest`
    the first answer on what else it holds, where a question for many told them.
    """

    tools: Tools
    name: str
    told: Mapping[str, Any] | None = None
    newest: GraphAnswer | None = None
    refused: str | None = None
    listed: bool = False
    left: list[Task] = field(default_factory=list)
    known: dict[str, RunMark] = field(default_factory=dict)
    relisted: set[str] = field(default_factory=set)
    unread: dict[str, None] = field(default_factory=dict)
    owed: set[str] = field(default_factory=set)
    red_pipelines: dict[int, tuple[int, bool]] = field(default_factory=dict)
    repository: Repository = field(init=False)
    session: Session = field(init=False)
    lists: Lists = field(init=False)
    samples: Samples = field(init=False)
    tasks: dict[str, Task] = field(default_factory=dict)
    walks: list[Walk] = field(default_factory=list)

    def guarded(self, pages: Iterable[Page]) -> Iterator[Page]:
        """The pages of a stage; where the forge refuses this repository, a gap instead, and nothing more of it.

        A token that is not known at all is no matter of one repository: that error is raised.
        """
        try:
            yield from pages
        except RefusedError as error:
            if error.status == 401:
                raise
            self.refused = ABSENT if error.status == 404 else str(error)
            self.tools.progress.finish(self.name, self.refused)
            yield Page(rows=[gap(self.tools.source.host, self.name, "runs", self.name, self.refused)])

    def runs(self) -> Iterator[Page]:
        """The repository itself, and the runs of the session's spans, with outcomes where they fill a question."""
        opened = self._open()
        self.tools.steps.made(opened.requests)
        yield opened
        for span in self.session.spans():
            for page in self.lists.runs(span, self._path(""), self._take_runs, self._overflow):
                self.tools.steps.made(page.requests)
                yield page
                for outcomes in self._outcomes():
                    self.tools.steps.made(outcomes.requests)
                    yield outcomes
        yield from self._open_runs()
        self.left = [self._task(key, mark) for key, mark in self.known.items() if mark.fresh]
        self.listed = True

    def read_by_list(self) -> list[Task]:
        """The runs whose details are wanted, newest first: those that failed or were rerun, or whose outcomes lack."""
        wanted = self.tools.order.level == Level.FULL
        found = [
            self._task(key, mark)
            for key, mark in self.known.items()
            if mark.wanted or (wanted and mark.phase == Phase.OFFERED)
        ]
        return sorted(found, key=lambda task: task.run_id, reverse=True)

    @property
    def ailing(self) -> bool:
        """Whether the newest run of a pipeline on the default branch failed, of the runs that were listed now."""
        return any(red for _, red in self.red_pipelines.values())

    def prepared(self) -> list[Walk]:
        """The walks through all that it holds besides runs; none where that was done."""
        if self.lists.state(self._others) != LISTED:
            parts = [CHANGES, DEPLOYMENTS, RELEASES, TAGS, *map(commits_in, self._commits_left())]
            self.walks = [Walk.of(part, self.repository, self.session.since, self.tools.state) for part in parts]
        return self.walks

    def others(self) -> Iterator[Page]:
        """Changes, commits, deployments, releases and tags."""
        name = self._others
        if self.lists.state(name) == LISTED:
            return
        left = self._commits_left()
        walks = self.walks or self.prepared()
        why = NOBODY if self.tools.clients.anonymous else None
        if why is None:
            try:
                for page in overview(self.tools.clients.mine, self.repository, walks, self.newest):
                    yield replace(page, marks=[*page.marks, *self._read_whole(walks)])
            except RefusedError as error:
                if error.status == 401:
                    raise
                why = f"GraphQL refused ({error.status})"
        if why is not None:
            yield Page(rows=[self._gap(part.name, "all", why) for part in (CHANGES, DEPLOYMENTS, RELEASES, TAGS)])
        yield from self._commits([] if why is None and not any(walk.failed for walk in walks) else left)
        yield Page(marks=[self.lists.marked("window", name, LISTED)])

    @property
    def _others(self) -> str:
        """The name of the mark that says that what else it holds was read in this session."""
        return f"others {stamp(self.session.until)}"

    def _commits_left(self) -> list[Span]:
        return [span for span in self.session.fresh() if self.lists.state(f"commits {span}") != LISTED]

    def _read_whole(self, walks: list[Walk]) -> list[Mark]:
        """The marks of the spans whose commits were read to the end, so that no later fetch of the session begins anew."""
        done = [walk.part.kind for walk in walks if walk.done and not walk.failed and not walk.part.lasting]
        return [self.lists.marked("window", kind, LISTED) for kind in done if self.lists.state(kind) != LISTED]

    def sampled(self) -> list[Task]:
        """The runs that succeeded at once and are read in full all the same; none but at that level."""
        offered = [self._task(key, mark) for key, mark in self.known.items() if mark.phase == Phase.OFFERED]
        return self.samples.draw(offered) if self.tools.order.level == Level.SAMPLED else []

    def drawn(self, task: Task, page: Page) -> list[Mark]:
        """The marks of a run that was drawn, and read in full as `page`; one that could not be read is owed."""
        if any(mark.kind == "run" for mark in page.marks):
            return [self.samples.read(task)]
        self.owed.add(task.key)
        return []

    def closed(self, *, drawn: bool = True) -> Page:
        """The end of the session; once samples were `drawn`, what was offered and is none of them is done with."""
        oldest = self.session.until - LOOK_BACK
        marks = [*self.lists.ended(oldest), *self.samples.ended(oldest), *self.session.closed()]
        drawn = drawn and self.tools.order.level != Level.FULL
        for key, mark in self.known.items():
            if mark.phase in {Phase.OFFERED, Phase.DONE} and mark.updated_at < oldest:
                # It is never listed again, so there is nothing more to compare it with.
                marks.append(Mark(kind="run", key=key, value=None))
            elif mark.phase == Phase.OFFERED and drawn and key not in self.owed:
                marks.append(Mark(kind="run", key=key, value=str(mark.detailed())))
        return Page(marks=marks)

    def _open(self) -> Page:
        tools = self.tools
        client = tools.clients.mine()
        before = client.spent
        kept = json.loads(tools.state.get("repository", self.name) or "{}")
        etag, body = None, self.told
        if body is None:
            said = client.ask_again(f"/repos/{quote(self.name)}", None, kept.get("etag"))
            etag, body = said.etag, kept["body"] if said.unchanged else said.body
        self.repository = repository_row(tools.source.host, body)
        self.session = open_session(self.name, tools.order, tools.state)
        self.lists = Lists(tools.clients, self.name, sized=self._sized)
        self.lists.recall(tools.state)
        self.samples = Samples(self.repository.repository_id, tools.state, tools.order.until)
        mine = (item for item in tools.state.all("run").items() if item[0].startswith(run_key(self.repository, "")))
        self.known = {key: RunMark.read(value) for key, value in mine}
        names = ("id", "full_name", "default_branch", "html_url", "archived")
        told = {name: body.get(name) for name in names}
        memory = {
            "etag": etag,
            "body": {name: redact(it) if isinstance(it, str) else it for name, it in told.items()},
        }
        marks = [self.session.opened(), Mark(kind="repository", key=self.name, value=json.dumps(memory))]
        back = Closed(repository=self.name, kind="runs", subject=self.name)
        return Page(rows=[self.repository], closed=[back], marks=marks, **client.spent.since(before))

    def _outcomes(self) -> Iterator[Page]:
        """Outcomes of runs just listed, newest first, as long as they fill a question."""
        outcomes = self.tools.outcomes
        while outcomes.readable and len(self.unread) >= outcomes.size:
            keys = list(islice(self.unread, outcomes.size))
            for key in keys:
                del self.unread[key]
            asked = [self._task(key, self.known[key]) for key in keys]
            page = outcomes.page(self.tools.clients.mine(), asked)
            self.learn(asked)
            yield page

    def learn(self, tasks: Iterable[Task]) -> None:
        """Take over the marks of runs whose jobs were read."""
        for task in tasks:
            self.known[task.key] = task.mark

    def _task(self, key: str, mark: RunMark) -> Task:
        task = self.tasks.setdefault(key, Task(self.repository, int(key.rpartition("/")[2]), mark))
        task.mark = mark
        task.recent = mark.updated_at >= self.session.until - _WORTH
        return task

    def _commits(self, spans: list[Span]) -> Iterator[Page]:
        """The commits of the default branch in some spans, as REST lists them; those of all others were read."""
        branch = {"sha": self.repository.default_branch} if self.repository.default_branch else {}
        branch_name = self.repository.default_branch or "default branch"
        client = self.tools.clients.mine()
        before = client.spent
        try:
            for span in spans:
                bounds = {"since": stamp(span.since), "until": stamp(span.until)}
                listing = Listing(f"commits {span}", self._path("commits"), "commits", branch | bounds)
                for page in self.lists.read(listing, self._take_commits):
                    yield page
                    client = self.tools.clients.mine()
                    before = client.spent
        except RefusedError as error:
            if error.status == 401:
                raise
            none = error.status in _NO_COMMITS
            why = "no such branch, or it is empty" if none else reason_of("commits", error)
            yield Page(rows=[self._gap("commits", branch_name, why)], **client.spent.since(before))
        else:
            yield Page(closed=[Closed(repository=self.repository.full_name, kind="commits", subject=branch_name)])

    def _open_runs(self) -> Iterator[Page]:
        """Runs that had not ended when last seen and were made before what is listed again, one by one.

        What the forge has not touched for as long as a run can last is given up.
        """
        name = f"open {stamp(self.session.until)}"
        if self.lists.state(name) == LISTED:
            return
        oldest = self.session.until - LOOK_BACK
        for key in sorted(set(self.known) - self.relisted):
            mark = self.known[key]
            if mark.phase != Phase.OPEN or mark.updated_at < oldest or mark.created_at >= self.session.recent:
                continue
            client = self.tools.clients.mine()
            before = client.spent
            number = key.rpartition("/")[2]
            closed = [Closed(repository=self.repository.full_name, kind="runs", subject=f"run {number}")]
            try:
                rows, marks = self._take_runs([client.ask(self._path(f"actions/runs/{number}"))])
            except RefusedError as error:
                if error.status == 401:
                    raise
                gone = error.status in {404, 410}
                why = "the forge has it no more; it had not ended when last seen" if gone else reason_of("run", error)
                rows, marks, closed = [self._gap("runs", f"run {number}", why)], [], []
                if gone:
                    marks.append(Mark(kind="run", key=key, value=None))
                    del self.known[key]
            yield Page(rows=rows, marks=marks, closed=closed, **client.spent.since(before))
        yield Page(marks=[self.lists.marked("window", name, LISTED)])

    def _take_runs(self, entries: Entries) -> tuple[list[Row], list[Mark]]:
        rows: list[Row] = []
        marks: list[Mark] = []
        for body in entries:
            run, attempt, *commit = run_rows(self.repository.host, body)
            assert isinstance(run, Run)
            assert isinstance(attempt, RunAttempt)
            self._note_color(run)
            key = run_key(self.repository, run.run_id)
            node = body.get("check_suite_node_id")
            earlier = self.known.get(key)
            if earlier is None and self.session.knew(run.created_at, run.updated_at):
                continue
            mark = listed(run, attempt, node if isinstance(node, str) else "", earlier)
            if mark is not None:
                rows += [run, attempt, *commit]
                marks.append(Mark(kind="run", key=key, value=str(mark)))
                self.known[key] = mark
                self.relisted.add(key)
                if mark.fresh:
                    self.unread[key] = None
        return rows, marks

    def _note_color(self, run: Run) -> None:
        newest, _ = self.red_pipelines.get(run.pipeline_id, (0, False))
        on_default = run.branch == self.repository.default_branch and not run.event.startswith("pull_request")
        if on_default and run.status == "completed" and run.run_id > newest:
            self.red_pipelines[run.pipeline_id] = (run.run_id, run.result in FAILING)

    def _take_commits(self, entries: Entries) -> tuple[list[Row], list[Mark]]:
        repository = self.repository
        return [commit_row(repository.host, body, repository.repository_id) for body in entries], []

    def _sized(self, span: Span, total: int) -> None:
        """Reckon with the requests for a span that holds so many runs; tell them where they are many."""
        large, read = total >= CAP, [mark for mark in self.known.values() if span.holds(mark.created_at)]
        size = self.tools.outcomes.size
        # A window too large costs a request; about every second one is.
        lists = -(-(total - len(read)) // PER_PAGE) + total // (CAP // 2) if large else -(-total // PER_PAGE)
        outcomes = max(0, total - sum(not mark.unread for mark in read)) // size if self.tools.outcomes.readable else 0
        self.tools.steps.expect(max(1, lists) + outcomes)
        if not large:
            return
        known = f" ({len(read):,} of them listed before)" if read else ""
        plan = f"{total:,} runs{known}: some {lists:,} requests for lists, {outcomes:,} for outcomes of jobs"
        plan += ", and up to 3 for each run that failed"
        most = self.tools.order.max_requests
        plan += f"; this fetch makes {most:,} at the most, and the next goes on" if most is not None else ""
        self.tools.progress.finish(f"{self.name}: plan", plan)

    def _overflow(self, window: Span, total: int) -> list[Row]:
        if not hidden(total):
            return []
        reason = f"{total} runs in one second, of which the forge shows {CAP}"
        return [self._gap("runs", str(window), reason, hidden(total))]

    def _gap(self, kind: str, subject: str, reason: str, missing: int | None = None) -> FetchGap:
        return gap(self.repository.host, self.repository.full_name, kind, subject, reason, missing)

    def _path(self, rest: str) -> str:
        return f"/repos/{quote(self.repository.full_name)}/{rest}"
