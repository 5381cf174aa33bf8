"""What findings cost, settled once all questions have answered: so that no minute and no interruption counts twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from pipelinedoctor.findings import Cost, Estimate, Finding, People
from pipelinedoctor.model import Cause, Result
from pipelinedoctor.stats.interruptions import INTERRUPTION, interruptions
from pipelinedoctor.stats.ledger import shares
from pipelinedoctor.stats.outages import roll_ups
from pipelinedoctor.stats.prices import Rates, priced
from pipelinedoctor.store.history import History

EXECUTION = ("host", "job_id")

_JOB = ("host", "repository_id", "pipeline_id", "job")
_COUNTED = (Result.SUCCESS.value, Result.FAILURE.value, Result.TIMED_OUT.value)
_SEEN = (
    *_JOB, "name", "job_id", "run_id", "attempt", "commit_sha", "run_created_at", "started_at", "completed_at", "result",
)  # fmt: skip
_CLAIMED = (
    *_JOB, "name", "job_id", "commit_sha", "change_number", "actor", "run_created_at", "started_at", "completed_at",
    "duration_s", "billed_minutes", "labels",
)  # fmt: skip
_NOTHING = Estimate(low=0.0, expected=0.0, high=0.0)
_RANKS = {cause: rank for rank, cause in enumerate(Cause)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """All findings with what each costs, and what those with claims come to together.

    `minutes` are runner minutes, of which `priced` have a price that is known and cost `dollars`; `people` are minutes of
    people. Each execution and each interruption is in them once at the most.
    """

    findings: tuple[Finding, ...]
    minutes: float = 0.0
    priced: float = 0.0
    dollars: float = 0.0
    people: Estimate = _NOTHING


def settled(findings: Sequence[Finding], history: History, rates: Rates) -> Accounts:
    """The findings in their order; each that has claims gets its own share of them as its cost.

    Claims on executions that the window does not hold, and on those of jobs that only report the failures of others, count
    for nothing. A finding without claims keeps the cost that its question gave.
    """
    claims = _claims(findings)
    if claims.is_empty():
        return Accounts(findings=tuple(findings))
    seen = history.jobs(_SEEN).filter(pl.col("result").is_in(_COUNTED)).collect()
    failures = _failures(history, claims, seen)
    costs = _spent(failures, rates).join(_interrupted(failures, seen, rates), on="finding", how="left").sort("finding")
    by_finding = {row["finding"]: row for row in costs.iter_rows(named=True)}
    made = tuple(_charged(one, by_finding.get(one.fingerprint), rates) for one in findings)
    charged = [one.cost for one in made if one.cost is not None and one.cost.people is not None]
    total = costs.select(pl.col("own", "priced", "dollars").sum()).row(0, named=True)
    return Accounts(
        findings=made,
        minutes=total["own"],
        priced=total["priced"],
        dollars=total["dollars"],
        people=_sum([cost.people.minutes for cost in charged if cost.people is not None]),
    )


def _claims(findings: Sequence[Finding]) -> pl.DataFrame:
    """A row for each claim: finding (its fingerprint), rank, host, job_id, claimed."""
    rows = [
        (one.fingerprint, _RANKS[one.claims.cause], one.subject.host, job, share)
        for one in findings
        if one.claims is not None
        for job, share in one.claims.executions
    ]
    schema = {"finding": pl.String, "rank": pl.Int64, "host": pl.String, "job_id": pl.Int64, "claimed": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _failures(history: History, claims: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """The claims with the columns of `_CLAIMED` and `at`, the end of the execution; those of roll-ups left out."""
    wanted = claims["job_id"].unique().sort().implode()
    executions = history.jobs(_CLAIMED).filter(pl.col("job_id").is_in(wanted)).collect()
    known = claims.join(executions.with_columns(_end().alias("at")), on=EXECUTION)
    return known.join(_only_reporting(seen, known), on=_JOB, how="anti")


def _only_reporting(seen: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The jobs that only report what failed before them, of the pipelines in which something is claimed."""
    pipelines = seen.join(known, on=_JOB[:-1], how="semi")
    return roll_ups(pipelines.with_columns((pl.col("result") != Result.SUCCESS.value).alias("failed")), _JOB).select(
        _JOB
    )


def _spent(failures: pl.DataFrame, rates: Rates) -> pl.DataFrame:
    """By finding: `jobs`, `claimed_minutes`, `own` and `priced` (minutes), `dollars`, `last_at`."""
    executions = priced(
        failures.unique(EXECUTION).select(*EXECUTION, "labels", "duration_s", "billed_minutes", "at"), rates
    )
    known = pl.col("dollars").is_not_null()
    return (
        shares(failures, EXECUTION)
        .join(executions, on=EXECUTION)
        .with_columns((pl.col("own") * pl.col("billed_minutes")).alias("minutes"))
        .sort("finding", *EXECUTION)
        .group_by("finding", maintain_order=True)
        .agg(
            pl.len().alias("jobs"),
            (pl.col("claimed") * pl.col("billed_minutes")).sum().alias("claimed_minutes"),
            pl.col("minutes").sum().alias("own"),
            pl.col("minutes").filter(known).sum().alias("priced"),
            (pl.col("own") * pl.col("dollars")).sum().alias("dollars"),
            pl.col("at").max().alias("last_at"),
        )
    )


def _interrupted(failures: pl.DataFrame, seen: pl.DataFrame, rates: Rates) -> pl.DataFrame:
    """By finding: `interruptions` (count), `shares` of them that are its own, and `waited`, its own minutes of waiting."""
    passes = seen.filter(pl.col("result") == Result.SUCCESS.value).with_columns(_end().alias("at"))
    each = interruptions(failures, passes, rates.wait_cap)
    own = shares(each, INTERRUPTION).join(
        each.select("finding", *INTERRUPTION, "waited"), on=["finding", *INTERRUPTION]
    )
    return (
        own.filter(pl.col("own") > 0)
        .sort("finding", *INTERRUPTION)
        .group_by("finding", maintain_order=True)
        .agg(
            pl.len().alias("interruptions"),
            pl.col("own").sum().alias("shares"),
            (pl.col("own") * pl.col("waited")).sum().alias("waited"),
        )
    )


def _end() -> pl.Expr:
    return pl.coalesce("completed_at", "started_at", "run_created_at")


def _charged(finding: Finding, row: Mapping[str, Any] | None, rates: Rates) -> Finding:
    """The finding with its row of costs; one whose claims come to nothing costs nothing."""
    if finding.claims is None:
        return finding
    before = finding.cost or Cost(runner_minutes=0.0, jobs=0)
    if row is None:
        nothing = replace(before, runner_minutes=0.0, jobs=0, people=_people(0, 0.0, 0.0, rates))
        return replace(finding, cost=nothing)
    cost = replace(
        before,
        runner_minutes=row["own"],
        jobs=row["jobs"],
        elsewhere_minutes=max(0.0, row["claimed_minutes"] - row["own"]),
        dollars=row["dollars"] if row["priced"] else None,
        priced=row["priced"] / row["own"] if row["own"] else None,
        people=_people(row["interruptions"] or 0, row["shares"] or 0.0, row["waited"] or 0.0, rates),
    )
    return replace(finding, cost=cost, last_at=row["last_at"])


def _people(count: int, own: float, waited: float, rates: Rates) -> People:
    low, expected, high = (own * triage + waited for triage in rates.triage)
    minutes = Estimate(low=low, expected=expected, high=high)
    if rates.hourly is None:
        return People(interruptions=count, wait_minutes=waited, minutes=minutes)
    hour = rates.hourly / 60
    dollars = Estimate(low=low * hour, expected=expected * hour, high=high * hour)
    return People(interruptions=count, wait_minutes=waited, minutes=minutes, dollars=dollars)


def _sum(estimates: Sequence[Estimate]) -> Estimate:
    return Estimate(
        low=sum(one.low for one in estimates),
        expected=sum(one.expected for one in estimates),
        high=sum(one.high for one in estimates),
    )
