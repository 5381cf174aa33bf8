"""The kinds of faults that can be planted in a simulated organisation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FlakyTest:
    """Test number `test` fails with chance `p` in each of `jobs`, from `since` to `until`, with its `cluster` if it has one."""

    key: str
    repository: str
    jobs: tuple[str, ...]
    test: int
    p: float
    cluster: str | None
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class FlakyJob:
    """A job that fails with chance `p` in the manner of `kind`, whatever the commit."""

    key: str
    repository: str
    pipeline: str
    job: str
    kind: str
    p: float


@dataclass(frozen=True, slots=True)
class Regression:
    """Broken on the default branch from commit number `first` up to, not including, `fixed` (None: still broken)."""

    key: str
    repository: str
    pipeline: str
    jobs: tuple[str, ...]
    test: int | None
    first: int
    fixed: int | None

    def covers(self, base: int) -> bool:
        """Whether commit number `base` of the default branch is broken."""
        return self.first <= base and (self.fixed is None or base < self.fixed)


@dataclass(frozen=True, slots=True)
class Outage:
    """From `start` to `end` a run meets the outage with chance `share`."""

    key: str
    kind: str
    start: int
    end: int
    share: float


@dataclass(frozen=True, slots=True)
class Slower:
    """A job whose duration is multiplied by `factor` from commit number `index` on, or gradually where that is None."""

    repository: str
    pipeline: str
    job: str
    index: int | None
    factor: float


@dataclass(frozen=True, slots=True)
class Renamed:
    """A job that had the name `old` before `at`."""

    repository: str
    pipeline: str
    old: str
    new: str
    at: int


@dataclass(frozen=True, slots=True)
class Faults:
    """All that was planted."""

    flaky_tests: list[FlakyTest]
    flaky_jobs: list[FlakyJob]
    regressions: list[Regression]
    outages: list[Outage]
    slower: list[Slower]
    renamed: list[Renamed]
