"""The results of tests, as rows: all executions of the runs whose reports are kept, some millions of rows at a time."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from pipelinedoctor.model import TestResult
from pipelinedoctor.simulate.fleet.executions import Happened, frame, words
from pipelinedoctor.simulate.fleet.failing import Cause, Failing
from pipelinedoctor.simulate.fleet.plan import Bools, Floats, Ints
from pipelinedoctor.simulate.fleet.settings import Settings
from pipelinedoctor.simulate.fleet.texts import flaky_message, outage_line, wrong_message
from pipelinedoctor.simulate.plan import HOST

_ROWS = 2_000_000
"""About as many rows a frame has at most; a run's are all in one."""


def result_rows(settings: Settings, one: Happened) -> Iterator[pl.DataFrame]:
    """The results of tests of a pipeline as rows of `TestResult`, of the runs that `reports` says, by attempt in each frame."""
    outcome, pipeline = one.outcome, one.outcome.pipeline
    told = outcome.red.any(axis=0) | (outcome.attempts > 1) | (settings.reports == "all")
    counts = (outcome.ran & ~outcome.lost & told[:, None])[:, :, pipeline.testing].sum(axis=(0, 2)) * len(
        pipeline.tests
    )
    part = np.cumsum(counts) // _ROWS
    for number in np.unique(part[counts > 0]):
        yield _rows(one, told & (part == number))


def _rows(one: Happened, told: Bools) -> pl.DataFrame:
    outcome, pipeline = one.outcome, one.outcome.pipeline
    attempt, run, job = np.nonzero((outcome.ran & ~outcome.lost & told[:, None])[:, :, pipeline.testing])
    job = pipeline.testing[job]
    tests = len(pipeline.tests)
    rows = np.zeros(outcome.ran.shape, dtype=np.int64)
    rows[attempt, run, job] = np.arange(len(run)) * tests
    failed = np.zeros(len(run) * tests, dtype=bool)
    said = np.full(len(failed), -1)
    messages: list[str] = []
    for number, every in enumerate(outcome.failing):
        failing = every.where(told[every.run])
        at = rows[number, failing.run, failing.job] + failing.test
        failed[at] = True
        texts, which = told_messages(one, number, failing)
        said[at] = which + len(messages)
        messages += texts
    test = np.tile(np.arange(tests), len(run))
    seconds: Floats = np.round(pipeline.seconds[test] * np.where(failed, 1.5, 1.0), 3)
    return frame(
        TestResult,
        {
            "host": HOST,
            "run_id": np.repeat(one.runs[run], tests),
            "job_id": np.repeat(one.jobs[attempt, run, job], tests),
            "attempt": np.repeat(attempt + 1, tests),
            "test": words(pipeline.tests, test),
            "ordinal": 0,
            "suite": "pytest",
            "result": words(("success", "failure"), failed.astype(np.int64)),
            "duration_s": seconds,
            "message": words([*messages, None], np.where(said < 0, len(messages), said)),
            "position": test,
        },
    )


def told_messages(one: Happened, attempt: int, failing: Failing) -> tuple[list[str], Ints]:
    """What each failing test of an attempt said: the different messages, and for each row the place of its own."""
    pipeline = one.outcome.pipeline
    draw = np.where(failing.cause == Cause.FLAKY, (failing.run * 7 + failing.job * 13 + attempt * 5) % 10, 0)
    test = np.where(failing.cause == Cause.OUTAGE, 0, failing.test)
    keys = np.stack([failing.cause, failing.key, test, draw])
    different, which = np.unique(keys, axis=1, return_inverse=True)
    texts = []
    for cause, key, place, drawn in different.T.tolist():
        name = pipeline.tests[place]
        if cause == Cause.FLAKY:
            texts.append(flaky_message(name, place + one.repository.place, drawn))
        elif cause == Cause.OUTAGE:
            texts.append(outage_line(one.outcome.sick.outages[key].kind))
        else:
            texts.append(wrong_message(name, key * 2 + int(cause == Cause.REGRESSION)))
    return texts, which.reshape(-1)
