"""What the store holds already of what is handed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb

from pipelinedoctor.model import Result

_FAILED = f"('{Result.FAILURE.value}', '{Result.ERROR.value}')"
_FAILING = f"""
    SELECT DISTINCT failed.job_id
    FROM (SELECT job_id, test, ordinal FROM test_results
        WHERE host = $1 AND job_id IN (SELECT unnest($2)) AND result IN {_FAILED}) AS failed
    WHERE NOT EXISTS (SELECT 1 FROM test_results AS later
        WHERE later.host = $1 AND later.job_id = failed.job_id AND later.test = failed.test
            AND later.ordinal > failed.ordinal)
"""  # noqa: S608  own words only
_KNOWN = "SELECT DISTINCT job_id FROM test_results WHERE host = $1 AND job_id IN (SELECT unnest($2))"
_RUNS = "SELECT run_id, branch, created_at, updated_at FROM runs WHERE host = $1 AND run_id IN (SELECT unnest($2))"
_JOBS = "SELECT run_id, job_id, attempt, result, started_at FROM jobs WHERE host = $1 AND run_id IN (SELECT unnest($2))"
_ORIGINS = "SELECT DISTINCT origin FROM sources WHERE host = $1"


@dataclass(frozen=True, slots=True)
class StoredJob:
    """What a run's result and start are put together from."""

    attempt: int
    result: Result
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What is kept of a run that is handed in again; `jobs` by their ids."""

    branch: str | None
    created_at: datetime
    updated_at: datetime
    jobs: dict[int, StoredJob] = field(default_factory=dict)


def origins(connection: duckdb.DuckDBPyConnection, host: str) -> set[str]:
    """Where the rows of a host came from, in the words of `sources`."""
    return {origin for (origin,) in connection.execute(_ORIGINS, [host]).fetchall()}


def known_jobs(connection: duckdb.DuckDBPyConnection, host: str, jobs: Sequence[int]) -> set[int]:
    """Those of the jobs that have results of tests in the store."""
    return {job for (job,) in connection.execute(_KNOWN, [host, list(jobs)]).fetchall()}


def failing_jobs(connection: duckdb.DuckDBPyConnection, host: str, jobs: Sequence[int]) -> set[int]:
    """Those of the jobs in which the last execution of some test failed."""
    return {job for (job,) in connection.execute(_FAILING, [host, list(jobs)]).fetchall()}


def stored_runs(connection: duckdb.DuckDBPyConnection, host: str, runs: Sequence[int]) -> Mapping[int, StoredRun]:
    """Those of the runs that are in the store, with their jobs, by id."""
    known = {
        run: StoredRun(branch, _utc(created), _utc(updated))
        for run, branch, created, updated in connection.execute(_RUNS, [host, list(runs)]).fetchall()
    }
    for run, job, attempt, result, started in connection.execute(_JOBS, [host, list(runs)]).fetchall():
        if run in known:
            known[run].jobs[job] = StoredJob(attempt, Result(result), started and _utc(started))
    return known


def _utc(stored: Any) -> datetime:
    at: datetime = stored.replace(tzinfo=UTC)
    return at
