"""Is the default branch red, what broke it, and for how long: per pipeline, with the commits that can be to blame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from pipelinedoctor.derive import breakage_words as words
from pipelinedoctor.derive.branch_measures import headline, pipeline_table, red_table
from pipelinedoctor.derive.branch_pipelines import ITSELF, BranchPipeline, branch_pipelines
from pipelinedoctor.derive.complaints import Asked
from pipelinedoctor.derive.default_branch import KEY, OUTAGE, OUTAGE_RUNS, DefaultBranch, default_branch
from pipelinedoctor.findings import Answer, Claims, Column, Cost, Evidence, Finding, Measure
from pipelinedoctor.model import Cause, Severity, Verdict
from pipelinedoctor.query import query
from pipelinedoctor.stats.breakages import Breakage
from pipelinedoctor.stats.cost import billed_minutes, per_30_days, severity_of
from pipelinedoctor.stats.posterior import jeffreys
from pipelinedoctor.stats.redness import hours_within
from pipelinedoctor.stats.trend import weekly
from pipelinedoctor.store.history import History, Window
from pipelinedoctor.units import counted, duration

PANELS = 6
METHOD = (
    "wait: hours of the window from the end of the first failing job to that of the next passing one; breakages at the "
    "same time each count theirs. Runner: failing executions of its jobs, each rounded up to a whole minute"
)


@dataclass(frozen=True, slots=True)
class Options:
    """What is told of breakages that are over: how many a pipeline, and from how many hours on; and of red periods."""

    recovered_at_most: int = 5
    recovered_hours: float = 1.0
    red_periods_at_most: int = 50


@query(
    id="pipeline_health",
    title="Pipeline health",
    docs=(
        "How often the pipelines of the default branch succeed, when it was red, and which commit broke what. A job is "
        "broken while it fails in at least 60 % of its runs, in a stretch that its own history sets apart; where "
        "different flaky jobs take turns, the branch is red but nothing is called broken."
    ),
    remediation="Fix or revert what is in the range of commits; a job that fails only after merging is worth running before.",
    options=Options,
)
def pipeline_health(history: History, options: Options) -> Answer:
    """Findings `broken` and `recovered`; measures: pipelines, weekly success, red periods."""
    frames = default_branch(history)
    if frames.outcomes.is_empty():
        return Answer(reason="no run of a default branch has ended with a result that counts")
    pipelines = list(branch_pipelines(frames))
    complaints = _complaints(history, pipelines)
    findings = [
        finding
        for one, known in zip(pipelines, _commits(history, pipelines), strict=True)
        for finding in _worth_telling(
            [_finding(one, broken, history.window, known, complaints) for broken in one.broken], options
        )
    ]
    return Answer(
        findings=findings,
        measures=(
            pipeline_table(pipelines, frames.runs, history.window),
            _success(frames.runs, history.trend),
            red_table(pipelines, history.window, options.red_periods_at_most),
        ),
        notes=_notes(frames, history.window),
        headline=headline(pipelines, history.window),
    )


@dataclass(frozen=True, slots=True)
class _Commits:
    """Parents (comma-separated) and first lines of the messages of a repository's commits."""

    parents: Mapping[str, str | None]
    subjects: Mapping[str, str]


def _commits(history: History, pipelines: Sequence[BranchPipeline]) -> list[_Commits]:
    """The commits of each pipeline's repository; none are read where nothing was broken."""
    if not any(one.broken for one in pipelines):
        return [_Commits({}, {})] * len(pipelines)
    rows = history.commits(["host", "repository_id", "sha", "parents", "subject"]).collect()
    of_repository = {
        key: _Commits(
            dict(zip(one["sha"], one["parents"], strict=True)),
            dict(zip(one["sha"], one["subject"].fill_null(""), strict=True)),
        )
        for key, one in rows.partition_by("host", "repository_id", as_dict=True).items()
    }
    return [of_repository.get((one.subject.host, one.repository_id), _Commits({}, {})) for one in pipelines]


def _complaints(history: History, pipelines: Sequence[BranchPipeline]) -> Asked:
    """What the failing jobs of the breakages that reach into the window say; nothing older than these is read."""
    start = history.window.start
    told = [(one, each) for one in pipelines for each in one.broken if (one.span(each)[1] or start) >= start]
    jobs = [(one.subject.host, job) for one, each in told for job in words.failing_jobs(one, each)]
    first = min((one.runs[each.first]["created_at"] for one, each in told), default=history.trend.end)
    return Asked(history, jobs, replace(history.trend, start=first))


def _finding(one: BranchPipeline, broken: Breakage, window: Window, known: _Commits, asked: Asked) -> Finding | None:
    """A breakage that reaches into the window; `None` where it does not."""
    start, end = one.span(broken)
    newest = max(row["at"] for each in broken.stretches for row in one.failures(each.job, each.last))
    if (newest if end is None else end) < window.start:
        return None
    lead, culprit, blame = words.lead(broken), broken.culprit, one.blame(broken, known.parents)
    k, n = len(lead.failing), lead.runs
    low, high = jeffreys(k, n)
    failed = _failed(one, broken, window)
    cost = _cost(one, broken, window, failed)
    complaints = asked.of([(one.subject.host, job) for job in words.failing_jobs(one, broken)])
    return Finding(
        query="pipeline_health",
        subject=replace(one.subject, job=culprit.job if culprit and culprit.job != ITSELF else None),
        verdict=_verdict(broken),
        severity=_severity(broken, cost, window),
        confidence=lead.confidence,
        title=words.title(one, broken, start, end),
        evidence=Evidence(
            summary=words.summary(one, broken, blame),
            k=k,
            n=n,
            low=float(low),
            high=float(high),
            links=tuple(words.links(one, broken)),
            details=(*words.details(one, broken, blame, known.subjects), *complaints.details()),
            excerpt=complaints.excerpt,
        ),
        cost=cost,
        since=start,
        next_step=words.next_step(one, broken, blame, known.subjects, complaints),
        key=one.runs[broken.first]["commit_sha"][:12],
        claims=Claims(cause=Cause.BROKEN, executions=tuple((row["job_id"], 1.0) for row in failed)),
    )


def _verdict(broken: Breakage) -> Verdict:
    """Broken where its newest run failed: after a pass it may be mended."""
    if broken.over:
        return Verdict.RECOVERED
    sure = words.red_now(broken) and words.lead(broken).confidence >= words.SURE
    return Verdict.BROKEN if sure else Verdict.SUSPECTED


def _severity(broken: Breakage, cost: Cost, window: Window) -> Severity:
    """Critical where the default branch is red for it now; what is over asks for no one's hurry: medium at the most."""
    minutes = per_30_days(cost.runner_minutes + (cost.wait_minutes or 0), (window.end - window.start).days)
    severity = severity_of(minutes, blocks_default_now=_verdict(broken) is Verdict.BROKEN)
    return Severity.MEDIUM if broken.over and severity is Severity.HIGH else severity


def _failed(one: BranchPipeline, broken: Breakage, window: Window) -> list[Mapping[str, Any]]:
    """The failing executions of its jobs in the window; the pipeline's own failures are none of a job."""
    return [
        row
        for each in broken.stretches
        for position in each.failing
        for row in one.failures(each.job, position)
        if each.job != ITSELF and row["at"] >= window.start
    ]


def _cost(one: BranchPipeline, broken: Breakage, window: Window, failed: Sequence[Mapping[str, Any]]) -> Cost:
    return Cost(
        runner_minutes=float(sum(billed_minutes(row["duration_s"]) for row in failed)),
        jobs=len(failed),
        wait_minutes=60 * hours_within(*one.span(broken), window),
        method=METHOD,
    )


def _worth_telling(found: Sequence[Finding | None], options: Options) -> list[Finding]:
    """All that is broken; of what is over and was sure, the longest that were seen in two runs and lasted."""
    told = [finding for finding in found if finding is not None]
    over = [one for one in told if one.verdict is Verdict.RECOVERED and (one.confidence or 0) >= words.SURE]
    lasting = [one for one in over if (one.evidence.k or 0) > 1 and _waited(one) >= 60 * options.recovered_hours]
    lasting.sort(key=lambda one: (-_waited(one), one.key))
    return [one for one in told if one.verdict is not Verdict.RECOVERED] + lasting[: options.recovered_at_most]


def _waited(finding: Finding) -> float:
    return (finding.cost.wait_minutes or 0.0) if finding.cost else 0.0


def _success(runs: pl.DataFrame, trend: Window) -> Measure:
    most = runs.group_by(KEY).len().sort("len", *KEY, descending=[True, False, False, False])
    panels = pl.format("{} {}", "repository", "pipeline")
    shown = runs.join(most.head(PANELS), on=KEY).select(
        panel=panels, at="created_at", value=pl.col("green").cast(pl.Float64)
    )
    weeks = weekly(shown, ["panel"], trend)
    more = f" The {PANELS} of {len(most)} pipelines with most runs." if len(most) > PANELS else ""
    return Measure(
        id="weekly_success",
        title="Success by week",
        caption=f"Share of the default branch's runs that succeeded, of those whose result counts.{more}",
        columns=(
            Column(name="panel", title="Pipeline"),
            Column(name="week_start", title="Week from", unit="date"),
            Column(name="mean", title="Success", unit="share"),
            Column(name="n", title="Runs", unit="count"),
        ),
        rows=weeks.select("panel", "week_start", "mean", "n").to_dicts(),
        kind="series",
        x="week_start",
        y=("mean",),
        by="panel",
        reason=None if len(weeks) else "no whole week has a run with a result that counts",
    )


def _notes(frames: DefaultBranch, window: Window) -> list[str]:
    notes = []
    without = frames.runs.filter(pl.col("created_at") >= window.start, ~pl.col("green"), pl.col("jobs") == 0)
    if len(without):
        told = counted(len(without), "failing run")
        notes.append(f"{told} of the default branch without job data: what broke there is not known.")
    struck = frames.executions.filter("infrastructure", pl.col("at") >= window.start)
    if len(struck):
        jobs = counted(len(struck), "failing job execution")
        runs = counted(struck.select("host", "run_id").n_unique(), "run")
        notes.append(
            f"{jobs} in {runs} of the default branch count as infrastructure and not for what is broken: mass failures in at"
            f" most {OUTAGE_RUNS} runs in a row, within {duration(OUTAGE.total_seconds())}."
        )
    return notes
