"""The times that the question on lead time is about: to green, of a run, in the queue; with what was left out and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipelinedoctor.derive.default_branch import KEY, default_branch
from pipelinedoctor.model import Detail, Result
from pipelinedoctor.store.history import History
from pipelinedoctor.units import count, counted

_PIPELINE = ("host", "forge", "repository_id", "pipeline_id", "repository", "pipeline")
_PANEL = pl.format("{} {}", "repository", "pipeline")
_COMPLETE = (Result.SUCCESS.value, Result.SKIPPED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One kind of time.

    `values`, in order of `at` within each series: the columns `by`, host, forge, `panel` (the series' name), `at` (time,
    UTC), `value` (seconds), `jobs` (how many executions it speaks of), `url`; and repository and pipeline where a series
    belongs to one. `reason` says why there are no values, where there are none.
    """

    id: str
    title: str
    things: str
    caption: str
    by: tuple[str, ...]
    values: pl.DataFrame
    notes: tuple[str, ...] = ()
    reason: str = ""

    def of(self, key: Sequence[object]) -> pl.DataFrame:
        """The values of one series."""
        same = [pl.col(name).eq_missing(pl.lit(value)) for name, value in zip(self.by, key, strict=True)]
        return self.values.filter(*same)


def green_times(history: History) -> Timed:
    """From commit to the end of the first green run of the default branch at it or at a later commit."""
    runs = default_branch(history).runs
    # The end of the first to be green of this run and all later ones: a minimum from the newest run backwards.
    first = pl.when(pl.col("green")).then("at").cum_min(reverse=True).backward_fill().over(KEY, order_by="position")
    known = history.commits(["host", "repository_id", "sha", "committed_at"]).collect()
    commits = (
        runs.with_columns(green_at=first)
        .filter(pl.col("event") == "push")
        .group_by(*KEY, "commit_sha", maintain_order=True)
        .first()
        .join(
            known,
            left_on=["host", "repository_id", "commit_sha"],
            right_on=["host", "repository_id", "sha"],
            how="left",
        )
        .with_columns(since=pl.coalesce("committed_at", "created_at"))
        .with_columns(value=(pl.col("green_at") - pl.col("since")).dt.total_microseconds() / 1e6)
    )
    good = commits.filter(pl.col("value") >= 0)
    values = good.select(
        *_PIPELINE, "position", panel=_PANEL, at="green_at", value="value", jobs="jobs", url="html_url"
    ).sort(*KEY, "at", "position")
    return Timed(
        id="lead_time",
        title="Lead time to green main",
        things="commits",
        caption=(
            f"From commit to the end of the first green run of the default branch at that commit or a later one, by the week "
            f"of that end: {count(len(good))} of {counted(len(commits), 'commit')} with a push run."
        ),
        by=KEY,
        values=values,
        notes=_left_out(commits),
        reason="no commit of a default branch with a push run has become green",
    )


def _left_out(commits: pl.DataFrame) -> tuple[str, ...]:
    counts = (
        (commits["green_at"].null_count(), "have not become green yet, by themselves or by a later commit"),
        (len(commits.filter(pl.col("value") < 0)), "carry a commit time after their green run"),
    )
    of = f"of {counted(len(commits), 'commit')}"
    notes = [f"Lead time: {count(number)} {of} left out: they {why}." for number, why in counts if number]
    guessed = len(commits.filter(pl.col("committed_at").is_null()))
    if guessed:
        notes.append(f"Lead time: of {count(guessed)} {of} the time is not known; their run's creation stands for it.")
    return tuple(notes)


def run_times(history: History) -> Timed:
    """Of whole successful attempts, the time from the start of the first job to the end of the last."""
    columns = (*_PIPELINE, "event_class", "run_id", "run_created_at", "run_url", "attempt", "job_id", "result", "started_at", "completed_at")  # fmt: skip
    jobs = history.jobs(columns, window=history.trend).collect()
    ran = pl.col("result") == Result.SUCCESS.value
    attempts = (
        jobs.group_by(*_PIPELINE, "event_class", "run_id", "attempt")
        .agg(
            pl.col("run_created_at").first(),
            pl.col("run_url").first(),
            pl.col("started_at").filter(ran).min(),
            pl.col("completed_at").filter(ran).max(),
            whole=pl.col("result").is_in(_COMPLETE).all() & pl.col("completed_at").filter(ran).is_not_null().all(),
            jobs=ran.sum().cast(pl.Int64),
            listed=pl.len(),
        )
        .filter(
            pl.col("listed") == pl.col("listed").max().over("host", "run_id"),
            pl.col("completed_at") < history.trend.end,
        )
    )
    good = attempts.filter("whole", pl.col("jobs") > 0).with_columns(
        value=(pl.col("completed_at") - pl.col("started_at")).dt.total_microseconds() / 1e6
    )
    classes = (
        good.group_by(*KEY, "event_class")
        .len()
        .sort(*KEY, "len", "event_class", descending=[False] * 3 + [True, False])
    )
    chosen = classes.group_by(KEY, maintain_order=True).first().select(*KEY, "event_class")
    values = (
        good.join(chosen, on=[*KEY, "event_class"])
        .select(
            *_PIPELINE,
            "run_id",
            "attempt",
            panel=_PANEL,
            at="run_created_at",
            value="value",
            jobs="jobs",
            url="run_url",
        )
        .sort(*KEY, "at", "run_id", "attempt")
    )
    return Timed(
        id="run_duration",
        title="Run duration",
        things="runs",
        caption=(
            f"Start of the first job to end of the last: {count(len(values))} of {counted(len(attempts), 'attempt')}, by the week the run was "
            "made. Left out: attempts that did not succeed as a whole (they stop early), reruns of some jobs only, and of "
            "each pipeline the kind of runs (default branch, changes, …) it has fewer of."
        ),
        by=KEY,
        values=values,
        reason="no run with job data has succeeded",
    )


def queue_times(history: History) -> Timed:
    """From queued to started of jobs, by host and runner labels."""
    columns = ("host", "forge", "job_id", "run_created_at", "result", "queue_s", "labels", "html_url", "detail")
    jobs = history.jobs(columns, window=history.trend).filter(pl.col("result") != Result.SKIPPED.value).collect()
    known = jobs.filter(pl.col("queue_s").is_not_null())
    labels = pl.coalesce("labels", pl.lit("no labels told"))
    values = known.select(
        "host", "forge", "job_id", labels=labels, panel=pl.format("{} on {}", labels, "host"), at="run_created_at",
        value="queue_s", jobs=pl.lit(1, dtype=pl.Int64), url="html_url",
    ).sort("host", "labels", "at", "job_id")  # fmt: skip
    unread = int((jobs["detail"] == Detail.OUTCOMES.value).sum())
    missing = len(jobs) - len(known)
    parts = [f"it was not read for {count(unread)}, to save requests"] if unread else []
    parts += [f"the forge told none for {count(missing - unread)}"] if missing > unread else []
    told = f"of {counted(len(jobs), 'job')} {', and '.join(parts)}"
    return Timed(
        id="queue_time",
        title="Queue time",
        things="jobs",
        caption=f"From queued to started, by the labels asked of the runner: {count(len(known))} of {counted(len(jobs), 'job')}.",
        by=("host", "labels"),
        values=values,
        notes=(f"Queue time: {told}.",) if missing and len(known) else (),
        reason=f"no queue time: {told}" if jobs.height else "no jobs",
    )
