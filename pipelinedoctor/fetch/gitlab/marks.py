"""What is known of pipelines, merge requests and lists from one fetch of a project to the next, as marks. Pure.

Kinds of marks, with keys that begin with the project's id where it is known:

- `run`, by project and pipeline: `RunMark`;
- `jobs`, by the name of the project: how far down the list of jobs was read, `Segment`s by id;
- `list`, by project and list: the same of lists by the time of the last update, or where another list stands;
- `change`, by project and merge request: `ChangeMark`;
- `bridges`, by project and pipeline: that asking it for its children failed in passing;
- `seen`, by project and list: what was the newest everywhere when a list was read that is read only where anything is new.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from types import MappingProxyType
from typing import Any
from zlib import crc32

from pipelinedoctor.errors import StoreError
from pipelinedoctor.fetch.gitlab.attempts import FAILED
from pipelinedoctor.fetch.gitlab.rows import OPEN
from pipelinedoctor.model import Job

_NONE: Mapping[str, tuple[int, int]] = MappingProxyType({})


class Phase(StrEnum):
    """Where a pipeline stands.

    `LISTED`: its jobs are wanted. `PART`: they are, and some were read by a fetch that ended before it had all.
    `OPEN`: they were read, and go on. `DONE`: they were read, and stay as they are until the pipeline changes.
    """

    LISTED = "listed"
    PART = "part"
    OPEN = "open"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMark:
    """What is known of a pipeline.

    `updated` is its last update as the forge spelled it, `attempt` its newest attempt, `state` a fingerprint of its jobs, `reported`
    that of when its test report was asked for. `logs` are jobs whose logs are wanted, `had` those whose logs were asked for.
    `jobs` tells, while a test report is wanted, of each job's name (`folded`) the newest execution and its attempt.
    `archives` are jobs, with their attempts, whose archives are wanted for the reports in them; `told` are failed jobs whose
    results are known: their archives were asked for, or the test report had them before they were retried.
    """

    updated: str | None
    phase: Phase = Phase.LISTED
    attempt: int = 1
    state: int = 0
    reported: int = 0
    logs: tuple[int, ...] = ()
    had: tuple[int, ...] = ()
    jobs: Mapping[str, tuple[int, int]] = field(default_factory=lambda: _NONE)
    archives: tuple[tuple[int, int], ...] = ()
    told: tuple[int, ...] = ()

    @classmethod
    def read(cls, value: str) -> "RunMark":
        """Parse a mark. Raises `StoreError` for what is none."""
        try:
            updated, phase, attempt, state, *rest = json.loads(value)
            reported, logs, had, jobs, archives, told = rest or (0, (), (), {}, (), ())
            return cls(
                updated=updated,
                phase=Phase(phase),
                attempt=int(attempt),
                state=int(state),
                reported=int(reported),
                logs=tuple(map(int, logs)),
                had=tuple(map(int, had)),
                jobs={name: (int(job), int(number)) for name, (job, number) in jobs.items()} or _NONE,
                archives=tuple((int(job), int(number)) for job, number in archives),
                told=tuple(map(int, told)),
            )
        except (ValueError, TypeError, AttributeError):
            raise _unreadable("run", value) from None

    def __str__(self) -> str:
        short = [self.updated, self.phase.value, self.attempt, self.state]
        rest = [self.reported, self.logs, self.had, dict(self.jobs), self.archives, self.told]
        return json.dumps(short + rest if any(rest) else short, separators=(",", ":"))

    @property
    def unread(self) -> bool:
        """Whether its jobs are wanted."""
        return self.phase in {Phase.LISTED, Phase.PART}

    @property
    def wanted(self) -> bool:
        """Whether details of it are."""
        return bool(self.logs or self.jobs or self.archives) and not self.unread

    def listed(self, updated: str | None) -> "RunMark":
        """The mark of the pipeline listed again; itself where nothing has happened to it."""
        if updated == self.updated and updated is not None:
            return self
        return replace(self, updated=updated, phase=Phase.PART if self.phase is Phase.PART else Phase.LISTED)

    def seen(self, updated: str | None) -> "RunMark":
        """The mark of the pipeline as it was told beside its jobs."""
        return self if updated is None else replace(self, updated=updated)

    def settled(self, jobs: Sequence[Job], archives: Collection[int] = ()) -> "RunMark":
        """The mark once all jobs of the pipeline were read, which are numbered; it tells what details are wanted.

        Those are the logs of jobs that failed after they started, the reports in the `archives` of jobs that were retried, and the
        test report, where any failed or was retried, once all have ended.
        """
        goes_on = any(job.forge_result in OPEN for job in jobs)
        state = crc32(repr(sorted((job.job_id, job.forge_result) for job in jobs)).encode())
        failed = {job.job_id for job in jobs if job.result in FAILED}
        reporting = (
            not goes_on and state != self.reported and any(job.attempt > 1 or job.job_id in failed for job in jobs)
        )
        newest = {folded(job.name): (job.job_id, job.attempt) for job in jobs} if reporting else _NONE
        started = {job.job_id for job in jobs if job.started_at is not None}
        return replace(
            self,
            phase=Phase.OPEN if goes_on else Phase.DONE,
            attempt=max((job.attempt for job in jobs), default=1),
            state=state,
            logs=tuple(sorted((failed & started) - set(self.had), reverse=True)),
            jobs=newest,
            archives=tuple((job.job_id, job.attempt) for job in reversed(jobs) if job.job_id in archives),
        )

    def detailed(self, told: Collection[int] = (), lacking: "Lacking | None" = None) -> "RunMark":
        """The mark after its details: results of the jobs `told` were had; what is `lacking` is to be asked for again."""
        again = lacking or Lacking()
        asked = {job for job, _ in self.archives if job not in again.archives}
        failed = {*self.had, *self.logs}
        return replace(
            self,
            had=tuple(sorted(failed - again.logs)),
            logs=tuple(one for one in self.logs if one in again.logs),
            reported=self.state if self.jobs and not again.report else self.reported,
            jobs=self.jobs if again.report else _NONE,
            archives=tuple(one for one in self.archives if one[0] in again.archives),
            told=tuple(sorted({*self.told, *asked, *(failed & set(told))})),
        )


@dataclass(slots=True)
class Lacking:
    """What of the details of a pipeline failed in passing: logs and archives of jobs, the test report."""

    logs: set[int] = field(default_factory=set)
    archives: set[int] = field(default_factory=set)
    report: bool = False


def folded(name: str) -> str:
    """A name of a job or a branch as a mark tells it: marks are not redacted."""
    return blake2b(name.encode(errors="replace"), digest_size=8).hexdigest()


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
            found.append(replace(min(above, one, key=lambda each: each.low), top=above.top))
        else:
            found.append(one)
    return found


def _unreadable(kind: str, value: object) -> StoreError:
    return StoreError(f"the mark of a {kind} cannot be read: {str(value)[:100]!r}")
