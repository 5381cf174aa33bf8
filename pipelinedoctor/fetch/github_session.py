"""Where the fetch of a repository stands, as marks: what it is to cover, what it has listed, which runs are done.

A *session* goes from opening to completion, through as many killed or interrupted fetches as it takes. Kinds of marks:

- `session`, by repository: since, until, and where earlier fetches of the session ended; absent when none is open;
- `window`, `page`: what of the session's lists was read, and with what count; taken away at its end;
- `covered`, by repository: since and until of all completed sessions together;
- `run`, by repository id and run id: what is known of a run (`RunMark`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipelinedoctor.errors import StoreError
from pipelinedoctor.fetch.interface import Mark, Order, SyncState
from pipelinedoctor.fetch.windows import Span, between, pieces, stamp
from pipelinedoctor.model import Run, RunAttempt

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

    def spans(self) -> list[Span]:
        """What is to be listed, newest first: all of it but what is covered already and can no longer change."""
        whole = [between(self.since, self.until)]
        if self.covered is not None:
            known_since, known_until = self.covered
            recent = max(self.since, min(known_until - LOOK_BACK, self.until))
            whole = [between(recent, self.until), between(self.since, min(known_since, recent) - _SECOND)]
        return [piece for span in whole if span is not None for piece in pieces(span, list(self.ends))]

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
    return Session(repository, since, until, tuple(sorted(ends - {until})), covered)


@dataclass(frozen=True, slots=True)
class RunMark:
    """What a `run` mark says: `attempt|updated_at|phase|started_at|known`.

    `phase` is `listed` (details wanted) or `done`, of a run that has not ended `listed-open` or `open`.
    `started_at` is the start of the newest attempt, `known` the newest attempt whose details are complete.
    """

    attempt: int
    updated_at: datetime
    phase: str
    started_at: datetime | None
    known: int

    @classmethod
    def read(cls, value: str) -> "RunMark":
        """Parse a mark. Raises `StoreError` for what is none."""
        try:
            attempt, updated, phase, started, known = value.split("|")
            return cls(int(attempt), _time(updated), phase, _time(started) if started else None, int(known))
        except ValueError:
            raise StoreError(f"the mark of a run cannot be read: {value[:100]!r}") from None

    def __str__(self) -> str:
        started = stamp(self.started_at) if self.started_at else ""
        return f"{self.attempt}|{stamp(self.updated_at)}|{self.phase}|{started}|{self.known}"

    @property
    def wanted(self) -> bool:
        """Whether the run's details are still to be fetched."""
        return self.phase.startswith("listed")

    @property
    def open(self) -> bool:
        """Whether the run had not ended when it was listed."""
        return self.phase.endswith("open")

    def detailed(self) -> "RunMark":
        """The mark after the details: an open run's newest attempt is to be asked for again."""
        if self.open:
            return replace(self, phase="open", known=max(self.known, self.attempt - 1))
        return replace(self, phase="done", known=self.attempt)


def listed(run: Run, attempt: RunAttempt, earlier: RunMark | None) -> RunMark | None:
    """The mark of a run just listed; None when nothing has happened to it since it was `done`."""
    unchanged = earlier is not None and (earlier.attempt, earlier.updated_at) == (run.attempt, _whole(run.updated_at))
    if earlier is not None and unchanged and earlier.phase == "done":
        return None
    phase = "listed" if run.status == "completed" else "listed-open"
    known = min(earlier.known, run.attempt) if earlier is not None else 0
    return RunMark(run.attempt, _whole(run.updated_at), phase, attempt.started_at, known)


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


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
