"""Two real histories as evidence on tests, and what developers said of the tests later.

Evidence comes from CI alone, labels from the project's commits alone.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pipelinedoctor.stats.ranking import CONTRADICTED, FAILED, ISOLATED

TEST = ("test",)

_EVIDENCE = (*TEST, "line", "at", "kind", "together")


@dataclass(frozen=True, slots=True)
class RealSet:
    """One history.

    `evidence`: one row a failing execution of a test, as `stats.ranking.expected_failures` takes it, sorted. `labels`: `test`
    and `on` (Date), a row each time that a commit called a test flaky, sorted.
    """

    evidence: pl.DataFrame
    labels: pl.DataFrame

    def labelled(self, first: date, last: date) -> frozenset[str]:
        """The tests called flaky from `first` to `last`, both included."""
        return frozenset(self.labels.filter(pl.col("on").is_between(first, last))["test"])


def ozone(folder: Path) -> RealSet:
    """Test classes of apache/ozone, by their names without the package, on the default branch, 2020-03 to 2022-06.

    A failure is contradicted where its job passed on the same commit; isolated where the job was tried once on the commit,
    and passed on the commits before and after. Labels: classes to which `@Flaky` was added, and those named in the subject of
    a commit that fixes or disables a flaky test.
    """
    failures = pl.read_csv(folder / "derived_test_failures.csv").select(
        pl.col("test_class").str.split(".").list.last().alias("test"),
        pl.col("archive_dir").str.head(10).str.to_datetime("%Y/%m/%d", time_unit="us", time_zone="UTC").alias("at"),
        pl.col("head_sha").alias("line"),
        pl.col("same_sha_job_also_passed").alias("passed_there"),
        "archive_dir",
        "job",
    )
    around = _ozone_jobs(folder)
    placed = failures.join(around, on=["job", "line"], how="left")
    evidence = placed.select(
        "test",
        "line",
        "at",
        _kind(pl.col("passed_there"), pl.col("between_passes")),
        pl.len().over("archive_dir", "job").alias("together"),
    )
    return RealSet(_sorted(evidence), _labels(_ozone_labels(folder)))


def _ozone_jobs(folder: Path) -> pl.DataFrame:
    """By `job` and `line`: `between_passes`, whether the job failed once and passed on the commits before and after."""
    with gzip.open(folder / "jobs.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [
            (
                int(archived["archive_dir"].rpartition("/")[2]),
                _archived(job["name"]),
                job["head_sha"],
                job["conclusion"],
            )
            for archived in map(json.loads, lines)
            for job in archived["jobs"]
            if job["conclusion"] in {"success", "failure"}
        ]
    tried = pl.DataFrame(rows, schema=["number", "job", "line", "conclusion"], orient="row")
    passed = pl.col("conclusion") == "success"
    commits = (
        tried.group_by("job", "line").agg(pl.col("number").min(), pl.len().alias("tries"), passed.any().alias("passed"))
    ).sort("job", "number", "line")
    before, after = (pl.col("passed").shift(step).over("job") for step in (1, -1))
    once = (pl.col("tries") == 1) & ~pl.col("passed")
    return commits.select("job", "line", (once & before & after).fill_null(value=False).alias("between_passes"))


def _archived(name: str) -> str:
    """What the archive calls a job, whatever it was called at the time: `it-client` for `integration (client)`."""
    group, _, part = name.removesuffix(")").partition(" (")
    return {"integration": f"it-{part}", "basic": part}.get(group, name) if part else name


def _ozone_labels(folder: Path) -> Iterator[tuple[str, str]]:
    for row in _rows(folder / "flaky_annotations.csv"):
        if row["action"] == "added":
            yield row["test_class"], row["committed_at"]
    for row in _rows(folder / "flaky_fix_commits.csv"):
        yield from ((test, row["committed_at"]) for test in row["tests"].split(";"))


def dask(folder: Path) -> RealSet:
    """Test functions of dask/distributed, parameters folded, 2021-11 to 2024-12.

    The history knows neither commits nor reruns, so nothing contradicts itself: a run is told by its time and counts as one
    line of work; a failure is isolated where the test passed in the same suite in the runs before and after. Labels: tests
    that were marked flaky or kept from CI, and those named in the subject of a commit that fixes a flaky test.
    """
    results = (
        pl.scan_parquet(folder / "test_report_union.parquet")
        .filter(pl.col("status") != "skipped")
        .select(
            "suite",
            pl.col("test").alias("case"),
            pl.col("date").alias("at"),
            (pl.col("status") == "failed").alias("failed"),
        )
        .sort("suite", "case", "at")
        .with_columns(
            (~pl.any_horizontal(pl.col("failed").shift(step, fill_value=True).over("suite", "case") for step in (1, -1)))
            .alias("between_passes")
        )
        .filter("failed")
        .collect()
    )  # fmt: skip
    evidence = results.select(
        # A third of the cases has parameters, between which faults are shared.
        pl.col("case").str.replace(r"\[.*$", "").str.split(".").list.last().alias("test"),
        pl.col("at").cast(pl.String).alias("line"),
        "at",
        _kind(pl.lit(value=False), pl.col("between_passes")),
        pl.len().over("at", "suite").alias("together"),
    )
    return RealSet(_sorted(evidence.filter(pl.col("test").str.starts_with("test_"))), _labels(_dask_labels(folder)))


def _dask_labels(folder: Path) -> Iterator[tuple[str, str]]:
    for row in _rows(folder / "flaky_marks.csv"):
        if row["action"] == "added":
            yield row["test"], row["committed_at"]
    for row in _rows(folder / "flaky_fix_commits.csv"):
        yield from ((test, row["committed_at"]) for test in row["tests_in_subject"].split(";"))


def _kind(contradicted: pl.Expr, isolated: pl.Expr) -> pl.Expr:
    return (
        pl.when(contradicted)
        .then(pl.lit(CONTRADICTED))
        .when(isolated)
        .then(pl.lit(ISOLATED))
        .otherwise(pl.lit(FAILED))
        .alias("kind")
    )


def _sorted(evidence: pl.DataFrame) -> pl.DataFrame:
    return evidence.select(_EVIDENCE).sort(_EVIDENCE)


def _labels(found: Iterator[tuple[str, str]]) -> pl.DataFrame:
    rows = sorted({(test, date.fromisoformat(at[:10])) for test, at in found if test})
    return pl.DataFrame(rows, schema={"test": pl.String, "on": pl.Date}, orient="row")


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        yield from csv.DictReader(opened)
