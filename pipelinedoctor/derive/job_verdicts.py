"""The verdict on each job: flaky, suspected or neither, and whether that is over, grows, or cannot be told any more."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import polars as pl

from pipelinedoctor.derive.broken_jobs import broken_stretches, with_broken
from pipelinedoctor.derive.contradictions import without_steps
from pipelinedoctor.derive.flakiness import (
    JOB,
    counted,
    day,
    executions,
    explanations,
    outage_notes,
    with_names,
    without_roll_ups,
)
from pipelinedoctor.model import Category, Verdict
from pipelinedoctor.stats.evidence import COMMIT, DEFAULT, Rule, commit_verdicts, judged
from pipelinedoctor.stats.recency import chance_of_as_many, chance_of_none
from pipelinedoctor.store.history import History, Window

RULE = Rule(prior=0.10, flaky_from=0.8, suspected_from=0.5, least_commits=10, least_evidence=2)
"""What a verdict on a job takes where nothing else is asked for."""

GONE = "gone"
"""The state of a job that would be flaky, had it not stopped running."""

QUIET = timedelta(days=14)
"""How long nothing must have been seen of what is called over, and how long a job must not have run to be gone."""

SUCCESSION = timedelta(days=2)
NAMED = 4
"""Jobs that began to run within so long after another's last run may stand for it; so many are named."""

SURPRISE = 0.05
"""A chance from which on it is no longer taken for one."""

GROWTH, LEAST_NEWER = 0.05, 3
"""What is called worsening failed flakily on so many more of 1 commits in the newer half, and on at least so many."""

SCEPTICAL = 0.3
"""The share of the prior that compilers and linters have: they hardly ever depend on more than the commit."""

_LINTERS = (
    "es|ts|js|py|kt|go|golangci-|style|css|html|yaml|markdown|md|ansible|swift|php|commit|git|shell|docker|super-"
)
_NAMED = (
    rf"(?i)(^|[^a-z])(compile|(code|type|check)?-?(style|format)(ting)?|fmt|prettier|({_LINTERS})?lint(er|ers|ing)?"
    r"|rat|licen[cs]es?|spell-?check(ing)?|findbugs|spotbugs|pmd|checkstyle|clippy|rubocop|flake8|ruff|mypy|pyright|type-?check(s|ing)?)([^a-z]|$)"
)
"""Names of jobs that compile or lint."""
_TESTS = r"(?i)test"
_STATIC = (Category.COMPILE.value, Category.LINT.value)


@dataclass(frozen=True, slots=True)
class JobVerdicts:
    """What is known of all jobs of a history, roll-ups apart.

    `jobs`: `flakiness.executions` without roll-ups, with `broken` (see `broken_jobs`).
    `units`: a row for each job with any evidence, by probability: the columns of `JOB`, forge, repository, pipeline,
    commits, failed, contradicted, isolated (counts of commits), probability, low, high, verdict (flaky, suspected, null),
    `state` (recovered, worsening, `gone` or null), sceptical (Boolean), failures (executions that are evidence), minutes
    (what they took), first_at, last_at, other_names, broken (failures set aside as such), last_ran, and of the executions
    that passed since the last evidence `since` (their number) and `silence` (the chance of as many if nothing changed),
    and `pending` (failures of the default branch since that are none of it);
    of the halves of the window `older`, `newer` (commits with evidence), `older_of`, `newer_of` (commits).
    `proofs`: see `_proofs`. `totals`: the columns of `JOB` and commits, for each job that passed or failed.
    `notes`: what was set aside.
    """

    jobs: pl.DataFrame
    units: pl.DataFrame
    proofs: pl.DataFrame
    totals: pl.DataFrame
    notes: tuple[str, ...] = field(default=())


def job_verdicts(history: History, rule: Rule = RULE) -> JobVerdicts | None:
    """Judge all jobs of the window; `None` where no job passed or failed.

    Failures that a breakage of the default branch explains are no evidence, nor are contradictions that are but a step
    in time (`contradictions.without_steps`). Of compilers and linters only contradictions count, and from smaller odds.
    """
    every = executions(history)
    if every.is_empty():
        return None
    explained = explanations(history)
    jobs, set_aside = without_roll_ups(every)
    jobs = with_broken(jobs, broken_stretches(history), explained)
    told = jobs.filter(~pl.col("broken"))
    static = _static(jobs, explained)
    found = without_steps(commit_verdicts(told, JOB), jobs).join(static, on=JOB, how="left", maintain_order="left")
    commits = found.with_columns(pl.col("sceptical").fill_null(value=False)).with_columns(
        pl.col("isolated") & ~pl.col("sceptical")
    )
    totals = commits.group_by(JOB).agg(pl.len().cast(pl.Int64).alias("commits")).sort(JOB)
    proofs = _proofs(told, commits.filter(pl.col("contradicted") | pl.col("isolated")))
    units = (
        with_names(_judged(commits, totals, rule), jobs)
        .filter(pl.col("contradicted") + pl.col("isolated") > 0)
        .join(_summed(proofs), on=JOB, how="left", maintain_order="left")
        .join(_ran(jobs, history.window), on=JOB, how="left", maintain_order="left")
    )
    units = _with_state(_with_halves(_with_silence(units, told), commits, history.window), history.window)
    ordered = units.sort("probability", "minutes", *JOB, descending=[True, True, *[False] * len(JOB)])
    notes = (*outage_notes(every), *set_aside, *_gone(ordered, jobs))
    return JobVerdicts(jobs, ordered, proofs, totals, notes)


def _static(jobs: pl.DataFrame, explained: pl.DataFrame) -> pl.DataFrame:
    """The jobs that compile or lint, by their names or by what most of their logs say, with `sceptical`."""
    named = pl.col("job").str.contains(_NAMED) & ~pl.col("job").str.contains(_TESTS)
    by_name = jobs.select(JOB).unique().filter(named)
    failed = jobs.filter("failed").select(*JOB, "job_id").join(explained, on=["host", "job_id"])
    shares = failed.group_by(JOB).agg(pl.col("category").is_in(_STATIC).mean().alias("share"))
    by_log = shares.filter(pl.col("share") > 0.5).select(JOB)
    return pl.concat([by_name, by_log]).unique().with_columns(pl.lit(value=True).alias("sceptical"))


def _judged(commits: pl.DataFrame, totals: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    failing = commits.filter("failed")
    sceptical = replace(rule, prior=rule.prior * SCEPTICAL)
    parts = [
        judged(failing.filter(mine), totals, JOB, one).with_columns(sceptical=pl.lit(value=one is sceptical))
        for mine, one in ((~pl.col("sceptical"), rule), (pl.col("sceptical"), sceptical))
    ]
    return pl.concat(parts).sort(JOB)


def _proofs(jobs: pl.DataFrame, evidence: pl.DataFrame) -> pl.DataFrame:
    """One row for each commit and name that is evidence, newest first: its failing execution, and the pass that contradicts it.

    Where the same name failed or passed more than once, the last one stands for all; `minutes` and `failures` count all
    failing executions, `job_ids` and `run_ids` name them, `same_run` tells whether the pass came in another attempt of
    the same run.
    """
    mine = jobs.filter(~pl.col("infrastructure")).join(
        evidence.select(*JOB, *COMMIT, "contradicted", "isolated"),
        on=[*JOB, *COMMIT],
        how="inner",
        maintain_order="left",
    )
    key = [*JOB, *COMMIT, "name"]
    at = pl.coalesce("completed_at", "started_at", "run_created_at")
    failing = (
        mine.filter("failed")
        .group_by(key, maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("failures"),
            pl.col("minutes").sum(),
            at.min().alias("first_at"),
            at.max().alias("last_at"),
            pl.col("job_id").reverse().alias("job_ids"),
            pl.col("run_id").reverse().alias("run_ids"),
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


def _ran(jobs: pl.DataFrame, window: Window) -> pl.DataFrame:
    """By job `last_ran`, `broken` (failures set aside) and `gone`: it did not run lately while its pipeline did."""
    last = pl.col("run_created_at").max()
    by_job = jobs.group_by(JOB).agg(last.alias("last_ran"), pl.col("broken").sum().cast(pl.Int64))
    pipeline = pl.col("last_ran").max().over(JOB[:-1])
    lately = window.end - QUIET
    return by_job.with_columns(gone=(pl.col("last_ran") < lately) & (pipeline >= lately))


def _with_silence(units: pl.DataFrame, jobs: pl.DataFrame) -> pl.DataFrame:
    """With `since` and `silence`: the passes since the last evidence, and the chance of none among so many; and `pending`:
    failures of the default branch since, of which it is not known yet what they are.
    """
    at = pl.coalesce("completed_at", "started_at", "run_created_at")
    failed, later = pl.col("failed"), at > pl.col("last_at")
    unclear = failed & ~pl.col("infrastructure") & (pl.col("event_class") == DEFAULT)
    mine = jobs.join(units.select(*JOB, "last_at"), on=JOB).group_by(JOB)
    sums = mine.agg(
        (~failed & later).sum().cast(pl.Int64).alias("since"),
        (~failed & ~later).sum().cast(pl.Int64).alias("before"),
        (unclear & later).sum().cast(pl.Int64).alias("pending"),
    )
    counts = units.join(sums, on=JOB, how="left", maintain_order="left")
    chance = chance_of_none(counts["failures"], counts["failures"] + counts["before"], counts["since"])
    return counts.drop("before").with_columns(pl.Series("silence", chance, dtype=pl.Float64))


def _with_halves(units: pl.DataFrame, commits: pl.DataFrame, window: Window) -> pl.DataFrame:
    """With the commits, and those with evidence, of either half of the window, and `growth`: the chance of so many newer."""
    newer = pl.col("at") >= window.start + (window.end - window.start) / 2
    evidence = pl.col("contradicted") | pl.col("isolated")
    halves = commits.join(units.select(JOB), on=JOB, how="semi").group_by(JOB)
    counts = units.join(
        halves.agg(
            (evidence & ~newer).sum().cast(pl.Int64).alias("older"),
            (evidence & newer).sum().cast(pl.Int64).alias("newer"),
            (~newer).sum().cast(pl.Int64).alias("older_of"),
            newer.sum().cast(pl.Int64).alias("newer_of"),
        ),
        on=JOB,
        how="left",
        maintain_order="left",
    )
    seen, of = counts["older"] + counts["newer"], counts["older_of"] + counts["newer_of"]
    chance = chance_of_as_many(seen, of, counts["newer"], counts["newer_of"])
    return counts.with_columns(pl.Series("growth", chance, dtype=pl.Float64))


def _with_state(units: pl.DataFrame, window: Window) -> pl.DataFrame:
    known = pl.col("verdict").is_not_null()
    over = (pl.col("last_at") <= window.end - QUIET) & (pl.col("silence") <= SURPRISE) & (pl.col("pending") == 0)
    more = pl.col("newer") / pl.col("newer_of") - pl.col("older") / pl.col("older_of") > GROWTH
    grows = (pl.col("newer") >= LEAST_NEWER) & (pl.col("growth") < SURPRISE) & (pl.col("older_of") > 0) & more
    flaky = pl.col("verdict") == Verdict.FLAKY.value
    state = (
        pl.when(known & pl.col("gone"))
        .then(pl.lit(GONE))
        .when(known & over)
        .then(pl.lit(Verdict.RECOVERED.value))
        .when(flaky & grows)
        .then(pl.lit(Verdict.WORSENING.value))
    )
    return units.with_columns(state.alias("state")).drop("gone")


def _gone(units: pl.DataFrame, jobs: pl.DataFrame) -> Iterator[str]:
    """A sentence for each job that would be flaky, had it not stopped running; with the jobs that may stand for it."""
    gone = units.filter(pl.col("state") == GONE)
    if gone.is_empty():
        return
    made = pl.col("run_created_at")
    spans = jobs.group_by(JOB).agg(made.min().alias("began"), made.max().alias("ended")).sort(JOB)
    for row in gone.iter_rows(named=True):
        after = pl.col("began").is_between(row["last_ran"], row["last_ran"] + SUCCESSION)
        mine = [pl.col(name) == row[name] for name in JOB[:-1]]
        later = spans.filter(*mine, after, pl.col("ended") > row["last_ran"], pl.col("job") != row["job"])[
            "job"
        ].to_list()
        more = f" and {len(later) - NAMED} more" if len(later) > NAMED else ""
        instead = f" Since then there is {', '.join(later[:NAMED])}{more}." if later else ""
        evidence = row["contradicted"] + row["isolated"]
        yield (
            f"{row['repository']}: {row['job']} was {row['verdict']} ({evidence} of {counted(row['commits'], 'commit')}), but"
            f" has not run since {day(row['last_ran'])}, while its pipeline has.{instead}"
        )
