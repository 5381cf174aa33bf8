"""The published rules of others, on the same history: which tests they would call flaky.

Each rule takes an `Outcomes` and gives the units it flags, columns of `TEST`, sorted. A rule is asked once, at the
window's end, over the whole window, and remembers: a test that met it at any time in the window is flagged. That is kind to
the recall of rules that let a test go again. No rule was given tuning, nor a screen for infrastructure beyond its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import polars as pl

from pipelinedoctor.derive.testcases import TEST

PIPELINE = TEST[:-1]
NAME = ("host", "repository_id", "pipeline_id", "name")
"""What names a job as the forge writes it, shards and variants of a matrix apart: one does not contradict another."""
VARIANT = (*TEST, "name")

TRUNK_UPLOAD = 0.8
LUCI_VERDICTS, LUCI_RATE, LUCI_WINDOW = 2, 0.01, 100
APPLE_RATES = (0.02, 0.05)
GITLAB_DAYS = 7


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a window's jobs said of tests.

    `executions`: one row an execution of a job that told of tests: `NAME`, job_id, commit_sha, on_default (Boolean), at
    (Datetime), tests (Int64, how many ran in it). `failures`: one row a failing test in such an execution: `VARIANT`,
    job_id. A test that ever failed under a name ran in all executions of that name, and passed where it did not fail.
    """

    executions: pl.DataFrame
    failures: pl.DataFrame


def trunk(outcomes: Outcomes) -> pl.DataFrame:
    """A commit on which a test failed and passed: the pass-on-retry monitor with its default of one such commit.

    Trunk's documentation, "Pass-on-retry monitor", 2026. Datadog, CircleCI, Harness and Mergify begin with the same rule.
    """
    return _units(_commits(outcomes).filter(_both()))


def trunk_protected(outcomes: Outcomes) -> pl.DataFrame:
    """The same with the protection from infrastructure: uploads in which 80 % of the tests or more failed are dropped.

    Trunk's documentation, "Infrastructure failure protection", 2026.
    """
    failing = outcomes.failures.group_by("host", "job_id").agg(pl.len().alias("failing"))
    lost = outcomes.executions.join(failing, on=["host", "job_id"]).filter(
        pl.col("failing") / pl.col("tests") >= TRUNK_UPLOAD
    )
    kept = Outcomes(
        outcomes.executions.join(lost, on=["host", "job_id"], how="anti"),
        outcomes.failures.join(lost, on=["host", "job_id"], how="anti"),
    )
    return trunk(kept)


def luci(outcomes: Outcomes) -> pl.DataFrame:
    """At least 2 flaky verdicts, and 1 % of the verdicts, of at least 100: LUCI Analysis's flake-rate criterion.

    luci-go, `analysis/proto/v1/test_variants.proto`. A verdict is what all runs on one source say; it is flaky where some
    failed and some did not. LUCI keeps the variants of a test apart; here they are taken together, which finds more: a
    verdict is flaky where that of any variant is. The window is that of the report and not a week before and after.
    """
    verdicts = outcomes.executions.group_by(PIPELINE).agg(pl.col("commit_sha").n_unique().alias("verdicts"))
    flaky = (
        _commits(outcomes)
        .filter(_both())
        .group_by(TEST)
        .agg(pl.col("commit_sha").n_unique().alias("flaky"))
        .join(verdicts, on=PIPELINE)
    )
    enough = (pl.col("flaky") >= LUCI_VERDICTS) & (pl.col("flaky") / pl.col("verdicts") >= LUCI_RATE)
    return _units(flaky.filter(enough & (pl.col("verdicts") >= LUCI_WINDOW)))


def apple(outcomes: Outcomes, least: float) -> pl.DataFrame:
    """A flip rate of at least `least` on the default branch: changes of outcome / (outcomes - 1), in order of time.

    E. Kowalczyk and others, "Modeling and Ranking Flaky Tests at Apple", ICSE-SEIP 2020. The paper ranks by the rate and
    sets no bound; two are shown. Unweighted, over the window; an outcome is that of a commit, failed where any execution
    of the test failed on it.
    """
    mains = outcomes.executions.filter("on_default")
    commits = (
        mains.group_by(*PIPELINE, "commit_sha")
        .agg(pl.col("at").min())
        .sort(*PIPELINE, "at", "commit_sha")
        .with_columns(pl.int_range(pl.len()).over(PIPELINE).alias("place"), pl.len().over(PIPELINE).alias("n"))
    )
    failed = (
        outcomes.failures.join(mains.select("host", "job_id", "commit_sha"), on=["host", "job_id"])
        .select(*TEST, "commit_sha")
        .unique()
        .join(commits, on=[*PIPELINE, "commit_sha"])
        .sort(*TEST, "place")
    )
    begins = pl.col("place").diff().over(TEST).fill_null(2) > 1
    # Each row of failures has a flip at both its ends, but none where that is an end of the history.
    at_an_end = (pl.col("place").min() == 0).cast(pl.Int64) + (pl.col("place").max() == pl.col("n").first() - 1)
    flips = (
        failed.with_columns(begins.alias("begins"))
        .group_by(TEST)
        .agg((2 * pl.col("begins").cast(pl.Int64).sum() - at_an_end).alias("flips"), pl.col("n").first())
    )
    return _units(flips.filter(pl.col("n") > 1, pl.col("flips") / (pl.col("n") - 1) >= least))


def gitlab(outcomes: Outcomes) -> pl.DataFrame:
    """A failure rate that is neither 0 nor 100 % over 7 days: GitLab's first version of flaky test detection.

    Here in any of the spans of 7 days, counted back from the newest execution.
    """
    newest = pl.lit(outcomes.executions["at"].max())
    span = ((newest - pl.col("at")).dt.total_seconds() // (86_400 * GITLAB_DAYS)).alias("span")
    placed = outcomes.executions.with_columns(span)
    ran = placed.group_by(*NAME, "span").agg(pl.len().alias("ran"))
    failed = (
        outcomes.failures.unique()
        .join(placed.select("host", "job_id", "span"), on=["host", "job_id"])
        .group_by(*VARIANT, "span")
        .agg(pl.len().alias("failed"))
    )
    return _units(failed.join(ran, on=[*NAME, "span"]).filter(_both()))


@dataclass(frozen=True, slots=True)
class Rival:
    """A rule with its name."""

    name: str
    flagged: Callable[[Outcomes], pl.DataFrame]


RIVALS: tuple[Rival, ...] = (
    Rival("same commit failed and passed (Trunk)", trunk),
    Rival("the same, 80 % protection (Trunk)", trunk_protected),
    Rival("flake rate (LUCI)", luci),
    *(
        Rival(f"flip rate of {rate:g} on the default branch (Apple)", partial(apple, least=rate))
        for rate in APPLE_RATES
    ),
    Rival("neither 0 nor 100 % in 7 days (GitLab)", gitlab),
)


def _commits(outcomes: Outcomes) -> pl.DataFrame:
    """How often each variant ran and failed on each commit on which it failed: `VARIANT`, commit_sha, ran, failed."""
    ran = outcomes.executions.group_by(*NAME, "commit_sha").agg(pl.len().alias("ran"))
    failed = (
        outcomes.failures.unique()
        .join(outcomes.executions.select("host", "job_id", "commit_sha"), on=["host", "job_id"])
        .group_by(*VARIANT, "commit_sha")
        .agg(pl.len().alias("failed"))
    )
    return failed.join(ran, on=[*NAME, "commit_sha"])


def _both() -> pl.Expr:
    return pl.col("failed") < pl.col("ran")


def _units(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(TEST).unique().sort(TEST)
