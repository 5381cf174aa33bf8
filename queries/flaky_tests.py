"""Which tests fail and pass on the same code?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelinedoctor.derive import testcase_words as words
from pipelinedoctor.derive.flakiness import counted, evidence_links, executions, outage_notes, remark, subject
from pipelinedoctor.derive.labels import WORDS
from pipelinedoctor.derive.test_labels import test_labels
from pipelinedoctor.derive.test_states import with_states
from pipelinedoctor.derive.test_verdicts import TestVerdicts, test_verdicts
from pipelinedoctor.derive.testcases import TEST, Tested
from pipelinedoctor.derive.why import Reasons, why_tests
from pipelinedoctor.findings import Answer, Claims, Column, Cost, Evidence, Finding, Measure
from pipelinedoctor.model import Cause, Severity, Verdict
from pipelinedoctor.query import query
from pipelinedoctor.stats.cost import METHOD, per_30_days, severity_of
from pipelinedoctor.stats.evidence import Rule
from pipelinedoctor.stats.mass import REPORT
from pipelinedoctor.stats.ranking import CONTRADICTED, FAILED, ISOLATED, expected_failures, ranked
from pipelinedoctor.store.history import History, Window


@dataclass(frozen=True, slots=True)
class Options:
    """What a verdict takes. `prior` is the share of tests taken to be flaky before any evidence."""

    prior: float = 0.04
    flaky_from: float = 0.8
    suspected_from: float = 0.5
    least_commits: int = 10
    least_evidence: int = 2

    def rule(self) -> Rule:
        """The rule of `stats.evidence`."""
        return Rule(
            prior=self.prior,
            flaky_from=self.flaky_from,
            suspected_from=self.suspected_from,
            least_commits=self.least_commits,
            least_evidence=self.least_evidence,
        )


@query(
    id="flaky_tests",
    title="Flaky tests",
    docs=(
        "Tests that contradict themselves, by the JUnit reports of jobs: they failed and passed on the same commit in the"
        " same job, or failed on one commit of the default branch while the commits before and after passed. Reports are"
        " read only where a run failed or was rerun, so a green job counts as a pass of the tests that it runs.\n\n"
        "A report in which a fifth of the tests, and at least ten, failed is a mass failure and no evidence."
    ),
    remediation="Make the test's outcome depend on the code alone; while it does not, let no one take its failures for news.",
    options=Options,
)
def flaky_tests(history: History, options: Options) -> Answer:
    """Findings flaky, suspected, worsening, recovered; measures `tests` (all that contradicted themselves), `kinds` (failures by
    kind) and `in_common`.
    """
    jobs = executions(history)
    said = test_verdicts(history, jobs, options.rule())
    if said.known.reports.is_empty():
        return Answer(reason=_nothing(jobs))
    proofs = said.proofs
    units = (
        said.units.join(_names(said.known.failed), on=TEST, how="left")
        .join(_summed(proofs), on=TEST, how="inner")
        .join(_expected(said, history.window), on=TEST, how="left")
        .with_columns(pl.col("expected").fill_null(0))
    )
    units = with_states(history, said, ranked(units, TEST))
    judgement = units.filter(pl.col("verdict").is_not_null())
    told = _with_traces(history, proofs.join(judgement, on=TEST, how="semi", maintain_order="left"))
    by_test, failing_with = told.partition_by(TEST, as_dict=True), words.failing_with(told)
    days = (history.window.end - history.window.start).total_seconds() / 86_400
    why = why_tests(history, jobs, _flaky_failures(told), _runs_in(said))
    findings = [
        _finding(row, by_test[tuple(row[key] for key in TEST)].rows(named=True), failing_with, why.of(row), days)
        for row in judgement.iter_rows(named=True)
    ]
    return Answer(
        findings=findings,
        measures=(_table(units, history.known_tests(), options), _kinds(said, options.rule()), why.measure),
        notes=(*_notes(said.known), *why.notes, *outage_notes(jobs)),
    )


def _nothing(jobs: pl.DataFrame) -> str:
    failing = jobs.filter("failed")
    return (
        f"no test report was read in the window: {counted(len(jobs), 'job execution')} passed or failed,"
        f" {len(failing)} of them failed, none with a JUnit report"
    )


def _notes(known: Tested) -> Iterator[str]:
    total, mass = len(known.reports), known.reports["mass"].sum()
    nowhere = (known.reports["job_id"] == 0).sum()
    if mass:
        yield (
            f"{mass} of {counted(total, 'test report')} are left out: a fifth of their tests, or far more than usual, and at"
            " least ten, failed at once."
        )
    if nowhere:
        yield f"{nowhere} of {counted(total, 'test report')} could not be put to a job; green jobs say nothing of their tests."


def _with_traces(history: History, told: pl.DataFrame) -> pl.DataFrame:
    """With the whole message and the trace of the newest failure of each place."""
    execution = ["host", "run_id", "attempt", "job_id", "test"]
    return told.drop("message").join(history.traces(told), on=execution, how="left", maintain_order="left")


def _flaky_failures(told: pl.DataFrame) -> pl.DataFrame:
    return told.select(*TEST, "run_id", "job_ids").explode("job_ids").rename({"job_ids": "job_id"})


def _runs_in(said: TestVerdicts) -> pl.DataFrame:
    return said.places.select(*TEST, "name").filter(pl.col("name") != "").unique()


def _names(failed: pl.DataFrame) -> pl.DataFrame:
    return failed.group_by(TEST, maintain_order=True).agg(pl.col("forge", "repository", "pipeline").last())


def _expected(said: TestVerdicts, window: Window) -> pl.DataFrame:
    """The flaky failures to expect of each test in the next 30 days: what the order of tests goes by."""
    kind = pl.when("contradicted").then(pl.lit(CONTRADICTED)).when("isolated").then(pl.lit(ISOLATED))
    evidence = said.places.select(
        *TEST, "line", pl.col("last_at").alias("at"), kind.otherwise(pl.lit(FAILED)).alias("kind"), "together"
    )
    return expected_failures(evidence, TEST, window.start, window.end).select(*TEST, "expected")


def _summed(proofs: pl.DataFrame) -> pl.DataFrame:
    return proofs.group_by(TEST).agg(
        pl.col("minutes").sum().round(1),
        pl.col("failures").sum(),
        pl.col("first_at").min(),
        pl.col("last_at").max(),
        pl.col("job").unique().sort().alias("jobs"),
    )


def _finding(
    row: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    failing_with: words.FailingWith,
    reasons: Reasons,
    days: float,
) -> Finding:
    flaky, verdict = row["verdict"] == Verdict.FLAKY, Verdict(row["state"] or row["verdict"])
    severity = severity_of(per_30_days(row["minutes"], days))
    return Finding(
        query="flaky_tests",
        subject=subject({**row, "job": None}, test=row["test"]),
        verdict=verdict,
        severity=Severity.LOW if verdict is Verdict.RECOVERED else severity,
        confidence=row["probability"],
        title=words.title(row, flaky=flaky),
        evidence=Evidence(
            summary=_summary(row, rows),
            k=row["contradicted"] + row["isolated"] + row["recurring"],
            n=row["commits"],
            low=row["low"],
            high=row["high"],
            links=tuple(evidence_links(rows)),
            details=(*words.details(row, rows), *reasons.details),
            excerpt=next((text for one in rows if (text := words.trace(one))), None),
        ),
        cost=Cost(
            runner_minutes=row["minutes"],
            jobs=row["failures"],
            method=(
                "the failing executions of its jobs on the commits counted here, each shared equally among the tests that"
                f" failed in it, {METHOD}; the finding on the job counts what is left"
            ),
        ),
        since=row["first_at"],
        next_step=words.over(row) or reasons.next_step or words.next_step(rows, row["jobs"], failing_with),
        claims=Claims(
            cause=Cause.FLAKY_TEST,
            executions=tuple(claim for one in rows for claim in zip(one["job_ids"], one["parts"], strict=True)),
        ),
    )


def _summary(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    said = f"Failed on {row['failed']} of {counted(row['commits'], 'commit')}"
    if row["contradicted"]:
        kinds = {one["by_job"] for one in rows if one["contradicted"]}
        who = "its job" if kinds == {True} else "it" if kinds == {False} else "it, or its whole job,"
        said += f"; on {row['contradicted']} of those {who} passed on the same commit"
    if row["isolated"]:
        between = "stands" if row["isolated"] == 1 else "stand"
        said += f"; {row['isolated']} {between} alone between passing commits of the default branch"
    if row["recurring"]:
        said += f"; on {counted(row['recurring'], 'change')} it failed once, days from such a failure"
    said += words.became(row)
    return f"{said}."


def _table(units: pl.DataFrame, known: int, options: Options) -> Measure:
    columns = (
        Column(name="repository", title="Repository"),
        Column(name="test", title="Test"),
        Column(name="remark", title="Verdict"),
        Column(name="probability", title="Probability", unit="share"),
        Column(name="failed", title="Failed on", unit="count"),
        Column(name="contradicted", title="Passed there, too", unit="count"),
        Column(name="isolated", title="Between passes", unit="count"),
        Column(name="recurring", title="Once on changes", unit="count"),
        Column(name="commits", title="Commits", unit="count"),
        Column(name="low", title="Rate at least", unit="share"),
        Column(name="high", title="Rate at most", unit="share"),
        Column(name="minutes", title="Minutes lost", unit="minutes"),
        Column(name="last_at", title="Last seen", unit="time"),
    )
    remarked = units.with_columns(pl.coalesce("state", remark(options.rule())).alias("remark"))
    rows = remarked.select([column.name for column in columns]).rows(named=True)
    return Measure(
        id="tests",
        title="Tests that contradicted themselves",
        caption=(
            f"{len(rows)} of {counted(known, 'test')} in the reports of the window failed on a commit on which they, or their"
            " whole job, passed, too, or between passing commits of the default branch, in the order of the flaky failures to expect of them. Counts are of commits, those"
            " of the default branch and of changes apart; the rate is (passed there + between passes + once on changes) /"
            " commits of its jobs, with its 95 % interval."
        ),
        columns=columns,
        rows=rows,
        reason=None if rows else f"none of {counted(known, 'test')} contradicted itself",
    )


def _kinds(said: TestVerdicts, rule: Rule) -> Measure:
    failures = test_labels(said, rule)
    sums = failures.group_by("label").agg(
        pl.len().alias("failures"),
        pl.col("test").n_unique().alias("tests"),
        pl.struct(REPORT).n_unique().alias("reports"),
    )
    by_label = {row["label"]: row for row in sums.iter_rows(named=True)}
    rows = [
        {"kind": words, "share": by_label[label]["failures"] / len(failures)}
        | {name: by_label[label][name] for name in ("failures", "tests", "reports")}
        for label, words in WORDS.items()
        if label in by_label
    ]
    return Measure(
        id="kinds",
        title="Failures of tests by kind",
        caption=(
            f"All {counted(len(failures), 'failing execution')} of tests in the reports of the window, each counted once, by"
            " the first kind that holds. A test that is known to be flaky fails because of the code as well."
        ),
        columns=(
            Column(name="kind", title="Kind"),
            Column(name="failures", title="Failing executions", unit="count"),
            Column(name="share", title="Share", unit="share"),
            Column(name="tests", title="Tests", unit="count"),
            Column(name="reports", title="Reports", unit="count"),
        ),
        rows=rows,
        reason=None if rows else "no test failed in a report of the window",
    )
