"""A night of an organisation of 200 repositories, each with 20 new runs, a tenth of which failed; 3 of them are gone.

    python -m tests.benchmarks.organisation

prints the table of `docs/fetching.md`. The night is a Monday's, on which samples of green runs are due.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync
from tests.benchmarks.counting import ANNOTATIONS, AROUND, DETAILS, SAMPLES, Call, of_github, watched
from tests.benchmarks.first_run import Clock
from tests.benchmarks.histories import DAY, green, pushed, red
from tests.fetch.nearby import serve
from tests.helpers.recordings import Run, commit, write_recording

REPOSITORIES = tuple(f"acme/service-{number:03}" for number in range(200))
GONE = frozenset({"acme/service-050", "acme/service-110", "acme/service-170"})
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
_FAILED = frozenset({3, 13})


@dataclass(frozen=True, slots=True)
class Night:
    """What the night came to: its requests, when each was made by the simulated clock, and which runs had failed."""

    summary: Summary
    calls: Sequence[Call]
    at: Sequence[float]
    failed: frozenset[int]


class Noted(Clock):
    """Keeps when each request was made. A request may not begin before its turn, so that is when the wait is over."""

    def __init__(self, latency: float) -> None:
        super().__init__(latency)
        self.at: list[float] = []

    def request(self) -> float:
        """The time, as a budget asks for it."""
        self.at.append(super().request())
        return self.now

    def pause(self, seconds: float) -> None:
        """Wait: the request is made that much later."""
        super().pause(seconds)
        self.at[-1] = self.now


@contextmanager
def fetched(*, checks: bool = True, latency: float = 0.25) -> Iterator[tuple[Store, Night]]:
    """The store after that night; a request takes `latency` seconds, and there is one worker."""
    with tempfile.TemporaryDirectory() as name, Store.open(Path(name) / "history.duckdb") as store:
        before = list(_runs(MONDAY - DAY, 0))
        commits = [commit(f"{place:040x}", repository=one) for place, one in enumerate(REPOSITORIES) if one not in GONE]
        _fetch(write_recording(Path(name) / "before", before, commits=commits), store, MONDAY, Noted(0), checks=checks)
        every = [one for one in [*before, *_runs(MONDAY, 10_000)] if one.repository not in GONE]
        failed = frozenset(one.id for one in every if any(each.conclusion == "failure" for each in one.jobs))
        clock = Noted(latency)
        folder = write_recording(Path(name) / "night", every, commits=commits, repositories=pushed(every))
        with watched() as calls:
            summary = _fetch(folder, store, MONDAY + DAY, clock, checks=checks)
        yield store, Night(summary, calls, clock.at, failed)


def _fetch(folder: Path, store: Store, until: datetime, clock: Clock, *, checks: bool) -> Summary:
    with serve(folder, token="t", rate_limit=10**6, checks=checks) as forge:
        source = Source(
            forge="github", host="github.com", url=forge.url, repositories=REPOSITORIES, token="t", workers=1
        )
        fetcher = GitHubFetcher(source, pause=clock.pause, clock=clock.request)
        order = Order(since=MONDAY - 90 * DAY, until=until)
        return sync(fetcher, store, order, Silent(), clock=clock.read)


def _runs(day: datetime, first: int) -> Iterator[Run]:
    number = first
    for place in range(20):
        for seconds, name in enumerate(REPOSITORIES):
            number += 1
            at = day + place * timedelta(minutes=30) + timedelta(seconds=seconds)
            yield (red if place in _FAILED else green)(number, at, jobs=5, repository=name)


def points_a_minute(at: Sequence[float]) -> int:
    """The most requests in any sixty seconds: each costs a point."""
    first, most = 0, 0
    for last, moment in enumerate(at):
        while at[first] <= moment - 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def table(night: Night) -> str:
    """The night as the Markdown of the docs page."""
    account = of_github(night.calls, night.failed, checks=True)
    kinds = Counter(_kind(call) for call in night.calls if call.status != 304)
    rows = [
        ("what the repositories are, fifty a question", kinds["Repositories"]),
        ("lists of runs", kinds["lists"]),
        ("outcomes of jobs, 25 runs a question", kinds["Outcomes"]),
        ("job lists, logs and artifact lists of 394 failed runs", account.paid[DETAILS]),
        ("annotations", account.paid[ANNOTATIONS]),
        ("changes, commits, deployments, releases, ten repositories a question", account.paid[AROUND]),
        ("samples of green runs, one a repository", account.paid[SAMPLES]),
        ("repositories that are gone", kinds["gone"]),
    ]
    lines = ["| requests that cost something | |", "| --- | ---: |"]
    lines += [f"| {what} | {count:,} |" for what, count in rows]
    assert sum(count for _, count in rows) == account.total
    lines.append(f"| **all** (free besides: {account.free:,} lists that are unchanged) | **{account.total:,}** |")
    return "\n".join(lines)


def _kind(call: Call) -> str:
    if call.verb == "POST":
        return call.operation
    path = call.url.partition("?")[0]
    return "gone" if call.status == 404 else "lists" if path.endswith("/actions/runs") else ""


if __name__ == "__main__":
    with fetched() as (_, the_night):
        sys.stdout.write(
            f"{table(the_night)}\n{the_night.at[-1] / 60:.1f} min by the simulated clock, "
            f"at most {points_a_minute(the_night.at)} points a minute\n"
        )
