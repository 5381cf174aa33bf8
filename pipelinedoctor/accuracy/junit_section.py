"""The section on histories of JUnit reports: written as files, ingested by the real code, judged, and counted."""

import functools
import operator
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipelinedoctor.accuracy import junit_scores
from pipelinedoctor.accuracy.junit_histories import BROKEN_SHARE, FLAKY_SHARE, OUTAGE_FAILS, OUTAGE_SHARE, RATES, Shape
from pipelinedoctor.accuracy.junit_scores import Case, Score
from pipelinedoctor.accuracy.scores import Share
from pipelinedoctor.accuracy.sections import Asked, Cell, Goal, Section, Table

RUNS, TESTS = 200, 2_000
SEEDS = 3
"""At most so many histories of each kind: each is 40 MB of reports."""
LEAST, LEAST_WITH_OUTAGES = 0.95, 0.90

_TITLE = "Histories of JUnit reports"
_METHOD = (
    f"{RUNS} reports of {TESTS:,} tests each are written and ingested as a user's would be: {FLAKY_SHARE:.0%} of the tests"
    f" flaky with a rate of {RATES[0]:g} to {RATES[1]:g}, {BROKEN_SHARE:.1%} with an open regression and as many with one that"
    f" was fixed; a share of the runs repeats the commit before, and with outages {OUTAGE_SHARE:.0%} of the runs lose"
    f" {OUTAGE_FAILS:.0%} of their tests. Recall counts flaky tests that failed on {junit_scores.TELLING} commits or more by"
    " their own fault, for one failure is what any fault looks like; what peers are measured by, those that failed and passed"
    " at all, stands beside it. Counts of several seeds are added up. Bias: one repository, one job, the same rate all the time."
)


def measure(asked: Asked) -> tuple[Section, ...]:
    """The section; its histories are drawn from the first seeds that were asked for."""
    shapes, seeds = junit_scores.shapes(RUNS, TESTS, 0), asked.seeds[:SEEDS]
    if not seeds:
        goals = tuple(goal for shape in shapes for goal in _goals(shape, ()))
        return (
            Section(title=_TITLE, method=_METHOD, goals=goals, reason="nothing was simulated: --organisations was 0"),
        )
    asked.progress.start("JUnit histories", len(shapes) * len(seeds))
    cases: list[list[Case]] = []
    for shape in shapes:
        cases.append([])
        for seed in seeds:
            with tempfile.TemporaryDirectory(prefix="pipelinedoctor-") as folder:
                cases[-1].append(junit_scores.measured(replace(shape, seed=seed), Path(folder)))
            asked.progress.advance("JUnit histories")
    asked.progress.finish("JUnit histories", f"{len(shapes) * len(seeds)} written, ingested and judged")
    table = Table(
        title="Flaky tests in histories of JUnit reports",
        columns=("reruns", "outages", "verdicts", "precision", "recall", "recall of all that failed and passed"),
        rows=_rows(cases),
    )
    goals = tuple(
        goal
        for shape, drawn in zip(shapes, cases, strict=True)
        for goal in _goals(shape, [case.told for case in drawn])
    )
    return (Section(title=_TITLE, method=_METHOD, tables=(table,), goals=goals),)


def _rows(cases: Sequence[Sequence[Case]]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for drawn in cases:
        shape = drawn[0].shape
        of = (f"{shape.reruns:.0%}", "yes" if shape.outages else "no")
        rows.append((*of, "flaky or suspected", *_shares([case.told for case in drawn])))
        rows.append((*of, "flaky", *_shares([case.certain for case in drawn])))
    return rows


def _shares(made: Sequence[Score]) -> tuple[Share, Share, Share]:
    """Precision, recall, and recall of all that failed and passed."""
    precision = (Share(one.right, one.right + sum(one.wrong.values())) for one in made)
    telling = (Share(one.right_telling, one.telling) for one in made)
    observed = (Share(one.right_observed, one.observed) for one in made)
    added = [functools.reduce(operator.add, shares, Share(0, 0)) for shares in (precision, telling, observed)]
    return added[0], added[1], added[2]


def _goals(shape: Shape, made: Sequence[Score]) -> tuple[Goal, Goal]:
    least = LEAST_WITH_OUTAGES if shape.outages else LEAST
    name = f"JUnit, reruns {shape.reruns:.0%}{', outages' if shape.outages else ''}"
    precision, recall, _ = _shares(made) if made else (None, None, None)
    return (
        Goal(name=f"{name}: precision", value=precision, least=least),
        Goal(name=f"{name}: recall", value=recall, least=least),
    )
