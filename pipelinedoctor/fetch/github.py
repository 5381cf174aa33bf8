"""Fetches CI history from GitHub (github.com or GitHub Enterprise Server) over its REST API."""

from collections.abc import Callable, Iterator

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.github_client import Client, Clients, RefusedError
from pipelinedoctor.fetch.github_repository import Tools, repository_pages
from pipelinedoctor.fetch.github_rows import gap
from pipelinedoctor.fetch.interface import Order, Page, Progress, Source, SyncState


class GitHubFetcher:
    """Fetches from one GitHub. `pause` is for tests that do not want to wait."""

    def __init__(self, source: Source, *, pause: Callable[[float], object] | None = None) -> None:
        self.source = source
        self._pause = pause

    def pages(self, order: Order, state: SyncState, progress: Progress) -> Iterator[Page]:
        """Hand on page after page, each with the marks that keep it from being asked for again.

        Raises `ForgeError` where the forge is gone, refuses the token, or has none of the repositories, and
        `BudgetError` where a limit is met; all that was read until then has been handed on before.
        """
        budget = Budget(order.max_requests, throttle=self.source.throttle, progress=progress, pause=self._pause)
        clients = Clients(lambda: Client(self.source, budget))
        tools = Tools(self.source, clients, budget, progress)
        handed = missing = 0
        try:
            for name in self.source.repositories:
                try:
                    for page in repository_pages(name, tools, order, state):
                        handed += page.requests
                        yield page
                except RefusedError as error:
                    if error.status != 404:
                        raise
                    missing += 1
                    reason = "no such repository, or none that the token may read"
                    progress.finish(name, reason)
                    yield Page(rows=[gap(self.source.host, name, "runs", name, reason)], requests=budget.made - handed)
                    handed = budget.made
        except ForgeError:
            yield Page(requests=budget.made - handed)
            raise
        finally:
            clients.close()
        if missing and missing == len(self.source.repositories):
            names = ", ".join(self.source.repositories)
            raise ForgeError(f"{self.source.host} knows none of {names}; check the names and what the token may read")
