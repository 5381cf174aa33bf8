"""Reading GitLab's lists so that a killed fetch does not ask again for a page whose rows are stored.

Lists that know when something was last updated are read from the newest update down, each page by the time that the one
before reached: whatever is updated meanwhile moves to the front, where the next fetch begins, and never out of sight.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelinedoctor.errors import ForgeError, StoreError
from pipelinedoctor.fetch.bounds import instant
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.gitlab.client import Body, Client, Where
from pipelinedoctor.fetch.gitlab.marks import Segment, joined, read_segments, write_segments
from pipelinedoctor.fetch.interface import Mark, Page, SyncState
from pipelinedoctor.model import Row

LATE = timedelta(minutes=5)
"""What is updated may show up this much later than its time says: that much is listed again."""
_MOST = 10_000
"""No list has more pages, whatever a forge says."""
_MILLISECOND = timedelta(milliseconds=1)

Take = Callable[[Sequence[Body]], tuple[list[Row], list[Mark]]]
"""Makes rows and marks of the entries of a page."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of a project: the key of its mark, where it is asked for, and with what."""

    key: str
    path: str
    parameters: Mapping[str, str]

    def mark(self, value: str) -> Mark:
        """Its mark."""
        return Mark(kind="list", key=self.key, value=value)


def by_update(
    clients: Clients[Client], listing: Listing, window: tuple[datetime, datetime], state: SyncState, take: Take
) -> Iterator[Page]:
    """What was updated from a time on and is not known yet, newest first; then what earlier fetches left, down to that time.

    The window ends now, by our clock: what a forge whose clock is ahead says to have been updated later is listed again.
    """
    segments = read_segments(state.get("list", listing.key))
    floor, now = map(stamp, window)
    before: str | None = None
    while True:
        bound = _bound(segments[0:1] if before is None else segments[1:2], floor, head=before is None)
        yield from _down(clients, listing, (bound, before, now), segments, take)
        if not segments or segments[0].low <= floor or before == segments[0].low:
            return
        before = segments[0].low


def stamp(moment: datetime) -> str:
    """A time as GitLab spells it, to the millisecond: `2026-01-31T23:59:59.999Z`. Such texts sort as their times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _bound(below: Sequence[Segment], floor: str, *, head: bool) -> str:
    """Down to where is to be read: to what was read before, or to the floor."""
    if not below:
        return floor
    top = _moment(below[0].top)
    return max(floor, stamp(top - LATE if head else top))


def _down(
    clients: Clients[Client], listing: Listing, span: tuple[str, str | None, str], segments: list[Segment], take: Take
) -> Iterator[Page]:
    """The pages between two times; the upper one is where the first segment ends. `segments` are kept up to date."""
    bound, before, now = span
    first, rest = (segments[0], segments[1:]) if before is not None else (None, segments)
    where: Where | None = None
    last: set[str] = set()
    for _ in range(_MOST):
        client = clients.mine()
        made = client.made
        asked = {**listing.parameters, "order_by": "updated_at", "sort": "desc", "updated_after": bound}
        if before is not None:
            # Times are told to the millisecond and kept to the microsecond.
            asked["updated_before"] = stamp(_moment(before) + _MILLISECOND)
        found = client.page(listing.path, asked, where)
        times = [stamp(time) for body in found.entries if (time := instant(body.get("updated_at")))]
        names = {str(body.get("id")) for body in found.entries}
        ended = found.onward is None or not times
        if where is not None and names <= last and not ended:
            raise ForgeError(f"the forge lists the same again and again for {listing.path}")
        top = first.top if first else min(max(times), now) if times else None
        if top is None:
            yield Page(requests=client.made - made)
            return
        low = bound if ended else min(times)
        first = Segment(top, min(low, first.low) if first else low)
        segments[:] = joined([first, *rest])
        rows, marks = take(found.entries)
        yield Page(rows=rows, marks=[*marks, listing.mark(write_segments(segments))], requests=client.made - made)
        if ended:
            return
        # A page whose entries were all updated at once leads on by its number.
        where = found.onward if before == low else None
        before, last = low, names
    raise ForgeError(f"the forge's list at {listing.path} does not come to an end")


def until_known(
    clients: Clients[Client], listing: Listing, names: Sequence[str], state: SyncState, take: Take
) -> Iterator[Page]:
    """The entries of a list, newest first, down to the one that was the newest when it was last read to the end.

    `names` are the keys that tell an entry, and a change of it.
    """
    stood = _object(state.get("list", listing.key), listing.key)
    known, first = stood.get("known"), stood.get("first")
    for number in range(int(str(stood.get("page") or 1)), _MOST):
        client = clients.mine()
        made = client.made
        found = client.page(listing.path, {**listing.parameters, "page": number})
        prints = [_print(body, names) for body in found.entries]
        first = prints[0] if number == 1 and prints else first
        new = found.entries[: prints.index(known)] if known in prints else found.entries
        ended = found.onward is None or len(new) < len(found.entries)
        rows, marks = take(new)
        told = {"known": first} if ended else {"known": known, "first": first, "page": number + 1}
        yield Page(rows=rows, marks=[*marks, listing.mark(json.dumps(told))], requests=client.made - made)
        if ended:
            return


def in_window(clients: Clients[Client], listing: Listing, window: tuple[datetime, datetime], state: SyncState, take: Take) -> Iterator[Page]:  # fmt: skip
    """The entries from a time on, or from a week before the end of what was read up to now; `window` ends at the time of now."""
    stood = _object(state.get("list", listing.key), listing.key)
    since, until = (stamp(moment) for moment in window)
    covered = stood.get("until")
    start, page, end = stood.get("start"), int(str(stood.get("page") or 1)), stood.get("end") or until
    earliest = str(stood.get("since") or since)
    if start is None or since < earliest:
        known = covered is not None and since >= earliest
        start = max(since, stamp(_moment(str(covered)) - timedelta(weeks=1))) if known else since
        page, end = 1, until
    earliest = min(earliest, since)
    for number in range(page, _MOST):
        client = clients.mine()
        made = client.made
        found = client.page(listing.path, {**listing.parameters, "since": str(start), "page": number})
        rows, marks = take(found.entries)
        if found.onward is None:
            told = {"since": earliest, "until": end}
        else:
            told = {"since": earliest, "until": covered, "start": start, "end": end, "page": number + 1}
        yield Page(rows=rows, marks=[*marks, listing.mark(json.dumps(told))], requests=client.made - made)
        if found.onward is None:
            return


def _print(body: Body, names: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([body.get(name) for name in names]).encode()).hexdigest()[:16]


def _object(value: str | None, key: str) -> Mapping[str, object]:
    try:
        body = json.loads(value) if value else {}
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise StoreError(f"the mark list of {key} cannot be read: {str(value)[:100]!r}")
    return body


def _moment(text: str) -> datetime:
    moment = instant(text)
    if moment is None:
        raise StoreError(f"the mark of a list cannot be read: {text[:100]!r}")
    return moment
