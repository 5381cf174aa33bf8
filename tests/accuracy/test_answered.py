"""The order of findings and the attributes of failures, against a truth written by hand."""

import polars as pl
import pytest

from pipelinedoctor.accuracy import answered
from pipelinedoctor.accuracy.scores import Share, Tally
from pipelinedoctor.findings import Evidence, Finding, Subject
from pipelinedoctor.model import Severity, Verdict


def truth(*rows: tuple[str, str | None, str | None, int]) -> pl.DataFrame:
    """Flaky tests of one pipeline: name, axis, value, flaky failures."""
    kind = {"test": pl.String, "axis": pl.String, "value": pl.String, "flaky_failures": pl.Int64}
    return pl.DataFrame(list(rows), schema=kind, orient="row").with_columns(
        pl.lit("o/r").alias("repository"), pl.lit("ci.yml").alias("pipeline")
    )


def told(test: str, axis: str, value: str) -> dict[str, str]:
    return {"repository": "o/r", "test": test, "axis": axis, "value": value}


def finding(test: str) -> Finding:
    subject = Subject(host="h", forge="github", repository="o/r", pipeline="ci.yml", test=test)
    return Finding(
        query="flaky_tests",
        subject=subject,
        verdict=Verdict.FLAKY,
        severity=Severity.LOW,
        confidence=0.9,
        title="it",
        evidence=Evidence(summary="."),
        cost=None,
        since=None,
        next_step=".",
    )


def test_the_best_order_is_worth_one_and_a_sound_test_nothing() -> None:
    known = truth(("a", None, None, 9), ("b", None, None, 3), ("c", None, None, 1))
    best = answered.order([finding(test) for test in "abc"], known)
    assert best.ndcg == pytest.approx(1)
    assert best.false == Share(0, 3)
    worse = answered.order([finding(test) for test in "xba"], known)
    assert worse.ndcg is not None
    assert 0 < worse.ndcg < 1
    assert worse.false == Share(1, 3)
    assert answered.order([], known).ndcg == 0


def test_an_attribute_is_right_by_whatever_axis_shows_it() -> None:
    known = truth(
        ("a", "os", "windows", 5), ("b", "os", "ubuntu", 5), ("c", "version", "3.12", 3), ("d", "hour", "08-12", 3),
        ("e", "event", "push", 3), ("f", "event", "push", 2), ("g", "hour", "00-04", 3), ("h", None, None, 9),
    )  # fmt: skip
    rows = [
        told("a", "label", "windows-2022"), told("b", "operating system", "Linux"), told("c", "matrix", "3.13"),
        told("d", "hour", "08:00 to 12:00 UTC"), told("e", "weekday", "Monday"), told("f", "event", "push"),
        told("h", "event", "push"), told("sound", "matrix", "3.12"),
    ]  # fmt: skip
    made = answered.attributes(rows, known)
    assert made.counted == Tally(right=4, said=8, hit=3, true=6)
    assert made.every == Tally(right=4, said=8, hit=4, true=7)


def test_nothing_told_is_no_precision() -> None:
    made = answered.attributes([], truth(("a", "os", "windows", 5)))
    assert made.counted.precision.value is None
    assert made.counted.recall == Share(0, 1)
