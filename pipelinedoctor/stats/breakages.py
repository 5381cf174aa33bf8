"""Since when, and until when, jobs of one pipeline were broken: stretches of its runs, and which belong together.

A position is the place of a run in the order in which the runs of one pipeline were made on the default branch.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from scipy.special import betainc

from pipelinedoctor.stats.segments import ALPHA, BETA, BROKEN_FAILURES, Segment, border_interval, can_break, segments

STILL_BROKEN = 0.05
"""A stretch with passes in it is over when its next passes would be this improbable if nothing had changed."""

CULPRIT_SHARE = 0.8

PARTLY = 0.9
"""A stretch with a lower rate of failure is told with its counts, for it also passed."""

_FAR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One job's broken stretch, from its first failing run to its last one; all are positions.

    `cleared` is the newest run before it in which the job passed, or the one before the job was first run (-1: none).
    `passed` is the run with the next pass, `None` where there was none. `over` tells whether it has ended.
    It began, with 99 %, after the run `before` and no later than in the run `latest`, most likely in `likeliest`.
    `core` is the part after the last pass within it, where there is one and two runs failed since.
    """

    job: str
    cleared: int
    ever_passed: bool
    first: int
    last: int
    passed: int | None
    over: bool
    failing: tuple[int, ...]
    runs: int
    failures: int
    executions: int
    before: int
    latest: int
    likeliest: int
    core: "Stretch | None" = None

    @property
    def partial(self) -> bool:
        """Whether it passed so often within the stretch that it cannot be called broken alone."""
        return self.failures < PARTLY * self.executions

    @property
    def confidence(self) -> float:
        """Probability that the job failed more often than it passed (Beta posterior of its failure rate above 1/2)."""
        return 1 - float(betainc(ALPHA + self.failures, BETA + self.executions - self.failures, 0.5))


@dataclass(frozen=True, slots=True)
class Breakage:
    """Stretches of jobs that one and the same commit may have broken, the job that failed in most runs first."""

    stretches: tuple[Stretch, ...]

    @property
    def cleared(self) -> int:
        """The newest run known to be free of it."""
        return max(one.cleared for one in self.stretches)

    @property
    def first(self) -> int:
        """The first failing run."""
        return min(one.first for one in self.stretches)

    @property
    def blamed(self) -> tuple[int, int, int]:
        """`before`, `latest` and `likeliest` of the range that its jobs share; of the first job where they share none."""
        before = max(one.before for one in self.stretches)
        latest = min(one.latest for one in self.stretches)
        lead = self.stretches[0]
        if before >= latest:
            return lead.before, lead.latest, lead.likeliest
        likely = [one.likeliest for one in self.stretches if before < one.likeliest <= latest]
        return before, latest, likely[0] if likely else latest

    @property
    def failing(self) -> tuple[int, ...]:
        """The runs in which a job of it failed, in order."""
        return tuple(sorted({position for one in self.stretches for position in one.failing}))

    @property
    def over(self) -> bool:
        """Whether all its jobs pass again."""
        return all(one.over for one in self.stretches)

    @property
    def culprit(self) -> Stretch | None:
        """The one job that failed in at least four of five failing runs and in more of them than any other."""
        most = self.stretches[0]
        rivals = [one for one in self.stretches if len(one.failing) == len(most.failing)]
        enough = len(most.failing) >= CULPRIT_SHARE * len(self.failing)
        return most if enough and len(rivals) == 1 else None


def stretches(job: str, positions: Sequence[int], failures: Sequence[int], executions: Sequence[int]) -> list[Stretch]:
    """The broken stretches of one job, oldest first.

    `failures[i]` of `executions[i]` executions failed in the run at `positions[i]`; positions rise, executions are
    positive. Adjacent broken segments are one stretch; a stretch ends with its last failing run.
    """
    if not can_break(failures, executions):
        return []
    merged: list[tuple[int, Segment]] = []
    start = 0
    for one in segments(failures, executions):
        if one.broken and merged and merged[-1][1].end == one.start:
            since, before = merged.pop()
            whole = Segment(before.start, one.end, before.failures + one.failures, before.executions + one.executions)
            merged.append((since, whole))
        elif one.broken:
            merged.append((start, one))
        start = one.start
    return [_stretch(job, positions, failures, executions, one, start) for start, one in merged]


def _stretch(
    job: str,
    positions: Sequence[int],
    failures: Sequence[int],
    executions: Sequence[int],
    segment: Segment,
    start: int,
) -> Stretch:
    """The stretch of a broken segment; `start` is where the segment before it starts."""
    failing = [i for i in range(segment.start, segment.end) if failures[i]]
    first, last = failing[0], failing[-1]
    failed, executed = sum(failures[first : last + 1]), sum(executions[first : last + 1])
    before = next((i for i in reversed(range(first)) if failures[i] < executions[i]), None)
    after = next((i for i in range(last + 1, len(positions)) if failures[i] < executions[i]), None)
    passes = sum(executions[last + 1 : segment.end])
    within = [i for i in range(first, last) if failures[i] < executions[i]]
    core = None
    if within and sum(failures[i] > 0 for i in range(within[-1] + 1, last + 1)) >= BROKEN_FAILURES:
        alone = within[-1] + 1
        core = _stretch(job, positions, failures, executions, replace(segment, start=alone), alone)
    cleared = positions[0] - 1 if before is None else positions[before]
    earliest, latest, likeliest = _limits(failures, executions, start, first, last)
    return Stretch(
        job=job,
        cleared=cleared,
        ever_passed=before is not None,
        first=positions[first],
        last=positions[last],
        passed=None if after is None else positions[after],
        over=segment.end < len(positions) or _mended(failed, executed, passes),
        failing=tuple(positions[i] for i in failing),
        runs=last - first + 1,
        failures=failed,
        executions=executed,
        before=cleared if earliest == first else positions[earliest - 1],
        latest=positions[latest],
        likeliest=positions[likeliest],
        core=core,
    )


def _limits(
    failures: Sequence[int], executions: Sequence[int], start: int, first: int, last: int
) -> tuple[int, int, int]:
    """The earliest, latest and likeliest place of the first run with what then failed from `first` to `last`."""
    if start == first:
        return first, first, first
    earliest, latest, likeliest = border_interval(failures, executions, start, last + 1, first)
    # What passed throughout and then failed throughout changed between the two: no chance is needed to explain it.
    if failures[first : last + 1] == executions[first : last + 1]:
        earliest, likeliest = first, max(first, likeliest)
        if not any(failures[start:first]):
            latest = likeliest = first
    return earliest, latest, likeliest


def _mended(failures: int, executions: int, passes: int) -> bool:
    """Whether `passes` executions without a failure, after `failures` of `executions`, show that it is over.

    Where all failed, one pass shows it. Else the passes must be improbable under the posterior of the failure rate:
    the product over i of (b + i) / (a + b + i), the predictive probability of as many passes in a row.
    """
    if failures == executions:
        return passes > 0
    probability = 1.0
    for i in range(passes):
        failed, passed = ALPHA + failures, BETA + executions - failures + i
        probability *= passed / (failed + passed)
    return probability <= STILL_BROKEN


def breakages(found: Iterable[Stretch], greens: Sequence[int]) -> list[Breakage]:
    """Stretches whose ranges of blame, from `cleared` (without) to `first` (with), have a run in common, together.

    A stretch whose own range is no other job's, but whose core's is, is cut to its core: that one commit broke both jobs
    is likelier than two that did; what it had failed on before, and passed since, was something else.
    `greens` are the positions of the pipeline's successful runs: one after a job's last failure ends its stretch, even
    where the job was taken out of the pipeline and so never passed again. Returns the breakages in order of time.
    """
    groups: list[list[Stretch]] = []
    told = (_ended(one, greens) for one in _shared(list(found)))
    for one in sorted(told, key=lambda one: (one.first, one.cleared, one.job)):
        if groups and max(one.cleared, *(other.cleared for other in groups[-1])) < groups[-1][0].first:
            groups[-1].append(one)
        else:
            groups.append([one])
    return [Breakage(tuple(sorted(group, key=lambda one: (-len(one.failing), one.first, one.job)))) for group in groups]


def _shared(found: Sequence[Stretch]) -> Iterator[Stretch]:
    """The stretches, those cut to their cores that are another job's breakage only so."""
    for one in found:
        others = [other for other in found if other.job != one.job]
        ranges = [*others, *(other.core for other in others if other.core)]
        alone = not any(_meet(one, other) for other in others)
        yield one.core if alone and one.core and any(_meet(one.core, each) for each in ranges) else one


def _meet(one: Stretch, other: Stretch) -> bool:
    """Whether the ranges of blame have a run in common."""
    return max(one.cleared, other.cleared) < min(one.first, other.first)


def _ended(one: Stretch, greens: Sequence[int]) -> Stretch:
    later = [position for position in greens if position > one.last]
    return one if one.passed is not None or not later else replace(one, passed=later[0], over=True)


def commits_between(
    parents: Mapping[str, str | None], cleared: str | None, first: str, seen: Sequence[str]
) -> tuple[list[str], bool]:
    """The commits after `cleared` up to `first`, newest first, and whether that is all of them.

    Follows first parents where they are known (`parents` has them comma-separated); where the way breaks off or does not
    lead to `cleared`, the commits of `seen`, which are those that had a run in between, are all that can be told.
    """
    way: list[str] = []
    commit: str | None = first
    while commit and commit != cleared and len(way) < _FAR:
        way.append(commit)
        commit = (parents.get(commit) or "").split(",")[0]
    if commit and commit == cleared:
        return way, True
    return list(dict.fromkeys([first, *reversed(seen)])), False
