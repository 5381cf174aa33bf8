"""Reading GitHub's paged lists so that a killed fetch does not ask again for a page whose rows are stored."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.bounds import instant
from pipelinedoctor.fetch.github_client import PER_PAGE, Client, entries_of
from pipelinedoctor.fetch.interface import Mark, Page, SyncState
from pipelinedoctor.fetch.windows import CAP, Span, split
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

    @classmethod
    def of_runs(cls, repository: str, window: Span) -> "Listing":
        """The list of runs made in a window; `repository` is the start of the path."""
        parameters = {"created": str(window)}
        return cls(f"runs {window}", f"{repository}actions/runs", "workflow_runs", parameters, CAP // PER_PAGE)


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of a list: its entries, how many the forge says there are in all, and the requests it took."""

    entries: Entries
    total: int
    requests: int


@dataclass(slots=True)
class Lists:
    """The lists of one repository's session, and what of them was read before.

    A `window` mark says `listed`, or how many results made the window too large; a `page` mark how many entries it had.
    """

    client: Client
    repository: str
    marks: dict[tuple[str, str], str] = field(default_factory=dict)

    def recall(self, state: SyncState) -> None:
        """Take up the marks that earlier fetches left."""
        for kind in ("window", "page"):
            mine = (item for item in state.all(kind).items() if item[0].startswith(f"{self.repository} "))
            self.marks |= {(kind, key): value for key, value in mine}

    def state(self, name: str) -> str | None:
        """The mark of a list."""
        return self.marks.get(("window", f"{self.repository} {name}"))

    def marked(self, kind: str, name: str, value: str) -> Mark:
        """Set a mark."""
        key = f"{self.repository} {name}"
        self.marks[kind, key] = value
        return Mark(kind=kind, key=key, value=value)

    def ended(self) -> list[Mark]:
        """Take all marks away."""
        return [Mark(kind=kind, key=key, value=None) for kind, key in sorted(self.marks)]

    def runs(self, span: Span, path: str, take: Take, overflow: Callable[[Span, int], list[Row]]) -> Iterator[Page]:
        """The runs made in `span`, by windows small enough to be shown whole, newest first.

        `overflow` makes the rows that tell of a single second with more runs than are shown.
        """
        windows = [span]
        while windows:
            window = windows.pop()
            listing = Listing.of_runs(path, window)
            state = self.state(listing.name)
            if state == LISTED:
                continue
            first = None
            if state is None and self._size(listing, 1) is None:
                first = self._answer(listing, 1)
                if split(window, first.total):
                    if _beside(window, first.entries):
                        raise ForgeError(
                            "the forge lists runs made at other times than it was asked for; no GitHub does"
                        )
                    state = str(first.total)
                    yield Page(marks=[self.marked("window", listing.name, state)], requests=first.requests)
            parts = split(window, int(state)) if state else None
            if parts:
                windows += reversed(parts)
                continue
            if first is not None and (missing := overflow(window, first.total)):
                yield Page(rows=missing)
            yield from self.read(listing, take, first)

    def read(self, listing: Listing, take: Take, first: Answer | None = None) -> Iterator[Page]:
        """The pages of a list that were not read before; `take` makes rows and marks of entries."""
        if self.state(listing.name) == LISTED:
            return
        for number in range(1, listing.pages + 1):
            size = self._size(listing, number)
            if size is not None:
                if size < PER_PAGE:
                    return
                continue
            answer = first if first is not None and number == 1 else self._answer(listing, number)
            rows, marks = take(answer.entries)
            marks.append(self.marked("page", f"{listing.name} {number}", str(len(answer.entries))))
            last = len(answer.entries) < PER_PAGE or number == listing.pages
            if last:
                marks.append(self.marked("window", listing.name, LISTED))
            yield Page(rows=rows, marks=marks, requests=answer.requests)
            if last:
                return

    def _size(self, listing: Listing, number: int) -> int | None:
        value = self.marks.get(("page", f"{self.repository} {listing.name} {number}"))
        return None if value is None else int(value)

    def _answer(self, listing: Listing, number: int) -> Answer:
        before = self.client.made
        body = self.client.ask(listing.path, {**listing.parameters, "per_page": PER_PAGE, "page": number})
        entries = entries_of(body, listing.key)
        return Answer(entries, _total(body, entries), self.client.made - before)


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
