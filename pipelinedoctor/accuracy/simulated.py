"""The sections on simulated organisations whose truth is known."""

import functools
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from pipelinedoctor.accuracy import outages, scores
from pipelinedoctor.accuracy.answered import FIRST, LEAST_FAILURES, Attributes
from pipelinedoctor.accuracy.organisations import GENUINE, NONE, SAME, TRUTH, Scored, scored
from pipelinedoctor.accuracy.scores import NO_STRETCHES, NOTHING, Share, Tally
from pipelinedoctor.accuracy.sections import Asked, Cell, Goal, Section, Table, section_of
from pipelinedoctor.simulate.fleet.settings import Settings

RERUN, BARE, CALM = "with reruns", "no reruns, no duplicates", "no outages"
CALLED_FLAKY = ("known_flaky", "passed_later")
ENOUGH = 100
"""Verdicts in a tenth from which its calibration is asked for."""


def kinds(plain: Settings) -> dict[str, Settings]:
    """The organisations that are drawn from each seed, by name. They differ in what the name says, and in nothing else."""
    return {RERUN: plain, BARE: replace(plain, reruns=0.0, duplicates=0.0), CALM: replace(plain, outages=False)}


def measure(asked: Asked) -> tuple[Section, ...]:
    """The sections on flaky tests, failures, regressions, calibration and outages."""
    drawn = kinds(asked.organisation)
    asked.progress.start("organisations", len(asked.seeds) * len(drawn))
    found: dict[str, list[Scored]] = {name: [] for name in drawn}
    for seed in asked.seeds:
        for name, settings in drawn.items():
            found[name].append(scored(seed, settings, asking=name == RERUN))
            asked.progress.advance("organisations")
    asked.progress.finish("organisations", f"{len(asked.seeds) * len(drawn)} drawn and judged")
    return (
        _flaky(found),
        _failures(found),
        _regressions(found),
        _calibration(found[RERUN]),
        outages.section(found[RERUN], found[CALM]),
        _order(found[RERUN]),
        _attributes(found[RERUN]),
    )


def _flaky(found: Mapping[str, Sequence[Scored]]) -> Section:
    shown = ("rule", "precision", "recall", "F1", "least precision", "least recall")
    tables = [Table(title=f"Flaky tests, {name}", columns=shown, rows=_rules(drawn)) for name, drawn in found.items()]
    goals = [
        goal
        for name, precision, recall in ((RERUN, 0.92, 0.80), (BARE, 0.90, 0.55))
        for goal in _flaky_goals(name, _sum([one.either for one in found[name]]), precision, recall)
    ]
    method = (
        f"{TRUTH} A test is truly flaky if its flakiness made it fail at least once in the window. Counts of all organisations"
        " are added up; the last columns show the organisation that came out worst."
    )
    return section_of("Flaky tests", method, tables, goals, None if found[RERUN] else NONE)


def _flaky_goals(name: str, made: Tally, precision: float, recall: float) -> tuple[Goal, Goal]:
    return (
        Goal(
            name=f"flaky or suspected, precision, {name}", value=made.precision if made.true else None, least=precision
        ),
        Goal(name=f"flaky or suspected, recall, {name}", value=made.recall if made.true else None, least=recall),
    )


def _rules(drawn: Sequence[Scored]) -> list[tuple[Cell, ...]]:
    tallies = {
        "pipelinedoctor: flaky or suspected": [one.either for one in drawn],
        "pipelinedoctor: flaky": [one.flaky for one in drawn],
    }
    for rival in drawn[0].rivals if drawn else ():
        tallies[rival] = [one.rivals[rival] for one in drawn]
    return [_rule(name, each) for name, each in tallies.items()]


def _rule(name: str, tallies: Sequence[Tally]) -> tuple[Cell, ...]:
    made = _sum(tallies)
    precisions = [one.precision.value for one in tallies if one.precision.value is not None]
    recalls = [one.recall.value for one in tallies if one.recall.value is not None]
    return (name, made.precision, made.recall, made.f1, min(precisions, default=None), min(recalls, default=None))


def _sum(tallies: Iterable[Tally]) -> Tally:
    return functools.reduce(operator.add, tallies, NOTHING)


def _failures(found: Mapping[str, Sequence[Scored]]) -> Section:
    counts = {name: [one.labels for one in drawn if one.labels is not None] for name, drawn in found.items()}
    goals = [_genuine_goal(name, counts[name]) for name in (RERUN, BARE)]
    tables = [_confusion(name, counts[name]) for name in (RERUN, BARE)]
    method = (
        f"{SAME} Every failing execution of a test has one cause in the simulator and one label of the product. Genuine are"
        " failures of regressions and of wrong changes; one is called flaky where its label is known_flaky or passed_later, though"
        " a regression that fails only now and then does pass later."
    )
    reason = NONE if not found[RERUN] else None if counts[RERUN] else "failures of tests get no labels yet"
    return section_of("Failures", method, tables, goals, reason)


def _genuine_goal(name: str, counts: Sequence[pl.DataFrame]) -> Goal:
    called = [scores.labelled(one, cause, CALLED_FLAKY) for one in counts for cause in GENUINE]
    value = functools.reduce(operator.add, called) if called else None
    return Goal(name=f"genuine failures called flaky, {name}", value=value, most=0.04)


def _confusion(name: str, counts: Sequence[pl.DataFrame]) -> Table:
    causes = (*GENUINE, "flaky", "outage")
    every = (
        pl.concat(counts) if counts else pl.DataFrame(schema={"label": pl.String, "cause": pl.String, "n": pl.Int64})
    )
    labels = [*sorted(every["label"].drop_nulls().unique()), None]
    total = {cause: int(every.filter(pl.col("cause") == cause)["n"].sum()) for cause in causes}
    rows: list[tuple[Cell, ...]] = []
    for label in labels:
        mine = every.filter(pl.col("label").eq_missing(pl.lit(label)))
        cells = [Share(int(mine.filter(pl.col("cause") == cause)["n"].sum()), total[cause]) for cause in causes]
        rows.append((label or "no label", *cells))
    return Table(title=f"Labels by true cause, {name}", columns=("label", *causes), rows=rows)


def _regressions(found: Mapping[str, Sequence[Scored]]) -> Section:
    made = {
        name: functools.reduce(
            operator.add, (one.stretches for one in drawn if one.stretches is not None), NO_STRETCHES
        )
        for name, drawn in found.items()
    }
    names = ("precision", "recall, 2 failing runs or more", "recall, all", "first bad commit exact, of hits")
    table = Table(
        title="Broken stretches of tests on the default branch",
        columns=("organisations", *names),
        rows=[
            (name, one.counted.precision, one.counted.recall, one.every.recall, one.exact) for name, one in made.items()
        ],
    )
    told = any(one.stretches is not None for one in found[RERUN])
    values = (made[RERUN].counted.precision, made[RERUN].counted.recall, made[RERUN].exact)
    wanted = (("precision", 0.98), ("recall", 0.80), ("first bad commit exact", 0.95))
    goals = [
        Goal(name=f"regressions: {name}", value=value if told else None, least=least)
        for (name, least), value in zip(wanted, values, strict=True)
    ]
    method = (
        f"{SAME} A broken stretch is right if it overlaps the time of a true regression of the same test. Recall counts"
        " regressions that made at least two runs of the default branch fail, since one failure cannot be told from a flaky one;"
        " all that made one fail stand beside it."
    )
    reason = NONE if not found[RERUN] else None if told else "broken stretches of tests are not told yet"
    return section_of("Regressions", method, (table,), goals, reason)


def _calibration(drawn: Sequence[Scored]) -> Section:
    said = np.concatenate([one.probability for one in drawn]) if drawn else np.zeros(0)
    came = np.concatenate([one.came for one in drawn]) if drawn else np.zeros(0)
    table = scores.tenths(said, came)
    rows: list[tuple[Cell, ...]] = [
        (
            f"{one.low:.1f}-{one.high:.1f}",
            one.mean,
            one.true,
            "no data" if one.covered is None else "yes" if one.covered else "no",
        )
        for one in table
    ]
    asked = [one for one in table if one.true.n >= ENOUGH]
    brier = scores.brier(said, came)
    reliability = Table(
        title=f"Reliability, {RERUN}",
        columns=("said", "mean said", "truly flaky", "interval holds the mean"),
        rows=rows,
    )
    squares = Table(
        title="Brier score",
        columns=("verdicts", "score", "of the base rate"),
        rows=[(brier.n, brier.score, brier.base)] if brier else [],
    )
    goals = [
        Goal(
            name=f"tenths with {ENOUGH} verdicts or more whose interval holds what was said",
            value=Share(sum(bool(one.covered) for one in asked), len(asked)),
            least=1,
        ),
        Goal(
            name="Brier score, as a share of the base rate's",
            value=brier.score / brier.base if brier and brier.base else None,
            most=1,
            n=f"{len(said):,} tests",
        ),
    ]
    method = f"{SAME} Of every test with any evidence the probability that it is flaky, against whether it is."
    return section_of("Calibration of the probability", method, (reliability, squares), goals, None if drawn else NONE)


def _order(drawn: Sequence[Scored]) -> Section:
    orders = [one.answered.order for one in drawn if one.answered is not None]
    values = [one.ndcg for one in orders if one.ndcg is not None]
    table = Table(
        title=f"The first {FIRST} findings on flaky tests",
        columns=("organisations", f"mean NDCG@{FIRST}", "least", "false findings"),
        rows=[
            (
                len(orders),
                float(np.mean(values)) if values else None,
                min(values, default=None),
                functools.reduce(operator.add, (one.false for one in orders), Share(0, 0)),
            )
        ],
    )
    method = (
        f"{SAME} Findings stand as a report shows them; a test is worth the executions that its flakiness made fail, and a"
        " finding on a sound test nothing. The best order of all flaky tests, found or not, has the value 1."
    )
    return section_of("Order of findings", method, (table,), (), None if drawn else NONE)


def _attributes(drawn: Sequence[Scored]) -> Section:
    told = [
        one.answered.attributes for one in drawn if one.answered is not None and one.answered.attributes is not None
    ]
    made = functools.reduce(operator.add, told, Attributes(NOTHING, NOTHING))
    table = Table(
        title="What flaky failures go with",
        columns=("organisations", "precision", f"recall, {LEAST_FAILURES} failures or more", "recall, all"),
        rows=[(len(told), made.counted.precision, made.counted.recall, made.every.recall)],
    )
    goals = (
        Goal(
            name="attributes of flaky failures: precision", value=made.counted.precision if told else None, least=0.95
        ),
        Goal(name="attributes of flaky failures: recall", value=made.counted.recall if told else None, least=0.55),
    )
    method = (
        f"{SAME} The chance of some flaky tests to fail depends on the operating system, the version, the hour or the event. What"
        " the question on flaky tests tells of a test is right if it names that. Recall counts tests with such an attribute and"
        f" {LEAST_FAILURES} flaky failures or more; those with one at least stand beside it."
    )
    reason = NONE if not drawn else None if told else "the question on flaky tests tells of no attributes"
    return section_of("Attributes", method, (table,), goals, reason)
