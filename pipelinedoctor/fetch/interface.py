"""What a fetcher is: it knows one API, and hands on pages of rows; it knows no SQL and no finding."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pipelinedoctor.model import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLog:
    """The log of a job as the forge gave it; `sync` cleans, redacts and excerpts it before anything is stored."""

    host: str
    job_id: int
    run_id: int
    forge_result: str | None
    failed_step: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A piece of sync state, committed with the rows it speaks of. `value=None` takes it away."""

    kind: str
    key: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A gap that there is no more, if there was one: what could not be had before was had. Named as its `FetchGap` is."""

    repository: str
    kind: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one or a few answers of the forge came to.

    Of its `requests` (blobs not counted), `free` were answered "unchanged" (304), which no limit counts. `dirty` is how
    many times in the answers ran backwards and are told as not known.
    """

    rows: Sequence[Row] = ()
    closed: Sequence[Closed] = ()
    logs: Sequence[RawLog] = ()
    marks: Sequence[Mark] = ()
    requests: int = 0
    free: int = 0
    dirty: int = 0


def joined(first: Page, second: Page) -> Page:
    """Two pages as one; where both set a mark, the second counts."""
    return Page(
        rows=[*first.rows, *second.rows],
        closed=[*first.closed, *second.closed],
        logs=[*first.logs, *second.logs],
        marks=[*first.marks, *second.marks],
        requests=first.requests + second.requests,
        free=first.free + second.free,
        dirty=first.dirty + second.dirty,
    )


class SyncState(Protocol):
    """What was committed by earlier fetches of the same source."""

    def get(self, kind: str, key: str) -> str | None:
        """The value of one mark, `None` when there is none."""

    def all(self, kind: str) -> Mapping[str, str]:
        """All marks of a kind, by key, in the order of the keys."""


class Progress(Protocol):
    """Told how far a stage has come; silent by default."""

    def start(self, task: str, total: int | None) -> None:
        """A task begins, or one that has begun turns out to be larger; `total` is the number of its steps where it is known."""

    def advance(self, task: str, steps: int = 1) -> None:
        """Some steps of a task are done."""

    def finish(self, task: str, summary: str = "") -> None:
        """A task has ended; `summary` says in a few words what came of it."""


class Silent:
    """The progress of a library use: nothing is said."""

    def start(self, task: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, task: str, steps: int = 1) -> None:
        """Say nothing."""

    def finish(self, task: str, summary: str = "") -> None:
        """Say nothing."""


class Level(StrEnum):
    """How much is read of runs that succeeded at once; of all others, all is read.

    `OUTCOMES`: results and times of jobs. `SAMPLED`: besides, queue time, labels and runner of a few runs a week and job
    name. `FULL`: of all.
    """

    OUTCOMES = "outcomes"
    SAMPLED = "sampled"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppKey:
    """Who a GitHub App is: its id, the installation to act for, and its private key in PEM."""

    app_id: int
    installation_id: int
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place to fetch from.

    `host` is the instance's public name and starts every key; `url` is where its API answers.
    `repositories` are names, patterns (`acme/*`, `group/**`) and exclusions (`!acme/old-*`), see `fetch.selection`;
    with `topics`, a pattern takes in only repositories that have one of them.
    `throttle` is the least time in seconds between two requests, of all workers together: 0.07 makes 857 a minute, where
    GitHub allows 900. `job_token` says that `token` is GitLab's `CI_JOB_TOKEN`, which reads jobs and deployments and nothing else.
    """

    forge: str
    host: str
    url: str
    repositories: tuple[str, ...]
    topics: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    app: AppKey | None = None
    job_token: bool = False
    throttle: float = 0.07
    workers: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of a fetch: how far back, up to when, in what depth, and at what cost at the most.

    `max_wait` is how many seconds a limit of the forge may ask to be waited for; a longer wait ends the fetch with
    `BudgetError`.
    """

    since: datetime
    until: datetime
    level: Level = Level.SAMPLED
    max_requests: int | None = None
    max_wait: float = 60.0


class Fetcher(Protocol):
    """One implementation a forge."""

    source: Source

    def pages(self, order: Order, state: SyncState, progress: Progress) -> Iterator[Page]:
        """Hand on page after page; raises `ForgeError` where the forge is gone, `BudgetError` where a limit is met."""
