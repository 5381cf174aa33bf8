"""How good an order of things is that puts labelled ones first, and by how much one order beats another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Score = Callable[[Flags], Floats]
"""Takes a row an order: whether the things in it are labelled, best first; every row has a labelled one."""

FIRST = 20
DRAWS = 2_000
SEED = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more one order scores than another, with its 95 % bootstrap interval, over `n` things."""

    value: float
    low: float
    high: float
    n: int


def precision(hits: Flags) -> Floats:
    """Of each row, the share of labelled things among the first 20, or among all where there are fewer."""
    share: Floats = hits[:, :FIRST].mean(axis=1)
    return share


def average_precision(hits: Flags) -> Floats:
    """Of each row, the mean over its labelled things of the share of labelled things down to each."""
    down_to = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    mean: Floats = (down_to * hits).sum(axis=1) / hits.sum(axis=1)
    return mean


def ndcg(hits: Flags) -> Floats:
    """Of each row, the normalised discounted cumulated gain of the first 20, a labelled thing being worth one.

    K. Jarvelin and J. Kekalainen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20 (2002), with the discount
    log2(place + 1).
    """
    top = hits[:, :FIRST]
    worth = 1 / np.log2(np.arange(2, top.shape[1] + 2))
    best = np.append(0.0, worth.cumsum())[np.minimum(hits.sum(axis=1), top.shape[1])]
    share: Floats = (top * worth).sum(axis=1) / best
    return share


SCORES: tuple[Score, ...] = (precision, average_precision, ndcg)


def difference(ours: Sequence[str], theirs: Sequence[str], labelled: frozenset[str], score: Score) -> Difference:
    """How much more the order `ours` scores than `theirs`, an order of the same things.

    The interval is that of a seeded bootstrap over things: labelled ones and others are drawn apart, so that their numbers
    stay, and both orders see the same draws. Raises `ValueError` where the things differ or none is labelled.
    """
    things = sorted(ours)
    if things != sorted(theirs):
        raise ValueError("only orders of the same things can be compared")
    flags = np.array([thing in labelled for thing in things], dtype=np.bool_)
    if not flags.any():
        raise ValueError("an order without a labelled thing has no score")
    rng = np.random.default_rng(SEED)
    groups = [np.flatnonzero(flags), np.flatnonzero(~flags)]
    parts = [group[rng.integers(len(group), size=(DRAWS, len(group)))] for group in groups if len(group)]
    drawn = np.concatenate(parts, axis=1)
    once = np.arange(len(things))[None, :]

    def gain(of: npt.NDArray[np.intp]) -> Floats:
        ours_hits, their_hits = (_hits(_places(order, things), flags, of) for order in (ours, theirs))
        return score(ours_hits) - score(their_hits)

    low, high = np.quantile(gain(drawn), [0.025, 0.975])
    return Difference(float(gain(once)[0]), float(low), float(high), len(things))


def _places(order: Sequence[str], things: Sequence[str]) -> npt.NDArray[np.intp]:
    """The place of each thing in the order."""
    place = {thing: at for at, thing in enumerate(order)}
    return np.array([place[thing] for thing in things], dtype=np.intp)


def _hits(places: npt.NDArray[np.intp], flags: Flags, drawn: npt.NDArray[np.intp]) -> Flags:
    """Each row of `drawn`, numbers of things, put in order: whether they are labelled."""
    order = np.argsort(places[drawn], axis=1, kind="stable")
    return np.take_along_axis(flags[drawn], order, axis=1)
