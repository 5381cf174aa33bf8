"""Fetches CI history from GitHub (github.com or GitHub Enterprise Server): lists by REST, outcomes of jobs in GraphQL."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.bounds import instant
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.github_annotations import BATCH, annotations
from pipelinedoctor.fetch.github_client import Client, Clients, RefusedError
from pipelinedoctor.fetch.github_details import Task, details
from pipelinedoctor.fetch.github_outcomes import Outcomes
from pipelinedoctor.fetch.github_repository import RepositoryFetch, Tools
from pipelinedoctor.fetch.interface import Mark, Order, Page, Progress, Source, SyncState
from pipelinedoctor.fetch.parallel import by_turns, in_order, in_turn
from pipelinedoctor.fetch.windows import stamp

_ASK_AGAIN = timedelta(days=7)
"""After so long it is tried again whether the token may read checks."""


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
        budget = Budget(
            order.max_requests,
            throttle=self.source.throttle,
            max_wait=order.max_wait,
            progress=progress,
            pause=self._pause,
        )
        clients = Clients(lambda: Client(self.source, budget), anonymous=self.source.token is None)
        outcomes = Outcomes(readable=not clients.anonymous and not _known_unreadable(order, state))
        tools = Tools(self.source, clients, budget, progress, outcomes, order, state)
        fetches = [RepositoryFetch(tools, name) for name in self.source.repositories]
        handed = 0
        try:
            for page in _Fetch(tools, fetches).pages():
                handed += page.requests
                yield page
        finally:
            clients.close()
            # noqa-free: requests that ended in an error belong to no page.
        yield Page(requests=budget.asked - handed)
        gone = [one for one in fetches if one.refused]
        if fetches and len(gone) == len(fetches):
            names = ", ".join(self.source.repositories)
            raise ForgeError(f"{self.source.host} knows none of {names}; check the names and what the token may read")
