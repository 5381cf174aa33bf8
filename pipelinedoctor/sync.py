"""The first core: asks a fetcher for pages, has logs explained and text redacted, and commits them batch by batch."""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.interface import Fetcher, Mark, Order, Page, Progress, RawLog
from pipelinedoctor.logs.explain import explain_all
from pipelinedoctor.logs.redact import redact
from pipelinedoctor.logs.rules import Rules
from pipelinedoctor.model import FetchGap
from pipelinedoctor.redaction import redacted
from pipelinedoctor.store.connection import Store

PAGES = 50
"""Most pages of a batch."""
SECONDS = 2.0
"""Longest time that a page waits for the others of its batch, while pages come in."""

LOG_CHARACTERS = 32_000_000
"""Logs that are kept waiting at the most, whatever the number of their pages."""

_COMPLETE = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a fetch came to: `new` and `changed` rows by table, `gaps` told of; `outcome` is `complete` or what lacks.

    Of the `requests`, `free` were answered "unchanged". `dirty` is how many times ran backwards and were dropped; `unread`
    names the repositories and patterns of which nothing could be read.
    """

    requests: int
    new: Mapping[str, int]
    changed: Mapping[str, int]
    gaps: int
    outcome: str
    free: int = 0
    dirty: int = 0
    unread: tuple[str, ...] = ()


class _Batch:
    """Pages that are committed together."""

    def __init__(self, store: Store, host: str, rules: Rules | None, clock: Callable[[], float]) -> None:
        self._store = store
        self._host = host
        self._rules = rules
        self._clock = clock
        self._pages: list[Page] = []
        self._since = 0.0
        self._logs = 0
        self.requests = self.gaps = self.free = self.dirty = 0
        self.unread: dict[str, None] = {}
        self.new: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()

    def add(self, page: Page) -> None:
        if not self._pages:
            self._since = self._clock()
            self._logs = 0
        self._pages.append(page)
        self._logs += sum(len(log.text) for log in page.logs)
        self.requests += page.requests
        self.free += page.free
        self.dirty += page.dirty
        late = self._clock() - self._since >= SECONDS
        if late or len(self._pages) >= PAGES or self._logs >= LOG_CHARACTERS:
            self.commit()

    def commit(self) -> None:
        """Write what is there, if anything, in one transaction; it is let go of once it is written."""
        if not self._pages:
            return
        logs: list[RawLog] = [log for page in self._pages for log in page.logs]
        marks: list[Mark] = [mark for page in self._pages for mark in page.marks]
        # A gap is found by the name it was stored under, which was redacted.
        closed = [dataclasses.replace(gap, subject=redact(gap.subject)) for page in self._pages for gap in page.closed]
        rows = redacted([row for page in self._pages for row in page.rows])
        written = self._store.write(self._host, [*rows, *explain_all(logs, self._rules)], marks, closed)
        self._pages = []
        gaps = [row for row in rows if isinstance(row, FetchGap)]
        self.gaps += len(gaps)
        self.unread |= {gap.repository: None for gap in gaps if gap.kind == "runs" and gap.subject == gap.repository}
        self.new.update(written.new)
        self.changed.update(written.changed)

    def summary(self, outcome: str) -> Summary:
        return Summary(
            requests=self.requests,
            free=self.free,
            new=self.new,
            changed=self.changed,
            gaps=self.gaps,
            dirty=self.dirty,
            unread=tuple(self.unread),
            outcome=outcome,
        )


def sync(
    fetcher: Fetcher,
    store: Store,
    order: Order,
    progress: Progress,
    *,
    origin: str = "live",
    rules: Rules | None = None,
    ended: Callable[[Summary], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """Fetch what `order` asks for into `store`, at most `PAGES` pages or about `SECONDS` seconds a transaction.

    `rules` explain the logs, the shipped ones unless given. `clock` counts seconds from anywhere. The source is noted as fetched at the end of the order, where the fetch ended
    well. Raises `ForgeError` and `BudgetError` of the fetcher, and what interrupts it, after what was read is committed
    and `ended` was told what it came to.
    """
    source = fetcher.source
    batch = _Batch(store, source.host, rules, clock)
    outcome = "broken off; the next fetch goes on from there"
    pages = fetcher.pages(order, store.state(source.host), progress)
    try:
        for page in pages:
            batch.add(page)
        outcome = _COMPLETE
    except ForgeError as error:
        outcome = str(error)
        raise
    finally:
        batch.commit()
        if isinstance(pages, Generator):
            pages.close()  # ends its threads now, and not when the error is forgotten
        fetched_at = order.until.astimezone(UTC) if outcome == _COMPLETE else None
        store.record_source(host=source.host, forge=source.forge, origin=origin, fetched_at=fetched_at, outcome=outcome)
        done = batch.summary(outcome)
        if ended is not None:
            ended(done)
    return done
