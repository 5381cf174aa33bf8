"""What a fleet is drawn after, and where its chances come from."""

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelinedoctor.simulate.clock import AS_OF, DAY, HOUR

LAST_RUN = AS_OF - 6 * HOUR
"""No run is made later, so that all have ended when the history does."""
LAST_RERUN = AS_OF - 3 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An organisation. The numbers that are not here stand where they are used.

    `commits` is the median over repositories of commits on the default branch a working day, `tests` and `jobs` the median
    of tests of a repository and of jobs of a pipeline. `flaky_share` is the share of tests that are flaky; `tended` their
    usual chance to fail (that of a team that looks after its CI, or of one that does not); `attributes` whether some of
    them fail more often in certain circumstances. `reruns` is the chance that a run that only flakiness or infrastructure
    made red is run again, 0.12 of it that any other red run is; `duplicates` the share of commits that every pipeline
    runs a second time for. A `healthy` organisation has no flaky test, no regression, no wrong head, no infrastructure
    failure, and no job whose duration changes. `reports` says of which runs the results of tests are kept: of those that
    failed or were rerun, as the fetchers read them, or of all.
    """

    repositories: int = 20
    days: int = 30
    commits: float = 7.0
    tests: float = 300.0
    jobs: float = 6.0
    flaky_share: float = 0.04
    tended: bool = True
    attributes: bool = True
    reruns: float = 0.25
    duplicates: float = 0.25
    outages: bool = True
    healthy: bool = False
    reports: Literal["red", "all"] = "red"

    @property
    def start(self) -> int:
        """When the history begins, in seconds since 1970."""
        return AS_OF - self.days * DAY


def source(seed: int, part: str, *place: int) -> np.random.Generator:
    """The chances of one part of one place: no part moves another, so what is switched off leaves all else as it was."""
    return np.random.default_rng([seed, zlib.crc32(part.encode()), *place])
