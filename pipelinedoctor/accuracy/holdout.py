"""Hold-out reruns: the second outcome of a job on a commit is hidden, and foretold from all that is not.

No one need have labelled anything: whether the outcome changed is the truth. The commits are halved by their names; of one
half all outcomes but the first are hidden and then foretold, and then of the other half.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from pipelinedoctor.accuracy import ozone, scores
from pipelinedoctor.accuracy.sections import Asked, Cell, Goal, Section, Table
from pipelinedoctor.derive.flakiness import JOB
from pipelinedoctor.model import Result
from pipelinedoctor.stats.evidence import COMMIT, between_passes
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import History, Window
from pipelinedoctor.timespan import moment

WEIGHT = 4.0
"""So many commits weigh the odds of all jobs against a job's own."""

_UNIT = (*JOB, "name")
_PLACE = (*_UNIT, *COMMIT)
_ENDED = (Result.SUCCESS.value, Result.FAILURE.value, Result.TIMED_OUT.value)
_ALL = Window(moment("1990-01-01"), moment("2190-01-01"))

_METHOD = (
    "Of every job that passed or failed more than once on a commit (same class of event) the outcomes after the first are"
    " hidden in one half of the commits, and whether the second differs from the first is foretold: by how often it did so in"
    " the other half, for the same first outcome and, after a failure, by whether the commits around passed; the job's own"
    f" commits count against {WEIGHT:g} of all jobs'. A Brier score below that of the base rate knows more than the base rate,"
    " which is that of the very outcomes foretold; the gain has a bootstrap interval, and where that holds zero nothing is"
    " shown. Bias: only what someone ran again is counted, and people rerun what they"
    " take for flaky."
)


def pairs(history: History) -> pl.DataFrame:
    """The first two outcomes of each job on each commit where there are two, with what is foretold of them.

    Columns: host, repository_id, pipeline_id, job, name, commit_sha, event_class, failed (first outcome), differs
    (Boolean), probability (Float64, that it differs, from the other half).
    """
    jobs = history.jobs([*_PLACE, "run_created_at", "run_id", "attempt", "job_id", "result"])
    ended = jobs.filter(pl.col("result").is_in(_ENDED)).collect().sort("run_created_at", "run_id", "attempt", "job_id")
    outcomes = (
        ended.with_columns((pl.col("result") != Result.SUCCESS.value).alias("failed"))
        .group_by(_PLACE, maintain_order=True)
        .agg(
            pl.col("failed").first(),
            pl.col("failed").get(1, null_on_oob=True).alias("second"),
            pl.col("run_created_at").first().alias("at"),
        )
        .sort(*_UNIT, "event_class", "at", "commit_sha")
        .with_columns(pl.lit(value=False).alias("contradicted"))
    )
    # Only first outcomes tell of the commits around: the others are hidden there, or will be.
    around = outcomes.with_columns((pl.col("failed") & between_passes(_UNIT)).alias("isolated"))
    twice = around.filter(pl.col("second").is_not_null()).select(
        *_PLACE,
        "failed",
        "isolated",
        (pl.col("failed") != pl.col("second")).alias("differs"),
        (pl.col("commit_sha").str.slice(0, 1).is_in(list("02468ace"))).cast(pl.Int64).alias("half"),
    )
    return _foretold(twice).select(*_PLACE, "failed", "differs", "probability")


def _foretold(twice: pl.DataFrame) -> pl.DataFrame:
    """The pairs with the probability that each differs, from the pairs of the other half."""
    alike, own = ["failed", "isolated", "half"], [*_UNIT, "failed", "half"]
    told = (
        twice.with_columns((1 - pl.col("half")).alias("half"))
        .join(_counted(twice, alike, "all"), on=alike, how="left", maintain_order="left")
        .join(_counted(twice, own, "own"), on=own, how="left", maintain_order="left")
        .with_columns(pl.col(f"{name}_{of}").fill_null(0) for name in ("n", "k") for of in ("all", "own"))
    )
    share = (pl.col("k_all") + 0.5) / (pl.col("n_all") + 1)
    return told.with_columns(((pl.col("k_own") + WEIGHT * share) / (pl.col("n_own") + WEIGHT)).alias("probability"))


def _counted(twice: pl.DataFrame, by: list[str], name: str) -> pl.DataFrame:
    return twice.group_by(by).agg(pl.len().alias(f"n_{name}"), pl.col("differs").sum().alias(f"k_{name}"))


def measure(asked: Asked) -> tuple[Section, ...]:
    """A section on apache/ozone, and one on the store that was named."""
    sections = [_ozone(asked)]
    if asked.store is not None:
        with Store.open(asked.store, read_only=True) as store:
            sections.append(section("the store", store.history(_ALL, _ALL)))
    return tuple(sections)


def section(name: str, history: History) -> Section:
    """The section on one history, called `name`."""
    made = pairs(history)
    if made.is_empty():
        return _section(name, (), [None, None], "no job passed or failed twice on a commit")
    parts = (
        ("all", made),
        ("after a failure", made.filter("failed")),
        ("after a pass", made.filter(~pl.col("failed"))),
    )
    found = [_brier(part) for _, part in parts]
    rows = [_row(called, part, brier) for (called, part), brier in zip(parts, found, strict=True)]
    return _section(name, rows, found[:2], None)


def _ozone(asked: Asked) -> Section:
    name, folder = "apache/ozone", asked.set(ozone.SET)
    if folder is None:
        return _section(name, (), [None, None], asked.absent(ozone.SET))
    with (
        tempfile.TemporaryDirectory(prefix="pipelinedoctor-") as place,
        Store.open(Path(place) / "history.duckdb") as store,
    ):
        ozone.fill(store, folder)
        return section(name, store.history(ozone.WINDOW, ozone.WINDOW))


def _section(
    name: str, rows: Sequence[tuple[Cell, ...]], found: Sequence[scores.Brier | None], reason: str | None
) -> Section:
    table = Table(
        title=f"Second outcomes of jobs on a commit, {name}",
        columns=("second outcomes", "differed from the first", "Brier score", "of the base rate", "gain over it"),
        rows=rows,
    )
    kinds = ("of all", "after a failure")
    goals = tuple(_goal(f"{name}: hidden reruns {kind}", one) for kind, one in zip(kinds, found, strict=True))
    return Section(
        title=f"Reruns held out: {name}",
        method=_METHOD,
        tables=() if reason else (table,),
        goals=goals,
        reason=reason,
    )


def _brier(made: pl.DataFrame) -> scores.Brier | None:
    return scores.brier(made["probability"].to_numpy(), made["differs"].cast(pl.Float64).to_numpy())


def _row(name: str, made: pl.DataFrame, brier: scores.Brier | None) -> tuple[Cell, ...]:
    share = scores.Share(int(made["differs"].sum()), made.height)
    gain = scores.brier_gain(made["probability"].to_numpy(), made["differs"].cast(pl.Float64).to_numpy())
    return (name, share, brier.score if brier else None, brier.base if brier else None, gain)


def _goal(name: str, brier: scores.Brier | None) -> Goal:
    value = brier.score / brier.base if brier is not None and brier.base else None
    n = f"{brier.n:,} second outcomes" if brier else ""
    return Goal(name=f"{name}, Brier score / base rate's", value=value, most=1, n=n)
