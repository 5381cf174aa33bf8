"""Which jobs fail and pass on the same code?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelinedoctor.derive.complaints import Asked, Complaints
from pipelinedoctor.derive.flakiness import (
    JOB,
    counted,
    day,
    evidence_links,
    executions,
    outage_notes,
    remark,
    subject,
    with_names,
    without_roll_ups,
)
from pipelinedoctor.findings import Answer, Claims, Column, Cost, Evidence, Finding, Measure
from pipelinedoctor.model import Cause, Verdict
from pipelinedoctor.query import query
from pipelinedoctor.stats.cost import METHOD, per_30_days, severity_of
from pipelinedoctor.stats.evidence import COMMIT, Rule, commit_verdicts, judged
from pipelinedoctor.store.history import History

NAMES_TOLD = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What a verdict takes. `prior` is the share of jobs taken to be flaky before any evidence."""

    prior: float = 0.10
    flaky_from: float = 0.8
    suspected_from: float = 0.5
    least_commits: int = 10
    least_evidence: int = 2

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
        " branch while the commits before and after passed. Failures that stay are not flaky, mass failures are"
        " infrastructure, and a job that only reports the failures of others is set aside.\n\n"
        "A job is called flaky from a probability of 0.8, suspected from 0.5, with evidence on at least two commits and"
        " verdicts on at least ten."
    ),
    remediation="Make the job's outcome depend on the commit alone; until then, know how often it does not.",
    options=Options,
)
def flaky_jobs(history: History, options: Options) -> Answer:
    """Findings flaky and suspected; measures `jobs` (all that contradicted themselves) and `same_commit_flips`."""
    every = executions(history)
    if every.is_empty():
        return Answer(reason="no job passed or failed in the window")
    jobs, set_aside = without_roll_ups(every)
    commits = commit_verdicts(jobs, JOB)
    totals = commits.group_by(JOB).agg(pl.len().alias("commits"))
    evidence = commits.filter(pl.col("contradicted") | pl.col("isolated"))
    proofs = _proofs(jobs, evidence)
    units = (
        with_names(judged(commits.filter("failed"), totals, JOB, options.rule()), jobs)
        .filter(pl.col("contradicted") + pl.col("isolated") > 0)
        .join(_summed(proofs), on=JOB, how="left", maintain_order="left")
        .sort("probability", "minutes", *JOB, descending=[True, True, *[False] * len(JOB)])
    )
    judgement = units.filter(pl.col("verdict").is_not_null())
    days = (history.window.end - history.window.start).total_seconds() / 86_400
    told = proofs.join(judgement, on=JOB, how="semi", maintain_order="left")
    complaints = Asked(history, told.select("host", "job_ids").explode("job_ids").iter_rows(), history.window)
    by_job = told.partition_by(JOB, as_dict=True)
    findings = [
        _finding(row, by_job[tuple(row[key] for key in JOB)].rows(named=True), complaints, days)
        for row in judgement.iter_rows(named=True)
    ]
    measures = (_table(units, len(totals), options), _flips(history))
    return Answer(findings=findings, measures=measures, notes=(*outage_notes(every), *set_aside))


def _proofs(jobs: pl.DataFrame, evidence: pl.DataFrame) -> pl.DataFrame:
    """One row for each commit that is evidence, newest first: its failing execution, and the pass that contradicts it.

    Where the same name failed or passed more than once, the last one stands for all; `minutes` and `failures` count all
    failing executions, `job_ids` names them, `same_run` tells whether the pass came in another attempt of the same run.
    """
    mine = jobs.filter(~pl.col("infrastructure")).join(
        evidence.select(*JOB, *COMMIT, "contradicted", "isolated"),
        on=[*JOB, *COMMIT],
        how="inner",
        maintain_order="left",
    )
    key = [*JOB, *COMMIT, "name"]
    failing = (
        mine.filter("failed")
        .group_by(key, maintain_order=True)
        .agg(
            pl.len().alias("failures"),
            pl.col("minutes").sum(),
            pl.coalesce("completed_at", "started_at", "run_created_at").min().alias("first_at"),
            pl.coalesce("completed_at", "started_at", "run_created_at").max().alias("last_at"),
            pl.col("job_id").reverse().alias("job_ids"),
            pl.col("job_id", "run_id", "html_url").last(),
            pl.col("contradicted", "isolated").first(),
        )
    )
    passing = (
        mine.filter(~pl.col("failed"))
        .group_by(key, maintain_order=True)
        .agg(pl.col("run_id").last().alias("passed_run_id"), pl.col("html_url").last().alias("passed_url"))
    )
    return (
        failing.join(passing, on=key, how="left", maintain_order="left")
        .filter(pl.col("isolated") | pl.col("passed_run_id").is_not_null())
        .with_columns((pl.col("run_id") == pl.col("passed_run_id")).alias("same_run"))
        .sort("last_at", "job_id", descending=True)
    )


def _summed(proofs: pl.DataFrame) -> pl.DataFrame:
    return proofs.group_by(JOB).agg(
        pl.col("minutes").sum(),
        pl.col("failures").sum(),
        pl.col("first_at").min(),
        pl.col("last_at").max(),
        pl.col("name").filter(pl.col("name") != pl.col("job")).unique().sort().alias("other_names"),
    )


def _finding(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], asked: Asked, days: float) -> Finding:
    complaints = asked.of([(one["host"], job) for one in rows for job in one["job_ids"]])
    contradicted, isolated = row["contradicted"], row["isolated"]
    flaky = row["verdict"] == Verdict.FLAKY
    return Finding(
        query="flaky_jobs",
        subject=subject(row),
        verdict=Verdict(row["verdict"]),
        severity=severity_of(per_30_days(row["minutes"], days)),
        confidence=row["probability"],
        title=_title(row["job"], flaky=flaky, proved=contradicted > 0),
        evidence=Evidence(
            summary=_summary(row),
            k=contradicted + isolated,
            n=row["commits"],
            low=row["low"],
            high=row["high"],
            links=tuple(evidence_links(rows)),
            details=(*_details(row, rows), *complaints.details()),
            excerpt=complaints.excerpt,
        ),
        cost=Cost(
            runner_minutes=float(row["minutes"]),
            jobs=row["failures"],
            method=f"the failing executions on the commits counted here, {METHOD}",
        ),
        since=row["first_at"],
        next_step=_next_step(rows, complaints),
        claims=Claims(cause=Cause.FLAKY_JOB, executions=tuple((job, 1.0) for one in rows for job in one["job_ids"])),
    )


def _title(job: str, *, flaky: bool, proved: bool) -> str:
    if flaky and proved:
        return f"{job} fails and passes on the same commit"
    if flaky:
        return f"{job} fails between passing commits"
    return f"{job} may be flaky"


def _summary(row: Mapping[str, Any]) -> str:
    said = f"Failed on {row['failed']} of {counted(row['commits'], 'commit')}"
    if row["contradicted"]:
        said += f"; on {row['contradicted']} of those it passed on the same commit"
    if row["isolated"]:
        between = "stands" if row["isolated"] == 1 else "stand"
        said += f"; {row['isolated']} {between} alone between passing commits of the default branch"
    return f"{said}."


def _details(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    yield "last seen", f"{day(row['last_at'])} on {rows[0]['commit_sha'][:9]}"
    classes = sorted({one["event_class"] for one in rows})
    words = {"default": "default branch", "change": "changes", "merge_group": "merge queue", "other": "other"}
    counts = (f"{words.get(one, one)} {sum(other['event_class'] == one for other in rows)}" for one in classes)
    yield "commits by event", ", ".join(counts)
    again = sum(bool(one["same_run"]) for one in rows)
    elsewhere = sum(one["same_run"] is False for one in rows)
    if again or elsewhere:
        yield (
            "passed in",
            ", ".join(
                f"{text} {number}"
                for text, number in (("another attempt of the run", again), ("another run", elsewhere))
                if number
            ),
        )
    if row["other_names"]:
        yield "also named", ", ".join(row["other_names"][:NAMES_TOLD])


def _next_step(rows: Sequence[Mapping[str, Any]], complaints: Complaints) -> str:
    """Where to begin, and what to hold the failure against."""
    newest, begin = rows[0]["commit_sha"][:9], complaints.begin()
    if begin is None:
        why = f" ({complaints.unread})" if complaints.unread else ""
        failures = counted(complaints.of, "failure")
        begin = f"No log of its {failures} was read{why}: run it on {newest} until it fails, and read that one."
    pair = next((one for one in rows if one["passed_run_id"] is not None), None)
    if pair is None:
        return f"{begin} Rerun the job on {newest}: a pass there is the proof that is still missing."
    if not complaints.logs:
        return begin
    return f"{begin} On {pair['commit_sha'][:9]} it failed and passed: what differs in the two logs is not the code."


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
    remarked = units.with_columns(remark(options.rule()).alias("remark"))
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
