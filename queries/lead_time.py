"""How long from commit to a green default branch, how long runs take and jobs queue, and whether it gets worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from pipelinedoctor.derive.lead_times import Timed, green_times, queue_times, run_times
from pipelinedoctor.findings import Answer, Column, Cost, Evidence, Finding, Link, Measure, Subject
from pipelinedoctor.model import Verdict
from pipelinedoctor.query import query
from pipelinedoctor.stats.cost import per_30_days, severity_of
from pipelinedoctor.stats.trend import MIN_FOR_P90, MIN_PER_WEEK, MIN_POINTS, Trend, trends, weekly
from pipelinedoctor.store.history import History, Window
from pipelinedoctor.units import count, duration

PANELS = 6
SLOWEST = 2
FIRST_WEEKS = timedelta(weeks=2)
LEAST_SECONDS = 15.0
NEXT = {
    "lead_time": "See which part grew: the run itself, the queue before it, or the time that the branch stays red.",
    "run_duration": "Compare a slow run with the one of the first weeks, job by job (both are linked); the longest job sets the pace.",
    "queue_time": "More runners of this kind, or fewer jobs at the busy hours; see when the slow ones were queued.",
}
METHOD = (
    "growth of the fitted weekly median from the first to the last week, times what was counted in the window; no runner "
    "minutes: it is waiting, and the minutes of longer jobs cannot be told from it"
)


@dataclass(frozen=True, slots=True)
class Options:
    """From which growth on, as a share of 30 days, a trend is told: 0.05 is 5 % a month."""

    least_monthly: float = 0.05


@query(
    id="lead_time",
    title="Lead time to green main",
    docs=(
        "From commit to the first successful run of the default branch that contains it, how long runs take, and how long "
        "jobs wait for a runner: weekly medians and 90th percentiles, and whether they rise.\n\n"
        "This is not DORA's change lead time, which ends in production: CI alone does not know of that."
    ),
    remediation="Start with what grew most: a longer run, a longer queue, or a branch that is red for longer.",
    options=Options,
)
def lead_time(history: History, options: Options) -> Answer:
    """Findings `worsening`; measures: a table of all series, and lead time, duration and queue time by week."""
    parts = (green_times(history), run_times(history), queue_times(history))
    if all(part.values.is_empty() for part in parts):
        return Answer(reason="; ".join(dict.fromkeys(part.reason for part in parts)))
    weeks = [weekly(part.values, part.by, history.trend) for part in parts]
    found = [trends(of_weeks, part.by) for of_weeks, part in zip(weeks, parts, strict=True)]
    findings = [
        finding
        for part, of_part in zip(parts, found, strict=True)
        for key, trend in of_part.items()
        if trend.significant(least=options.least_monthly)
        and trend.monthly > 0
        and trend.last - trend.first >= LEAST_SECONDS
        and (finding := _finding(part, key, trend, history)) is not None
    ]
    series = [_series(part, of_part, history.trend) for part, of_part in zip(parts, weeks, strict=True)]
    return Answer(
        findings=findings,
        measures=(_table(parts, found, history), *series),
        notes=[note for part in parts for note in part.notes],
    )


def _finding(part: Timed, key: tuple[object, ...], trend: Trend, history: History) -> Finding | None:
    """A trend that rises; `None` where the window holds nothing of the series."""
    own = part.of(key)
    recent = own.filter(pl.col("at") >= history.window.start)
    if recent.is_empty():
        return None
    last = recent.row(-1, named=True)
    minutes = (trend.last - trend.first) / 60 * len(recent)
    first_week = weekly(own, part.by, history.trend)["week_start"][0]
    since = datetime(first_week.year, first_week.month, first_week.day, tzinfo=UTC)
    what = last.get("pipeline") or last["panel"]
    return Finding(
        query="lead_time",
        subject=Subject(
            host=last["host"], forge=last["forge"], repository=last.get("repository"), pipeline=last.get("pipeline")
        ),
        verdict=Verdict.WORSENING,
        severity=severity_of(per_30_days(minutes, (history.window.end - history.window.start).days)),
        confidence=1 - trend.q,
        title=f"{part.title} of {what} grows by {100 * trend.monthly:.0f} % a month",
        evidence=Evidence(
            summary=(
                f"{trend.points} weekly medians of {count(len(own))} {part.things} rise from {duration(trend.first)} to "
                f"{duration(trend.last)}: {100 * trend.monthly:.0f} % a month, 95 % interval {100 * trend.low:.0f} to "
                f"{100 * trend.high:.0f} %."
            ),
            links=tuple(
                Link(text=f"{duration(value)} on {at:%Y-%m-%d}", url=url)
                for at, value, url in _examples(own, recent, trend, since)
            ),
            details=(
                (f"{part.things} in the window", count(len(recent))),
                ("their median", duration(_number(recent["value"].median()))),
                ("their 90th percentile", duration(_p90(recent))),
                (
                    "trend",
                    f"test of Mann and Kendall, line of Theil and Sen; p {_p(trend.q)} after as many tests as series",
                ),
            ),
        ),
        cost=Cost(runner_minutes=0.0, jobs=int(recent["jobs"].sum()), wait_minutes=minutes, method=METHOD),
        since=since,
        next_step=NEXT[part.id],
        key=part.id if "pipeline" in recent.columns else f"{part.id} {last['panel']}",
    )


def _examples(
    own: pl.DataFrame, recent: pl.DataFrame, trend: Trend, since: datetime
) -> list[tuple[datetime, float, str]]:
    """The newest slow ones, and of the first weeks the one that is nearest to where the line begins."""
    # The fitted end of the line may lie above all that was measured lately.
    slow = recent.filter(pl.col("value") >= pl.min_horizontal(pl.lit(trend.last), pl.col("value").median()))
    early = own.filter(pl.col("at").is_between(since, since + FIRST_WEEKS, closed="left"))
    usual = early.sort((pl.col("value") - trend.first).abs(), "at", "url").head(1)
    return pl.concat([slow.tail(SLOWEST).reverse(), usual]).select("at", "value", "url").rows()


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _p90(values: pl.DataFrame) -> float | None:
    return values["value"].quantile(0.9, "linear") if len(values) >= MIN_FOR_P90 else None


def _table(parts: Sequence[Timed], found: Sequence[Mapping[tuple[object, ...], Trend]], history: History) -> Measure:
    rows = []
    for part, of_part in zip(parts, found, strict=True):
        for key, own in part.values.partition_by(part.by, as_dict=True, maintain_order=True).items():
            recent = own.filter(pl.col("at") >= history.window.start)
            trend = of_part.get(key)
            rows.append(
                {
                    "what": part.title,
                    "of": own.row(-1, named=True)["panel"],
                    "n": len(recent),
                    "median": _number(recent["value"].median()),
                    "p90": _p90(recent),
                    "all": len(own),
                    "trend": "too few weeks" if trend is None else trend.text(),
                }
            )
    rows.sort(key=lambda row: [part.title for part in parts].index(str(row["what"])))
    return Measure(
        id="times",
        title="Times, and how they move",
        caption=(
            "Median and 90th percentile of the window (the latter from 10 on); the trend is that of the weekly medians of "
            f"{(history.trend.end - history.trend.start).days // 7} weeks, for series with {MIN_POINTS} weeks of at least "
            f"{MIN_PER_WEEK} each. It is told for all, significant or not."
        ),
        columns=(
            Column(name="what", title="Time"),
            Column(name="of", title="Of"),
            Column(name="n", title="In the window", unit="count"),
            Column(name="median", title="Median", unit="seconds"),
            Column(name="p90", title="90th percentile", unit="seconds"),
            Column(name="all", title="In all weeks", unit="count"),
            Column(name="trend", title="Trend"),
        ),
        rows=rows,
    )


def _series(part: Timed, weeks: pl.DataFrame, trend: Window) -> Measure:
    panels = part.values.group_by(part.by).agg(pl.col("panel").last(), most=pl.len())
    panels = panels.sort("most", *part.by, descending=[True, *[False] * len(part.by)])
    shown = panels.head(PANELS).with_row_index("rank")
    rows = weeks.join(shown, on=part.by).sort("rank", "week")
    more = f" The {PANELS} of {len(panels)} with most {part.things}; the table has all." if len(panels) > PANELS else ""
    return Measure(
        id=part.id,
        title=f"{part.title} by week",
        caption=f"{part.caption}{more}",
        columns=(
            Column(name="panel", title="Of"),
            Column(name="week_start", title="Week from", unit="date"),
            Column(name="median", title="Median", unit="seconds"),
            Column(name="p90", title="90th percentile", unit="seconds"),
            Column(name="n", title="Counted", unit="count"),
        ),
        rows=rows.select("panel", "week_start", "median", "p90", "n").to_dicts(),
        kind="series",
        x="week_start",
        y=("median", "p90"),
        by="panel",
        reason=None
        if len(rows)
        else part.reason or f"no {part.things} in the {(trend.end - trend.start).days // 7} weeks",
    )
