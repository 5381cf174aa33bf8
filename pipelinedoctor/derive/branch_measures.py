"""Tables of the default branch's pipelines and of their red periods."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from math import fsum
from statistics import median
from typing import Any

import polars as pl

from pipelinedoctor.derive import breakage_words as words
from pipelinedoctor.derive.branch_pipelines import BranchPipeline
from pipelinedoctor.findings import Column, Measure
from pipelinedoctor.stats.posterior import jeffreys
from pipelinedoctor.stats.redness import Red, hours_within
from pipelinedoctor.store.history import Window
from pipelinedoctor.units import count, counted, time

_RED_TOLD = 3


def headline(pipelines: Sequence[BranchPipeline], window: Window) -> str | None:
    """Whether the default branch is red now, and where; `None` where no pipeline ran in the window."""
    active = [one for one in pipelines if _counted_runs(one, window)]
    red = sorted(
        ((found.start, one, found) for one in active if (found := red_now(one)) is not None),
        key=lambda item: (item[0], item[1].subject.repository or "", item[1].subject.pipeline or ""),
    )
    if not active:
        return None
    if not red:
        return f"The default branch is green now{f' in all {len(active)} pipelines' if len(active) > 1 else ''}."
    if len(active) == 1:
        ((start, one, found),) = red
        return f"The default branch is red now, since {time(start)}{_failing(one, found)}."
    told = [f"{_name(one)} since {time(start)}{_failing(one, found)}" for start, one, found in red[:_RED_TOLD]]
    rest = [f"and {len(red) - _RED_TOLD} more"] * (len(red) > _RED_TOLD)
    return f"The default branch is red now in {len(red)} of {len(active)} pipelines: {'; '.join([*told, *rest])}."


def red_now(one: BranchPipeline) -> Red | None:
    """The red period that lasts."""
    return one.red[-1] if one.red and one.red[-1].end is None else None


def _name(one: BranchPipeline) -> str:
    return f"{one.subject.repository} {str(one.subject.pipeline).removeprefix('.github/workflows/')}"


def _failing(one: BranchPipeline, red: Red) -> str:
    """The jobs of the newest failing run; empty where they are not known."""
    jobs = one.failed_in.get(red.failing[-1], ())
    return f" ({words.listed(jobs)})" if jobs else ""


def _counted_runs(one: BranchPipeline, window: Window) -> list[bool]:
    """Whether each run of the window was green, of those whose result counts."""
    return [run["green"] for run in one.runs if run["created_at"] >= window.start and run["green"] is not None]


def pipeline_table(pipelines: Sequence[BranchPipeline], runs: pl.DataFrame, window: Window) -> Measure:
    """One row a pipeline with counted runs in the window, those red now first; `runs` is `DefaultBranch.runs`."""
    recent = runs.filter(pl.col("created_at") >= window.start)
    known = len(recent) - recent["green"].null_count()
    others = "; the others were cancelled or skipped, have no known result or have not ended" * (known < len(recent))
    # A page shows the first rows of a long table, and what is red now is what it is read for.
    red_first = sorted(pipelines, key=lambda one: red_now(one) is None)
    rows = [row for one in red_first if (row := _row(one, window)) is not None]
    return Measure(
        id="pipelines",
        title="Pipelines of the default branch",
        caption=(
            f"{count(known)} of the window's {counted(len(recent), 'run')}, as their newest attempt left them{others}. Success with its 95 % "
            "interval. Red: from a failing run to the next green one; time to green: the median of the red periods that ended. "
            "Passed there, too: the failing jobs that also passed on the same commit."
        ),
        columns=(
            Column(name="repository", title="Repository"),
            Column(name="pipeline", title="Pipeline"),
            Column(name="now", title="Now"),
            Column(name="runs", title="Runs", unit="count"),
            Column(name="success", title="Success", unit="share"),
            Column(name="low", title="From", unit="share"),
            Column(name="high", title="To", unit="share"),
            Column(name="time_to_green", title="Time to green", unit="hours"),
            Column(name="red", title="Red", unit="hours"),
            Column(name="breakages", title="Breakages", unit="count"),
            Column(name="failures", title="Failing jobs", unit="count"),
            Column(name="contradicted", title="Passed there, too", unit="count"),
        ),
        rows=rows,
        reason=None if rows else "no run of the window has ended with a result that counts",
    )


def _row(one: BranchPipeline, window: Window) -> dict[str, Any] | None:
    runs = _counted_runs(one, window)
    if not runs:
        return None
    low, high = jeffreys(sum(runs), len(runs))
    ended = [(red.end - red.start).total_seconds() / 3600 for red in one.red if red.end and red.end >= window.start]
    failures = [
        (job, one.runs[position]["commit_sha"])
        for (job, position), rows in one.executions.items()
        for row in rows
        if row["failed"] and row["at"] >= window.start
    ]
    return {
        "repository": one.subject.repository,
        "pipeline": one.subject.pipeline,
        "now": "green" if (red := red_now(one)) is None else f"red since {time(red.start)}",
        "runs": len(runs),
        "success": sum(runs) / len(runs),
        "low": float(low),
        "high": float(high),
        "time_to_green": median(ended) if ended else None,
        # fsum, for Python 3.12 began to sum otherwise, and a report is to be the same on all of them.
        "red": fsum(hours_within(red.start, red.end, window) for red in one.red),
        "breakages": sum(hours_within(*one.span(broken), window) > 0 for broken in one.broken),
        "failures": len(failures),
        "contradicted": sum(failure in one.contradicted for failure in failures),
    }


def red_table(pipelines: Sequence[BranchPipeline], window: Window, most: int) -> Measure:
    """The longest red periods that reach into the window, at most `most`."""
    broken = [{position for each in one.broken for position in each.failing} for one in pipelines]
    rows = [
        _red_row(one, red, window, runs)
        for one, runs in zip(pipelines, broken, strict=True)
        for red in one.red
        if hours_within(red.start, red.end, window) > 0
    ]
    rows.sort(key=lambda row: (-row["hours"], row["start"], row["repository"], row["pipeline"]))
    return Measure(
        id="red_periods",
        title="Red periods",
        caption=(
            f"{f'The {most} longest of ' * (most < len(rows))}{counted(len(rows), 'red period')} in the window; hours are those "
            "in the window. Broken: a job was broken in it. Passed on the same commit: each job that failed also passed on that commit."
        ),
        columns=(
            Column(name="repository", title="Repository"),
            Column(name="pipeline", title="Pipeline"),
            Column(name="start", title="From", unit="time"),
            Column(name="end", title="To", unit="time"),
            Column(name="hours", title="Hours", unit="hours"),
            Column(name="kind", title="Kind"),
            Column(name="runs", title="Failing runs", unit="count"),
            Column(name="jobs", title="Jobs, failing runs of each"),
            Column(name="url", title="First failing run", unit="link"),
        ),
        rows=rows[:most],
        reason=None if rows else "the default branch was not red in the window",
    )


def _red_row(one: BranchPipeline, red: Red, window: Window, broken: AbstractSet[int]) -> dict[str, Any]:
    """A row on a red period; `broken` are the pipeline's runs in which a job was broken."""
    jobs = one.failing_jobs(red.failing)
    failures = [
        (job, one.runs[position]["commit_sha"]) for position in red.failing for job in one.failed_in.get(position, ())
    ]
    if not broken.isdisjoint(red.failing):
        kind = "broken"
    elif failures and one.contradicted.issuperset(failures):
        kind = "passed on the same commit"
    else:
        kind = "not known"
    return {
        "repository": one.subject.repository,
        "pipeline": one.subject.pipeline,
        "start": red.start,
        "end": red.end,
        "hours": hours_within(red.start, red.end, window),
        "kind": kind,
        "runs": len(red.failing),
        "jobs": words.listed([f"{job} {count}" for job, count in jobs.items()]),
        "url": one.runs[red.failing[0]]["html_url"],
    }
