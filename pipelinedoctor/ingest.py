"""A core as `sync` is one: reads reports of tests that are handed in as files, from any CI, and commits them in batches.

Each job that reports are handed in for is a job of its run. It failed if the last execution of some test in it did.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from pipelinedoctor.errors import UsageError
from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.download import Readable, UnfitError, report_members
from pipelinedoctor.fetch.interface import Closed, Progress
from pipelinedoctor.fetch.junit import Columns, Execution, NoReportError, columns
from pipelinedoctor.ingest_rows import Ended, Ids, rows_of
from pipelinedoctor.logs.columns import redacted as redacted_columns
from pipelinedoctor.logs.redact import redact
from pipelinedoctor.manifest import Belonging, Handed, special
from pipelinedoctor.model import FetchGap, Forge, Result, TestResult
from pipelinedoctor.redaction import redacted
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.ingested import failing_jobs, known_jobs, origins, stored_runs
from pipelinedoctor.store.results import TEXTS, Frame, Ordinals, Passed, frame_of
from pipelinedoctor.terminal import plain
from pipelinedoctor.units import count, counted

RESULTS = 122_880
"""Results of a transaction: one row group of DuckDB, which goes into the file as it is. A rest beside it would wait in
memory until the store is closed, and be written twice.
"""
CHARACTERS = 64_000_000
"""Characters of names and of failures' texts in a transaction, likewise."""
JOBS = 5_000
"""Most jobs of a transaction."""
ORIGIN = "ingested"
_TASK = "ingest"
_KIND = "tests"
_NONE = "holds no report of tests"


@dataclass(frozen=True, slots=True)
class Refused:
    """A file, or one in an archive, that was not read, or not to its end; `reason` says why in a few words.

    The name is safe to show: bounded, of one line, without secrets.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of it: files read to their end, results that are new and that changed, and what was refused."""

    files: int
    new: int
    changed: int
    refused: tuple[Refused, ...]


@dataclass(slots=True)
class _Job:
    """A job that reports are being read for."""

    belonging: Belonging
    ids: Ids
    read: bool = False
    """Whether there was any report, be it in part."""
    whole: bool = True
    known: bool | None = None
    """Whether the store held results of it before; None until it is asked."""


@dataclass(slots=True)
class _Waiting:
    """What is written next."""

    results: Columns = field(default_factory=Columns)
    jobs: list[tuple[_Job, int]] = field(default_factory=list)
    ended: list[_Job] = field(default_factory=list)
    gaps: list[FetchGap] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    characters: int = 0

    def add(self, job: _Job, piece: Columns) -> None:
        self.results.extend(piece)
        self.characters += sum(map(len, piece.test)) + sum(map(len, filter(None, piece.detail)))
        self.characters += sum(len(run.text) for _, run in piece.runs)
        if self.jobs and self.jobs[-1][0] is job:
            self.jobs[-1] = (job, self.jobs[-1][1] + len(piece))
        else:
            self.jobs.append((job, len(piece)))

    @property
    def full(self) -> bool:
        return len(self.results) >= RESULTS or self.characters >= CHARACTERS or len(self.ended) >= JOBS


def ingest(store: Store, host: str, files: Iterable[Handed], now: datetime, progress: Progress) -> Ingested:
    """Read all files into `store`, under a host of their own; `now` dates runs of which no start is known.

    Files of one job belong into one call, which numbers the executions of a test over all of them. In a further call
    for the same job its results are added, and a test that was there is overwritten; the same files change nothing.
    A file that cannot be read is told of as `Refused` and a `FetchGap`, after what stood before its fault was stored.
    Raises `UsageError` for a host that something was fetched from, and where there is no report.
    """
    if origins(store.connection, host) - {ORIGIN}:
        raise UsageError(f"--host {host}: what it holds was fetched; name a host of its own for what is handed in")
    jobs: dict[int, tuple[_Job, list[Handed]]] = {}
    for one in files:
        ids = Ids.of(one.belonging)
        jobs.setdefault(ids.job, (_Job(one.belonging, ids), []))[1].append(one)
    total = sum(len(handed) for _, handed in jobs.values())
    progress.start(_TASK, total)
    with ThreadPoolExecutor(max_workers=1) as writer:
        intake = _Intake(store, host, now, writer)
        for job, handed in jobs.values():
            for one in handed:
                intake.read(job, one)
                progress.advance(_TASK)
            intake.end(job)
        intake.commit(None)
        intake.settle()
    done = Ingested(intake.files, intake.new, intake.changed, tuple(intake.refused))
    if not done.files and not done.refused:
        raise UsageError("nothing to ingest: none of the files that were found is a report of tests")
    lacks = (
        f"{counted(done.files, 'file')} read; not, or not whole: {len(done.refused)}" if done.refused else "complete"
    )
    at = now if done.files else None
    store.record_source(host=host, forge=Forge.FILES.value, origin=ORIGIN, fetched_at=at, outcome=lacks)
    read = f"{count(done.files)} of {counted(total, 'file')}"
    progress.finish(_TASK, f"{read}, {counted(done.new, 'result')} new, {count(done.changed)} changed")
    return done


class _Intake:
    """Reads files, while `writer`, one thread, writes what was read before: about `RESULTS` results a transaction."""

    def __init__(self, store: Store, host: str, now: datetime, writer: Executor) -> None:
        self._store = store
        self._host = host
        self._now = now
        self._writer = writer
        self._writing: Future[None] | None = None
        self._waiting = _Waiting()
        self._ordinals = Ordinals()
        self.files = self.new = self.changed = 0
        self.refused: list[Refused] = []

    def read(self, job: _Job, handed: Handed) -> None:
        """Read one file; what is no report is refused where it was named, and passed over where it was found."""
        refused, reports = len(self.refused), 0
        try:
            if special(handed.path):
                self._pass(job, str(handed.path), "no regular file")
                return
            with handed.path.open("rb") as file:
                for member in report_members(file):
                    name = f"{handed.path}/{member.name}" if member.name else str(handed.path)
                    try:
                        reports += self._read(job, name, member.stream)
                    except NoReportError as error:
                        if not member.name and handed.named:
                            self._pass(job, name, str(error))
        except FileNotFoundError:
            self._pass(job, str(handed.path), "no such file")
        except IsADirectoryError:
            self._pass(job, str(handed.path), "no file in it ends with .xml or .trx")
        except (UnfitError, OSError) as error:
            self._refuse(job, str(handed.path), _reason(error))
        if reports:
            self.files += len(self.refused) == refused
        elif handed.named and len(self.refused) == refused:
            self._pass(job, str(handed.path), _NONE)

    def end(self, job: _Job) -> None:
        """Nothing more comes of a job; without any report it is none."""
        if job.read:
            self._waiting.ended.append(job)
        if self._waiting.full:
            self.commit(None)

    def commit(self, unfinished: _Job | None) -> None:
        """Have written what waits, once what was before is; of the unfinished job more comes."""
        waiting, self._waiting = self._waiting, _Waiting()
        self.settle()
        self._writing = self._writer.submit(self._commit, waiting, unfinished)

    def settle(self) -> None:
        """Wait until what was to be written is. Raises what went wrong with it."""
        if self._writing is not None:
            self._writing.result()

    def _commit(self, waiting: _Waiting, unfinished: _Job | None) -> None:
        if len(waiting.results):
            self._write(waiting, unfinished)
        ended = [Ended(job.belonging, job.ids, result) for job, result in self._results(waiting.ended)]
        known = stored_runs(self._store.connection, self._host, [one.ids.run for one in ended])
        rows = redacted([*rows_of(self._host, ended, known, self._now), *waiting.gaps])
        self._store.write(self._host, rows, closed=waiting.closed)

    def _read(self, job: _Job, name: str, report: Readable) -> bool:
        """Whether what is read is a report."""
        try:
            for piece in columns(report):
                job.read = job.read or len(piece) > 0
                self._add(job, piece)
        except UnfitError as error:
            self._refuse(job, name, str(error))
        else:
            job.read = True
            subject = redact(_subject(job, name))
            self._waiting.closed.append(Closed(repository=job.belonging.repository, kind=_KIND, subject=subject))
        return True

    def _add(self, job: _Job, piece: Columns) -> None:
        """Let a piece wait, and have written what fills a transaction; the rest is for the next."""
        while (room := RESULTS - len(self._waiting.results)) < len(piece):
            first, piece = piece.cut(room)
            self._waiting.add(job, first)
            self.commit(job)
        self._waiting.add(job, piece)
        if self._waiting.full:
            self.commit(job)

    def _pass(self, job: _Job, name: str, reason: str) -> None:
        """Tell of what was named by mistake: nothing lacks."""
        job.whole = False
        self.refused.append(Refused(bounded(plain(redact(name))) or "", redact(reason)))

    def _refuse(self, job: _Job, name: str, reason: str) -> None:
        """Tell of a report that lacks, be it in part."""
        self._pass(job, name, reason)
        gap = FetchGap(
            host=self._host,
            repository=job.belonging.repository,
            kind=_KIND,
            subject=_subject(job, name),
            reason=reason,
            rows_missing=None,
        )
        self._waiting.gaps.append(gap)

    def _write(self, waiting: _Waiting, unfinished: _Job | None) -> None:
        jobs = [job for job, _ in waiting.jobs]
        unasked = [job for job in jobs if job.known is None]
        stored = known_jobs(self._store.connection, self._host, [job.ids.job for job in unasked])
        for job in unasked:
            job.known = job.ids.job in stored
        frame = redacted_columns(self._frame(waiting), TEXTS)
        frame = self._ordinals.numbered(frame, unfinished.ids.job if unfinished else None)
        written = self._store.write_results(frame, [job.ids.job for job in jobs if job.known])
        self.new += written.new[TestResult.table]
        self.changed += written.changed[TestResult.table]

    def _frame(self, waiting: _Waiting) -> Frame:
        """The results that wait, which then wait no more: they would be in memory twice."""
        results, waiting.results = waiting.results, Columns()
        places = ((job.ids.run, job.ids.job, job.belonging.attempt, count) for job, count in waiting.jobs)
        listed = {name: getattr(results, name) for name in (*Execution._fields, "after")}
        passed = [Passed(suite, run.attributes, run.text, run.count) for suite, run in results.runs]
        return frame_of(self._host, places, listed, passed)

    def _results(self, ended: Sequence[_Job]) -> Iterator[tuple[_Job, Result]]:
        """How jobs ended. One that was read in part, and in which nothing failed, may have failed all the same."""
        failing = failing_jobs(self._store.connection, self._host, [job.ids.job for job in ended])
        for job in ended:
            passed = Result.SUCCESS if job.whole else Result.UNKNOWN
            yield job, Result.FAILURE if job.ids.job in failing else passed


def _subject(job: _Job, name: str) -> str:
    return f"run {job.belonging.run_id}: {bounded(redact(name))}"


def _reason(error: UnfitError | OSError) -> str:
    return str(error) if isinstance(error, UnfitError) else f"cannot be read: {error.strerror or type(error).__name__}"
