"""The rows of what ran: runs, attempts and jobs, numbered as a forge numbers them.

Times are UTC without a zone and columns those of `model`, as the store takes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, get_type_hints

import numpy as np
import polars as pl

from pipelinedoctor.model import Job, Row, Run, RunAttempt
from pipelinedoctor.simulate.fleet.durations import ATTEMPTS
from pipelinedoctor.simulate.fleet.failing import Cause
from pipelinedoctor.simulate.fleet.outcome import Outcome
from pipelinedoctor.simulate.fleet.plan import LABELS, Bools, Ints, Repository
from pipelinedoctor.simulate.fleet.settings import source
from pipelinedoctor.simulate.fleet.traffic import EVENTS, PULL, Traffic
from pipelinedoctor.simulate.plan import HOST

_FIRST_RUN = 21_500_000_000
_RUN_STEP = 1_013
_FIRST_JOB = 61_400_000_000
_JOB_STEP = 7
_RUNNERS = 40
_TYPES: dict[object, pl.DataType] = {
    str: pl.String(), int: pl.Int64(), float: pl.Float64(), bool: pl.Boolean(), datetime: pl.Datetime("us"),
}  # fmt: skip


@dataclass(frozen=True)
class Happened:
    """A pipeline's runs with their ids: `runs` by run, `jobs` by attempt, run and job (where listed, else 0)."""

    repository: Repository
    traffic: Traffic
    outcome: Outcome
    timed_out: Bools
    runs: Ints
    jobs: Ints


def schema(table: type[Row]) -> dict[str, pl.DataType]:
    """The columns of a table with their types, in order."""
    hints = get_type_hints(table)
    found = {}
    for field in fields(table):
        hint = hints[field.name]
        plain = next(one for one in _TYPES if one is hint or one in getattr(hint, "__args__", ()))
        found[field.name] = _TYPES[plain]
    return found


def frame(table: type[Row], columns: dict[str, Any]) -> pl.DataFrame:
    """A frame in the shape of a table; what is no series or array is one value for all rows."""
    kinds = schema(table)
    height = next(len(one) for one in columns.values() if isinstance(one, pl.Series | np.ndarray))
    whole = {name: _series(name, columns.get(name), kind, height) for name, kind in kinds.items()}
    return pl.DataFrame(whole)


def _series(name: str, values: object, kind: pl.DataType, height: int) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(name).cast(kind)
    if isinstance(values, np.ndarray):
        return pl.Series(name, values).cast(kind)
    return pl.Series(name, [values], kind).new_from_index(0, height)


def times(seconds: Ints) -> pl.Series:
    """Seconds since 1970 as times of the store."""
    return pl.Series(seconds * 1_000_000).cast(pl.Datetime("us"))


def words(values: Sequence[str | None], at: Ints) -> pl.Series:
    """Words by their place."""
    return pl.Series(values, dtype=pl.String).gather(at)


def numbered(seed: int, found: Sequence[tuple[Repository, Traffic, Outcome]]) -> list[Happened]:
    """Number runs and jobs of all pipelines by time."""
    made = np.concatenate([one.triggers.at for _, _, one in found])
    place = np.concatenate([np.full(len(one.triggers.at), at) for at, (_, _, one) in enumerate(found)])
    ranks = np.empty(len(made), dtype=np.int64)
    ranks[np.lexsort((place, made))] = np.arange(len(made))
    listed = [
        np.moveaxis(one.listed, 1, 0).reshape(len(one.triggers.at), ATTEMPTS * one.listed.shape[2])
        for _, _, one in found
    ]
    counts = np.concatenate([one.sum(axis=1) for one in listed])
    by_rank = np.zeros(len(made), dtype=np.int64)
    by_rank[ranks] = counts
    before = np.append([0], np.cumsum(by_rank))[ranks]
    happened, first = [], 0
    for (repository, traffic, one), mine in zip(found, listed, strict=True):
        runs = slice(first, first + len(mine))
        first += len(mine)
        order = np.cumsum(mine, axis=1) - 1 + before[runs][:, None]
        ids = np.where(mine, _FIRST_JOB + _JOB_STEP * order, 0)
        jobs = np.moveaxis(ids.reshape(len(mine), ATTEMPTS, one.listed.shape[2]), 1, 0)
        timed = source(seed, "timeouts", *one.pipeline.place).random(one.ran.shape) < 0.1
        timed &= one.cause == Cause.RUNNER
        happened.append(Happened(repository, traffic, one, timed, _FIRST_RUN + _RUN_STEP * ranks[runs], jobs))
    return happened


def run_rows(one: Happened) -> pl.DataFrame:
    """The runs of a pipeline as rows of `Run`."""
    outcome, repository, traffic = one.outcome, one.repository, one.traffic
    triggers, attempts = outcome.triggers, outcome.attempts
    red = outcome.red[attempts - 1, np.arange(len(attempts))]
    pulls = triggers.event == PULL
    change = np.where(
        pulls, triggers.change, traffic.main_change[np.maximum(triggers.base, 0)] if len(traffic.main_at) else 0
    )
    numbers = pl.Series(change + 1)
    mask = pl.Series(pulls)
    branch = pl.select(pl.when(mask).then(pl.format("change-{}", numbers)).otherwise(pl.lit("main"))).to_series()
    run_id = pl.Series(one.runs)
    return frame(
        Run,
        {
            "host": HOST,
            "run_id": run_id,
            "repository_id": repository.repository_id,
            "pipeline_id": outcome.pipeline.pipeline_id,
            "pipeline": outcome.pipeline.path,
            "pipeline_name": outcome.pipeline.name,
            "run_number": np.argsort(np.argsort(one.runs)) + 1,
            "event": words(EVENTS, triggers.event),
            "branch": branch,
            "commit_sha": words(traffic.shas, triggers.commit),
            "change_number": pl.select(pl.when(mask).then(numbers)).to_series(),
            "title": pl.select(pl.format("Change {}", numbers)).to_series(),
            "actor": words(repository.people, traffic.change_author[change]),
            "status": "completed",
            "result": words(("success", "failure"), red.astype(np.int64)),
            "forge_result": words(("success", "failure"), red.astype(np.int64)),
            "attempt": attempts,
            "created_at": times(triggers.at),
            "updated_at": times(last_end(outcome) + 2),
            "html_url": pl.select(pl.format("{}/actions/runs/{}", pl.lit(repository.html_url), run_id)).to_series(),
        },
    )


def last_end(outcome: Outcome) -> Ints:
    """When each run ended."""
    ended: Ints = np.where(outcome.ran, outcome.ended, 0).max(axis=(0, 2))
    return ended


def attempt_rows(one: Happened) -> pl.DataFrame:
    """The attempts of a pipeline's runs as rows of `RunAttempt`: the newest as the forge tells it, the others from their jobs."""
    outcome = one.outcome
    attempt, run = np.nonzero(outcome.listed[:, :, 0])
    newest = attempt + 1 == outcome.attempts[run]
    red = outcome.red[attempt, run].astype(np.int64)
    ran = outcome.ran[attempt, run]
    started = np.where(ran, outcome.started[attempt, run], np.iinfo(np.int64).max).min(axis=1)
    ended = np.where(ran, outcome.ended[attempt, run], 0).max(axis=1)
    result = words(("success", "failure"), red)
    return frame(
        RunAttempt,
        {
            "host": HOST,
            "run_id": one.runs[run],
            "attempt": attempt + 1,
            "result": result,
            "forge_result": pl.select(pl.when(pl.Series(newest)).then(result)).to_series(),
            "started_at": times(np.where(newest, outcome.began[attempt, run], started)),
            "completed_at": times(np.where(newest, last_end(outcome)[run] + 2, ended)),
            "derived": ~newest,
        },
    )


def job_rows(seed: int, one: Happened) -> pl.DataFrame:
    """The jobs of a pipeline's runs as rows of `Job`; one that passed and was not run again is listed again as it was."""
    outcome, pipeline = one.outcome, one.outcome.pipeline
    attempt, run, job = np.nonzero(outcome.listed)
    ran = outcome.ran[attempt, run, job]
    first = _executed(outcome)[attempt, run, job]
    cause = outcome.cause[first, run, job]
    result = np.where(cause == Cause.NONE, 0, np.where(one.timed_out[first, run, job], 2, 1))
    created, started, ended = (times_[first, run, job] for times_ in (outcome.created, outcome.started, outcome.ended))
    drawn = source(seed, "runners", *pipeline.place).integers(1, _RUNNERS + 1, outcome.ran.shape)
    places = pl.Series(drawn[first, run, job])
    systems = words([one.system for one in pipeline.jobs], job)
    job_id, run_id = pl.Series(one.jobs[attempt, run, job]), pl.Series(one.runs[run])
    before = outcome.triggers.at[run] < np.array([one.renamed for one in pipeline.jobs])[job]
    names = words(
        [*(one.name for one in pipeline.jobs), *(one.former for one in pipeline.jobs)],
        job + len(pipeline.jobs) * before,
    )
    url = pl.format("{}/actions/runs/{}/job/{}", pl.lit(one.repository.html_url), run_id, job_id)
    outcomes = words(("success", "failure", "timed_out"), result)
    return frame(
        Job,
        {
            "host": HOST,
            "job_id": job_id,
            "run_id": run_id,
            "repository_id": one.repository.repository_id,
            "attempt": attempt + 1,
            "name": names,
            "status": "completed",
            "result": outcomes,
            "forge_result": outcomes,
            "created_at": times(created),
            "started_at": times(started),
            "completed_at": times(ended),
            "queue_s": (started - created).astype(np.float64),
            "duration_s": (ended - started).astype(np.float64),
            "labels": words([LABELS[one.system] for one in pipeline.jobs], job),
            "runner": pl.select(pl.format("hosted-{}-{}", systems, places)).to_series(),
            "carried_over": ~ran,
            "html_url": pl.select(url).to_series(),
            "detail": "full",
        },
    )


def _executed(outcome: Outcome) -> Ints:
    """By attempt, run and job: the newest attempt up to that one in which the job was executed."""
    numbers = np.where(outcome.ran, np.arange(ATTEMPTS)[:, None, None], 0)
    newest: Ints = np.maximum.accumulate(numbers, axis=0)
    return newest
