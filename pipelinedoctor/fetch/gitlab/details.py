"""The details of one pipeline: the logs of jobs that failed, its test report, and the reports that retried jobs left behind."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelinedoctor.fetch.archived import Results
from pipelinedoctor.fetch.download import LOG_TAIL, UnfitError, archive, log_text
from pipelinedoctor.fetch.gitlab.client import Client
from pipelinedoctor.fetch.gitlab.marks import Lacking, RunMark
from pipelinedoctor.fetch.gitlab.project import Project
from pipelinedoctor.fetch.gitlab.reports import results
from pipelinedoctor.fetch.gitlab.rows import OddError, gap
from pipelinedoctor.fetch.interface import Closed, Page, RawLog
from pipelinedoctor.fetch.junit import Ledger
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Row, TestResult

LOGS_IN_FULL = 4 * LOG_TAIL
"""Characters of logs of one pipeline, all in memory together, after which less is kept of each further one."""
LOG_TAIL_OF_MANY = 256 * 1024


@dataclass(frozen=True, slots=True)
class Task:
    """A pipeline whose details are wanted, and its mark.

    `recent`: it changed not long ago, so that what failed in passing is worth another try in the next fetch.
    """

    project: Project
    run_id: int
    mark: RunMark
    recent: bool


def details(client: Client, task: Task) -> tuple[RunMark, Page]:
    """The details as one page, and the mark that is to be set with it.

    What the forge no longer has, or does not let the token read, becomes a `FetchGap`.
    Raises `BudgetError` at a limit and `ForgeError` where the forge is gone.
    """
    return _Details(client, task).page()


def reason(what: str, error: RefusedError | OddError) -> str:
    """Why something could not be had, in a few words."""
    if isinstance(error, OddError):
        return error.why
    if error.status in {404, 410}:
        return f"{what} expired or erased"
    if error.status in {401, 403}:
        return f"{what} not permitted to this token ({error.status})"
    return f"{what} refused ({error.status})" if error.status else f"{what} not had: {error.trouble}"


@dataclass(slots=True)
class _Details:
    client: Client
    task: Task
    rows: list[Row] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    logs: list[RawLog] = field(default_factory=list)
    lacking: Lacking = field(default_factory=Lacking)

    def page(self) -> tuple[RunMark, Page]:
        made, mark = self.client.made, self.task.mark
        for job_id in mark.logs:
            self._log(job_id)
        told = self._report() if mark.jobs else []
        self.rows += told
        results = Results(self.rows, len(told))
        for job_id, attempt in mark.archives:
            self._archive(job_id, attempt, results)
        mark = mark.detailed({one.job_id for one in told}, self.lacking if self.task.recent else None)
        return mark, Page(rows=self.rows, closed=self.closed, logs=self.logs, requests=self.client.made - made)

    def _log(self, job_id: int) -> None:
        tail = LOG_TAIL if sum(len(log.text) for log in self.logs) < LOGS_IN_FULL else LOG_TAIL_OF_MANY
        try:
            text = self.client.blob(f"{self.task.project.path}/jobs/{job_id}/trace", lambda chunks: _text(chunks, tail))
        except (UnfitError, RefusedError, OddError) as error:
            self._gap("log", f"job {job_id}", "log", error)
            if in_passing(error):
                self.lacking.logs.add(job_id)
            return
        host, run_id = self.task.project.repository.host, self.task.run_id
        self.logs.append(
            RawLog(host=host, job_id=job_id, run_id=run_id, forge_result="failed", failed_step=None, text=text)
        )
        self._had("log", f"job {job_id}")

    def _report(self) -> list[TestResult]:
        mark, run_id, project = self.task.mark, self.task.run_id, self.task.project
        try:
            body = self.client.ask(f"{project.path}/pipelines/{run_id}/test_report")
            found = results(project.repository.host, run_id, mark.attempt, mark.jobs, body)
        except (UnfitError, RefusedError, OddError) as error:
            self._gap("tests", f"run {run_id}", "test report", error)
            self.lacking.report = in_passing(error)
            return []
        self._had("tests", f"run {run_id}")
        return found

    def _archive(self, job_id: int, attempt: int, results: Results) -> None:
        """The reports in what a job left behind."""
        project, subject = self.task.project, f"job {job_id}"
        ledger = Ledger(project.repository.host, self.task.run_id, job_id, attempt)
        try:
            with self.client.blob(f"{project.path}/jobs/{job_id}/artifacts", archive) as file:
                for name, fault in results.read(file, ledger, copies=True):
                    part = f"{subject}: {name}" if name else subject
                    if fault is None:
                        self._had("tests", part)
                    else:
                        self._gap("tests", part, "report", UnfitError(fault))
        except (UnfitError, RefusedError, OddError) as error:
            self._gap("tests", subject, "artifacts", error)
            if in_passing(error):
                self.lacking.archives.add(job_id)
        else:
            self._had("tests", subject)

    def _had(self, kind: str, subject: str) -> None:
        name = self.task.project.repository.full_name
        self.closed.append(Closed(repository=name, kind=kind, subject=subject))

    def _gap(self, kind: str, subject: str, what: str, error: UnfitError | RefusedError | OddError) -> None:
        repository = self.task.project.repository
        why = str(error) if isinstance(error, UnfitError) else reason(what, error)
        self.rows.append(gap(repository.host, repository.full_name, kind, subject, why))


def in_passing(error: UnfitError | RefusedError | OddError) -> bool:
    """Whether the same may be had another day."""
    return isinstance(error, RefusedError) and (error.status == 0 or error.status >= 500 or error.status == 429)


def _text(chunks: Iterator[bytes], tail: int) -> str:
    """A log; GitLab answers with nothing where it has none."""
    text = log_text(chunks, tail)
    if not text.strip():
        raise UnfitError("log is empty")
    return text
