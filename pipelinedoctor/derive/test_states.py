"""What became of flaky tests: over, or more of it than there was. The rules are those of `derive.job_verdicts`."""

from datetime import timedelta

import polars as pl

from pipelinedoctor.derive.flakiness import JOB
from pipelinedoctor.derive.job_verdicts import GROWTH, LEAST_NEWER, QUIET, SURPRISE
from pipelinedoctor.derive.test_verdicts import TestVerdicts
from pipelinedoctor.derive.testcases import TEST
from pipelinedoctor.model import Verdict
from pipelinedoctor.stats.evidence import COMMIT, DEFAULT
from pipelinedoctor.stats.recency import chance_of_as_many, chance_of_none
from pipelinedoctor.store.history import History

_SOON = timedelta(0)


def with_states(history: History, said: TestVerdicts, units: pl.DataFrame) -> pl.DataFrame:
    """The units, which have `TEST`, verdict, failures (executions that are evidence) and last_at, with what became of them.

    Further columns: `since`, executions of the test's jobs after the last evidence that tell of a pass; `silence`, the chance
    of as many if nothing had changed; `passed_at`, when a report last told of a pass of the test itself, or null; `pending`,
    other failures of the default branch since; `older`, `newer`, `older_of` and `newer_of`, executions with evidence and all
    of them in either half of the window; and `state`: recovered, worsening or null. What is skipped or gone recovers from
    nothing: a report must have told of a pass since.
    """
    counted = _counted(history, said, units)
    silence = chance_of_none(counts(counted, "failures"), counts(counted, "failures", "before"), counted["since"])
    seen, of = counts(counted, "older", "newer"), counts(counted, "older_of", "newer_of")
    growth = chance_of_as_many(seen, of, counted["newer"], counted["newer_of"])
    known = counted.with_columns(
        pl.Series("silence", silence, dtype=pl.Float64), pl.Series("growth", growth, dtype=pl.Float64)
    )
    quiet = (pl.col("last_at") <= history.window.end - QUIET) & (pl.col("silence") <= SURPRISE)
    over = quiet & (pl.col("pending") == 0) & (pl.col("passed_at") - pl.col("last_at") > _SOON)
    more = pl.col("newer") / pl.col("newer_of") - pl.col("older") / pl.col("older_of") > GROWTH
    grows = (pl.col("newer") >= LEAST_NEWER) & (pl.col("growth") < SURPRISE) & (pl.col("older_of") > 0) & more
    state = (
        pl.when(pl.col("verdict").is_not_null() & over)
        .then(pl.lit(Verdict.RECOVERED.value))
        .when((pl.col("verdict") == Verdict.FLAKY.value) & grows)
        .then(pl.lit(Verdict.WORSENING.value))
    )
    return known.with_columns(state.alias("state")).drop("before", "growth")


def counts(frame: pl.DataFrame, *columns: str) -> pl.Series:
    """The sum of some columns."""
    return frame.select(pl.sum_horizontal(columns).alias("sum")).to_series()


def _counted(history: History, said: TestVerdicts, units: pl.DataFrame) -> pl.DataFrame:
    middle = history.window.start + (history.window.end - history.window.start) / 2
    told = units.filter(pl.col("verdict").is_not_null()).select(*TEST, "last_at")
    at = pl.coalesce("completed_at", "started_at", "run_created_at")
    later, newer = at > pl.col("last_at"), pl.col("run_created_at") >= middle
    jobs = said.places.join(told, on=TEST, how="semi").filter(pl.col("job") != "").select(*TEST, "job").unique()
    telling = said.known.jobs.filter(~pl.col("failed") | pl.col("reported"))
    ran = (
        jobs.join(told, on=TEST)
        .join(telling.select(*JOB, "run_created_at", at.alias("completed_at"), "started_at"), on=JOB)
        .group_by(TEST)
        .agg(
            later.sum().cast(pl.Int64).alias("since"),
            (~later).sum().cast(pl.Int64).alias("before"),
            (~newer).sum().cast(pl.Int64).alias("older_of"),
            newer.sum().cast(pl.Int64).alias("newer_of"),
        )
    )
    evidence = (
        said.proofs.join(told, on=TEST, how="semi")
        .group_by(*TEST, *COMMIT)
        .agg((pl.col("last_at").max() >= middle).alias("newer"))
        .group_by(TEST)
        .agg((~pl.col("newer")).sum().cast(pl.Int64).alias("older"), pl.col("newer").sum().cast(pl.Int64))
    )
    pending = (
        said.known.failed.join(told, on=TEST)
        .filter(pl.col("event_class") == DEFAULT, ~pl.col("struck"), ~pl.col("mass"))
        .filter(pl.coalesce("completed_at", "run_created_at") > pl.col("last_at"))
        .group_by(TEST)
        .agg(pl.len().cast(pl.Int64).alias("pending"))
    )
    joined = units
    for each in (ran, evidence, pending, history.last_passes(told)):
        joined = joined.join(each, on=TEST, how="left", maintain_order="left")
    numbers = ("since", "before", "older_of", "newer_of", "older", "newer", "pending")
    whole = joined.with_columns(pl.col(numbers).fill_null(0), pl.col("failures").cast(pl.Int64))
    # Evidence is among what ran, though a failing execution of a job without a known name is not counted there.
    return whole.with_columns(
        pl.max_horizontal("older", "older_of").alias("older_of"),
        pl.max_horizontal("newer", "newer_of").alias("newer_of"),
    )
