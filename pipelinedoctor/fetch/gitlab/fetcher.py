"""Fetches CI history from GitLab (gitlab.com or an instance of one's own) over its REST API."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.gitlab.changes import surroundings
from pipelinedoctor.fetch.gitlab.client import Client
from pipelinedoctor.fetch.gitlab.details import Task, details
from pipelinedoctor.fetch.gitlab.marks import RunMark
from pipelinedoctor.fetch.gitlab.parents import children_of
from pipelinedoctor.fetch.gitlab.project import Project, Tools
from pipelinedoctor.fetch.gitlab.rows import OddError, gap
from pipelinedoctor.fetch.gitlab.runs import Runs, jobs_of, opened, settled_alone
from pipelinedoctor.fetch.gitlab.selection import chosen
from pipelinedoctor.fetch.interface import Order, Page, Progress, Source, SyncState
from pipelinedoctor.fetch.parallel import by_turns, in_order, in_turn
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.fetch.selection import Chosen
from pipelinedoctor.fetch.steps import Steps

_GONE = 404
_LEAST = 3
"""Requests that a project takes at the least: itself, a list of pipelines, a list of jobs; a job's token has no pipelines."""
_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


class GitLabFetcher:
    """Fetches from one GitLab. `pause` is for tests that do not want to wait."""

    def __init__(self, source: Source, *, pause: Callable[[float], object] | None = None) -> None:
        self.source = source
        self._pause = pause

    def pages(self, order: Order, state: SyncState, progress: Progress) -> Iterator[Page]:
        """Hand on page after page, each with the marks that keep it from being asked for again.

        Raises `ForgeError` where the forge is gone, refuses the token, or has none of the projects, and
        `BudgetError` where a limit is met; all that was read until then has been handed on before.
        """
        budget = Budget(
            order.max_requests,
            throttle=self.source.throttle,
            max_wait=order.max_wait,
            progress=progress,
            pause=self._pause,
        )
        clients = Clients(lambda: Client(self.source, budget))
        fetch = _Fetch(Tools(self.source, order, state, clients, budget, progress))
        handed = 0
        try:
            for page in fetch.pages():
                handed += page.requests
                yield page
        except ForgeError:
            yield Page(requests=budget.made - handed)
            raise
        finally:
            clients.close()
        fetch.check()


@dataclass(slots=True)
class _Fetch:
    """One fetch of all projects. Each stage goes round among them, so that a large one does not keep the others waiting."""

    tools: Tools
    opened: dict[str, Project] = field(default_factory=dict)
    refused: dict[str, RefusedError | OddError] = field(default_factory=dict)
    found: Chosen = field(default_factory=lambda: Chosen((), {}, ()))

    def pages(self) -> Iterator[Page]:
        """What ran everywhere; then why it failed; then what surrounds it."""
        client = self.tools.clients.mine()
        made = client.made
        self.found = chosen(client, self.tools.source)
        yield replace(self.found.page(self.tools.source.host), requests=client.made - made)
        yield from self._runs()
        if self.tools.source.job_token:
            yield from self._surroundings()
            return
        yield from self._families()
        yield from self._details()
        yield from self._surroundings()
        for page in [one.closed() for one in self._projects()]:
            if page.marks:
                yield page

    def check(self) -> None:
        """Raise `ForgeError` where no project could be read."""
        if len(self.refused) < len(self._names):
            return
        host, told = self.tools.source.host, ", ".join(self._names)
        if not told:
            raise ForgeError(f"{host}: " + "; ".join(f"{one}: {reason}" for one, reason in self.found.lacking.items()))
        if all(_is_gone(error) for error in self.refused.values()):
            raise ForgeError(f"{host} knows none of {told}; check the names and what the token may read")
        raise ForgeError(f"{host}: none of its projects could be read; {next(iter(self.refused.values()))}")

    @property
    def _names(self) -> list[str]:
        return [one.full_name for one in self.found.repositories]

    def _projects(self) -> list[Project]:
        """The projects that can be read; first those where somebody waits, because the default branch fails."""
        there = [self.opened[name] for name in self._names if name in self.opened and name not in self.refused]
        return sorted(there, key=lambda one: not one.ailing)

    def _each(self, names: Iterable[str], pages: Callable[[str], Iterator[Page]]) -> Iterator[Page]:
        budget = self.tools.budget
        flows = (self._guarded(name, pages(name)) for name in names)
        yield from in_turn(flows, budget.workers(self.tools.source.workers), budget.close)

    def _runs(self) -> Iterator[Page]:
        """Projects, their pipelines and the jobs of these."""
        steps = Steps(self.tools.progress, f"{self.tools.source.host}: requests for runs")
        steps.expect((_LEAST - self.tools.source.job_token) * len(self._names))
        for page in self._each(self._names, self._begun):
            steps.made(page.requests)
            yield page
        for page in self._left(steps):
            steps.made(page.requests)
            yield page
        changed = sum(len(one.settled) for one in self._projects())
        steps.finish(f"{changed:,} runs new or changed")

    def _surroundings(self) -> Iterator[Page]:
        progress, task = self.tools.progress, f"{self.tools.source.host}: changes"
        there = [one.name for one in self._projects()]
        if not there:
            return
        progress.start(task, len(there))

        def counted(name: str) -> Iterator[Page]:
            yield from surroundings(self.opened[name])
            progress.advance(task)

        yield from self._each(there, counted)
        progress.finish(task)

    def _begun(self, name: str) -> Iterator[Page]:
        project, page = opened(name, self.tools)
        self.opened[name] = project
        yield page
        yield from Runs(project).pages()

    def _guarded(self, name: str, pages: Iterator[Page]) -> Iterator[Page]:
        """The pages of one project; where it is refused, a gap instead of the rest, and the others go on."""
        while True:
            client = self.tools.clients.mine()
            made = client.made
            try:
                page = next(pages)
            except StopIteration:
                return
            except (RefusedError, OddError) as error:
                if isinstance(error, RefusedError) and error.status == 401:
                    raise
                self.refused[name] = error
                why = _why(error)
                self.tools.progress.finish(name, why)
                yield Page(rows=[gap(self.tools.source.host, name, "runs", name, why)], requests=client.made - made)
                return
            yield page

    def _left(self, steps: Steps) -> Iterator[Page]:
        """Pipelines that are to be asked for one by one, because the list of jobs did not tell all of them."""
        items = list(by_turns([[(one, run_id) for run_id in one.lacking()] for one in self._projects()]))
        clients = self.tools.clients
        if items:
            steps.expect(len(items))

        def ask(item: tuple[Project, int]) -> tuple[Project, int, object, int]:
            return (*item, *jobs_of(clients.mine(), *item))

        for project, run_id, found, requests in self._by_threads(ask, items):
            yield settled_alone(project, run_id, found, requests)

    def _families(self) -> Iterator[Page]:
        """Which pipeline started which, where all is to be read."""
        items = [(one, run_id) for one in self._projects() for run_id in one.family.parents()]
        clients = self.tools.clients

        def ask(item: tuple[Project, int]) -> Page:
            project, run_id = item
            return children_of(clients.mine(), project, run_id)

        yield from self._told("child pipelines", ask, items)

    def _details(self) -> Iterator[Page]:
        """Logs and test reports of all pipelines that want them, newest first."""
        wanted = [
            [
                Task(project, run_id, mark, recent=project.recent(mark))
                for run_id, mark in sorted(project.known.items(), reverse=True, key=_first)
                if mark.wanted
            ]
            for project in self._projects()
        ]
        clients = self.tools.clients

        def ask(task: Task) -> tuple[Task, RunMark, Page]:
            return task, *details(clients.mine(), task)

        for task, mark, page in self._told("details", ask, list(by_turns(wanted))):
            yield replace(page, marks=[task.project.mark(task.run_id, mark)])

    def _told(self, what: str, ask: Callable[[_Item], _Done], items: list[_Item]) -> Iterator[_Done]:
        """What comes of each item, told as a task if there is any."""
        if not items:
            return
        progress, task = self.tools.progress, f"{self.tools.source.host}: {what}"
        progress.start(task, len(items))
        for done in self._by_threads(ask, items):
            progress.advance(task)
            yield done
        progress.finish(task, f"{len(items)} runs")

    def _by_threads(self, ask: Callable[[_Item], _Done], items: list[_Item]) -> Iterator[_Done]:
        budget = self.tools.budget
        return in_order(ask, items, budget.workers(self.tools.source.workers), budget.close)


def _is_gone(error: RefusedError | OddError) -> bool:
    return isinstance(error, RefusedError) and error.status == _GONE


def _why(error: RefusedError | OddError) -> str:
    if _is_gone(error):
        return "no such project, or none that the token may read"
    if isinstance(error, OddError):
        return error.why
    return f"refused ({error.status})" if error.status else f"not had: {error.trouble}"


def _first(item: tuple[int, object]) -> int:
    return item[0]
