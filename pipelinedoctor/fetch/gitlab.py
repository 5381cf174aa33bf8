"""Fetches CI history from GitLab (gitlab.com or an instance of one's own) over its REST API."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.gitlab_changes import surroundings
from pipelinedoctor.fetch.gitlab_client import Client
from pipelinedoctor.fetch.gitlab_details import Task, details
from pipelinedoctor.fetch.gitlab_project import Project, Tools
from pipelinedoctor.fetch.gitlab_rows import gap
from pipelinedoctor.fetch.gitlab_runs import Runs, jobs_of, opened, settled_alone
from pipelinedoctor.fetch.interface import Order, Page, Progress, Source, SyncState
from pipelinedoctor.fetch.parallel import in_order
from pipelinedoctor.fetch.patience import RefusedError

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
    opened: list[Project] = field(default_factory=list)
    refused: dict[str, RefusedError] = field(default_factory=dict)

    def pages(self) -> Iterator[Page]:
        """What ran everywhere; then why it failed; then what surrounds it."""
        yield from in_turn([self._guarded(name, self._begun(name)) for name in self.tools.source.repositories])
        yield from self._left()
        if self.tools.source.job_token:
            return
        yield from self._details()
        yield from in_turn([self._guarded(one.name, surroundings(one)) for one in self._projects()])

    def check(self) -> None:
        """Raise `ForgeError` where no project could be read."""
        names = self.tools.source.repositories
        if not names or len(self.refused) < len(set(names)):
            return
        host, told = self.tools.source.host, ", ".join(names)
        if all(error.status == 404 for error in self.refused.values()):
            raise ForgeError(f"{host} knows none of {told}; check the names and what the token may read")
        raise ForgeError(
            f"{host} let none of {told} be read; the first answer was: {next(iter(self.refused.values()))}"
        )

    def _projects(self) -> list[Project]:
        return [one for one in self.opened if one.name not in self.refused]

    def _begun(self, name: str) -> Iterator[Page]:
        project, page = opened(name, self.tools)
        yield page
        self.opened.append(project)
        yield from Runs(project).pages()

    def _guarded(self, name: str, pages: Iterator[Page]) -> Iterator[Page]:
        """The pages of one project; where it is refused, a gap instead of the rest, and the others go on."""
        client = self.tools.clients.mine()
        while True:
            made = client.made
            try:
                page = next(pages)
            except StopIteration:
                return
            except RefusedError as error:
                if error.status == 401:
                    raise
                self.refused[name] = error
                missing = "no such project, or none that the token may read"
                why = missing if error.status == 404 else f"refused ({error.status})"
                self.tools.progress.finish(name, why)
                yield Page(rows=[gap(self.tools.source.host, name, "runs", name, why)], requests=client.made - made)
                return
            yield page

    def _left(self) -> Iterator[Page]:
        """Pipelines that are to be asked for one by one, because the list of jobs did not tell all of them."""
        items = list(in_turn([[(one, run_id) for run_id in one.lacking()] for one in self._projects()]))
        clients = self.tools.clients

        def ask(item: tuple[Project, int]) -> tuple[Project, int, object, int]:
            return (*item, *jobs_of(clients.mine(), *item))

        for project, run_id, found, requests in self._by_threads("pipelines one by one", ask, items):
            yield settled_alone(project, run_id, found, requests)

    def _details(self) -> Iterator[Page]:
        """Logs and test reports of all pipelines that want them, newest first."""
        wanted = [
            [Task(project, run_id, mark) for run_id, mark in sorted(project.known.items(), reverse=True, key=_first) if mark.wanted]
            for project in self._projects()
        ]  # fmt: skip
        clients = self.tools.clients

        def ask(task: Task) -> tuple[Task, Page]:
            return task, details(clients.mine(), task)

        for task, page in self._by_threads("logs and test reports", ask, list(in_turn(wanted))):
            mark = task.project.mark(task.run_id, task.mark.detailed())
            yield Page(rows=page.rows, closed=page.closed, logs=page.logs, marks=[mark], requests=page.requests)

    def _by_threads(self, task: str, ask: Callable[[_Item], _Done], items: list[_Item]) -> Iterator[_Done]:
        progress, budget = self.tools.progress, self.tools.budget
        progress.start(task, len(items))
        for done in in_order(ask, items, budget.workers(self.tools.source.workers), budget.close):
            progress.advance(task)
            yield done
        progress.finish(task, f"{len(items)} pipelines")


def in_turn(many: Iterable[Iterable[_Item]]) -> Iterator[_Item]:
    """One of each in turn, until all have come to their end."""
    waiting = deque(iter(one) for one in many)
    while waiting:
        one = waiting.popleft()
        try:
            item = next(one)
        except StopIteration:
            continue
        yield item
        waiting.append(one)


def _first(item: tuple[int, object]) -> int:
    return item[0]
