"""How it is told what flaky failures have in common: always as an association, and with its counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelinedoctor.derive.flakiness import counted
from pipelinedoctor.derive.testcase_words import without_package
from pipelinedoctor.stats.axes import AMONG_LONGEST, NEAR_LIMIT
from pipelinedoctor.stats.order import FIRST, LAST, RIGHT_AFTER

COMPANIONS_NAMED = 2
LONGEST_NAME = 120
ALIKE_NAMED = 3
"""Where more tests than that came before a failure alike, to name one of them would be to guess."""

_WHERE = {
    "matrix": "on {}", "os": "on {}", "label": "on runners labelled {}", "pool": "on {}", "runner": "on the runner {}",
    "event": "in runs started by {}", "attempt": "in a {}", "hour": "at {}", "weekday": "on a {}",
}  # fmt: skip
_DURATIONS = {
    NEAR_LIMIT: "where the job came near its time limit",
    AMONG_LONGEST: "where the job took longest",
}
_AXES = {
    "matrix": "matrix", "os": "operating system", "label": "label", "pool": "pool of runners", "runner": "runner",
    "event": "event", "attempt": "attempt", "duration": "duration", "hour": "hour", "weekday": "weekday", "order": "order",
}  # fmt: skip


def axis(name: str) -> str:
    """An axis as a table names it."""
    return _AXES[name]


def named(name: str) -> str:
    """A test's name without its package, bounded."""
    bare = without_package(name)
    return bare if len(bare) <= LONGEST_NAME else f"{bare[:LONGEST_NAME]}…"


def where(row: Mapping[str, Any]) -> str:
    """`on windows-2025`, `at 08:00 to 12:00 UTC`."""
    if row["axis"] == "duration":
        return _DURATIONS[row["value"]]
    value = row["value"]
    return _WHERE[row["axis"]].format(value if len(value) <= LONGEST_NAME else f"{value[:LONGEST_NAME]}…")


def times(lift: float) -> str:
    """How many times, with the sign of multiplication; below three, a tenth matters."""
    return f"{lift:.0f}\u00d7" if lift >= 3 else f"{lift:.1f}\u00d7"


def association(row: Mapping[str, Any]) -> str:
    """`6x more often on windows-2025 (11 of 60 executions against 9 of 340)`.

    `row` is one of `stats.association`, with `members`: of how many units that fail together failures are counted, and
    `whole`: whether those of all jobs of a matrix are.
    """
    place = where(row)
    inside = f"{row['failing_in']} of {counted(row['runs_in'], 'execution')}"
    outside = f"{row['failing_out'] or 'none'} of {row['runs_out']}"
    how = "only" if row["lift"] is None else f"{times(row['lift'])} more often"
    return f"{how} {place} ({inside}{_counted_with(row)} against {outside})"


def _counted_with(row: Mapping[str, Any]) -> str:
    """What else is counted, where it is not the unit alone."""
    if row["whole"]:
        return " of the whole matrix"
    return f", by any of the {row['members']} that fail together," if row["members"] > 1 else ""


def together(row: Mapping[str, Any], others: Sequence[str], noun: str) -> str:
    """`with 4 other tests (7 of its 9 failing runs): A::a, B::b and 2 more`; `row` is one of `stats.cofailure`."""
    number = row["members"] - 1
    rest = f" and {number - COMPANIONS_NAMED} more" if number > COMPANIONS_NAMED else ""
    names = ", ".join(named(one) for one in others[:COMPANIONS_NAMED])
    runs = counted(row["failures"], "failing run")
    return f"with {counted(number, f'other {noun}')} ({row['shared']} of its {runs}): {names}{rest}"


def order(row: Mapping[str, Any]) -> str:
    """`all 6 failures came right after A::a (so did 8 of 120 executions)`; `row` is one of `stats.order`."""
    did = f"so did {row['runs_in']} of {counted(row['runs'], 'execution')} in the reports that were looked at"
    return f"all {row['failures']} failures {_place(row)} ({did})"


def _place(row: Mapping[str, Any]) -> str:
    place, other = row["place"], row["other"]
    if place in (FIRST, LAST):
        return f"came where it was the {place} test of its report"
    if not row["alike"]:
        return f"came {place} {named(other)}"
    one_of = f"one of {row['alike'] + 1} tests that explain it alike"
    return f"came {place} {one_of}" if row["alike"] > ALIKE_NAMED else f"came {place} {named(other)}, or {one_of}"


def step_of_order(row: Mapping[str, Any]) -> str:
    """What to try first where the order tells something."""
    if row["place"] in (FIRST, LAST):
        return (
            f"All its failures came where it was the {row['place']} test of its report: run it alone, and look at what is"
            " set up, or taken down, at the edge of a shard."
        )
    if row["alike"] > ALIKE_NAMED:
        return (
            f"All its failures came after the same {row['alike'] + 1} tests: run these before it, half of them at a time,"
            " until the one that makes it fail is found."
        )
    right = " with nothing between them" if row["place"] == RIGHT_AFTER else ""
    return f"Run {named(row['other'])} and then it{right}: if it fails, look at what the first leaves behind."


def step_of_group(row: Mapping[str, Any], noun: str) -> str:
    """What to try first where several fail together."""
    return (
        f"It fails together with {counted(row['members'] - 1, f'other {noun}')}: look first at what they share, as a"
        " fixture, a server or a port; one mend may serve all of them."
    )


def step_of_association(row: Mapping[str, Any]) -> str:
    """What to try first where an attribute tells something."""
    if row["axis"] in ("hour", "weekday"):
        return f"It fails more often {where(row)}: look at what else runs then, and at dates and time zones in it."
    if row["axis"] in ("event", "attempt"):
        return f"It fails more often {where(row)}: look at what is different there, as what is checked out, cached or left behind."
    if row["axis"] == "duration":
        return f"It fails more often {where(row)}: look at what it waits for, and at its own time limits."
    return f"Run it {where(row)}, where it fails more often, until it fails: what is different there is where to look."


def shared_hours(members: int, repositories: Sequence[str], noun: str) -> str:
    """A note on units of several repositories that fail in the same hours."""
    rest = f" and {len(repositories) - COMPANIONS_NAMED} more" if len(repositories) > COMPANIONS_NAMED else ""
    which = ", ".join(repositories[:COMPANIONS_NAMED])
    return (
        f"{counted(members, f'flaky {noun}')} of {len(repositories)} repositories ({which}{rest}) fail in the same hours more"
        " often than chance has it: they may share infrastructure."
    )
