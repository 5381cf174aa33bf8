"""The details of one run: its jobs in all attempts, the logs of those that failed, the test reports among its artifacts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pipelinedoctor.fetch.archived import Results
from pipelinedoctor.fetch.artifacts import assign, looks_like_report
from pipelinedoctor.fetch.attempts import carry_over, derived_attempts
from pipelinedoctor.fetch.bounds import bounded, instant
from pipelinedoctor.fetch.download import ARCHIVE_MOST, LOG_TAIL, UnfitError, archive, log_text
from pipelinedoctor.fetch.github.client import Client
from pipelinedoctor.fetch.github.rows import FAILING, backwards, failed_step, gap, job_rows, number_of
from pipelinedoctor.fetch.github.run_marks import RunMark
from pipelinedoctor.fetch.interface import Closed, Mark, Page, RawLog
from pipelinedoctor.fetch.junit import Ledger
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Job, Repository, Result, Row, Step

_GONE = frozenset({404, 410})
_NOT_PERMITTED = frozenset({401, 403})
LOGS_IN_FULL = 4 * LOG_TAIL
"""Characters of logs of one run, all in memory together, after which less is kept of each further one."""
LOG_TAIL_OF_MANY = 256 * 1024


@dataclass(slots=True)
class Task:
    """A run whose jobs are wanted. `recent`: it ran not long ago, so that what failed in passing is worth many tries."""

    repository: Repository
    run_id: int
    mark: RunMark
    recent: bool = True

    @property
    def key(self) -> str:
        """The key of the run's mark."""
        return run_key(self.repository, self.run_id)


def run_key(repository: Repository, run_id: int | str) -> str:
    """The key of a `run` mark; with an empty id, what the keys of all of the repository's runs begin with."""
    return f"{repository.repository_id}/{run_id}"


def details(client: Client, task: Task) -> Page:
    """All details of a run as one page, with its mark and with marks of the jobs whose annotations are to be read.

    What the forge no longer has, or does not let the token read, becomes a `FetchGap`; where the list of jobs failed, the
    mark stays as it was, and where the forge failed at anything else, it is marked to be asked for again.
    Raises `BudgetError` at a limit and `ForgeError` where the forge is gone or does not know the token.
    """
    return _Details(client, task).page()


@dataclass(slots=True)
class _Details:
    client: Client
    task: Task
    rows: list[Row] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    logs: list[RawLog] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    dirty: int = 0
    lacking: bool = False
    """Whether a log or a report failed in passing."""
    results: Results = field(init=False)

    def __post_init__(self) -> None:
        self.results = Results(self.rows)

    def page(self) -> Page:
        before = self.client.spent
        done = True
        try:
            jobs = self.client.pages(f"{self._path('runs', self.task.run_id)}/jobs", "jobs", {"filter": "all"})
            bodies = {str(body.get("id")): body for body in jobs}  # a list that shifts tells some of them twice
        except RefusedError as error:
            if error.status == 401:
                raise
            done = error.status in _GONE
            self._gap("jobs", f"run {self.task.run_id}", reason_of("jobs", error))
        else:
            self._had("jobs", f"run {self.task.run_id}")
            self._jobs(list(bodies.values()))
        if done:
            mark = self.task.mark.detailed(lacking=self.lacking, recent=self.task.recent)
            self.marks.append(Mark(kind="run", key=self.task.key, value=str(mark)))
        cost = self.client.spent.since(before)
        return Page(rows=self.rows, closed=self.closed, logs=self.logs, marks=self.marks, dirty=self.dirty, **cost)

    def _jobs(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        mark, repository = self.task.mark, self.task.repository
        every = [
            row for body in bodies for row in job_rows(repository.host, body, repository.repository_id, mark.attempt)
        ]
        starts = {mark.attempt: mark.started_at} if mark.started_at else {}
        jobs = carry_over([row for row in every if isinstance(row, Job)], starts)
        self.rows += [*jobs, *(row for row in every if isinstance(row, Step)), *derived_attempts(jobs, mark.attempt)]
        fresh = [job for job in jobs if job.attempt > mark.known and not job.carried_over]
        known = {number_of(body.get("id")): body for body in bodies}
        self.dirty = sum(
            backwards(instant(body.get("started_at")), instant(body.get("completed_at"))) for body in bodies
        )
        for job in fresh:
            if job.result in FAILING:
                body = known.get(job.job_id, {})
                self._log(job, failed_step(body))
                if node := bounded(body.get("node_id")):
                    key = f"{repository.repository_id}/{job.job_id}"
                    self.marks.append(Mark(kind="annotate", key=key, value=node))
        ran = [job for job in fresh if job.result != Result.SKIPPED]
        if any(job.result in FAILING or job.attempt > 1 for job in ran):
            self._reports(ran)

    def _log(self, job: Job, step: str | None) -> None:
        try:
            tail = LOG_TAIL if sum(len(log.text) for log in self.logs) < LOGS_IN_FULL else LOG_TAIL_OF_MANY
            text = self.client.blob(f"{self._path('jobs', job.job_id)}/logs", lambda chunks: log_text(chunks, tail))
        except UnfitError as error:
            self._gap("log", f"job {job.job_id}", str(error))
        except RefusedError as error:
            self._refused("log", f"job {job.job_id}", "log", error)
        else:
            log = RawLog(
                host=job.host,
                job_id=job.job_id,
                run_id=job.run_id,
                forge_result=job.forge_result,
                failed_step=step,
                text=text,
            )
            self.logs.append(log)
            self._had("log", f"job {job.job_id}")

    def _reports(self, fresh: Sequence[Job]) -> None:
        try:
            bodies = list(self.client.pages(f"{self._path('runs', self.task.run_id)}/artifacts", "artifacts"))
        except RefusedError as error:
            self._refused("tests", f"run {self.task.run_id}", "artifacts", error)
            return
        self._had("tests", f"run {self.task.run_id}")
        found = [self._report(body, fresh) for body in bodies]
        ledgers: dict[tuple[int, int], Ledger] = {}
        # Those of one job first: where another gathers the files of several jobs, it is passed over for its copies.
        for report in sorted(
            (one for one in found if one is not None), key=lambda one: (one.job_id == 0, one.name, one.number)
        ):
            place = (report.job_id, report.attempt)
            ledger = ledgers.setdefault(place, Ledger(self.task.repository.host, self.task.run_id, *place))
            self._read(report, ledger)

    def _report(self, body: Mapping[str, Any], fresh: Sequence[Job]) -> "_Report | None":
        """The artifact as a report to read; None where it belongs to an attempt read before, or to a job of no interest."""
        name, number = bounded(body.get("name")), body.get("id")
        attempt = _attempt_at(instant(body.get("created_at")), fresh, self.task.mark)
        jobs = [job for job in fresh if job.attempt == attempt]
        if name is None or not isinstance(number, int) or not jobs:
            return None
        owner = assign(name, {job.name for job in jobs})
        owners = [job for job in jobs if job.name == owner]
        telling = any(job.result in FAILING or job.attempt > 1 for job in owners)
        if not telling and not looks_like_report(name):
            return None
        size = body.get("size_in_bytes")
        if body.get("expired") is True:
            self._gap("tests", self._subject(name), "artifact expired")
        elif isinstance(size, int) and size > ARCHIVE_MOST:
            self._gap("tests", self._subject(name), f"larger than {ARCHIVE_MOST // 2**20} MiB")
        else:
            return _Report(number, name, owners[0].job_id if len(owners) == 1 else 0, attempt)
        return None

    def _read(self, report: "_Report", ledger: Ledger) -> None:
        subject = self._subject(report.name)
        try:
            with self.client.blob(f"{self._path('artifacts', report.number)}/zip", archive) as file:
                for name, fault in self.results.read(file, ledger, copies=report.job_id != 0):
                    part = f"{subject}/{name}" if name else subject
                    if fault is None:
                        self._had("tests", part)
                    else:
                        self._gap("tests", part, fault)
        except UnfitError as error:
            self._gap("tests", subject, str(error))
        except RefusedError as error:
            self._refused("tests", subject, "artifact", error)
        else:
            self._had("tests", subject)

    def _path(self, kind: str, number: int) -> str:
        return f"/repos/{quote(self.task.repository.full_name)}/actions/{kind}/{number}"

    def _subject(self, artifact: str) -> str:
        return f"run {self.task.run_id}: {artifact}"

    def _had(self, kind: str, subject: str) -> None:
        self.closed.append(Closed(repository=self.task.repository.full_name, kind=kind, subject=subject))

    def _refused(self, kind: str, subject: str, what: str, error: RefusedError) -> None:
        if error.status == 401:
            raise error  # the token has ended, which is no matter of this run
        self.lacking = self.lacking or in_passing(error)
        self._gap(kind, subject, reason_of(what, error))

    def _gap(self, kind: str, subject: str, reason: str) -> None:
        repository = self.task.repository
        self.rows.append(gap(repository.host, repository.full_name, kind, subject, reason))


@dataclass(frozen=True, slots=True)
class _Report:
    number: int
    name: str
    job_id: int
    attempt: int


def _attempt_at(moment: datetime | None, fresh: Sequence[Job], mark: RunMark) -> int:
    """The attempt under way when an artifact was made: an artifact does not name its own."""
    if moment is None:
        return mark.attempt
    before = mark.known or min(job.attempt for job in fresh)
    starts = {job.attempt: job.started_at for job in sorted(fresh, key=_start, reverse=True)}
    under_way = [attempt for attempt, start in starts.items() if start is not None and start <= moment]
    return max(under_way, default=before)


def _start(job: Job) -> tuple[bool, float]:
    return job.started_at is None, job.started_at.timestamp() if job.started_at else 0.0


def in_passing(error: RefusedError) -> bool:
    """Whether the same may be had another day."""
    return error.status == 0 or error.status >= 500 or error.status == 429


def reason_of(what: str, error: RefusedError) -> str:
    """Why something could not be had, in a few words."""
    if error.status in _GONE:
        return f"{what} expired"
    if error.status in _NOT_PERMITTED:
        return f"{what} not permitted to this token ({error.status})"
    return f"{what} refused ({error.status})" if error.status else f"{what} not had: {error.trouble}"
