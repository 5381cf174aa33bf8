"""The frames that queries see: the only door from the store to the questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType

import polars as pl

from pipelinedoctor.stats.names import job_names
from pipelinedoctor.store import questions
from pipelinedoctor.store.reader import Reader
from pipelinedoctor.timespan import Window

__all__ = ["History", "Totals", "Window"]

_NONE: Mapping[str, str] = MappingProxyType({})
_IDENTITY = ("host", "repository_id", "pipeline_id", "name")


@dataclass(frozen=True, slots=True)
class Totals:
    """What happened in a window. Minutes are runner minutes, each job rounded up to a whole minute.

    `jobs` are executions, skipped ones too, carried-over ones not. `contradicted_jobs` are failing executions of jobs
    that passed, too, on the same commit in the same event class.
    """

    runs: int
    jobs: int
    test_results: int
    runner_minutes: int
    failing_jobs: int
    failing_minutes: int
    contradicted_jobs: int
    contradicted_minutes: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """A view or table, the columns that order it, and the time that decides whether a row lies in a window."""

    source: str
    key: tuple[str, ...]
    at: str | None = None
    of_jobs: bool = False
    """It has `name`, so it gets `job`."""


_REPOSITORIES = _Frame("repositories", ("host", "repository_id"))
_RUNS = _Frame("run_history", ("host", "run_id"), "created_at")
_JOBS = _Frame("job_history", ("host", "job_id"), "run_created_at", of_jobs=True)
_STEPS = _Frame("step_history", ("host", "job_id", "number"), "run_created_at", of_jobs=True)
_FAILURES = _Frame("failure_history", ("host", "job_id", "ordinal"), "run_created_at", of_jobs=True)
_TESTS = _Frame(
    "test_history", ("host", "run_id", "job_id", "attempt", "test", "ordinal"), "run_created_at", of_jobs=True
)
_COMMITS = _Frame("commits", ("host", "repository_id", "sha"), "committed_at")
_GAPS = _Frame("fetch_gaps", ("host", "repository", "kind", "subject"))
_SOURCES = _Frame("sources", ("host", "origin"))


class History:
    """Lazy frames over one store, as of one moment. Columns and windows become SQL.

    Times are `Datetime("us", "UTC")`, ids and counts Int64, durations seconds in Float64. Rows are ordered by key.
    Where nothing else is said, a frame holds what belongs to runs made in `window`, the history's own by default;
    `columns` keeps only these.
    """

    def __init__(self, reader: Reader, window: Window, trend: Window, remedies: Mapping[str, str] = _NONE) -> None:
        self._reader = reader
        self.window = window
        """What findings speak of; its end is the report's "now"."""
        self.trend = trend
        """What trends speak of: longer, with the same end."""
        self.remedies = remedies
        """What to do about failures that a rule explains, by the rule's id; the team's own rules are among them."""

    def repositories(self) -> pl.LazyFrame:
        """All repositories: the columns of the table."""
        return self._scan(_REPOSITORIES)

    def runs(self, columns: Sequence[str] | None = None, window: Window | None = None) -> pl.LazyFrame:
        """Runs: host, forge, repository_id, repository, default_branch, on_default, run_id, run_number, pipeline_id,
        pipeline (never null), pipeline_name, event, event_class, branch, commit_sha, change_number, title, actor,
        status, result, forge_result, attempt, created_at, updated_at, html_url.

        `event_class` tells which tree was run: `change`, `merge_group`, `default` (pushes and schedules on the default
        branch) or `other`.
        """
        return self._scan(_RUNS, columns, window or self.window)

    def jobs(self, columns: Sequence[str] | None = None, window: Window | None = None) -> pl.LazyFrame:
        """Executions of jobs, carried-over ones left out: of their run host, forge, repository_id, repository,
        default_branch, on_default, run_id, run_number, pipeline_id, pipeline, event, event_class, branch, commit_sha,
        change_number, actor, run_created_at, run_url; their own job_id, attempt, name, job (identity over time),
        result, forge_result, created_at, started_at, completed_at, queue_s, duration_s, billed_minutes, labels,
        runner, html_url, detail (`outcomes` where created_at, queue_s, labels and runner were not read), stage,
        allow_failure, failure_reason.
        """
        return self._scan(_JOBS, columns, window or self.window)

    def steps(self, columns: Sequence[str] | None = None, window: Window | None = None) -> pl.LazyFrame:
        """Steps of jobs that did not succeed: the columns of `jobs()`, and number, step (its name), step_result,
        step_started_at, step_completed_at.
        """
        return self._scan(_STEPS, columns, window or self.window)

    def failures(self, columns: Sequence[str] | None = None, window: Window | None = None) -> pl.LazyFrame:
        """Why jobs failed: the columns of `jobs()`, and ordinal, step, line, excerpt, masked, category, rule,
        fingerprint.
        """
        return self._scan(_FAILURES, columns, window or self.window)

    def test_results(self, columns: Sequence[str] | None = None, window: Window | None = None) -> pl.LazyFrame:
        """Executions of tests: the run's columns as in `jobs()`, then job_id, attempt, name, job, job_result,
        started_at, completed_at, labels, runner, html_url of the job (null where `job_id` is 0), and the test's own
        test, ordinal, suite, result, duration_s, message, detail, position (its place in the job's reports, from 0; null
        where it was stored before places were kept).
        """
        return self._scan(_TESTS, columns, window or self.window)

    def commits(self, columns: Sequence[str] | None = None, window: Window | None = None) -> pl.LazyFrame:
        """Commits: the columns of the table. All of them, or those committed in `window`: they precede their runs."""
        return self._scan(_COMMITS, columns, window)

    def gaps(self) -> pl.LazyFrame:
        """What could not be had, and why: the columns of the table `fetch_gaps`."""
        return self._scan(_GAPS)

    def sources(self) -> pl.LazyFrame:
        """Where the rows came from: the columns of the table `sources`."""
        return self._scan(_SOURCES)

    def job_names(self) -> pl.DataFrame:
        """Identity of jobs over time, from all of the store: host, repository_id, pipeline_id, name, job."""
        return self._names[0]

    def same_commit(self, window: Window | None = None) -> pl.DataFrame:
        """What failed, by commit, and whether it passed there, too; one row for each host, repository_id, pipeline_id,
        job, name, commit_sha and event_class with at least one failing execution, ordered by these. The name is among them
        because a job's shards share its identity, and one shard does not contradict another.

        Further columns: forge, repository, pipeline; failures, successes (Int64), failing_minutes (Int64, billed);
        first_failed_at, last_failed_at; failed_job_id, failed_run_id, failed_url of the last failing execution;
        passed_job_id, passed_run_id, passed_url of the last passing one, null where there is none. Results `failure`
        and `timed_out` are failing, `success` is passing, no other counts. Failing keys are found first, and only their
        passes looked for: most jobs never fail.
        """
        return self._reader.frame(
            questions.same_commit(self._identified("job_history")), _bounds(window or self.window)
        )

    def failed_tests(self) -> pl.DataFrame:
        """Failing executions of tests in the window, one row for each test and report, in order of time: host, forge,
        repository_id, repository, pipeline_id, pipeline, run_id, attempt, job_id (0 where the report belongs to no known
        job), test, message (its first 200 characters; those of the trace where there is none), name and job ("" where the
        job is not known), job_result, commit_sha, event_class, branch, change_number, run_created_at, completed_at, html_url
        (of the job, else of the run). Several results of one test in a report are one execution, which failed if any did.
        """
        failed = self._reader.frame(questions.FAILED_TESTS, _bounds(self.window))
        named = failed.join(self.job_names(), on=list(_IDENTITY), how="left", maintain_order="left")
        return named.with_columns(pl.col("job").fill_null(""))

    def test_reports(self) -> pl.DataFrame:
        """Reports of tests in the window: host, run_id, attempt, job_id, and `tests`, the results in it but skipped ones."""
        return self._reader.frame(questions.REPORTS, _bounds(self.window))

    def passed_tests(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """Which of the wanted executions of tests passed: the rows of `wanted` (host, run_id, attempt, job_id, test) with a
        success, at any time.
        """
        kept = self._reader.keep(wanted.select("host", "run_id", "attempt", "job_id", "test").unique())
        return self._reader.frame(questions.PASSED_TESTS.format(wanted=kept))

    def last_passes(self, tests: pl.DataFrame) -> pl.DataFrame:
        """When a run of the window was made in which a report told last that a test passed (`tests`: host, repository_id,
        pipeline_id, test): these and passed_at; no row where none did.
        """
        kept = self._reader.keep(tests.select("host", "repository_id", "pipeline_id", "test").unique())
        return self._reader.frame(questions.LAST_PASSES.format(tests=kept), _bounds(self.window))

    def traces(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """What failing executions of tests say (`wanted`: host, run_id, attempt, job_id, test): these, message and detail."""
        kept = self._reader.keep(wanted.select("host", "run_id", "attempt", "job_id", "test").unique())
        return self._reader.frame(questions.TRACES.format(wanted=kept))

    def failed_in(self, jobs: pl.DataFrame) -> pl.DataFrame:
        """The tests that failed in executions of jobs (`jobs`: host, job_id): host, job_id, test, each once, sorted."""
        kept = self._reader.keep(jobs.select("host", "job_id").unique())
        return self._reader.frame(questions.FAILED_IN.format(jobs=kept))

    def counted_results(self) -> pl.DataFrame:
        """Results of tests in the window by repository: host, repository_id, test_results, sorted."""
        return self._reader.frame(questions.RESULTS, _bounds(self.window))

    def known_tests(self) -> int:
        """How many tests, by repository and pipeline, have a result in the window, skipped ones left out."""
        number: int = self._reader.frame(questions.KNOWN_TESTS, _bounds(self.window)).item()
        return number

    def placed_tests(self, jobs: pl.DataFrame) -> pl.DataFrame:
        """The order in which tests ran in the executions of jobs that `jobs` (host, job_id) names: host, job_id, test,
        position; a row for each execution of a test that was not skipped and of which the place is known, in order.
        """
        kept = self._reader.keep(jobs.select("host", "job_id").unique())
        return self._reader.frame(questions.PLACED.format(jobs=kept))

    def tests_before(self, tests: pl.DataFrame) -> pl.DataFrame:
        """What stands right before tests in the reports of executions of jobs (`tests`: host, job_id, test): host, job_id,
        test and `before`, null where it is the first; a row for each of which the place is known.
        """
        kept = self._reader.keep(tests.select("host", "job_id", "test").unique())
        return self._reader.frame(questions.BEFORE.format(wanted=kept))

    def totals(self, window: Window | None = None) -> Totals:
        """What happened in the window, in numbers."""
        bounds = _bounds(window or self.window)
        counted = self._reader.frame(questions.totals(self._identified("job_history")), bounds)
        return Totals(**counted.row(0, named=True))

    @cached_property
    def _names(self) -> tuple[pl.DataFrame, str]:
        """The identities, and the temporary table that holds them."""
        names = job_names(self._reader.frame(questions.NAMES))
        return names, self._reader.keep(names)

    def _identified(self, source: str) -> str:
        """A view of jobs with the column `job`."""
        on = " AND ".join(f"named.{column} = seen.{column}" for column in _IDENTITY)
        return f"(SELECT seen.*, named.job FROM {source} AS seen LEFT JOIN {self._names[1]} AS named ON {on})"  # noqa: S608  own names only

    def _scan(self, frame: _Frame, columns: Sequence[str] | None = None, window: Window | None = None) -> pl.LazyFrame:
        schema = self._schema(frame)

        def sql(wanted: Sequence[str]) -> tuple[str, Sequence[object]]:
            source = self._identified(frame.source) if "job" in wanted else frame.source
            where = f"WHERE {frame.at} >= $1 AND {frame.at} < $2" if window else ""
            text = f"SELECT {', '.join(wanted)} FROM {source} {where} ORDER BY {', '.join(frame.key)}"  # noqa: S608  own names only
            return text, _bounds(window) if window else ()

        scanned = self._reader.scan(schema, sql)
        return scanned if columns is None else scanned.select(columns)

    def _schema(self, frame: _Frame) -> dict[str, pl.DataType]:
        schema = dict(self._reader.frame(f"SELECT * FROM {frame.source} LIMIT 0").schema)  # noqa: S608  own names only
        if not frame.of_jobs:
            return schema
        names = list(schema)
        names.insert(names.index("name") + 1, "job")
        return {name: schema.get(name, pl.String()) for name in names}


def _bounds(window: Window) -> tuple[datetime, datetime]:
    """Start and end as the TIMESTAMPs of the store."""
    start, end = (at.astimezone(UTC).replace(tzinfo=None) for at in (window.start, window.end))
    return start, end
