"""Reading GitHub's paged lists so that a killed fetch does not ask again for a page whose rows are stored."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.bounds import instant
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.github.client import PER_PAGE, Client, Cost, entries_of
from pipelinedoctor.fetch.github.windows import CAP, Span, read_span, split
from pipelinedoctor.fetch.interface import Mark, Page, SyncState
from pipelinedoctor.model import Row

LISTED = "listed"
_MOST = 10**12
"""No list is longer, whatever a forge says."""
_LONGEST = 1_000
"""Most pages of a list that is not cut off after `CAP` results: one of 100,000 commits."""

Entries = Sequence[Mapping[str, Any]]
Take = Callable[[Entries], tuple[list[Row], list[Mark]]]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: the name of its marks, where it is asked for and with what, the key its entries stand under."""

    name: str
    path: str
    key: str
    parameters: Mapping[str, str]
    pages: int = _LONGEST
    window: Span | None = None

    @classmethod
    def of_runs(cls, repository: str, window: Span) -> "Listing":
        """The list of runs made in a window; `repository` is the start of the path."""
        parameters = {"created": str(window)}
        return cls(f"runs {window}", f"{repository}actions/runs", "workflow_runs", parameters, CAP // PER_PAGE, window)


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of a list: its entries, how many the forge says there are in all, its ETag, and what it cost.

    `size` is the number of entries; where the page is `unchanged`, none of them is told again.
    """

    entries: Entries
    size: int
    total: int
    etag: str
    cost: Cost


def _unheard(_window: Span, _total: int) -> None:
    """Say nothing of the size of a window."""


@dataclass(slots=True)
class Lists:
    """The lists of one repository's session, and what of them was read before.

    A `window` mark says `listed`, or how many results made the window too large; a `page` mark how many entries it had
    and its ETag. The ETags of a window that was listed whole are kept as its `leaf`.
    """

    clients: Clients[Client]
    repository: str
    marks: dict[tuple[str, str], str] = field(default_factory=dict)
    leaves: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    sized: Callable[[Span, int], None] = _unheard
    """Told of each span that is to be listed, with the number of runs in it, before any of them is handed on."""

    def recall(self, state: SyncState) -> None:
        """Take up what an earlier fetch of the session left."""
        for kind in ("window", "page"):
            mine = (item for item in state.all(kind).items() if item[0].startswith(f"{self.repository} "))
            self.marks |= {(kind, key): value for key, value in mine}
        for key, value in state.all("leaf").items():
            if key.startswith(f"{self.repository} "):
                self.leaves[key.removeprefix(f"{self.repository} ")] = [
                    (etag, int(size)) for etag, size in json.loads(value)
                ]

    def state(self, name: str) -> str | None:
        """The mark of a list."""
        return self.marks.get(("window", f"{self.repository} {name}"))

    def marked(self, kind: str, name: str, value: str) -> Mark:
        """Set a mark."""
        key = f"{self.repository} {name}"
        self.marks[kind, key] = value
        return Mark(kind=kind, key=key, value=value)

    def ended(self, recent: datetime) -> list[Mark]:
        """Take all marks away, and the leaves that were not listed now or lie before `recent`."""
        gone = [name for name in self.leaves if name not in self.used or read_span(name).until < recent]
        keys = [*sorted(self.marks), *(("leaf", f"{self.repository} {name}") for name in sorted(gone))]
        return [Mark(kind=kind, key=key, value=None) for kind, key in keys]

    def runs(self, span: Span, path: str, take: Take, overflow: Callable[[Span, int], list[Row]]) -> Iterator[Page]:
        """The runs made in `span`, by windows small enough to be shown whole, newest first.

        `overflow` makes the rows that tell of a single second with more runs than are shown.
        """
        windows = [span]
        while windows:
            window = windows.pop()
            listing = Listing.of_runs(path, window)
            state = self.state(listing.name)
            self.used.add(str(window))
            if state == LISTED:
                continue
            first = None
            if state is None and self._seen(listing, 1) is None:
                first = self._answer(listing, 1)
                if window == span:
                    self.sized(span, first.total)
                if split(window, first.total):
                    if _beside(window, first.entries):
                        raise ForgeError(
                            "the forge lists runs made at other times than it was asked for; no GitHub does"
                        )
                    state = str(first.total)
                    yield Page(marks=[self.marked("window", listing.name, state)], **first.cost)
            elif window == span and state:
                self.sized(span, int(state))
            parts = split(window, int(state)) if state else None
            if parts:
                self.used.discard(str(window))
                windows += reversed(parts)
                continue
            if first is not None and (missing := overflow(window, first.total)):
                yield Page(rows=missing)
            yield from self.read(listing, take, first)

    def read(self, listing: Listing, take: Take, first: Answer | None = None) -> Iterator[Page]:
        """The pages of a list that were not read before; `take` makes rows and marks of entries."""
        if self.state(listing.name) == LISTED:
            return
        leaf: list[tuple[str, int]] = []
        for number in range(1, listing.pages + 1):
            seen = self._seen(listing, number)
            answer = None
            if seen is None:
                answer = first if first is not None and number == 1 else self._answer(listing, number)
                seen = (answer.etag, answer.size)
            leaf.append(seen)
            last = seen[1] < PER_PAGE or number == listing.pages
            if answer is not None:
                rows, marks = take(answer.entries)
                marks.append(self.marked("page", f"{listing.name} {number}", f"{answer.size}|{answer.etag}"))
                marks += self._whole(listing, leaf) if last else []
                yield Page(rows=rows, marks=marks, **answer.cost)
            if last:
                return

    def _whole(self, listing: Listing, leaf: list[tuple[str, int]]) -> list[Mark]:
        """The marks of a list that was read to its end."""
        marks = [self.marked("window", listing.name, LISTED)]
        if listing.window is not None:
            name = str(listing.window)
            self.leaves[name] = leaf
            marks.append(Mark(kind="leaf", key=f"{self.repository} {name}", value=json.dumps(leaf)))
        return marks

    def _seen(self, listing: Listing, number: int) -> tuple[str, int] | None:
        """ETag and number of entries of a page that was read in this session."""
        value = self.marks.get(("page", f"{self.repository} {listing.name} {number}"))
        if value is None:
            return None
        size, _, etag = value.partition("|")
        return etag, int(size)

    def _answer(self, listing: Listing, number: int) -> Answer:
        client = self.clients.mine()
        before = client.spent
        known = self.leaves.get(str(listing.window), []) if listing.window else []
        etag, size = known[number - 1] if number <= len(known) else ("", 0)
        parameters = {**listing.parameters, "per_page": PER_PAGE, "page": number}
        said = client.ask_again(listing.path, parameters, etag)
        if said.unchanged:
            return Answer((), size, sum(one for _, one in known), etag, client.spent.since(before))
        entries = entries_of(said.body, listing.key)
        total = _total(said.body, entries)
        return Answer(entries, len(entries), total, said.etag or "", client.spent.since(before))


def _total(body: object, entries: Entries) -> int:
    """What the forge says how many there are; a first page that is not full shows them all, whatever it says."""
    said = body.get("total_count") if isinstance(body, Mapping) else None
    if not isinstance(said, int) or len(entries) < PER_PAGE:
        return len(entries)
    return min(max(said, len(entries)), _MOST)


def _beside(window: Span, entries: Entries) -> bool:
    """Whether none of the runs was made in the window that was asked for."""
    times = [instant(entry.get("created_at")) for entry in entries]
    return not any(time is not None and window.holds(time) for time in times)
