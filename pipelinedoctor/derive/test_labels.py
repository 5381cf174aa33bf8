"""What kind of failure each failing execution of a test was: the labels of `derive.labels`, in their order, for tests."""

import polars as pl

from pipelinedoctor.derive.test_verdicts import EXECUTION, TestVerdicts, inside
from pipelinedoctor.derive.testcases import PLACE, TEST
from pipelinedoctor.model import Label
from pipelinedoctor.stats.evidence import COMMIT, Rule
from pipelinedoctor.stats.mass import REPORT, SHARE
from pipelinedoctor.stats.posterior import jeffreys

_ON_COMMIT = (*TEST, *COMMIT)


def test_labels(said: TestVerdicts, rule: Rule) -> pl.DataFrame:
    """One row for each failing execution of a test, in order of time.

    Columns: `EXECUTION`, `label` (of `Label`, the first that holds), and the odds: of `n` other commits on which the test
    failed and was tried again `k` had a pass, with `low` and `high`, the 95 % Jeffreys interval of k/n.
    """
    failed = said.known.failed
    broken = inside(failed, said.broken).select(*EXECUTION, pl.lit(value=True).alias("broken"))
    tried = _tried(said)
    in_all = tried.group_by(TEST).agg(
        pl.col("passed").sum().cast(pl.Int64).alias("k"), pl.len().cast(pl.Int64).alias("n")
    )
    mine = [pl.col("passed").cast(pl.Int64).alias("own_k"), pl.lit(1, dtype=pl.Int64).alias("own_n")]
    told = (
        failed.join(broken, on=EXECUTION, how="left", maintain_order="left")
        .join(said.places.select(*PLACE, "contradicted"), on=PLACE, how="left", maintain_order="left")
        .join(said.units.select(*TEST, "verdict"), on=TEST, how="left", maintain_order="left")
        .join(said.totals, on=TEST, how="left", maintain_order="left")
        .join(_signatures(said), on=[*TEST, "signature"], how="left", maintain_order="left")
        .join(said.known.reports.select(*REPORT, "tests"), on=REPORT, how="left", maintain_order="left")
        .join(in_all, on=TEST, how="left", maintain_order="left")
        .join(tried.select(*_ON_COMMIT, *mine), on=_ON_COMMIT, how="left", maintain_order="left")
        .with_columns((pl.col(one).fill_null(0) - pl.col(f"own_{one}").fill_null(0)).alias(one) for one in ("k", "n"))
    )
    low, high = jeffreys(told["k"], told["n"])
    return told.select(
        *EXECUTION,
        _label(rule).alias("label"),
        "k",
        "n",
        pl.Series("low", low, dtype=pl.Float64),
        pl.Series("high", high, dtype=pl.Float64),
    )


test_labels.__test__ = False  # type: ignore[attr-defined]


def _tried(said: TestVerdicts) -> pl.DataFrame:
    """The commits on which a test failed and was run again, in one job, and whether it `passed` there."""
    again = pl.col("contradicted") | (pl.col("failures") > 1)
    return said.places.filter(again).group_by(_ON_COMMIT).agg(pl.col("contradicted").any().alias("passed"))


def _signatures(said: TestVerdicts) -> pl.DataFrame:
    """On how many commits a proof of flakiness said what it said."""
    proofs = said.proofs.filter(pl.col("contradicted") | pl.col("isolated"), pl.col("signature").is_not_null())
    return proofs.group_by(*TEST, "signature").agg(
        pl.struct(COMMIT).n_unique().alias("proofs"), pl.col("commit_sha").first().alias("of_proof")
    )


def _label(rule: Rule) -> pl.Expr:
    elsewhere = (pl.col("proofs") > 1) | (pl.col("of_proof") != pl.col("commit_sha"))
    seen = elsewhere.fill_null(value=False) | pl.col("signature").is_null()
    flaky = pl.col("verdict").is_not_null() & seen & ~pl.col("mass")
    # A report that failed throughout is no one test's, whatever else is known of the test; one with more failures than
    # usual may well be the fault of its change.
    infrastructure = (pl.col("mass") & (pl.col("together") >= SHARE * pl.col("tests"))) | pl.col("struck")
    labels = (
        (infrastructure, Label.INFRASTRUCTURE),
        (pl.col("broken").fill_null(value=False), Label.BROKEN),
        (pl.col("contradicted").fill_null(value=False), Label.PASSED_LATER),
        (flaky, Label.KNOWN_FLAKY),
        (pl.col("commits").fill_null(rule.least_commits) >= rule.least_commits, Label.LIKELY_GENUINE),
    )
    return pl.coalesce(
        *(pl.when(holds).then(pl.lit(label.value)) for holds, label in labels), pl.lit(Label.NOT_ENOUGH_DATA.value)
    )
