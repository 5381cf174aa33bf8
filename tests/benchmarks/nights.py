"""Nights of fetching one repository, each from a recording of its own into one store, and what each costs.

    python -m tests.benchmarks.nights

prints the tables of `docs/fetching.md`.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.gitlab.fetcher import GitLabFetcher
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync
from tests.benchmarks.counting import LINES, OUTCOMES, Account, of_github, of_gitlab, watched
from tests.benchmarks.histories import (
    DAY,
    START,
    green,
    green_pipeline,
    history,
    pipelines,
    pushed,
    red,
    red_pipeline,
    rerun,
    retried_pipeline,
)
from tests.fetch import nearby, nearby_gitlab
from tests.helpers.gitlab_recordings import write_gitlab
from tests.helpers.recordings import Run, commit, write_recording

END = START + 20 * DAY
FORGES = ("GitHub, checks readable", "GitHub, checks not readable", "GitLab")
LIMITS = {
    "cold": (80, 1_045, 120),
    "next night, nothing new": (3, 3, 8),
    "20 new green runs": (10, 30, None),
}
"""By scenario, the most requests for runs and outcomes; of a night without news, the most of all that cost something."""
_One = TypeVar("_One")


@dataclass(frozen=True, slots=True)
class Night:
    """A night that was fetched: what it is called, what it cost and what came of it."""

    name: str
    account: Account
    summary: Summary


@dataclass(frozen=True, slots=True)
class _Made(Generic[_One]):
    """How runs are made."""

    green: Callable[[int, datetime], _One]
    red: Callable[[int, datetime], _One]
    again: Callable[[int, datetime], _One]


def github(*, checks: bool) -> list[Night]:
    """The nights of a repository on GitHub, whose token may read checks or may not."""
    with _fetched() as (folder, store):
        return [
            _github_night(name, _recorded(folder / name, runs), store, until, checks=checks)
            for name, runs, until in _scenarios(list(history(1_000, 20)), _Made(green, red, rerun))
        ]


def gitlab() -> list[Night]:
    """The nights of a project on GitLab."""
    with _fetched() as (folder, store):
        return [
            _gitlab_night(name, write_gitlab(folder / name, made), store, until)
            for name, made, until in _scenarios(
                pipelines(1_000, 20), _Made(green_pipeline, red_pipeline, retried_pipeline)
            )
        ]


def all_nights() -> dict[str, list[Night]]:
    """By forge and rights, the nights."""
    return dict(zip(FORGES, (github(checks=True), github(checks=False), gitlab()), strict=True))


def tables(nights: dict[str, list[Night]]) -> str:
    """The nights as the Markdown of the docs page."""
    head = ["", *LINES, "all", "free (304)", "limit for runs and outcomes"]
    parts = []
    for place, (name, rows) in enumerate(nights.items()):
        lines = [f"**{name}**", "", _row(head), _row(["---", *["---:"] * (len(head) - 1)])]
        for night in rows:
            limit = LIMITS.get(night.name, (None, None, None))[place]
            counts = [f"{night.account.paid[line]:,}" for line in LINES]
            told = "" if limit is None else f"{limit:,}{' of all' if 'nothing' in night.name else ''}"
            lines.append(_row([night.name, *counts, f"{night.account.total:,}", f"{night.account.free:,}", told]))
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def within(place: int, night: Night) -> bool:
    """Whether a night of the forge at this place costs no more than its limit."""
    limit = LIMITS.get(night.name, (None, None, None))[place]
    paid = night.account.total if "nothing" in night.name else night.account.paid[OUTCOMES]
    return limit is None or paid <= limit


def _scenarios(first: list[_One], made: _Made[_One]) -> Iterator[tuple[str, list[_One], datetime]]:
    """What there is on each night, and when it is fetched."""

    def news(number: int, day: int, failed: Sequence[int] = ()) -> list[_One]:
        times = (END + day * DAY + place * DAY / 100 for place in range(20))
        return [(made.red if place in failed else made.green)(number + place, at) for place, at in enumerate(times)]

    def night(day: int) -> datetime:
        return END + day * DAY + DAY / 2

    yield "cold", first, night(0)
    yield "next night, nothing new", first, night(1)
    more = [*first, *news(2_000, 2)]
    yield "20 new green runs", more, night(2)
    failed = [*more, *news(3_000, 3, failed=(3, 13))]
    yield "20 new runs, 2 of them failed", failed, night(3)
    yield (
        "one failed run rerun",
        [*failed[:-17], made.again(3_003, END + 3 * DAY + 3 * DAY / 100), *failed[-16:]],
        night(4),
    )


def _github_night(name: str, folder: Path, store: Store, until: datetime, *, checks: bool) -> Night:
    with nearby.serve(folder, token="t", rate_limit=10**6, checks=checks) as forge, watched() as calls:
        summary = sync(GitHubFetcher(_source("github", forge.url)), store, Order(since=START, until=until), Silent())
        return Night(name, of_github(calls, {3_003, 3_013}, checks=checks), summary)


def _gitlab_night(name: str, folder: Path, store: Store, until: datetime) -> Night:
    with nearby_gitlab.serve(folder, token="t") as forge:
        summary = sync(GitLabFetcher(_source("gitlab", forge.url)), store, Order(since=START, until=until), Silent())
        return Night(name, of_gitlab([one.route for one in forge.ledger.requests]), summary)


def _source(forge: str, url: str) -> Source:
    return Source(forge=forge, host=f"{forge}.com", url=url, repositories=("acme/shop",), token="t", throttle=0)


@contextmanager
def _fetched() -> Iterator[tuple[Path, Store]]:
    """A folder for recordings, and a store."""
    with tempfile.TemporaryDirectory() as name, Store.open(Path(name) / "history.duckdb") as store:
        yield Path(name), store


def _recorded(folder: Path, runs: Sequence[Run]) -> Path:
    commits = [commit(f"{number:040x}", "2026-01-02T00:00:00Z") for number in range(50)]
    return write_recording(folder, runs, commits=commits, repositories=pushed(runs))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(tables(all_nights()) + "\n")
