"""What the product says of the tests of a history, in the frames that are scored."""

from dataclasses import dataclass

import polars as pl

from pipelinedoctor.accuracy.rivals import Outcomes
from pipelinedoctor.derive.flakiness import JOB, executions
from pipelinedoctor.derive.test_labels import test_labels
from pipelinedoctor.derive.test_verdicts import test_verdicts
from pipelinedoctor.derive.testcases import TEST
from pipelinedoctor.model import Result, Verdict
from pipelinedoctor.query import load
from pipelinedoctor.resources import shipped
from pipelinedoctor.stats.evidence import Rule
from pipelinedoctor.store.history import History

FLAKY = (Verdict.FLAKY.value,)
EITHER = (Verdict.FLAKY.value, Verdict.SUSPECTED.value)

_TOLD = (Result.SUCCESS.value, Result.FAILURE.value, Result.ERROR.value)
_ENDED = (Result.SUCCESS.value, Result.FAILURE.value, Result.TIMED_OUT.value)


@dataclass(frozen=True, slots=True)
class Judged:
    """`units`: `TEST`, verdict, probability, one row a test with any evidence; `broken`: `TEST`, first_bad_sha, first_at,
    last_at, a row a stretch; `labels`: host, run_id, job_id, attempt, test, label, a row a failing execution of a test.
    """

    units: pl.DataFrame
    broken: pl.DataFrame
    labels: pl.DataFrame


def rule_of(question: str) -> Rule:
    """The rule of a shipped question with its own defaults, as a user without a configuration has it."""
    rule: Rule = load([shipped("queries")])[question].options().rule()
    return rule


def judge(history: History) -> Judged:
    """The product's verdicts on tests, by the defaults of the question `flaky_tests`."""
    rule = rule_of("flaky_tests")
    said = test_verdicts(history, executions(history), rule)
    return Judged(said.units, said.broken, test_labels(said, rule))


def outcomes(history: History) -> Outcomes:
    """The same history as the rules of others see it: see `rivals.Outcomes`.

    Executions of jobs that passed, or that have results of tests; of a green run no results may have been read, and then
    `tests` is 0 and all that the job ever ran counts as passed.
    """
    results = history.test_results([*TEST, "name", "job_id", "result"]).filter(pl.col("result").is_in(_TOLD))
    told = results.group_by("host", "job_id").agg(pl.col("test").n_unique().cast(pl.Int64).alias("tests")).collect()
    failures = (
        results.filter(pl.col("result") != Result.SUCCESS.value).select(*TEST, "name", "job_id").unique().collect()
    )
    jobs = history.jobs(
        [*JOB[:-1], "name", "job_id", "commit_sha", "on_default", "run_created_at", "started_at", "result"]
    )
    ended = jobs.filter(pl.col("result").is_in(_ENDED)).collect().join(told, on=["host", "job_id"], how="left")
    known = ended.filter(pl.col("tests").is_not_null() | (pl.col("result") == Result.SUCCESS.value))
    executed = known.select(
        *JOB[:-1],
        "name",
        "job_id",
        "commit_sha",
        "on_default",
        pl.coalesce("started_at", "run_created_at").alias("at"),
        pl.col("tests").fill_null(0),
    )
    return Outcomes(executed, failures.sort(*TEST, "name", "job_id"))
