"""Fetches CI history from GitHub (github.com or GitHub Enterprise Server): lists by REST, outcomes of jobs in GraphQL."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.bounds import instant
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.github import together
from pipelinedoctor.fetch.github.annotations import annotations, annotations_lacking
from pipelinedoctor.fetch.github.auth import auth_of
from pipelinedoctor.fetch.github.client import AGENT, Client
from pipelinedoctor.fetch.github.details import Task, details
from pipelinedoctor.fetch.github.outcomes import Outcomes
from pipelinedoctor.fetch.github.overview import first_of
from pipelinedoctor.fetch.github.plan import plan
from pipelinedoctor.fetch.github.repository import ABSENT, NOBODY, RepositoryFetch, Tools
from pipelinedoctor.fetch.github.selection import chosen
from pipelinedoctor.fetch.github.windows import stamp
from pipelinedoctor.fetch.interface import Mark, Order, Page, Progress, Source, SyncState, joined
from pipelinedoctor.fetch.parallel import by_turns, in_order, in_turn
from pipelinedoctor.fetch.selection import Chosen
from pipelinedoctor.fetch.steps import Steps

_ASK_AGAIN = timedelta(days=7)
"""After so long it is tried again whether the token may read checks."""
_FIRST = 20
"""Pages of a repository's runs after which the repositories with fewer of them go first."""


class GitHubFetcher:
    """Fetches from one GitHub. `pause` and `clock` (in seconds, from anywhere) are for tests that do not want to wait."""

    def __init__(
        self,
        source: Source,
        *,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self._pause = pause
        self._clock = clock

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
            clock=self._clock,
        )
        auth = auth_of(self.source, AGENT)
        clients = Clients(lambda: Client(self.source, budget, auth), anonymous=auth is None)
        outcomes = Outcomes(readable=not clients.anonymous and not _known_unreadable(order, state))
        steps = Steps(progress, f"{self.source.host}: requests for runs")
        tools = Tools(self.source, clients, budget, progress, outcomes, order, state, steps)
        handed = 0
        try:
            found = chosen(clients.mine(), self.source)
            fetches = [RepositoryFetch(tools, one.full_name) for one in found.repositories]
            progress.finish(f"{self.source.host}: plan", plan([one.name for one in fetches], order, state))
            yield found.page(self.source.host)
            for page in _stages(tools, fetches):
                handed += page.requests
                yield page
        except ForgeError:
            yield Page(requests=clients.requests - handed)
            raise
        finally:
            clients.close()
        # Requests that ended in an error belong to no page.
        yield Page(requests=clients.requests - handed)
        if all(one.refused for one in fetches):
            raise ForgeError(_none_read(self.source, fetches, found))


def _none_read(source: Source, fetches: list[RepositoryFetch], found: Chosen) -> str:
    if not fetches:
        return f"{source.host}: " + "; ".join(f"{pattern}: {reason}" for pattern, reason in found.lacking.items())
    if all(one.refused == ABSENT for one in fetches):
        names = ", ".join(source.repositories)
        return f"{source.host} knows none of {names}; check the names and what the token may read"
    reason = next(one.refused for one in fetches if one.refused != ABSENT)
    return f"{source.host}: none of its repositories could be read; {fetches[0].name}: {reason}"


def _stages(tools: Tools, fetches: list[RepositoryFetch]) -> Iterator[Page]:
    """All stages of all repositories, each stage side by side, so that none waits for the largest.

    A repository with more runs than a few pages waits until the others were read whole.
    """
    source, budget = tools.source, tools.budget
    workers = budget.workers(source.workers)
    tools.steps.expect(len(fetches))
    yield from _introduced(tools, fetches)
    flows = [(one, one.guarded(one.runs())) for one in fetches]
    yield from in_turn((islice(flow, _FIRST) for _, flow in flows), workers, budget.close)
    large = [(one, flow) for one, flow in flows if not (one.listed or one.refused)]
    small = [one for one in fetches if one.listed]
    if small or not large:
        yield from _read(tools, small)
    if large:
        # Theirs is complete but for samples, which must not take what the large ones need.
        yield from [one.closed(drawn=False) for one in small if not one.refused]
        yield from in_turn((flow for _, flow in large), workers, budget.close)
        yield from _read(tools, [one for one, _ in large if one.listed])
    there = [one for one in fetches if not one.refused]
    drawn = [[(one, task) for task in one.sampled()] for one in there]
    yield from _sampled(tools, list(by_turns(drawn)))
    for one in there:
        yield one.closed()


def _read(tools: Tools, there: list[RepositoryFetch]) -> Iterator[Page]:
    """What is to be read of repositories whose runs were listed, but for samples."""
    source, budget, progress = tools.source, tools.budget, tools.progress
    yield from _pooled(tools, [(one, task) for one in there for task in one.left])
    changed = sum(len(one.relisted) for one in there)
    tools.steps.finish(f"{changed:,} runs new or changed")
    # Where the default branch is red, somebody waits.
    there = sorted(there, key=lambda one: not one.ailing)
    yield from _detailed(tools, there, f"{source.host}: details")
    progress.start(f"{source.host}: changes", len(there))
    flows = (_around(tools, group) for group in _grouped(tools, there))
    yield from in_turn(flows, budget.workers(source.workers), budget.close)
    progress.finish(f"{source.host}: changes")


def _introduced(tools: Tools, fetches: list[RepositoryFetch]) -> Iterator[Page]:
    """What the repositories are, where they are so many that a question for all of them is cheaper than each by itself."""
    if len(fetches) < together.ENOUGH or tools.clients.anonymous:
        return
    for start in range(0, len(fetches), together.NAMES):
        some = fetches[start : start + together.NAMES]
        client = tools.clients.mine()
        before = client.spent
        found = together.repositories(client, [one.name for one in some])
        for one in some:
            one.told = found.get(one.name)
        tools.steps.made(len(found))
        yield Page(**client.spent.since(before))


def _grouped(tools: Tools, there: list[RepositoryFetch]) -> Iterator[list[RepositoryFetch]]:
    """The repositories by tens that share a question on what is new of what they hold; the others each by itself.

    Who is read for the first time, or goes on midway, has too much to tell.
    """
    shared: list[RepositoryFetch] = []
    for one in there:
        walks = one.prepared()
        quiet = one.session.covered and walks and all(walk.cursor is None for walk in walks)
        if quiet and not tools.clients.anonymous:
            shared.append(one)
        else:
            yield [one]
    yield from (shared[start : start + together.HOLDINGS] for start in range(0, len(shared), together.HOLDINGS))


def _around(tools: Tools, group: list[RepositoryFetch]) -> Iterator[Page]:
    """Changes, commits, deployments, releases and tags of some repositories.

    What the answer to their shared question tells is one page, so that no part of it is committed without the others.
    """
    told = Page()
    if len(group) > 1:
        client = tools.clients.mine()
        before = client.spent
        asked = [(one.repository, first_of(one.walks)) for one in group]
        for one, answer in zip(group, together.holdings(client, asked), strict=True):
            one.newest = answer
        told = Page(**client.spent.since(before))
    for one in group:
        for page in one.guarded(one.others()):
            told = joined(told, page)
            if page.requests:
                yield told
                told = Page()
        tools.progress.advance(f"{tools.source.host}: changes")
    yield told


def _pooled(tools: Tools, left: list[tuple[RepositoryFetch, Task]]) -> Iterator[Page]:
    """Outcomes of runs that did not fill a question of their repository: those of several share one."""
    ready = [(one, task) for one, task in left if task.mark.node]
    size = tools.outcomes.size
    # One run alone is read by its list for the same price, and whole.
    batches = [batch for start in range(0, len(ready), size) if len(batch := ready[start : start + size]) > 1]
    tools.steps.expect(len(batches) if tools.outcomes.readable else 0)

    def read(batch: list[tuple[RepositoryFetch, Task]]) -> Page:
        page = tools.outcomes.page(tools.clients.mine(), [task for _, task in batch])
        for one, task in batch:
            one.learn([task])
        tools.steps.made(page.requests)
        return page

    asked = (batch for batch in batches if tools.outcomes.readable)
    yield from in_order(read, asked, tools.budget.workers(tools.source.workers), tools.budget.close)
    if tools.outcomes.forbidden:
        yield Page(marks=[Mark(kind="checks", key="unreadable", value=stamp(tools.order.until))])


def _detailed(tools: Tools, there: list[RepositoryFetch], name: str) -> Iterator[Page]:
    """Details of runs, then the annotations of the jobs among them that failed."""
    names = {str(one.repository.repository_id): one.repository.full_name for one in there}
    tasks = list(by_turns(one.read_by_list() for one in there))
    pending = {key: node for key, node in tools.state.all("annotate").items() if key.partition("/")[0] in names}
    tools.progress.start(name, len(tasks))
    workers = tools.budget.workers(tools.source.workers)
    for page in in_order(lambda task: details(tools.clients.mine(), task), tasks, workers, tools.budget.close):
        tools.progress.advance(name)
        pending |= {mark.key: mark.value for mark in page.marks if mark.kind == "annotate" and mark.value}
        yield page
    tools.progress.finish(name, f"{len(tasks)} runs")
    if tools.outcomes.readable:
        yield from annotations(tools.clients.mine(), tools.source.host, pending, names)
    elif not tools.outcomes.failing:
        why = NOBODY if tools.clients.anonymous else "not permitted to this token"
        yield annotations_lacking(tools.source.host, pending, names, why)


def _sampled(tools: Tools, drawn: list[tuple[RepositoryFetch, Task]]) -> Iterator[Page]:
    """The details of samples, each with the mark that counts it, as long as nobody else has need of the requests."""
    name = f"{tools.source.host}: samples"
    tools.progress.start(name, len(drawn))
    whole: set[int] = set()
    spared = (item for item in drawn if tools.budget.spare)

    def read(item: tuple[RepositoryFetch, Task]) -> tuple[RepositoryFetch, Task, Page] | None:
        try:
            return *item, details(tools.clients.mine(), item[1])
        except BudgetError:
            return None  # what need not be had ends no fetch

    for sample in in_order(read, spared, tools.budget.workers(tools.source.workers), tools.budget.close):
        if sample is not None:
            one, task, page = sample
            tools.progress.advance(name)
            whole.add(id(task))
            # Counted in the order they are committed in, so that no mark counts a run that a kill would lose.
            yield replace(page, marks=[*page.marks, *one.drawn(task, page)])
    for one, task in drawn:
        if id(task) not in whole:
            one.owed.add(task.key)
    of_more = f" of {len(drawn)}" if len(whole) < len(drawn) else ""
    tools.progress.finish(name, f"{len(whole)}{of_more} runs that succeeded, read in full")


def _known_unreadable(order: Order, state: SyncState) -> bool:
    """Whether it was found not long ago that the token may not read checks."""
    found = instant(state.get("checks", "unreadable"))
    return found is not None and timedelta() <= order.until - found < _ASK_AGAIN
