"""Where the failure rate of a job changed: the likeliest partition of its counts of failures.

The model is that of LUCI Analysis, Chromium's, for test variants (luci-go, `analysis/internal/changepoints`): in a segment
the rate of failure is constant and has a Beta prior, so a segment's probability has a closed form, and each border between
two segments must pay for itself with prior odds. LUCI looks for the best border, then again in each part; a short breakage
in a long healthy history has no single good border and is not found so. Here the best partition as a whole is looked for
instead, by dynamic programming (optimal partitioning; B. Jackson and others, IEEE Signal Processing Letters 12, 2005).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

PRIOR = 1e-2
"""Prior odds of a border between two segments. LUCI's 1e-4 finds less for hardly a false one less."""

BROKEN_PRIOR = 3e-2
"""Prior odds of a border of a broken segment: larger, for what broke is seen and mended within a few commits."""

ALPHA, BETA = 0.3, 0.5
"""Beta prior of a failure rate: most are near 0 or near 1. LUCI's values for first tries."""

BROKEN_RATE = 0.6
BROKEN_FAILURES = 2

TAIL = 0.005
"""Probability left out at either end of a border's interval, LUCI's: 99 % lie in it."""

_TRIED = 300
_SAME = 1e-9

_Counts = npt.NDArray[np.int64]
_Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Segment:
    """The positions from `start` up to but without `end`, with their sums."""

    start: int
    end: int
    failures: int
    executions: int

    @property
    def rate(self) -> float:
        """Failures per execution; 0 where nothing was executed."""
        return self.failures / self.executions if self.executions else 0.0

    @property
    def broken(self) -> bool:
        """Whether it fails so often that no one would rerun it: a rate of 0.6 and at least two failures."""
        return self.rate >= BROKEN_RATE and self.failures >= BROKEN_FAILURES


def segments(failures: Sequence[int], executions: Sequence[int]) -> list[Segment]:
    """Segments of constant failure rate, in order, which together cover all positions.

    `failures[i]` of `executions[i]` executions failed at position i (a commit, oldest first). Of two partitions as good
    as each other the one whose last segment starts first is taken, and so on backwards.
    Raises `ValueError` where the lengths differ or a count is not between 0 and its executions.
    """
    fails, runs = _counts(failures, executions)
    if not len(fails):
        return []
    edges = _edges(fails, runs)
    failed, ran = (np.concatenate(([0], counts.cumsum())) for counts in (fails, runs))
    borders = [int(edges[cut]) for cut in _partition(failed[edges], ran[edges])]
    return [
        Segment(start, end, int(failed[end] - failed[start]), int(ran[end] - ran[start]))
        for start, end in itertools.pairwise(borders)
    ]


def can_break(failures: Sequence[int], executions: Sequence[int]) -> bool:
    """Whether any stretch of the positions is broken: where none is, `segments` finds no broken segment.

    A broken stretch can begin and end with failing positions, so only these are tried; that is far cheaper than `segments`
    where failures are few. Raises `ValueError` as `segments` does.
    """
    fails, runs = _counts(failures, executions)
    failing = np.flatnonzero(fails)
    if len(failing) > _TRIED:
        return True
    failed, ran = (np.concatenate(([0], counts.cumsum())) for counts in (fails, runs))
    x = failed[failing + 1][None, :] - failed[failing][:, None]
    n = ran[failing + 1][None, :] - ran[failing][:, None]
    return bool(((x >= BROKEN_FAILURES) & (x >= BROKEN_RATE * n)).any())


def border_interval(
    failures: Sequence[int], executions: Sequence[int], start: int, end: int, border: int
) -> tuple[int, int, int]:
    """The earliest, the latest and the likeliest border between two segments that are together from `start` up to `end`.

    A border is the first position of the right segment. Its posterior, uniform a priori over the positions, is that of
    LUCI Analysis: P(border = k) is proportional to exp(L(left of k) + L(right of k)), L being the log evidence of a
    segment. From the earliest to the latest lie 99 %, with at most 0.005 before and as much after; the interval also holds
    the likeliest and `border`, the one that is taken for it. Of equally likely ones the nearest to `border` is given.
    Raises `ValueError` where not start < border < end, or as `segments` does.
    """
    if not 0 <= start < border < end <= len(failures):
        raise ValueError("a border must lie between its segments' start and end")
    fails, runs = _counts(failures, executions)
    failed, ran = fails[start:end].cumsum(), runs[start:end].cumsum()
    evidence = _Evidence(int(ran[-1]))
    value = evidence(failed[:-1], ran[:-1]) + evidence(failed[-1] - failed[:-1], ran[-1] - ran[:-1])
    weights = np.exp(value - value.max())
    share = weights / weights.sum()
    places = np.arange(start + 1, end)
    best = places[np.isclose(weights, 1.0, rtol=0, atol=_SAME)]
    likeliest = int(best[np.abs(best - border).argmin()])
    # Rounding must not make a difference to what lies at the very limit, whichever end is counted from.
    earliest = int(places[int((share.cumsum() <= TAIL + _SAME).sum())])
    latest = int(places[len(places) - 1 - int((share[::-1].cumsum() <= TAIL + _SAME).sum())])
    return min(earliest, likeliest, border), max(latest, likeliest, border), likeliest


def _counts(failures: Sequence[int], executions: Sequence[int]) -> tuple[_Counts, _Counts]:
    fails, runs = np.asarray(failures, dtype=np.int64), np.asarray(executions, dtype=np.int64)
    if fails.shape != runs.shape or (fails < 0).any() or (fails > runs).any():
        raise ValueError("failures and executions must be of one length, with 0 <= failures <= executions")
    return fails, runs


def _edges(failures: _Counts, executions: _Counts) -> _Counts:
    """Where a border can be: 0, the end, and all places but those inside a stretch of nothing but passes or failures."""
    clean, lost = failures == 0, failures == executions
    same = (clean[1:] & clean[:-1]) | (lost[1:] & lost[:-1])
    return np.concatenate(([0], np.flatnonzero(~same) + 1, [len(failures)]))


def _partition(failed: _Counts, ran: _Counts) -> list[int]:
    """The best borders, as indices of the cumulated counts, the first and the last among them."""
    evidence = _Evidence(int(ran[-1]))
    size = len(ran)
    # The best value of all that lies left of a border, by whether the segment that ends there is broken.
    best = np.full((2, size), -np.inf)
    best[0, 0] = 0.0
    origin = np.zeros((2, size), dtype=np.int64)
    for end in range(1, size):
        x, n = failed[end] - failed[:end], ran[end] - ran[:end]
        value, broken = evidence(x, n), (x >= BROKEN_FAILURES) & (x >= BROKEN_RATE * n)
        after_healthy = best[0, :end] + np.where(broken, math.log(BROKEN_PRIOR), math.log(PRIOR))
        after_healthy[0] = 0.0  # the first segment has no border on its left
        reached = np.maximum(after_healthy, best[1, :end] + math.log(BROKEN_PRIOR)) + value
        for state, member in enumerate((~broken, broken)):
            if member.any():
                candidates = np.where(member, reached, -np.inf)
                origin[state, end] = start = int(candidates.argmax())
                best[state, end] = candidates[start]
    return _borders(failed, ran, best, origin)


def _borders(failed: _Counts, ran: _Counts, best: _Values, origin: npt.NDArray[np.int64]) -> list[int]:
    end = len(ran) - 1
    state = int(best[1, end] > best[0, end])
    borders = [end]
    while end:
        start = int(origin[state, end])
        if start:
            x, n = int(failed[end] - failed[start]), int(ran[end] - ran[start])
            step = math.log(BROKEN_PRIOR if Segment(start, end, x, n).broken else PRIOR)
            state = int(best[1, start] + math.log(BROKEN_PRIOR) > best[0, start] + step)
        borders.append(start)
        end = start
    return borders[::-1]


class _Evidence:
    """Log of the probability of x failures in n executions, in one order, under a constant rate; by tables."""

    def __init__(self, most: int) -> None:
        counts = np.arange(most + 1)
        self._failed: _Values = gammaln(ALPHA + counts) - gammaln(ALPHA)
        self._passed: _Values = gammaln(BETA + counts) - gammaln(BETA)
        self._ran: _Values = gammaln(ALPHA + BETA + counts) - gammaln(ALPHA + BETA)

    def __call__(self, failures: _Counts, executions: _Counts) -> _Values:
        value: _Values = self._failed[failures] + self._passed[executions - failures] - self._ran[executions]
        return value
