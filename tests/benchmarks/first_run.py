"""A first run against a repository with 40,000 runs of 90 days, stopped at 1,000 requests and gone on with every day.

    python -m tests.benchmarks.first_run

prints the table of `docs/fetching.md`. About 444 runs come in each day, one in twenty of all failed.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipelinedoctor.errors import BudgetError
from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.interface import Order, Progress, Silent, Source
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync
from tests.benchmarks.counting import Call, watched
from tests.benchmarks.histories import DAY, START, long_history
from tests.fetch.nearby import Forge, serve
from tests.helpers.recordings import write_recording

RUNS = 40_000
DAYS = 90
A_FETCH = 1_000
_LATER = 12
LATENCY_S = 0.25


class Clock:
    """A clock by which every request takes so many seconds."""

    def __init__(self, latency: float = LATENCY_S) -> None:
        self.now = 0.0
        self._latency = latency

    def request(self) -> float:
        """The time as a budget asks for it: once for each request."""
        self.now += self._latency
        return self.now

    def read(self) -> float:
        """The time."""
        return self.now

    def pause(self, seconds: float) -> None:
        """Wait."""
        self.now += seconds


@dataclass(frozen=True, slots=True)
class Day:
    """What a day's fetch asked, by what it was after, and what the store held when it ended."""

    asked: Counter[str]
    calls: Sequence[Call]
    runs: int
    jobs: int
    explained: int
    complete: bool


@contextmanager
def served() -> Iterator[tuple[Forge, Store, Path]]:
    """The repository, and a store."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_recording(folder / "recording", long_history(RUNS, DAYS, RUNS // DAYS * _LATER))
        with (
            serve(folder / "recording", token="t", rate_limit=10**9) as forge,
            Store.open(folder / "history.duckdb") as store,
        ):
            yield forge, store, folder


def fetch(forge: Forge, store: Store, day: int, most: int, clock: Clock, progress: Progress) -> Summary:
    """Fetch on that day after the 90th, with one worker, so that the same is asked each time."""
    source = Source(
        forge="github",
        host="github.com",
        url=forge.url,
        repositories=("acme/shop",),
        token="t",
        throttle=0.07,
        workers=1,
    )
    order = Order(since=START, until=START + (DAYS + day) * DAY, max_requests=most)
    ended: list[Summary] = []
    with suppress(BudgetError):
        sync(
            GitHubFetcher(source, pause=clock.pause, clock=clock.request), store, order, progress, ended=ended.append,
            clock=clock.read,
        )  # fmt: skip
    return ended[0]


def days() -> list[Day]:
    """All days, until all is there."""
    found: list[Day] = []
    with served() as (forge, store, _):
        while not found or not found[-1].complete:
            with watched() as calls:
                done = fetch(forge, store, len(found), A_FETCH, Clock(), Silent())
            asked = Counter(_kind(call) for call in calls if call.status != 304)
            runs, jobs, explained = (
                store.connection.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0]
                for name in ("runs", "jobs", "failures")
            )
            found.append(Day(asked, calls, runs, jobs, explained, done.outcome == "complete"))
    return found


def table(found: Sequence[Day]) -> str:
    """The days as the Markdown of the docs page."""
    lines = [
        "| day | requests | lists of runs | outcomes of jobs | details | all else | runs in the store | jobs | failures explained |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for number, day in enumerate(found, 1):
        counts = [day.asked[kind] for kind in ("lists", "outcomes", "details", "else")]
        cells = [number, day.asked.total(), *counts, day.runs, day.jobs, day.explained]
        lines.append(f"| {' | '.join(f'{cell:,}' for cell in cells)} |")
    return "\n".join(lines)


def twice(found: Sequence[Day]) -> list[tuple[int, str]]:
    """What was asked for more than once, of that which cost something, and the first day it was."""
    seen: dict[str, int] = {}
    repeated = []
    for number, day in enumerate(found, 1):
        for call in day.calls:
            question = call.content or call.url
            if call.status != 304 and question in seen:
                repeated.append((seen[question], question))
            elif call.status != 304:
                seen[question] = number
    return repeated


def _kind(call: Call) -> str:
    path = call.url.partition("?")[0]
    if call.verb == "POST":
        return "outcomes" if call.operation.endswith("Outcomes") else "else"
    if path.endswith("/actions/runs"):
        return "lists"
    return "details" if "/actions/" in path else "else"


if __name__ == "__main__":
    every = days()
    sys.stdout.write(f"{table(every)}\n")
    for first, question in twice(every):
        sys.stdout.write(f"day {first} and again: {question[:150]}\n")
