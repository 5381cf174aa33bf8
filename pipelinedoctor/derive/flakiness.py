"""What the questions on flaky jobs and flaky tests share: executions with a verdict, who is set aside, how it is said."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from pipelinedoctor.findings import Link, Subject
from pipelinedoctor.model import Result
from pipelinedoctor.stats.cost import billed_minutes_expr
from pipelinedoctor.stats.evidence import Rule
from pipelinedoctor.stats.outages import roll_ups, with_outages
from pipelinedoctor.store.history import History

JOB = ("host", "repository_id", "pipeline_id", "job")
"""What names a job over time."""

NAMES = ("forge", "repository", "pipeline")
LINKS = 3
FAILING = (Result.FAILURE.value, Result.TIMED_OUT.value)

_COLUMNS = (
    *JOB, *NAMES, "name", "job_id", "run_id", "attempt", "commit_sha", "event_class", "branch", "change_number",
    "run_created_at", "started_at", "completed_at", "duration_s", "result", "html_url",
)  # fmt: skip


def executions(history: History) -> pl.DataFrame:
    """Executions of jobs in the window that passed or failed, in the order they were made.

    Columns: those of `JOB` and `NAMES`, name, job_id, run_id, attempt, commit_sha, event_class, branch, change_number,
    run_created_at, started_at, completed_at, html_url; `minutes` (billed), `failed` (failure or timed_out) and
    `infrastructure` (see `stats.outages`).
    """
    jobs = history.jobs(_COLUMNS).filter(pl.col("result").is_in([Result.SUCCESS.value, *FAILING])).collect()
    explained = explanations(history).select("host", "job_id", "category", "fingerprint")
    return with_outages(
        jobs.sort("run_created_at", "run_id", "attempt", "job_id").with_columns(
            pl.col("result").is_in(FAILING).alias("failed"), billed_minutes_expr().alias("minutes")
        ),
        explained,
    ).drop("result", "duration_s")


def explanations(history: History) -> pl.DataFrame:
    """Of the failing executions whose log was read: host, job_id, category, fingerprint and the explaining line."""
    columns = ("host", "job_id", "category", "fingerprint", "line")
    return history.failures([*columns, "ordinal"]).filter(pl.col("ordinal") == 0).select(columns).collect()


def without_roll_ups(jobs: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The executions of all jobs but roll-ups, and a sentence for each roll-up that was set aside."""
    aside = roll_ups(jobs, JOB)
    named = aside.join(_names(jobs), on=JOB, how="left", maintain_order="left")
    notes = tuple(
        f"{row['repository']}: {row['job']} is set aside: it failed {row['failures']} times, each time after another job"
        " of the same attempt had failed, so it only reports what others found."
        for row in named.iter_rows(named=True)
    )
    return jobs.join(aside, on=JOB, how="anti", maintain_order="left"), notes


def outage_notes(jobs: pl.DataFrame) -> tuple[str, ...]:
    """A sentence on failures left out as infrastructure, where there are any."""
    struck = jobs.filter("infrastructure")
    if struck.is_empty():
        return ()
    attempts = struck.select("host", "run_id", "attempt").n_unique()
    note = (
        f"{counted(len(struck), 'failing job execution')} in {counted(attempts, 'attempt')} of runs belong to mass failures"
        " (half of a run's jobs at once, or one error in many places within an hour) and count as infrastructure, not as"
        " evidence."
    )
    return (note,)


def _names(jobs: pl.DataFrame) -> pl.DataFrame:
    """The newest names of what each job belongs to."""
    return jobs.group_by(JOB, maintain_order=True).agg(pl.col(NAMES).last())


def with_names(units: pl.DataFrame, jobs: pl.DataFrame) -> pl.DataFrame:
    """The units, which have the columns of `JOB`, with those of `NAMES`; `jobs` is in the order of time."""
    return units.join(_names(jobs), on=JOB, how="left", maintain_order="left")


def subject(row: Mapping[str, Any], test: str | None = None) -> Subject:
    """The subject of a finding on the job, or the test, of `row`."""
    names = {name: row[name] for name in ("host", "forge", "repository", "pipeline", "job")}
    return Subject(**names, test=test)


def counted(number: int, noun: str) -> str:
    """`1 commit`, `2 commits`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def day(at: datetime) -> str:
    """A date as it is written in findings."""
    return f"{at:%Y-%m-%d}"


def remark(rule: Rule) -> pl.Expr:
    """What a table says of a judged unit: its verdict, or why it has none."""
    evidence = pl.col("contradicted") + pl.col("isolated") + pl.col("recurring")
    return (
        pl.when(pl.col("verdict").is_not_null())
        .then("verdict")
        .when(pl.col("commits") < rule.least_commits)
        .then(pl.format(f"too little history: {{}} of {rule.least_commits} commits", "commits"))
        .when(evidence < rule.least_evidence)
        .then(pl.format(f"too little evidence: {{}} of {rule.least_evidence} commits", evidence))
        .otherwise(pl.lit("not likely enough"))
    )


def evidence_links(rows: Sequence[Mapping[str, Any]]) -> Iterator[Link]:
    """The newest contradiction with both its sides, then failing executions on other commits, three in all.

    `rows` have `commit_sha`, `html_url` of the failure and `passed_url` (or `None`), newest first.
    """
    first = next((one for one in rows if one["passed_url"]), rows[0])
    yield Link(text=f"failed on {first['commit_sha'][:9]}", url=first["html_url"])
    if first["passed_url"]:
        yield Link(text=f"passed on {first['commit_sha'][:9]}", url=first["passed_url"])
    others = {one["commit_sha"]: one["html_url"] for one in reversed(rows) if one["commit_sha"] != first["commit_sha"]}
    room = LINKS - (2 if first["passed_url"] else 1)
    for commit, url in list(reversed(others.items()))[:room]:
        yield Link(text=f"failed on {commit[:9]}", url=url)
