"""Where the fetch of a repository stands, as marks: what it is to cover, what it has listed, which runs are done.

A *session* goes from opening to completion, through as many killed or interrupted fetches as it takes. Kinds of marks:

- `session`, by repository: since, until, and where earlier fetches of the session ended; absent when none is open;
- `window`, `page`: what of the session's lists was read; taken away at its end;
- `covered`, by repository: since and until of all completed sessions together;
- `leaf`, by repository and window: the ETags of a window's pages, so that asking for it again costs nothing;
- `run`, by repository id and run id: what is known of a run (`run_marks`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelinedoctor.errors import StoreError
from pipelinedoctor.fetch.github.windows import Span, around, between, pieces, read_span, stamp
from pipelinedoctor.fetch.interface import Mark, Order, SyncState

LOOK_BACK = timedelta(days=36)
"""A run may be rerun for 30 days and may wait or run for 35, and keeps its time of creation all the while."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Session:
    """What one session covers; `ends` are the moments up to which earlier fetches of it listed."""

    repository: str
    since: datetime
    until: datetime
    ends: tuple[datetime, ...]
    covered: tuple[datetime, datetime] | None
    leaves: tuple[Span, ...] = ()

    @property
    def recent(self) -> datetime:
        """From when on runs are looked at again, for they may have changed since they were listed."""
        if self.covered is None:
            return self.since
        return max(self.since, min(self.covered[1] - LOOK_BACK, self.until))

    def spans(self) -> list[Span]:
        """What is to be listed, newest first: all of it but what is covered already and can no longer change.

        Windows that were listed before come as they were then; what is new is cut where earlier fetches ended.
        """
        return [
            piece
            for span in self._whole(self.recent)
            for part in around(span, self.leaves)
            for piece in ([part] if part in self.leaves else pieces(part, list(self.ends)))
        ]

    def fresh(self) -> list[Span]:
        """The times that no completed session has covered, newest first, with a day before them.

        They are cut where earlier fetches of the session ended, so that what one of them read keeps its name.
        """
        start = self.since if self.covered is None else max(self.since, self.covered[1] - timedelta(days=1))
        return [piece for span in self._whole(start) for piece in pieces(span, list(self.ends))]

    def knew(self, created: datetime, updated: datetime) -> bool:
        """Whether an earlier session read a run of these times, and forgot it when it could no longer change.

        A page of a window lists such runs again whenever another of its runs was rerun, or taken away.
        """
        if self.covered is None:
            return False
        since, until = self.covered
        return since <= created < until + _SECOND and updated.replace(microsecond=0) < until - LOOK_BACK

    def _whole(self, recent: datetime) -> list[Span]:
        whole = [between(recent, self.until)]
        if self.covered is not None:
            whole.append(between(self.since, min(self.covered[0], recent) - _SECOND))
        return [span for span in whole if span is not None]

    def opened(self) -> Mark:
        """The mark of the session being open."""
        body = {"since": stamp(self.since), "until": stamp(self.until), "ends": [stamp(end) for end in self.ends]}
        return Mark(kind="session", key=self.repository, value=json.dumps(body))

    def closed(self) -> list[Mark]:
        """The marks of the session being complete."""
        body = {"since": stamp(self.since), "until": stamp(self.until)}
        return [
            Mark(kind="session", key=self.repository, value=None),
            Mark(kind="covered", key=self.repository, value=json.dumps(body)),
        ]


def open_session(repository: str, order: Order, state: SyncState) -> Session:
    """The session to go on with, or a new one, made wide enough for `order`. Raises `StoreError` for unreadable marks."""
    begun, done = _read(state, "session", repository), _read(state, "covered", repository)
    known = [*_bounds(begun), *_bounds(done)]
    since = min([order.since.replace(microsecond=0), *(one for one, _ in known)])
    until = max([order.until.replace(microsecond=0), *(one for _, one in known)])
    earlier_ends = begun.get("ends")
    ends = {_time(end) for end in earlier_ends} if isinstance(earlier_ends, list) else set()
    ends |= {one for _, one in _bounds(begun)}
    covered = _bounds(done)[0] if done else None
    leaves = leaves_of(state, repository)
    if not begun:
        # What was listed earlier on this day is listed again as one, else every fetch would leave a window of its own.
        midnight = until.replace(hour=0, minute=0, second=0)
        leaves = [leaf for leaf in leaves if leaf.since < midnight]
    return Session(repository, since, until, tuple(sorted(ends - {until})), covered, tuple(leaves))


def leaves_of(state: SyncState, repository: str) -> list[Span]:
    """The windows whose pages are known, oldest first."""
    prefix = f"{repository} "
    try:
        return sorted(read_span(key.removeprefix(prefix)) for key in state.all("leaf") if key.startswith(prefix))
    except ValueError:
        raise StoreError(f"a mark leaf of {repository} cannot be read") from None


def _read(state: SyncState, kind: str, key: str) -> Mapping[str, object]:
    value = state.get(kind, key)
    try:
        body = json.loads(value) if value else {}
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise StoreError(f"the mark {kind} of {key} cannot be read: {str(value)[:100]!r}")
    return body


def _bounds(body: Mapping[str, object]) -> list[tuple[datetime, datetime]]:
    return [(_time(body["since"]), _time(body["until"]))] if body else []


def _time(value: object) -> datetime:
    return datetime.fromisoformat(str(value))
