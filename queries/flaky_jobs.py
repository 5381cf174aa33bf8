"""Which jobs fail and pass on the same code?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from pipelinedoctor.derive.complaints import Asked, Complaints
from pipelinedoctor.derive.flakiness import JOB, counted, evidence_links, remark, subject
from pipelinedoctor.derive.job_verdicts import GONE, RULE, job_verdicts
from pipelinedoctor.derive.job_words import details, next_step, summary, title
from pipelinedoctor.derive.why import Reasons, why_jobs
from pipelinedoctor.findings import Answer, Claims, Column, Cost, Evidence, Finding, Measure
from pipelinedoctor.model import Cause, Severity, Verdict
from pipelinedoctor.query import query
from pipelinedoctor.stats.cost import METHOD, per_30_days, severity_of
from pipelinedoctor.stats.evidence import Rule
from pipelinedoctor.store.history import History

RECENT = timedelta(days=45)
LEAST_RECENT = 5
"""What a job says now is told by its failures of so many days before the last one, and by no fewer than so many."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a verdict takes. `prior` is the share of jobs taken to be flaky before any evidence."""

    prior: float = RULE.prior
    flaky_from: float = RULE.flaky_from
    suspected_from: float = RULE.suspected_from
    least_commits: int = RULE.least_commits
    least_evidence: int = RULE.least_evidence

    def rule(self) -> Rule:
        """The rule of `stats.evidence`."""
        return Rule(
            prior=self.prior,
            flaky_from=self.flaky_from,
            suspected_from=self.suspected_from,
            least_commits=self.least_commits,
            least_evidence=self.least_evidence,
        )


@query(
    id="flaky_jobs",
    title="Flaky jobs",
    docs=(
        "Jobs that contradict themselves: they failed and passed on the same commit, or failed on one commit of the default"
        " branch while the commits before and after passed. Failures that stay are not flaky, nor are those made while the"
        " default branch was broken; mass failures are infrastructure, and a job that only reports the failures of others"
        " is set aside.\n\n"
        "A job is called flaky from a probability of 0.8, suspected from 0.5, with evidence on at least two commits and"
        " verdicts on at least ten; worsening where the newer half of the window has more of it than chance allows, and"
        " recovered after 14 days and so many executions without any that nothing having changed is unlikely."
    ),
    remediation="Make the job's outcome depend on the commit alone; until then, know how often it does not.",
    options=Options,
)
def flaky_jobs(history: History, options: Options) -> Answer:
    """Findings flaky, suspected, worsening, recovered; measures `jobs` (all that contradicted themselves), `in_common` and
    `same_commit_flips`.
    """
    found = job_verdicts(history, options.rule())
    if found is None:
        return Answer(reason="no job passed or failed in the window")
    units = found.units
    told = units.filter(pl.col("verdict").is_not_null(), pl.col("state").is_null() | (pl.col("state") != GONE))
    days = (history.window.end - history.window.start).total_seconds() / 86_400
    proofs = found.proofs.join(told, on=JOB, how="semi", maintain_order="left")
    asked = Asked(history, proofs.select("host", "job_ids").explode("job_ids").iter_rows(), history.window)
    failures = proofs.select(*JOB, run_id="run_ids", job_id="job_ids").explode("run_id", "job_id")
    why = why_jobs(history, found.jobs, failures)
    by_job = proofs.partition_by(JOB, as_dict=True)
    findings = [
        _finding(_Judged(row, by_job[tuple(row[key] for key in JOB)].rows(named=True), why.of(row)), asked, days)
        for row in told.iter_rows(named=True)
    ]
    measures = (_table(units, len(found.totals), options), why.measure, _flips(history))
    return Answer(findings=findings, measures=measures, notes=(*found.notes, *why.notes))


@dataclass(frozen=True, slots=True)
class _Judged:
    """A row of `JobVerdicts.units`, its `proofs` (newest first), and what its failures go together with."""

    row: Mapping[str, Any]
    proofs: Sequence[Mapping[str, Any]]
    reasons: Reasons

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.row["state"] or self.row["verdict"])

    def said(self, asked: Asked) -> Complaints:
        """What its newest failures say; what was said long ago may be mended."""
        since = self.row["last_at"] - RECENT
        newest = [one for number, one in enumerate(self.proofs) if number < LEAST_RECENT or one["last_at"] >= since]
        jobs = [(one["host"], job) for one in newest for job in one["job_ids"]]
        return asked.of(jobs, age="newest" if len(newest) < len(self.proofs) else "")


def _finding(one: _Judged, asked: Asked, days: float) -> Finding:
    row, complaints = one.row, one.said(asked)
    severity = severity_of(per_30_days(row["minutes"], days))
    return Finding(
        query="flaky_jobs",
        subject=subject(row),
        verdict=one.verdict,
        severity=Severity.LOW if one.verdict is Verdict.RECOVERED else severity,
        confidence=row["probability"],
        title=title(row),
        evidence=Evidence(
            summary=summary(row),
            k=row["contradicted"] + row["isolated"],
            n=row["commits"],
            low=row["low"],
            high=row["high"],
            links=tuple(evidence_links(one.proofs)),
            details=(*details(row, one.proofs), *one.reasons.details, *complaints.details()),
            excerpt=complaints.excerpt,
        ),
        cost=Cost(
            runner_minutes=float(row["minutes"]),
            jobs=row["failures"],
            method=f"the failing executions on the commits counted here, {METHOD}",
        ),
        since=row["first_at"],
        next_step=next_step(row, one.proofs, complaints, one.reasons.next_step),
        claims=Claims(
            cause=Cause.FLAKY_JOB, executions=tuple((job, 1.0) for each in one.proofs for job in each["job_ids"])
        ),
    )


def _table(units: pl.DataFrame, verdicts: int, options: Options) -> Measure:
    columns = (
        Column(name="repository", title="Repository"),
        Column(name="pipeline", title="Pipeline"),
        Column(name="job", title="Job"),
        Column(name="remark", title="Verdict"),
        Column(name="probability", title="Probability", unit="share"),
        Column(name="failed", title="Failed on", unit="count"),
        Column(name="contradicted", title="Passed there, too", unit="count"),
        Column(name="isolated", title="Between passes", unit="count"),
        Column(name="commits", title="Commits", unit="count"),
        Column(name="low", title="Rate at least", unit="share"),
        Column(name="high", title="Rate at most", unit="share"),
        Column(name="minutes", title="Minutes lost", unit="minutes"),
        Column(name="last_at", title="Last seen", unit="time"),
    )
    gone = pl.format("not run since {}", pl.col("last_ran").dt.strftime("%Y-%m-%d"))
    state = pl.when(pl.col("state") == GONE).then(gone).otherwise("state")
    remarked = units.with_columns(pl.coalesce(state, remark(options.rule())).alias("remark"))
    rows = remarked.select([column.name for column in columns]).rows(named=True)
    return Measure(
        id="jobs",
        title="Jobs that contradicted themselves",
        caption=(
            f"{len(rows)} of {counted(verdicts, 'job')} that passed or failed in the window failed on a commit on which they"
            " passed, too, or between passing commits of the default branch. Counts are of commits, those of the default branch and of changes apart; the"
            " rate is (passed there + between passes) / commits, with its 95 % interval."
        ),
        columns=columns,
        rows=rows,
        reason=None if rows else f"none of {counted(verdicts, 'job')} contradicted itself",
    )


def _flips(history: History) -> Measure:
    columns = (
        Column(name="repository", title="Repository"),
        Column(name="job", title="Job"),
        Column(name="commit", title="Commit"),
        Column(name="event_class", title="Event"),
        Column(name="failures", title="Failures", unit="count"),
        Column(name="successes", title="Passes", unit="count"),
        Column(name="link", title="Failure", unit="link"),
        Column(name="passed_link", title="Pass", unit="link"),
    )
    failing = history.same_commit()
    flips = failing.filter(pl.col("successes") > 0).sort("last_failed_at", "failed_job_id", descending=True)
    rows = flips.rename({"commit_sha": "commit", "failed_url": "link", "passed_url": "passed_link"}).select(
        [column.name for column in columns]
    )
    return Measure(
        id="same_commit_flips",
        title="Jobs that failed and passed on the same commit",
        caption=(
            f"{len(flips)} of {counted(len(failing), 'pair')} of a job and a commit with a failure also have a pass, in runs of the"
            " same kind (default branch, changes, …). Plain facts: outages, rare jobs and jobs that only report others are not"
            " taken out."
        ),
        columns=columns,
        rows=rows.rows(named=True),
        reason=None if len(flips) else "no job failed and passed on the same commit",
    )
