"""What is true of a fleet, as frames. Times are UTC. Keys are those of the store: host, repository_id, pipeline_id, test, run_id, job_id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pipelinedoctor.simulate.clock import DAY
from pipelinedoctor.simulate.fleet.durations import Series
from pipelinedoctor.simulate.fleet.executions import Happened
from pipelinedoctor.simulate.fleet.failing import Cause
from pipelinedoctor.simulate.fleet.plan import Ints
from pipelinedoctor.simulate.fleet.settings import LAST_RUN, Settings
from pipelinedoctor.simulate.fleet.sickness import Outage
from pipelinedoctor.simulate.fleet.traffic import PULL
from pipelinedoctor.simulate.plan import HOST

_TIME = pl.Datetime("us", "UTC")
_UNIT = {"host": pl.String, "repository_id": pl.Int64, "pipeline_id": pl.Int64}
_CAUSES = ("regression", "genuine", "flaky", "outage", "runner")
_SLOWER = "slower"

FLAKY = {
    **_UNIT, "test": pl.String, "p": pl.Float64, "axis": pl.String, "value": pl.String, "relative_risk": pl.Float64,
    "cluster": pl.Int64, "since": _TIME, "until": _TIME, "flaky_failures": pl.Int64,
}  # fmt: skip
REGRESSIONS = {
    **_UNIT, "tests": pl.List(pl.String), "first_bad_sha": pl.String, "first_at": _TIME, "fixed_sha": pl.String,
    "fixed_at": _TIME, "p": pl.Float64, "runs_hit": pl.Int64,
}  # fmt: skip
OUTAGES = {
    "start": _TIME, "end": _TIME, "kind": pl.String, "hit": pl.Float64, "wiped": pl.Float64, "runs_hit": pl.Int64,
}  # fmt: skip
RENAMES = {**_UNIT, "old": pl.String, "new": pl.String, "at": _TIME}
SERIES = {
    **_UNIT, "job": pl.String, "kind": pl.String, "at": _TIME, "until": _TIME, "factor": pl.Float64, "runs": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of a fleet.

    - `flaky`: a row a flaky test. `p` is its chance to fail in an execution, over all; on the `value` of `axis` (os, version,
      hour or event) it is `relative_risk` times as high as elsewhere, though at most 0.6; tests with one `cluster` (a number in the fleet) fail together;
      `since` and `until` are null where it did not begin or end in the window; `flaky_failures` is how many executions it
      failed for its flakiness.
    - `regressions`: a row a regression and pipeline that it shows in: `tests` that fail (each execution with chance `p`) from `first_bad_sha` on, up to before
      `fixed_sha` (null: to the end); `runs_hit` are runs of the default branch that failed for it.
    - `causes`: host, run_id, job_id, attempt, test, cause, a row a failing execution of a test, cause being one of
      regression, genuine, flaky, outage.
    - `job_causes`: host, run_id, job_id, attempt, cause, closing: a row a job that ran and failed; cause may be runner, too; a
      `closing` job has that of the worst job it waited for.
    - `outages`: start, end, kind, the share of runs hit, the share of tests wiped, and `runs_hit` by it.
    - `series`: a row a job: kind is steady, step, bump or drift; from `at` (to `until`, a bump) it takes `factor` of what it
      took; a drift has come to its factor at the end of the window; `runs` executions of it passed.
    - `minutes`: host, repository_id, cause and minutes of runners: `failed` in jobs that failed for the cause, `rerun` in
      attempts made because of it, whole minutes a job; `waited` from the end of an attempt that failed for it to that of
      the next; cause `slower` has in `failed` what steps, bumps and drifts cost.
    - `renames`: host, repository_id, pipeline_id, old, new, at: jobs that were renamed.
    """

    flaky: pl.DataFrame
    regressions: pl.DataFrame
    causes: pl.DataFrame
    job_causes: pl.DataFrame
    outages: pl.DataFrame
    series: pl.DataFrame
    minutes: pl.DataFrame
    renames: pl.DataFrame


def _unit(one: Happened) -> tuple[str, int, int]:
    return HOST, one.repository.repository_id, one.outcome.pipeline.pipeline_id


def flaky_rows(found: Sequence[Happened], settings: Settings) -> pl.DataFrame:
    """The flaky tests."""
    rows: list[tuple[object, ...]] = []
    clusters = 0
    for one in found:
        hits = np.zeros(len(one.outcome.pipeline.tests), dtype=np.int64)
        for failing in one.outcome.failing:
            np.add.at(hits, failing.test[failing.cause == Cause.FLAKY], 1)
        for group in one.outcome.sick.groups:
            cluster = clusters + group.cluster if group.cluster >= 0 else None
            since = group.since if group.since > settings.start else None
            until = group.until if group.until <= LAST_RUN else None
            axis = (group.axis, group.value, group.risk) if group.axis else (None, None, None)
            rows += [
                (
                    *_unit(one),
                    one.outcome.pipeline.tests[test],
                    group.chance(),
                    *axis,
                    cluster,
                    since,
                    until,
                    int(hits[test]),
                )
                for test in group.tests.tolist()
            ]
        clusters += sum(len(group.tests) > 1 for group in one.outcome.sick.groups)
    return _timed(rows, FLAKY)


def regression_rows(found: Sequence[Happened]) -> pl.DataFrame:
    """The regressions."""
    rows: list[tuple[object, ...]] = []
    for one in found:
        at, sha = one.traffic.main_at, one.traffic.main_sha
        main = one.outcome.triggers.event != PULL
        for number, bad in enumerate(one.outcome.sick.regressions):
            hit = {
                run
                for failing in one.outcome.failing
                for run in failing.run[(failing.cause == Cause.REGRESSION) & (failing.key == number)].tolist()
                if main[run]
            }
            tests = [one.outcome.pipeline.tests[test] for test in bad.tests.tolist()]
            fixed = (sha[bad.fixed], int(at[bad.fixed])) if bad.fixed >= 0 else (None, None)
            rows.append((*_unit(one), tests, sha[bad.first], int(at[bad.first]), *fixed, bad.p, len(hit)))
    return _timed(rows, REGRESSIONS)


def outage_rows(found: Sequence[Happened], outages: Sequence[Outage]) -> pl.DataFrame:
    """The outages."""
    hit: list[set[int]] = [set() for _ in outages]
    for one in found:
        attempt, run, job = np.nonzero(one.outcome.ran & (one.outcome.cause == Cause.OUTAGE))
        for number, run_id in zip(one.outcome.key[attempt, run, job].tolist(), one.runs[run].tolist(), strict=True):
            hit[number].add(run_id)
    rows = [
        (each.start, each.end, each.kind, each.hit, each.wiped, len(runs))
        for each, runs in zip(outages, hit, strict=True)
    ]
    return _timed(rows, OUTAGES)


def series_rows(found: Sequence[Happened], courses: Sequence[Sequence[Series]], settings: Settings) -> pl.DataFrame:
    """The course of each job's duration."""
    rows: list[tuple[object, ...]] = []
    for one, mine in zip(found, courses, strict=True):
        passed = (one.outcome.ran & (one.outcome.cause == Cause.NONE)).sum(axis=(0, 1))
        for place, (job, course) in enumerate(zip(one.outcome.pipeline.jobs, mine, strict=True)):
            at = None if course.kind == "steady" else settings.start + course.day * DAY
            until = settings.start + (course.day + course.days) * DAY if course.kind == "bump" else None
            rows.append((*_unit(one), job.name, course.kind, at, until, course.factor, int(passed[place])))
    return _timed(rows, SERIES)


def rename_rows(found: Sequence[Happened]) -> pl.DataFrame:
    """The jobs that were renamed."""
    rows = [
        (*_unit(one), job.former, job.name, job.renamed)
        for one in found
        for job in one.outcome.pipeline.jobs
        if job.former
    ]
    return _timed(rows, RENAMES)


def cause_rows(one: Happened) -> pl.DataFrame:
    """The cause of each failing execution of a test of a pipeline."""
    parts = [
        _caused(
            one.runs[failing.run], one.jobs[attempt, failing.run, failing.job], attempt, failing.cause
        ).with_columns(pl.Series("test", one.outcome.pipeline.tests, dtype=pl.String).gather(failing.test))
        for attempt, failing in enumerate(one.outcome.failing)
    ]
    return pl.concat(parts).select("host", "run_id", "job_id", "attempt", "test", "cause")


def job_cause_rows(one: Happened) -> pl.DataFrame:
    """The cause of each failed execution of a job of a pipeline."""
    attempt, run, job = np.nonzero(one.outcome.ran & (one.outcome.cause != Cause.NONE))
    closing = np.array([plan.kind == "closing" for plan in one.outcome.pipeline.jobs])[job]
    found = _caused(one.runs[run], one.jobs[attempt, run, job], 0, one.outcome.cause[attempt, run, job])
    return found.with_columns(pl.Series("attempt", attempt + 1), pl.Series("closing", closing))


def _caused(runs: Ints, jobs: Ints, attempt: int, cause: Ints) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "host": pl.repeat(HOST, len(runs), dtype=pl.String, eager=True),
            "run_id": runs,
            "job_id": jobs,
            "attempt": np.full(len(runs), attempt + 1),
            "cause": pl.Series(_CAUSES).gather(cause),
        }
    )


def minute_rows(one: Happened) -> pl.DataFrame:
    """Minutes lost in a pipeline, by cause."""
    outcome = one.outcome
    minutes = -(-(outcome.ended - outcome.started) // 60) * outcome.ran
    red = np.where(outcome.ran & (outcome.cause != Cause.NONE), outcome.cause, int(Cause.NONE)).min(axis=2)
    ends = np.where(outcome.ran, outcome.ended, 0).max(axis=2)
    rows = []
    for cause in list(Cause)[:-1]:
        failed = minutes[(outcome.cause == cause) & outcome.ran].sum()
        after = (red[:-1] == cause) & outcome.listed[1:, :, 0]
        rerun = minutes[1:].sum(axis=2)[after].sum()
        waited = (ends[1:] - ends[:-1])[after].sum() / 60
        rows.append((HOST, one.repository.repository_id, _CAUSES[cause], float(failed), float(rerun), float(waited)))
    passed = outcome.ran & (outcome.cause == Cause.NONE)
    slower = (outcome.ended - outcome.started - outcome.usual)[passed].sum() / 60
    rows.append((HOST, one.repository.repository_id, _SLOWER, float(max(slower, 0)), 0.0, 0.0))
    kinds = {"failed": pl.Float64, "rerun": pl.Float64, "waited": pl.Float64}
    return pl.DataFrame(rows, {"host": pl.String, "repository_id": pl.Int64, "cause": pl.String, **kinds}, orient="row")


def _timed(rows: Sequence[tuple[object, ...]], schema: Mapping[str, Any]) -> pl.DataFrame:
    """Rows with seconds where the schema has times."""
    plain = {name: pl.Int64 if kind == _TIME else kind for name, kind in schema.items()}
    zoned = [
        pl.from_epoch(name, "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias(name)
        for name, kind in schema.items()
        if kind == _TIME
    ]
    return pl.DataFrame(rows, plain, orient="row").with_columns(zoned)
