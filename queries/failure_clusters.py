"""Why do jobs fail, and what fails alike in many places?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelinedoctor.derive.clusters import FAILING, INFRASTRUCTURE, Outage, clustered, failing_jobs, outages
from pipelinedoctor.derive.flakiness import counted
from pipelinedoctor.findings import Answer, Claims, Column, Cost, Evidence, Finding, Link, Measure, Subject
from pipelinedoctor.logs.rules import shipped_rules
from pipelinedoctor.model import Category, Cause, Verdict
from pipelinedoctor.query import query
from pipelinedoctor.stats.cost import METHOD, per_30_days, severity_of
from pipelinedoctor.stats.posterior import jeffreys
from pipelinedoctor.store.history import History

MAX_ROWS = 50
LINKS = 3
PLACES = 2
"""Jobs of so many names make an infrastructure error one of the infrastructure, and not of a job."""
TITLE = 80

_PLACE = ("repository_id", "pipeline", "job")
_WHAT = {
    Category.RUNNER: "Runner failures",
    Category.NETWORK: "Network failures",
    Category.REGISTRY: "Registry failures",
    Category.RATE_LIMIT: "Rate limits",
}


@dataclass(frozen=True, slots=True)
class Options:
    """`min_jobs`: failing jobs from which on a cluster of infrastructure errors is a finding."""

    min_jobs: int = 3


@dataclass(frozen=True, slots=True)
class _Window:
    """What shares and severities are out of: failing jobs in the window, with a log or without, and its days."""

    failing: int
    days: float


@query(
    id="failure_clusters",
    title="Failure clusters",
    docs=(
        "What failed jobs say in their logs, put together: for each the line that explains it best is chosen by rules,"
        " its variable parts are masked, and lines that are alike form a cluster.\n\n"
        "A cluster of runner, network, registry or rate-limit errors that struck jobs of at least two names is called"
        " infrastructure; one that struck many repositories within an hour is called an outage. All other clusters are"
        " listed without a verdict."
    ),
    remediation="Repair what many jobs share first: one cause, many failures.",
    options=Options,
)
def failure_clusters(history: History, options: Options) -> Answer:
    """Findings infrastructure, for clusters and outages; measures `clusters` and `categories`."""
    failing = failing_jobs(history)
    if failing.is_empty():
        return Answer(reason=_nothing_failed(history))
    known = clustered(history)
    recent = known.filter("recent")
    if recent.is_empty():
        return Answer(reason=f"no failed job has a log: {counted(len(failing), 'failing job')}, {_gaps(history)}")
    window = _Window(len(failing), (history.window.end - history.window.start).total_seconds() / 86_400)
    findings = list(_findings(history, recent, window, options))
    return Answer(findings=findings, measures=(_clusters(known, window), _categories(recent, window)))


def _nothing_failed(history: History) -> str:
    """Why there is no failing job: none failed, or runs did and their failing jobs were not read."""
    results = history.runs(["result"]).filter(pl.col("result").is_in(FAILING))
    runs = results.select(pl.len()).collect().item()
    return f"no failing job was read; {counted(runs, 'run')} failed" if runs else "no job failed in the window"


def _gaps(history: History) -> str:
    """Why logs are missing, most frequent reason first; the store counts them over all of its time."""
    missing = history.gaps().filter(pl.col("kind") == "log").collect()
    counts = missing.group_by("reason").agg(pl.col("rows_missing").fill_null(1).sum().alias("n"))
    reasons = [
        f"{row['reason']} ({row['n']})" for row in counts.sort("n", "reason", descending=[True, False]).to_dicts()
    ]
    return "; ".join(reasons[:3]) if reasons else "and the store does not say why"


def _findings(history: History, recent: pl.DataFrame, window: _Window, options: Options) -> Iterator[Finding]:
    shared = recent.filter(pl.col("category").is_in([one.value for one in INFRASTRUCTURE]))
    repositories = dict(
        history.jobs(["host", "repository_id"])
        .group_by("host")
        .agg(pl.col("repository_id").n_unique())
        .collect()
        .iter_rows()
    )
    for rows in shared.sort("host", "cluster", "at", "job_id").partition_by("host", "cluster", maintain_order=True):
        found = list(outages(rows, repositories[rows["host"][0]]))
        for outage in found:
            yield _outage(history, outage, window)
        # A job that an outage struck is counted there, so that no minute is counted twice.
        taken = pl.concat([outage.rows for outage in found]) if found else rows.clear()
        others = rows.join(taken, on=["host", "job_id"], how="anti", maintain_order="left")
        if len(others) >= options.min_jobs and others.select(_PLACE).n_unique() >= PLACES:
            yield _cluster(history, others, window)


def _outage(history: History, outage: Outage, window: _Window) -> Finding:
    rows = outage.rows
    minutes = (outage.end - outage.start).total_seconds() / 60
    lasted = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
    where = (
        ("Start", f"{outage.start:%Y-%m-%d %H:%M} UTC"),
        ("End", f"{outage.end:%Y-%m-%d %H:%M} UTC"),
        ("Runs", str(rows["run_id"].n_unique())),
    )
    return _finding(
        history,
        rows,
        window,
        title=f"Outage: {_WHAT[Category(rows['category'][0])].lower()} in {_hit(rows)} within {lasted}",
        details=where,
        key=f"{rows['cluster'][0]}/{outage.start:%Y-%m-%dT%H}",
    )


def _cluster(history: History, rows: pl.DataFrame, window: _Window) -> Finding:
    return _finding(
        history,
        rows,
        window,
        title=f"{_WHAT[Category(rows['category'][0])]} in {_hit(rows)}: {_short(rows['template'][0])}",
        details=(
            ("Runs", str(rows["run_id"].n_unique())),
            ("Last seen", f"{rows.row(-1, named=True)['at']:%Y-%m-%d %H:%M} UTC"),
        ),
        key=rows["cluster"][0],
    )


def _finding(
    history: History, rows: pl.DataFrame, window: _Window, *, title: str, details: Sequence[tuple[str, str]], key: str
) -> Finding:
    """A finding on failing jobs of one cluster, `rows` in the order of time."""
    newest = rows.row(-1, named=True)
    low, high = jeffreys(len(rows), window.failing)
    minutes = int(rows["minutes"].sum())
    return Finding(
        query="failure_clusters",
        subject=_subject(rows),
        verdict=Verdict.INFRASTRUCTURE,
        severity=severity_of(per_30_days(minutes, window.days)),
        confidence=None,
        title=title,
        evidence=Evidence(
            summary=f"{len(rows)} of {counted(window.failing, 'failing job')} in the window, in {_hit(rows)}",
            k=len(rows),
            n=window.failing,
            low=float(low),
            high=float(high),
            links=tuple(_links(rows)),
            details=(*details, ("Jobs", _names(rows)), ("Line", newest["line"])),
            excerpt=_excerpt(history, newest),
        ),
        cost=Cost(
            runner_minutes=float(minutes),
            jobs=len(rows),
            method=f"the failing jobs of this cluster, {METHOD}; a job that an outage struck counts there alone",
        ),
        since=rows.row(0, named=True)["at"],
        next_step=_next_step(history, rows),
        key=key,
        claims=Claims(cause=Cause.INFRASTRUCTURE, executions=tuple((job, 1.0) for job in rows["job_id"])),
    )


def _subject(rows: pl.DataFrame) -> Subject:
    one = rows.row(-1, named=True)
    alone = rows["repository_id"].n_unique() == 1
    return Subject(host=one["host"], forge=one["forge"], repository=one["repository"] if alone else None)


def _hit(rows: pl.DataFrame) -> str:
    jobs = counted(rows.select(_PLACE).n_unique(), "different job")
    repositories = rows["repository_id"].n_unique()
    return jobs if repositories == 1 else f"{jobs} of {repositories} repositories"


def _names(rows: pl.DataFrame) -> str:
    names = rows.group_by("repository", "job").len().sort("len", "repository", "job", descending=[True, False, False])
    several = rows["repository_id"].n_unique() > 1
    said = [f"{row['repository']}: {row['job']}" if several else row["job"] for row in names.head(5).to_dicts()]
    return ", ".join(said) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _links(rows: pl.DataFrame) -> Iterator[Link]:
    """The newest failing job of each of the last three runs."""
    newest = rows.reverse().unique("run_id", keep="first", maintain_order=True).head(LINKS)
    for row in newest.iter_rows(named=True):
        yield Link(text=f"{row['job']}, {row['at']:%Y-%m-%d}", url=row["html_url"])


def _excerpt(history: History, row: Mapping[str, Any]) -> str | None:
    wanted = (pl.col("host") == row["host"]) & (pl.col("job_id") == row["job_id"]) & (pl.col("ordinal") == 0)
    found = history.failures(["host", "job_id", "ordinal", "excerpt"], window=history.window).filter(wanted).collect()
    return None if found.is_empty() else str(found["excerpt"][0])


def _next_step(history: History, rows: pl.DataFrame) -> str:
    """The remedy of the rule that most of the lines were chosen by."""
    remedies = {rule.id: rule.remedy for rule in shipped_rules().rules} | dict(history.remedies)
    named = rows.filter(pl.col("rule").is_not_null()).group_by("rule").len()
    for (name,) in named.sort("len", "rule", descending=[True, False]).select("rule").iter_rows():
        if name in remedies:
            return remedies[name]
    return "Read the excerpt, and look at what these jobs share."


def _clusters(known: pl.DataFrame, window: _Window) -> Measure:
    recent = pl.col("recent")
    every = (
        known.group_by("host", "category", "cluster")
        .agg(
            pl.col("template").first(),
            recent.sum().alias("jobs"),
            pl.col("run_id").filter(recent).n_unique().alias("runs"),
            pl.col("repository_id").filter(recent).n_unique().alias("repositories"),
            _authors(pl.col("actor").filter(recent)),
            pl.col("at").min().alias("first_seen"),
            pl.col("at").max().alias("last_seen"),
            pl.col("html_url").last().alias("example"),
        )
        .filter(pl.col("jobs") > 0)
        .sort("jobs", "host", "cluster", descending=[True, False, False])
    )
    shown, rest = every.head(MAX_ROWS), every[MAX_ROWS:]
    explained = int(every["jobs"].sum())
    caption = (
        f"{counted(len(every), 'cluster')} over {explained} of {counted(window.failing, 'failing job')} in the window"
    )
    caption += ". First and last seen look back over the trend window."
    if not rest.is_empty():
        caption += f" Left out: {counted(len(rest), 'cluster')} with {counted(int(rest['jobs'].sum()), 'failing job')}."
    columns = (
        Column(name="template", title="What the log says"),
        Column(name="category", title="Category"),
        Column(name="jobs", title="Failing jobs", unit="count"),
        Column(name="runs", title="Runs", unit="count"),
        Column(name="repositories", title="Repositories", unit="count"),
        Column(name="authors", title="Authors", unit="count"),
        Column(name="first_seen", title="First seen", unit="time"),
        Column(name="last_seen", title="Last seen", unit="time"),
        Column(name="example", title="Example", unit="link"),
    )
    rows = shown.select([column.name for column in columns]).to_dicts()
    return Measure(id="clusters", title="Failure clusters", caption=caption, columns=columns, rows=rows)


def _authors(actor: pl.Expr) -> pl.Expr:
    """Whose runs they were; null where the forge named no one."""
    known = actor.drop_nulls()
    return pl.when(known.len() > 0).then(known.n_unique()).alias("authors")


def _categories(recent: pl.DataFrame, window: _Window) -> Measure:
    counts = dict(recent.group_by("category").len().iter_rows())
    unread = window.failing - len(recent)
    counted_rows = [
        *sorted(counts.items(), key=lambda item: (-item[1], item[0])),
        *([("no log", unread)] if unread else []),
    ]
    unknown = counts.get(Category.UNKNOWN.value, 0)
    caption = (
        f"Of {counted(window.failing, 'failing job')} in the window {len(recent)} have a log;"
        f" no rule knows the cause of {unknown} of them ({100 * unknown / len(recent):.1f} %)."
    )
    columns = (
        Column(name="category", title="Category"),
        Column(name="jobs", title="Failing jobs", unit="count"),
        Column(name="share", title="Share of failing jobs", unit="share"),
    )
    rows = [{"category": name, "jobs": jobs, "share": jobs / window.failing} for name, jobs in counted_rows]
    return Measure(id="categories", title="Failures by category", caption=caption, columns=columns, rows=rows)


def _short(text: str) -> str:
    return text if len(text) <= TITLE else text[: TITLE - 1].rstrip() + "…"
