"""What is known of pipelines, merge requests and lists from one fetch of a project to the next, as marks. Pure.

Kinds of marks, with keys that begin with the project's id where it is known:

- `run`, by project and pipeline: `RunMark`;
- `jobs`, by the name of the project: how far down the list of jobs was read, `Segment`s by id;
- `list`, by project and list: the same of lists by the time of the last update, or where another list stands;
- `change`, by project and merge request: `ChangeMark`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from pipelinedoctor.errors import StoreError


class Phase(StrEnum):
    """Where a pipeline stands.

    `LISTED`: its jobs are wanted. `PART`: they are, and some were read by a fetch that ended before it had all.
    `OPEN`: they were read, and go on; its details wait until they have ended. `WANTED`: its details are wanted.
    `DONE`: there is nothing to do until it changes.
    """

    LISTED = "listed"
    PART = "part"
    OPEN = "open"
    WANTED = "wanted"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMark:
    """What is known of a pipeline.

    `updated` is its last update as the forge spelled it, `attempt` its newest attempt, `newest` its highest id of a job. `logs` are
    jobs whose logs are wanted, `had` those whose logs were asked for, with `report` its test report is wanted.
    `jobs` tells, while a report is wanted, of each job's name (`fold`) the newest execution and its attempt.
    """

    updated: str | None
    phase: Phase
    attempt: int = 1
    newest: int = 0
    logs: tuple[int, ...] = ()
    had: tuple[int, ...] = ()
    report: bool = False
    jobs: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, value: str) -> "RunMark":
        """Parse a mark. Raises `StoreError` for what is none."""
        try:
            updated, phase, attempt, newest, *rest = json.loads(value)
            logs, had, report, jobs = rest or ((), (), False, {})
            return cls(
                updated=updated,
                phase=Phase(phase),
                attempt=int(attempt),
                newest=int(newest),
                logs=tuple(map(int, logs)),
                had=tuple(map(int, had)),
                report=bool(report),
                jobs={name: (int(job), int(number)) for name, (job, number) in jobs.items()},
            )
        except (ValueError, TypeError, AttributeError):
            raise _unreadable("run", value) from None

    def __str__(self) -> str:
        short = [self.updated, self.phase.value, self.attempt, self.newest]
        rest = [list(self.logs), list(self.had), self.report, self.jobs]
        return json.dumps(short + rest if any(rest) else short, separators=(",", ":"))

    @property
    def unread(self) -> bool:
        """Whether its jobs are wanted."""
        return self.phase in {Phase.LISTED, Phase.PART}

    def listed(self, updated: str | None) -> "RunMark":
        """The mark of the pipeline listed again; itself where nothing has happened to it."""
        if updated == self.updated and updated is not None:
            return self
        return replace(self, updated=updated, phase=Phase.PART if self.phase is Phase.PART else Phase.LISTED)

    def detailed(self) -> "RunMark":
        """The mark after its details."""
        return replace(
            self, phase=Phase.DONE, had=tuple(sorted({*self.had, *self.logs})), logs=(), report=False, jobs={}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMark:
    """What is known of a merge request: its last update, the head whose commits were read, and its first review."""

    updated: str | None
    wanted: bool
    head: str | None = None
    review: str | None = None

    @classmethod
    def read(cls, value: str) -> "ChangeMark":
        """Parse a mark. Raises `StoreError` for what is none."""
        try:
            updated, wanted, head, review = json.loads(value)
        except (ValueError, TypeError):
            raise _unreadable("change", value) from None
        return cls(updated=updated, wanted=bool(wanted), head=head, review=review)

    def __str__(self) -> str:
        return json.dumps([self.updated, self.wanted, self.head, self.review], separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a list that was read without a hole, from `top` down to `low`.

    Both are ids of jobs, or times in ISO 8601 and UTC, which sort alike. `onward` leads on below `low` in a list that
    goes by cursors; `since` is the time that was reached.
    """

    top: Any
    low: Any
    onward: dict[str, str] | None = None
    since: str | None = None


def read_segments(value: str | None) -> list[Segment]:
    """The segments that a mark tells, newest first. Raises `StoreError` for what is none."""
    try:
        return [Segment(**one) for one in json.loads(value)] if value else []
    except (ValueError, TypeError):
        raise _unreadable("list", value) from None


def write_segments(segments: Iterable[Segment]) -> str:
    """The mark of segments."""
    told = [{key: value for key, value in asdict(one).items() if value is not None} for one in segments]
    return json.dumps(told, separators=(",", ":"))


def joined(segments: Sequence[Segment]) -> list[Segment]:
    """The segments, newest first, those that touch or overlap as one."""
    found: list[Segment] = []
    for one in segments:
        if found and found[-1].low <= one.top:
            above = found.pop()
            found.append(Segment(above.top, min(above.low, one.low), one.onward, one.since))
        else:
            found.append(one)
    return found


def _unreadable(kind: str, value: object) -> StoreError:
    return StoreError(f"the mark of a {kind} cannot be read: {str(value)[:100]!r}")
