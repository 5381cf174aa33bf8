"""Failing executions of tests, as columns, and their causes."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from pipelinedoctor.simulate.fleet.plan import Bools, Ints


class Cause(IntEnum):
    """Why something failed; of two the lower counts."""

    REGRESSION = 0
    GENUINE = 1
    FLAKY = 2
    OUTAGE = 3
    RUNNER = 4
    NONE = 9


@dataclass(frozen=True)
class Failing:
    """Failing executions of tests, one a place: run, job and test by place in their pipeline, cause, and whose fault it is.

    `key` is the number of the group, regression or outage, or the head.
    """

    run: Ints
    job: Ints
    test: Ints
    cause: Ints
    key: Ints

    @classmethod
    def of(cls, parts: list["Failing"]) -> "Failing":
        """All of them together."""
        if not parts:
            none = np.zeros(0, dtype=np.int64)
            return cls(none, none, none, none, none)
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__annotations__))

    def where(self, chosen: Bools | Ints) -> "Failing":
        """Some of them."""
        return Failing(self.run[chosen], self.job[chosen], self.test[chosen], self.cause[chosen], self.key[chosen])


def first_causes(found: Failing) -> Failing:
    """One row an execution of a test, with the cause that counts before others."""
    order = np.lexsort((found.key, found.cause, found.test, found.job, found.run))
    found = found.where(order)
    if len(found.run) < 2:
        return found
    same = (np.diff(found.run) == 0) & (np.diff(found.job) == 0) & (np.diff(found.test) == 0)
    return found.where(np.append([True], ~same))
