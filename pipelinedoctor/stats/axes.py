"""What an execution of a job had about it, as columns that failures may be associated with: one column an axis.

Text is taken as it stands, but for three things: the values of a matrix are read from the name, where both forges write
them; a runner of a pool is the pool; an operating system is what labels, else the matrix, say it is.
"""

from collections.abc import Sequence

import polars as pl

AXES = {
    "matrix": 1.0, "os": 1.0, "label": 1.0, "pool": 0.25, "runner": 0.25, "event": 1.0, "attempt": 0.25, "duration": 0.25,
    "hour": 1.0, "weekday": 0.25,
}  # fmt: skip
"""The axes with their weights, those that people name first in front: of two that explain alike, the first is told. Weights
were set beforehand, not fitted: what tests are seen to depend on (kind of machine, time of day, what is run) counts in
full, and what is asked for completeness a quarter.
"""

SEVERAL = "\x1f"
"""What stands between the values of an execution that has several of one axis, as labels."""

NONE = ""
"""Known to have none of the values that are told: that a job was short, say, is what failing does to it."""

NEAR = 0.9
"""From this share of its limit on, a duration is near it."""
LONGEST = 0.99
"""Where no limit is known: from this quantile of the job's durations on, an execution is among the longest."""
LEAST_DURATIONS = 100
"""Fewer say nothing of a quantile like that."""

NEAR_LIMIT = "near its limit"
AMONG_LONGEST = "among its longest"
HOURS = 4
"""Of a bin of the day: six of them."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_MATRIX = r"(?:\(([^()]+)\)|: \[([^\[\]]+)\])\s*$"
_SHARD = r"^(?:\d+\s*(?:/|of)\s*\d+|\$\{\{.*)$"
_NUMBER = r"(?:[\s_.-]*(?:\d+|[0-9a-f]{8,})|(?:-[0-9a-z]{5})?-runner-[0-9a-z]{5})$"
"""What a pool adds to its name for each machine: a number, a hash, or what Kubernetes gives."""
_HOSTED = ("GitHub Actions", "Hosted Agent")
"""Machines of the forge's own, new for every job: their numbers mean nothing."""
_SYSTEMS = {
    "Windows": r"\bwin(?:dows)?\b",
    "macOS": r"\b(?:mac|macos|osx|darwin)\b",
    "Linux": r"\b(?:linux|ubuntu|debian|fedora|centos|alpine)\b",
}


def axes(executions: pl.DataFrame, job: Sequence[str]) -> pl.DataFrame:
    """The executions with a column (String) for each of `AXES`; null is not known, and says nothing of that axis.

    Takes `name`, `labels` (comma-separated), `runner`, `event`, `attempt`, `started_at`, `run_created_at`, `duration_s`,
    `result`, and the columns of `job`, within which durations are compared. Values of `matrix` and `label`, of which an
    execution has several, stand between `SEVERAL`. Hours and weekdays are UTC.
    """
    at = pl.coalesce("started_at", "run_created_at")
    bins = {hour: f"{hour:02}:00 to {hour + HOURS:02}:00 UTC" for hour in range(0, 24, HOURS)}
    first, later = pl.lit("first attempt"), pl.lit("later attempt")
    return _told_by_text(executions).with_columns(
        pl.when(pl.col("attempt") == 1).then(first).otherwise(later).alias("attempt"),
        _duration(job).alias("duration"),
        (at.dt.hour() // HOURS * HOURS).replace_strict(bins, return_dtype=pl.String).alias("hour"),
        at.dt.weekday().replace_strict(dict(enumerate(WEEKDAYS, 1)), return_dtype=pl.String).alias("weekday"),
    )


def family(name: str) -> pl.Expr:
    """The name without the values of its matrix: what the jobs of one matrix have in common."""
    return pl.col(name).str.replace(_MATRIX, "").str.strip_chars()


def environment(value: str) -> pl.Expr:
    """Whether a value of a matrix names a version or a system to run on, and not a part of the work, as `unit` does."""
    return pl.col(value).str.contains(r"\d") | _system(value).is_not_null()


def _told_by_text(executions: pl.DataFrame) -> pl.DataFrame:
    """With the axes that names, labels and runners tell of; each text, of which there are few, is read once."""
    pool = pl.col("runner").str.replace(_NUMBER, "").str.strip_chars()
    inner = pl.coalesce(pl.col("name").str.extract(_MATRIX, 1), pl.col("name").str.extract(_MATRIX, 2))
    told: dict[str, tuple[pl.Expr, ...]] = {
        "name": (_several(inner, but=_SHARD).alias("matrix"),),
        "labels": (_several(pl.col("labels")).alias("label"),),
        "runner": (
            pl.when(pool != "").then(pool).alias("pool"),
            pl.when((pl.col("runner") != "") & ~pool.is_in(_HOSTED)).then("runner").alias("machine"),
        ),
    }
    for column, expressions in told.items():
        texts = executions.select(column).unique().with_columns(*expressions, _system(column).alias(f"os of {column}"))
        executions = executions.join(texts, on=column, how="left", nulls_equal=True, maintain_order="left")
    systems = [f"os of {column}" for column in ("labels", "name", "runner")]
    return (
        executions.with_columns(pl.coalesce(systems).alias("os")).drop("runner", *systems).rename({"machine": "runner"})
    )


def _several(text: pl.Expr, but: str | None = None) -> pl.Expr:
    """The values between commas without white space; null where none is left."""
    value = pl.element().str.strip_chars()
    wanted = value.str.len_chars() > 0
    kept = text.str.split(",").list.eval(value.filter(wanted if but is None else wanted & ~value.str.contains(but)))
    return pl.when(kept.list.len() > 0).then(kept.list.unique().list.sort().list.join(SEVERAL))


def _system(column: str) -> pl.Expr:
    """The operating system that a text names as a word of its own: a window is none, nor is what wins."""
    text = pl.col(column).str.to_lowercase().str.replace_all(r"[_\d]+", " ")
    found = pl.lit(None, dtype=pl.String)
    for system, pattern in _SYSTEMS.items():
        found = pl.when(text.str.contains(pattern)).then(pl.lit(system)).otherwise(found)
    return found


def _duration(job: Sequence[str]) -> pl.Expr:
    """Near the limit, which is known where an execution ran into it; else among the longest of the job.

    What timed out tells of a limit only where nothing passed that took longer: machines are lost at any time.
    """
    took = pl.col("duration_s")
    timed_out = took.filter(pl.col("result") == "timed_out").min().over(job)
    passed = took.filter(pl.col("result") == "success").max().over(job)
    limit = pl.when(passed.fill_null(0) <= timed_out).then(timed_out)
    longest = pl.when(took.count().over(job) >= LEAST_DURATIONS).then(took.quantile(LONGEST).over(job))
    return (
        pl.when(took.is_null())
        .then(None)
        .when(took >= NEAR * limit)
        .then(pl.lit(NEAR_LIMIT))
        .when(limit.is_null() & (took >= longest))
        .then(pl.lit(AMONG_LONGEST))
        .when(limit.is_not_null() | longest.is_not_null())
        .then(pl.lit(NONE))
    )
