"""The section on what outages do to verdicts: the same organisations with them and without."""

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipelinedoctor.accuracy.organisations import NONE, SAME, Scored
from pipelinedoctor.accuracy.scores import Share
from pipelinedoctor.accuracy.sections import Goal, Section, Table, section_of
from pipelinedoctor.derive.testcases import TEST


@dataclass(frozen=True, slots=True)
class Pair:
    """The same organisation with and without outages: false verdicts that came with them, and true ones that changed."""

    added: int
    changed: Share

    def __add__(self, other: "Pair") -> "Pair":
        return Pair(self.added + other.added, self.changed + other.changed)


def pair(stormy: Scored, calm: Scored) -> Pair:
    """What outages did to the verdicts flaky and suspected. A verdict is false where the test is flaky in neither."""
    true = pl.concat([stormy.true, calm.true]).unique()
    added = stormy.said.join(calm.said, on=TEST, how="anti").join(true, on=TEST, how="anti").height
    one, other = (each.said.join(true, on=TEST, how="semi") for each in (stormy, calm))
    changed = one.join(other, on=TEST, how="anti").height + other.join(one, on=TEST, how="anti").height
    return Pair(added, Share(changed, other.height))


def section(stormy: Sequence[Scored], calm: Sequence[Scored]) -> Section:
    """The section on the same organisations with outages and without, in the same order."""
    pairs = [pair(*both) for both in zip(stormy, calm, strict=True)]
    made = functools.reduce(operator.add, pairs, Pair(0, Share(0, 0)))
    table = Table(
        title="The same organisations with and without outages",
        columns=("verdicts", "false ones added", "true ones changed"),
        rows=[("flaky or suspected", made.added, made.changed)],
    )
    value = made.added if pairs else None
    goals = [
        Goal(name="false flaky verdicts that outages add", value=value, most=0, n=f"{len(pairs)} pairs"),
        Goal(name="true flaky verdicts that outages change", value=made.changed if pairs else None, most=0.02),
    ]
    method = (
        f"{SAME} Both organisations are of one seed, so that flaky tests, regressions and commits are the same; a test that is"
        " flaky in either is not false. Outages make other reruns, and so a little other evidence: that is part of what changes."
    )
    return section_of("Outages", method, (table,), goals, None if pairs else NONE)
