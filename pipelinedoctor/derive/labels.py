"""What kind of failure each failing execution of a job was, and how often failures like it passed when tried again."""

import polars as pl

from pipelinedoctor.derive.flakiness import JOB, explanations
from pipelinedoctor.derive.job_verdicts import RULE, JobVerdicts
from pipelinedoctor.model import Label
from pipelinedoctor.stats.evidence import COMMIT
from pipelinedoctor.stats.outages import SHARED
from pipelinedoctor.stats.posterior import jeffreys
from pipelinedoctor.store.history import History

WORDS = {
    Label.INFRASTRUCTURE: "infrastructure",
    Label.BROKEN: "the default branch was broken",
    Label.PASSED_LATER: "passed on the same commit, too",
    Label.KNOWN_FLAKY: "known flaky",
    Label.LIKELY_GENUINE: "likely genuine",
    Label.NOT_ENOUGH_DATA: "not enough data",
}
"""In the order in which they are decided."""

SYSTEM = (
    "runner_system_failure",
    "stuck_or_timeout_failure",
    "stale_schedule",
    "scheduler_failure",
    "data_integrity_failure",
    "api_failure",
    "archived_failure",
)
"""Reasons by which GitLab says that the runner or the system failed, and not the script."""

LIKE = 3
"""From so many failures with the same signature on, the odds are of these alone."""

_NAMED = (*JOB, *COMMIT, "name")


def labels(history: History, verdicts: JobVerdicts) -> pl.DataFrame:
    """One row for each failing execution of a job that is no roll-up, newest first.

    Columns: those of `verdicts.jobs`; category, fingerprint (null where no log was read); `label` (of `Label`), which is
    the first that holds; and the odds: of `n` earlier failures of the job that were tried again on their commit, `k`
    passed (of those with its fingerprint where there are three or more: `alike`), with `low` and `high`, the 95 %
    Jeffreys interval of k/n. What failed more than once under one name on a commit is one failure there.
    """
    explained = explanations(history).select("host", "job_id", "category", "fingerprint")
    reasons = (
        history.jobs(["host", "job_id", "failure_reason"]).filter(pl.col("failure_reason").is_in(SYSTEM)).collect()
    )
    failing = (
        verdicts.jobs.filter("failed")
        .with_columns(pl.coalesce("completed_at", "started_at", "run_created_at").alias("at"))
        .join(explained, on=["host", "job_id"], how="left")
        .join(reasons, on=["host", "job_id"], how="left")
    )
    known = (
        failing.join(_odds(verdicts.jobs, failing), on=_NAMED, how="left")
        .join(verdicts.totals, on=JOB, how="left")
        .join(_signatures(verdicts, failing), on=[*JOB, "fingerprint"], how="left")
        .join(_proofs(verdicts).with_columns(proof=pl.lit(value=True)), on=[*JOB, "job_id"], how="left")
        .join(verdicts.units.select(*JOB, "verdict"), on=JOB, how="left")
    )
    low, high = jeffreys(known["k"], known["n"])
    odds = known.with_columns(pl.Series("low", low, dtype=pl.Float64), pl.Series("high", high, dtype=pl.Float64))
    return (
        odds.with_columns(_label().alias("label"))
        .select(*verdicts.jobs.columns, "at", "category", "fingerprint", "label", "k", "n", "low", "high", "alike")
        .sort("at", "host", "job_id", descending=[True, False, True])
    )


def _label() -> pl.Expr:
    """The first kind that holds; the order is that in which a failure is explained."""
    system = pl.col("failure_reason").is_not_null() | pl.col("category").is_in(SHARED)
    # What is evidence itself must have been seen in another one.
    itself = pl.col("proof").fill_null(value=False).cast(pl.Int64)
    seen = pl.col("evidence").fill_null(0).cast(pl.Int64) - itself > 0
    unknown = pl.col("fingerprint").is_null() & (pl.col("n") >= LIKE) & (pl.col("low") > 0.5)
    return (
        pl.when(pl.col("infrastructure") | system.fill_null(value=False))
        .then(pl.lit(Label.INFRASTRUCTURE.value))
        .when("broken")
        .then(pl.lit(Label.BROKEN.value))
        .when(pl.col("passed"))
        .then(pl.lit(Label.PASSED_LATER.value))
        .when(pl.col("verdict").is_not_null() & (seen | unknown))
        .then(pl.lit(Label.KNOWN_FLAKY.value))
        .when(pl.col("commits") >= RULE.least_commits)
        .then(pl.lit(Label.LIKELY_GENUINE.value))
        .otherwise(pl.lit(Label.NOT_ENOUGH_DATA.value))
    )


def _odds(jobs: pl.DataFrame, failing: pl.DataFrame) -> pl.DataFrame:
    """By job, commit, class of event and name that failed: `passed` (there, too), and the odds before: k, n, alike."""
    at = pl.coalesce("completed_at", "started_at", "run_created_at")
    counted = failing.filter(~pl.col("infrastructure"))
    groups = failing.group_by(_NAMED).agg(
        pl.col("at").min().alias("first"), pl.col("fingerprint").sort_by("at", "job_id").drop_nulls().first()
    )
    there = jobs.join(groups.select(*_NAMED, "first"), on=_NAMED)
    tried = there.group_by(_NAMED).agg(
        (~pl.col("failed")).any().alias("passed"),
        (at > pl.col("first")).any().alias("tried"),
        (~pl.col("failed") & (at > pl.col("first"))).any().alias("came_good"),
    )
    known = (
        groups.join(tried, on=_NAMED, how="left")
        .join(counted.select(_NAMED).unique().with_columns(counts=pl.lit(value=True)), on=_NAMED, how="left")
        .with_columns((pl.col("tried") & pl.col("counts").fill_null(value=False)).cast(pl.Int64).alias("tried"))
        .with_columns((pl.col("came_good").cast(pl.Int64) * pl.col("tried")).alias("came_good"))
        .sort(*JOB, "first", *COMMIT, "name")
    )
    before = {
        name: [(pl.col(each).cum_sum() - pl.col(each)).over(by) for each in ("came_good", "tried")]
        for name, by in (("all", list(JOB)), ("like", [*JOB, "fingerprint"]))
    }
    alike = pl.col("fingerprint").is_not_null() & (before["like"][1] >= LIKE)
    return known.select(
        *_NAMED,
        "passed",
        *(
            pl.when(alike).then(like).otherwise(every).alias(name)
            for name, like, every in zip(("k", "n"), before["like"], before["all"], strict=True)
        ),
        alike.alias("alike"),
    )


def _signatures(verdicts: JobVerdicts, failing: pl.DataFrame) -> pl.DataFrame:
    """By job and fingerprint, how many failures that are evidence of flakiness have it: `evidence`."""
    proofs = _proofs(verdicts).join(failing.select("host", "job_id", "fingerprint"), on=["host", "job_id"])
    return proofs.drop_nulls("fingerprint").group_by(*JOB, "fingerprint").agg(pl.len().alias("evidence"))


def _proofs(verdicts: JobVerdicts) -> pl.DataFrame:
    """The failing executions that are evidence: the columns of `JOB` and job_id."""
    return verdicts.proofs.select(*JOB, pl.col("job_ids").alias("job_id")).explode("job_id")
