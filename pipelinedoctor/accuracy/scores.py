"""Scores of verdicts against the truth: pure functions over Polars frames and NumPy arrays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelinedoctor.stats.posterior import jeffreys

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Share:
    """`k` of `n`. Where n is 0 there is no value: nothing was measured, which is not zero."""

    k: int
    n: int

    def __add__(self, other: "Share") -> "Share":
        return Share(self.k + other.k, self.n + other.n)

    @property
    def value(self) -> float | None:
        """`k` / `n`, where n is not 0."""
        return self.k / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % Jeffreys interval; 0 and 1 where n is 0."""
        low, high = jeffreys(self.k, self.n)
        return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval, drawn from `n` things."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Verdicts against the truth: `right` of `said` are true, and they hit `hit` of `true`."""

    right: int
    said: int
    hit: int
    true: int

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.right + other.right, self.said + other.said, self.hit + other.hit, self.true + other.true)

    @property
    def precision(self) -> Share:
        """The share of what was said that is true."""
        return Share(self.right, self.said)

    @property
    def recall(self) -> Share:
        """The share of what is true that was said."""
        return Share(self.hit, self.true)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall; none where either is not known."""
        precision, recall = self.precision.value, self.recall.value
        if precision is None or recall is None:
            return None
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


NOTHING = Tally(0, 0, 0, 0)


def tally(said: pl.DataFrame, true: pl.DataFrame, unit: Sequence[str]) -> Tally:
    """The units said, against those that are true; both have the columns of `unit`, repeated rows count once."""
    told, known = said.select(unit).unique(), true.select(unit).unique()
    right = told.join(known, on=unit, how="semi", nulls_equal=True).height
    return Tally(right, told.height, right, known.height)


def confusion(labels: pl.DataFrame, causes: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """How often each label met each cause: `label`, `cause`, `n`, sorted; label null where a failure got none.

    Takes `labels` with `key` and `label`, `causes` with `key` and `cause`, one row a failure each. Failures without a
    known cause are left out.
    """
    met = causes.join(labels.select(*key, "label"), on=key, how="left")
    return met.group_by("label", "cause").agg(pl.len().alias("n")).sort("label", "cause", nulls_last=True)


def labelled(counts: pl.DataFrame, cause: str, labels: Sequence[str]) -> Share:
    """Of the failures with `cause`, those that got one of `labels`; from `confusion`."""
    mine = counts.filter(pl.col("cause") == cause)
    return Share(int(mine.filter(pl.col("label").is_in(labels))["n"].sum()), int(mine["n"].sum()))


@dataclass(frozen=True, slots=True)
class Stretches:
    """Broken stretches against regressions. `exact`: of the hit regressions, those whose first bad commit is named.

    `counted` takes the regressions that failed at least twice on the default branch, `every` all of them.
    """

    counted: Tally
    every: Tally
    exact: Share

    def __add__(self, other: "Stretches") -> "Stretches":
        return Stretches(self.counted + other.counted, self.every + other.every, self.exact + other.exact)


NO_STRETCHES = Stretches(NOTHING, NOTHING, Share(0, 0))

FAILING_ENOUGH = 2
"""Failing runs of the default branch from which a regression can be told from a failure."""


def stretches(broken: pl.DataFrame, regressions: pl.DataFrame, unit: Sequence[str]) -> Stretches:
    """Whether broken stretches overlap true regressions of the same unit in time.

    `broken` has `unit`, `first_bad_sha`, `first_at`, `last_at`; `regressions` has `unit`, `first_bad_sha`, `first_at`,
    `last_at` (of its failures on the default branch) and `failing`, their number: one row a unit and regression. A
    regression without a failure on the default branch cannot be seen there, and such rows are left out. A stretch
    that overlaps any regression is right; of the stretches that overlap one, the first names its first bad commit.
    """
    said = broken.select(*unit, "first_bad_sha", "first_at", "last_at").with_row_index("stretch")
    true = regressions.filter(pl.col("failing") > 0).with_row_index("regression")
    pairs = said.join(true, on=unit, nulls_equal=True, suffix="_true").filter(
        (pl.col("first_at") <= pl.col("last_at_true")) & (pl.col("first_at_true") <= pl.col("last_at"))
    )
    first = pairs.sort("first_at", "stretch").unique("regression", keep="first", maintain_order=True)
    right = pairs["stretch"].n_unique()
    enough = pl.col("failing") >= FAILING_ENOUGH
    exact = first.filter(pl.col("first_bad_sha") == pl.col("first_bad_sha_true")).height
    return Stretches(
        counted=Tally(right, said.height, first.filter(enough).height, true.filter(enough).height),
        every=Tally(right, said.height, first.height, true.height),
        exact=Share(exact, first.height),
    )


@dataclass(frozen=True, slots=True)
class Tenth:
    """The verdicts whose probability lies from `low` up to `high` (1 is in the last): their mean, and how many came true."""

    low: float
    high: float
    mean: float | None
    true: Share

    @property
    def covered(self) -> bool | None:
        """Whether the 95 % interval of the observed share holds the mean; none without a verdict."""
        low, high = self.true.interval
        return None if self.mean is None else low <= self.mean <= high


def tenths(probability: npt.ArrayLike, true: npt.ArrayLike) -> tuple[Tenth, ...]:
    """The reliability table: what was said to be how likely, and how often it was so."""
    said, came = _paired(probability, true)
    place = np.minimum((said * 10).astype(np.int64), 9)
    return tuple(
        Tenth(
            low=tenth / 10,
            high=(tenth + 1) / 10,
            mean=float(said[place == tenth].mean()) if (place == tenth).any() else None,
            true=Share(int(came[place == tenth].sum()), int((place == tenth).sum())),
        )
        for tenth in range(10)
    )


@dataclass(frozen=True, slots=True)
class Brier:
    """Mean squared distance of probability and outcome over `n`; `base` is that of always saying the base rate."""

    score: float
    base: float
    n: int


def brier(probability: npt.ArrayLike, true: npt.ArrayLike) -> Brier | None:
    """The Brier score (G. Brier, Monthly Weather Review 78, 1950) and that of the base rate of the same outcomes.

    The base rate is taken from the very outcomes it is scored on, which flatters it. None where there is no outcome.
    """
    said, came = _paired(probability, true)
    if not len(said):
        return None
    rate = float(came.mean())
    return Brier(float(np.square(said - came).mean()), rate * (1 - rate), len(said))


def brier_gain(probability: npt.ArrayLike, true: npt.ArrayLike, *, draws: int = 1000, seed: int = 1) -> Estimate | None:
    """How much lower the Brier score is than that of the base rate, with a 95 % bootstrap interval over the outcomes.

    The outcomes are drawn anew `draws` times by a generator of `seed`, and the base rate with them. None without outcomes.
    """
    said, came = _paired(probability, true)
    if not len(said):
        return None
    squares, generator = np.square(said - came), np.random.default_rng(seed)
    drawn = np.empty(draws)
    for number in range(draws):
        taken = generator.integers(0, len(said), len(said))
        drawn[number] = _gain(came[taken], squares[taken])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(_gain(came, squares), float(low), float(high), len(said))


def ndcg_at(gains: npt.ArrayLike, k: int, best: npt.ArrayLike | None = None) -> float | None:
    """Normalised discounted cumulative gain of the first `k` places of a ranking (K. Järvelin, J. Kekäläinen, 2002).

    `gains` are those of the ranked things in their order, `best` those of all things that could have been ranked, by
    default the same; none where there is nothing to gain.
    """
    got = np.asarray(gains, dtype=np.float64)
    could = np.sort(got if best is None else np.asarray(best, dtype=np.float64))[::-1]
    ideal = _discounted(could[:k])
    return _discounted(got[:k]) / ideal if ideal > 0 else None


def _gain(came: Floats, squares: Floats) -> float:
    rate = float(came.mean())
    return rate * (1 - rate) - float(squares.mean())


def _discounted(gains: Floats) -> float:
    return math.fsum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def _paired(probability: npt.ArrayLike, true: npt.ArrayLike) -> tuple[Floats, Floats]:
    said, came = np.asarray(probability, dtype=np.float64), np.asarray(true, dtype=np.float64)
    if said.shape != came.shape or not ((said >= 0) & (said <= 1)).all():
        raise ValueError("a probability between 0 and 1 for each outcome")
    return said, came
