"""What logs say of failed jobs, as rows of `Failure`. Chosen here: nine of ten logs are there to be read."""

import numpy as np
import polars as pl

from pipelinedoctor.logs.mask import fingerprint, masked
from pipelinedoctor.model import Failure
from pipelinedoctor.simulate.fleet.executions import Happened, frame
from pipelinedoctor.simulate.fleet.failing import Cause
from pipelinedoctor.simulate.fleet.plan import Ints
from pipelinedoctor.simulate.fleet.results import told_messages
from pipelinedoctor.simulate.fleet.settings import source
from pipelinedoctor.simulate.fleet.texts import SHARES, line, outage_line, test_line
from pipelinedoctor.simulate.plan import HOST

_THERE = 0.9
_STEPS = {
    "lint": "Run lint",
    "build": "Run build",
    "other": "Run task",
    "test": "Run tests",
    "closing": "Check the others",
}
_CLOSED = "Not all of the jobs before this one succeeded"


def lines(seed: int, one: Happened) -> tuple[Ints, Ints, Ints, list[tuple[str, str]]]:
    """Attempt, run and job of each failed execution, and category and line of what its log says."""
    outcome, pipeline = one.outcome, one.outcome.pipeline
    random = source(seed, "logs", *pipeline.place)
    draws = random.integers(0, 2**31, outcome.ran.shape)
    kinds, shares = list(SHARES), np.array(list(SHARES.values()))
    category = random.choice(len(kinds), outcome.ran.shape, p=shares / shares.sum())
    attempts, runs, jobs = np.nonzero(outcome.ran & (outcome.cause != Cause.NONE))
    first = _first_tests(one)
    found = []
    for attempt, run, job in zip(attempts.tolist(), runs.tolist(), jobs.tolist(), strict=True):
        kind, cause = pipeline.jobs[job].kind, outcome.cause[attempt, run, job]
        if kind == "closing":
            found.append(("unknown", _CLOSED))
        elif cause == Cause.RUNNER:
            word = "timeout" if one.timed_out[attempt, run, job] else kinds[category[attempt, run, job]]
            found.append((word, line(word, int(draws[attempt, run, job]))))
        elif kind != "test" and cause == Cause.GENUINE:
            word = "lint" if kind == "lint" else "compile"
            # What is wrong in a head is wrong in each of its runs.
            found.append((word, line(word, int(outcome.key[attempt, run, job]) * 7_919)))
        elif kind != "test" or cause == Cause.OUTAGE:
            word = outcome.sick.outages[int(outcome.key[attempt, run, job])].kind
            found.append((word, outage_line(word)))
        else:
            found.append(("test", first[attempt, run, job]))
    return attempts, runs, jobs, found


def failure_rows(seed: int, one: Happened) -> pl.DataFrame:
    """The failures of a pipeline's jobs, of those whose log is there."""
    attempts, runs, jobs, found = lines(seed, one)
    there = source(seed, "there", *one.outcome.pipeline.place).random(one.outcome.ran.shape)
    kept = there[attempts, runs, jobs] < _THERE
    said = pl.DataFrame(found, schema={"category": pl.String, "line": pl.String}, orient="row").filter(pl.Series(kept))
    different = said.unique(maintain_order=True).with_columns(masked=masked(pl.col("line")))
    prints = [fingerprint(category, text) for category, text in different.select("category", "masked").iter_rows()]
    different = different.with_columns(pl.Series("fingerprint", prints, dtype=pl.String))
    told = said.join(different, on=["category", "line"], how="left", maintain_order="left")
    attempts, runs, jobs = attempts[kept], runs[kept], jobs[kept]
    return frame(
        Failure,
        {
            "host": HOST,
            "job_id": one.jobs[attempts, runs, jobs],
            "ordinal": 0,
            "run_id": one.runs[runs],
            "step": pl.Series([_STEPS[job.kind] for job in one.outcome.pipeline.jobs], dtype=pl.String).gather(jobs),
            "line": told["line"],
            "excerpt": told["line"],
            "masked": told["masked"],
            "category": told["category"],
            "rule": None,
            "fingerprint": told["fingerprint"],
        },
    )


def _first_tests(one: Happened) -> dict[tuple[int, int, int], str]:
    """By attempt, run and job what is said of the first of the failing tests that have the job's cause."""
    found: dict[tuple[int, int, int], str] = {}
    for attempt, failing in enumerate(one.outcome.failing):
        worst = failing.cause == one.outcome.cause[attempt, failing.run, failing.job]
        failing = failing.where(worst)  # noqa: PLW2901
        places = np.stack([failing.run, failing.job])
        _, first = np.unique(places, axis=1, return_index=True)
        failing = failing.where(first)  # noqa: PLW2901
        texts, which = told_messages(one, attempt, failing)
        for run, job, test, at in zip(
            failing.run.tolist(), failing.job.tolist(), failing.test.tolist(), which.tolist(), strict=True
        ):
            found[attempt, run, job] = test_line(one.outcome.pipeline.tests[test], texts[at])
    return found
