"""What sync state knows of one run: the mark `run`, by repository id and run id."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pipelinedoctor.errors import StoreError
from pipelinedoctor.fetch.github.windows import stamp
from pipelinedoctor.model import Result, Run, RunAttempt

_RED = frozenset({Result.FAILURE, Result.TIMED_OUT, Result.ERROR})


class Phase(StrEnum):
    """How far the reading of a run has come.

    `LISTED`: it has ended, and nothing of its jobs was read since it last changed; `RUNNING`: the same of one that has
    not. `WANTED`: outcomes of its jobs were read, the rest is wanted; `OFFERED`: the rest is read if it is drawn as a
    sample. `AGAIN`: all was read, but something of it failed in passing, and is worth another try. `DONE`, and `OPEN` of
    one that has not ended: all was read.
    """

    LISTED = "listed"
    RUNNING = "running"
    WANTED = "wanted"
    OFFERED = "offered"
    AGAIN = "again"
    DONE = "done"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMark:
    """A run as it was last listed.

    `started_at` is the start of the newest attempt, `known` the newest attempt whose details are complete. `red`: it
    failed or was rerun, so its details are wanted. `node` is what GraphQL knows its jobs by, until they were read; of a run
    that is offered, it is the digests of their names.
    """

    attempt: int
    updated_at: datetime
    created_at: datetime
    started_at: datetime | None
    phase: Phase
    known: int
    red: bool
    node: str

    @classmethod
    def read(cls, value: str) -> "RunMark":
        """Parse a mark. Raises `StoreError` for what is none."""
        try:
            attempt, updated, created, started, phase, known, red, node = value.split("|", 7)
            return cls(
                attempt=int(attempt),
                updated_at=datetime.fromisoformat(updated),
                created_at=datetime.fromisoformat(created),
                started_at=datetime.fromisoformat(started) if started else None,
                phase=Phase(phase),
                known=int(known),
                red=red == "red",
                node=node,
            )
        except ValueError:
            raise StoreError(f"the mark of a run cannot be read: {value[:100]!r}") from None

    def __str__(self) -> str:
        started = stamp(self.started_at) if self.started_at else ""
        times = f"{stamp(self.updated_at)}|{stamp(self.created_at)}|{started}"
        return f"{self.attempt}|{times}|{self.phase}|{self.known}|{'red' if self.red else ''}|{self.node}"

    @property
    def unread(self) -> bool:
        """Whether nothing of its jobs was read since it last changed."""
        return self.phase in {Phase.LISTED, Phase.RUNNING}

    @property
    def fresh(self) -> bool:
        """Whether its outcomes are to be asked for: those of a run whose details were read would take away from them."""
        return self.unread and bool(self.node) and self.known == 0

    @property
    def wanted(self) -> bool:
        """Whether its details are to be read."""
        return self.unread or self.phase in {Phase.WANTED, Phase.AGAIN}

    def with_outcomes(self, *, failing: bool, names: Iterable[str]) -> "RunMark":
        """The mark after the outcomes of its jobs were read: some are `failing` or none is, those of `names` succeeded."""
        if self.phase == Phase.RUNNING:
            return replace(self, phase=Phase.OPEN, node="")
        if self.red or failing:
            return replace(self, phase=Phase.WANTED, node="")
        return replace(self, phase=Phase.OFFERED, node=",".join(sorted(map(_digest, names))))

    @property
    def names(self) -> list[str]:
        """The digests of the names of its jobs, while it is offered; one that is empty where none is known."""
        return self.node.split(",") if self.phase == Phase.OFFERED else [""]

    def detailed(self, *, lacking: bool = False, recent: bool = False) -> "RunMark":
        """The mark after the details: an open run's newest attempt is to be asked for again.

        `lacking` says that some of them failed in passing: they are asked for once more, and as long as it was `recent`.
        """
        if self.phase in {Phase.RUNNING, Phase.OPEN}:
            return replace(self, phase=Phase.OPEN, node="", known=max(self.known, self.attempt - 1))
        if lacking and (recent or self.phase != Phase.AGAIN):
            return replace(self, phase=Phase.AGAIN, node="")
        return replace(self, phase=Phase.DONE, node="", known=self.attempt)


def listed(run: Run, attempt: RunAttempt, node: str, earlier: RunMark | None) -> RunMark | None:
    """The mark of a run just listed; None when nothing has happened to it since its jobs were read."""
    unchanged = earlier is not None and (earlier.attempt, earlier.updated_at) == (run.attempt, _whole(run.updated_at))
    if earlier is not None and unchanged and earlier.phase not in {Phase.OPEN, Phase.RUNNING}:
        return None if not earlier.unread else earlier
    return RunMark(
        attempt=run.attempt,
        updated_at=_whole(run.updated_at),
        created_at=_whole(run.created_at),
        started_at=attempt.started_at,
        phase=Phase.LISTED if run.status == "completed" else Phase.RUNNING,
        known=min(earlier.known, run.attempt) if earlier is not None else 0,
        red=run.result in _RED or run.attempt > 1,
        node=node.replace("|", ""),
    )


def _digest(name: str) -> str:
    return f"{zlib.crc32(name.encode('utf-8', 'replace')):08x}"


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
