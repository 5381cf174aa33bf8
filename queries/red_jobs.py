"""What were the red jobs: which kind of failure each was, and how often failures like it passed when tried again."""

from dataclasses import dataclass

import polars as pl

from pipelinedoctor.derive.flakiness import counted
from pipelinedoctor.derive.job_verdicts import job_verdicts
from pipelinedoctor.derive.labels import WORDS, labels
from pipelinedoctor.findings import Answer, Column, Measure
from pipelinedoctor.query import query
from pipelinedoctor.store.history import History

SHOWN = ("default", "change", "merge_group")
"""Classes of events whose newest failures are listed."""


@dataclass(frozen=True, slots=True)
class Options:
    """How many of the newest failures are listed."""

    newest: int = 25


@query(
    id="red_jobs",
    title="What red jobs were",
    docs=(
        "Each failing execution of a job is one of six: infrastructure, broken on the default branch, passed on the same"
        " commit as well, known flaky by a signature seen before, likely genuine, or too little is known; the first that"
        " holds.\n\n"
        "The odds say how many of the job's earlier failures that were tried again on their commit passed there, of those"
        " with the same signature where there are three. They are no leave to pass over a failure: a flaky job also fails"
        " because of the code."
    ),
    remediation="Begin with what is likely genuine and with what is broken; a rerun tells most where the odds are high.",
    options=Options,
)
def red_jobs(history: History, options: Options) -> Answer:
    """No finding; measures `kinds` (failures by kind) and `newest` (the newest on default branches and changes)."""
    verdicts = job_verdicts(history)
    if verdicts is None:
        return Answer(reason="no job passed or failed in the window")
    failures = labels(history, verdicts)
    return Answer(measures=(_kinds(failures), _newest(failures, options.newest)))


def _kinds(failures: pl.DataFrame) -> Measure:
    columns = (
        Column(name="kind", title="Kind"),
        Column(name="failures", title="Failing executions", unit="count"),
        Column(name="share", title="Share", unit="share"),
        Column(name="minutes", title="Runner minutes", unit="minutes"),
        Column(name="jobs", title="Jobs", unit="count"),
        Column(name="repositories", title="Repositories", unit="count"),
    )
    of_job = pl.struct("host", "repository_id", "pipeline_id", "job").n_unique()
    sums = failures.group_by("label").agg(
        pl.len().alias("failures"),
        pl.col("minutes").sum(),
        of_job.alias("jobs"),
        pl.struct("host", "repository_id").n_unique().alias("repositories"),
    )
    by_label = {row["label"]: row for row in sums.iter_rows(named=True)}
    rows = [
        {"kind": words, "share": by_label[label]["failures"] / len(failures)}
        | {name: by_label[label][name] for name in ("failures", "minutes", "jobs", "repositories")}
        for label, words in WORDS.items()
        if label in by_label
    ]
    return Measure(
        id="kinds",
        title="Failures by kind",
        caption=(
            f"All {counted(len(failures), 'failing execution')} of jobs in the window, each counted once, by the first kind"
            " that holds. Jobs that only report what others found are left out; minutes are rounded up for each execution."
        ),
        columns=columns,
        rows=rows,
        reason=None if rows else "no job failed in the window",
    )


def _newest(failures: pl.DataFrame, most: int) -> Measure:
    columns = (
        Column(name="at", title="When", unit="time"),
        Column(name="repository", title="Repository"),
        Column(name="job", title="Job"),
        Column(name="event_class", title="Event"),
        Column(name="kind", title="Kind"),
        Column(name="odds", title="Passed when tried again"),
        Column(name="low", title="At least", unit="share"),
        Column(name="high", title="At most", unit="share"),
        Column(name="html_url", title="Failure", unit="link"),
    )
    mine = failures.filter(pl.col("event_class").is_in(SHOWN))
    like = pl.when("alike").then(pl.lit(" like it")).otherwise(pl.lit(""))
    some = pl.format("{} of {}{}", "k", "n", like)
    tried = pl.col("n") > 0
    rows = (
        mine.head(most)
        .with_columns(
            pl.col("label").replace_strict({label.value: words for label, words in WORDS.items()}).alias("kind"),
            pl.when(tried).then(some).otherwise(pl.lit("none was tried again")).alias("odds"),
            pl.when(tried).then("low").alias("low"),
            pl.when(tried).then("high").alias("high"),
        )
        .select([column.name for column in columns])
        .rows(named=True)
    )
    return Measure(
        id="newest",
        title="The newest failures",
        caption=(
            f"The newest {len(rows)} of {counted(len(mine), 'failing execution')} on default branches, changes and merge queues."
            " Odds: of n earlier failures of the job that were tried again on their commit, k passed, with the 95 % interval of"
            " k/n; “like it” are those with the same signature."
        ),
        columns=columns,
        rows=rows,
        reason=None if rows else "no job of a default branch or a change failed in the window",
    )
