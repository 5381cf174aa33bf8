"""How a flaky test is told: by its name, by what its failures say, and by what fails together with it."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from pipelinedoctor.derive.flakiness import counted, day
from pipelinedoctor.model import Verdict
from pipelinedoctor.units import share

JOBS_NAMED = 5
MESSAGES_TOLD = 3
COMPANIONS_NAMED = 2
TRACE_LINES = 20
"""Lines of a failure's trace that are shown: where the test failed is near its top."""

_EXECUTION = ("host", "run_id", "job_id")

FailingWith = Mapping[tuple[Any, ...], Sequence[str]]
"""The flaky tests that failed in an execution of a job."""


def title(row: Mapping[str, Any], *, flaky: bool) -> str:
    """What it does, and which: by its class and name."""
    name = without_package(row["test"])
    if row["state"] == Verdict.RECOVERED:
        return f"{name} was flaky, and has not been since {day(row['last_at'])}"
    if row["state"] == Verdict.WORSENING:
        return f"{name} is flaky, and more often than it was"
    if flaky and row["contradicted"]:
        return f"{name} fails and passes on the same commit"
    if flaky:
        return f"{name} fails between passing commits"
    return f"{name} may be flaky"


def without_package(test: str) -> str:
    """`TestCase::method` of `org.example.TestCase::method`; a name with white space is a sentence and stays whole."""
    group, separator, name = test.partition("::")
    sentence = not separator or any(map(str.isspace, group))
    return test if sentence else re.split(r"[./\\]", group.rstrip("./\\"))[-1] + separator + name


def details(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """When it failed last, in which jobs, how it passed, and what its failures say."""
    yield "last seen", f"{day(row['last_at'])} on {rows[0]['commit_sha'][:9]}, {_since(row)}"
    jobs = Counter(one["job"] or "unknown job" for one in rows)
    most = sorted(jobs.items(), key=lambda one: (-one[1], one[0]))
    text = ", ".join(f"{job} {number}" for job, number in most[:JOBS_NAMED])
    yield "commits by job", text + (f" and {len(most) - JOBS_NAMED} more jobs" if len(most) > JOBS_NAMED else "")
    by_job = sum(one["by_job"] is True for one in rows)
    by_test = sum(one["by_job"] is False for one in rows)
    passes = (("by its report", by_test), ("as its whole job passed", by_job))
    if by_job or by_test:
        yield "passed", ", ".join(f"{how} {number}" for how, number in passes if number)
    said = Counter(text for one in rows if (text := first_line(one["message"])))
    if said:
        told = "; ".join(f"{text} ({number})" for text, number in said.most_common(MESSAGES_TOLD))
        rest = len(said) - MESSAGES_TOLD
        yield "what it says", told + (f"; and {rest} more" if rest > 0 else "")


def _since(row: Mapping[str, Any]) -> str:
    said = f"none in {counted(row['since'], 'execution')} of its jobs since" if row["since"] else "no pass since"
    return f"{said}; {counted(row['pending'], 'other failure')} of the default branch" if row["pending"] else said


def became(row: Mapping[str, Any]) -> str:
    """What there is to say of the time since, after the counts: that it is over, or that it grows; else nothing."""
    if row["state"] == Verdict.RECOVERED:
        none = f"None in {counted(row['since'], 'execution')} of its jobs since {day(row['last_at'])}"
        return f". {none}; if nothing had changed, the odds of that were {share(row['silence'])}"
    if row["state"] == Verdict.WORSENING:
        newer, older = (f"{row[half]} of {counted(row[f'{half}_of'], 'execution')}" for half in ("newer", "older"))
        return f". In the newer half of the window {newer}, in the older half {older}"
    return ""


def over(row: Mapping[str, Any]) -> str | None:
    """What to do about a test that has stopped to be flaky."""
    if row["state"] != Verdict.RECOVERED:
        return None
    ago = day(row["last_at"])
    return f"Find the change after {ago} that mended it; if there is none, expect it back and keep its evidence."


def first_line(text: str | None) -> str:
    """The first line that is not empty."""
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "")


def trace(row: Mapping[str, Any]) -> str:
    """What the report tells of a failure: its message, unless the trace begins with it, and the top of the trace."""
    trace = "\n".join((row["detail"] or "").strip().splitlines()[:TRACE_LINES])
    message = (row["message"] or "").strip()
    return trace if first_line(message) in trace else f"{message}\n{trace}".strip()


def failing_with(places: pl.DataFrame) -> FailingWith:
    """The tests of `testcases.places`, by execution."""
    by_execution = places.group_by(_EXECUTION, maintain_order=True).agg(pl.col("test").unique().sort())
    return {tuple(key): tests for *key, tests in by_execution.iter_rows()}


def companions(rows: Sequence[Mapping[str, Any]], failing_with: FailingWith) -> list[tuple[str, int]]:
    """Other flaky tests that failed in most of these executions, and in two at least, with the number of them."""
    together = Counter(
        test for row in rows for test in failing_with[tuple(row[name] for name in _EXECUTION)] if test != row["test"]
    )
    return [(test, count) for test, count in together.most_common() if count > 1 and 2 * count > len(rows)]


def next_step(rows: Sequence[Mapping[str, Any]], jobs: Sequence[str], failing_with: FailingWith) -> str:
    """What to do to see it fail, alone or with what fails together with it."""
    pair = next((one for one in rows if one["contradicted"]), None)
    where = f" in {jobs[0]}" if len(jobs) == 1 and jobs[0] else ""
    if pair is None:
        return f"Rerun it{where} on one of the failing commits: a pass there is the proof that is still missing."
    order = f"in the order of the failing execution on {pair['commit_sha'][:9]}{where}"
    others = companions(rows, failing_with)
    if others:
        named = " and ".join(
            f"{without_package(test)} ({count} of {len(rows)} failures)" for test, count in others[:COMPANIONS_NAMED]
        )
        rest = f" and {len(others) - COMPANIONS_NAMED} more" if len(others) > COMPANIONS_NAMED else ""
        return f"It fails together with {named}{rest}: look first at what they share, as a fixture or a server, and run them {order}."
    return (
        f"Run the test alone and in a loop, then {order}: the code is the same on both sides, so what differs is time, order,"
        " shared state or environment."
    )
