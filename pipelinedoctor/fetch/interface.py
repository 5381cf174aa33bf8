"""What a fetcher is: it knows one API, and hands on pages of rows; it knows no SQL and no finding."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
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
    """What one or a few answers of the forge came to."""

    rows: Sequence[Row] = ()
    closed: Sequence[Closed] = ()
    logs: Sequence[RawLog] = ()
    marks: Sequence[Mark] = ()
    requests: int = 0


class SyncState(Protocol):
    """What was committed by earlier fetches of the same source."""

    def get(self, kind: str, key: str) -> str | None:
        """The value of one mark, `None` when there is none."""

    def all(self, kind: str) -> Mapping[str, str]:
        """All marks of a kind, by key, in the order of the keys."""


class Progress(Protocol):
    """Told how far a stage has come; silent by default."""

    def start(self, task: str, total: int | None) -> None:
        """A task begins; `total` is the number of its steps where it is known."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place to fetch from.

    `host` is the instance's public name and starts every key; `url` is where its API answers.
    `throttle` is the least time in seconds between two requests, of all workers together: 0.07 makes 857 a minute, where
    GitHub allows 900.
    """

    forge: str
    host: str
    url: str
    repositories: tuple[str, ...]
    token: str | None = field(default=None, repr=False)
    throttle: float = 0.07
    workers: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of a fetch: how far back, up to when, and at what cost at the most."""

    since: datetime
    until: datetime
    max_requests: int | None = None


class Fetcher(Protocol):
    """One implementation a forge."""

    source: Source

    def pages(self, order: Order, state: SyncState, progress: Progress) -> Iterator[Page]:
        """Hand on page after page; raises `ForgeError` where the forge is gone, `BudgetError` where a limit is met."""
