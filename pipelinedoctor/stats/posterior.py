"""How often and how surely: intervals of a rate, and the probability that a unit is flaky given its evidence.

All functions are vectorised over NumPy arrays.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, expit, logit

Floats = npt.NDArray[np.float64]

WEIGHT_CONTRADICTED = 3.0
"""Nats for a commit on which the unit failed and passed; 4 count at the most."""
WEIGHT_ISOLATED = 2.4
"""Nats for a failing commit of the default branch between two passing ones; 5 count at the most."""
WEIGHT_CHANGE = 0.2
"""Nats for a change in which the unit only failed; 5 count at the most."""
WEIGHT_RECURRING = 2.0
"""Nats for a change that only failed, with the message of a failure days before; 5 count at the most."""
FEW_TOGETHER = 4
"""Units that fail in one execution beyond which each of them weighs less, as they more likely share a cause outside."""


def jeffreys(k: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Ends of the equal-tailed Jeffreys interval of the rate k/n: quantiles of Beta(k + 1/2, n - k + 1/2).

    The lower end is 0 where k = 0, the upper 1 where k = n; for n = 0 the interval is [0, 1]. L. Brown, T. Cai and
    A. DasGupta, "Interval Estimation for a Binomial Proportion", Statistical Science 16 (2001), recommend it for n <= 40
    as well as for larger n. Raises `ValueError` where k is not between 0 and n.
    """
    hits, trials = np.broadcast_arrays(np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64))
    if not ((hits >= 0) & (hits <= trials)).all():
        raise ValueError("k must lie between 0 and n")
    tail = (1 - level) / 2
    low = betaincinv(hits + 0.5, trials - hits + 0.5, tail)
    high = betaincinv(hits + 0.5, trials - hits + 0.5, 1 - tail)
    return np.where(hits == 0, 0.0, low), np.where(hits == trials, 1.0, high)


def upper_bound_of_none(n: npt.ArrayLike, level: float = 0.95) -> Floats:
    """The largest rate that n executions without an event leave possible: 1 - (1 - level)^(1/n); 1 for n = 0.

    The one-sided exact bound (C. Clopper and E. Pearson, 1934), close to the "rule of three" 3/n.
    """
    trials = np.asarray(n, dtype=np.float64)
    return np.where(trials > 0, -np.expm1(np.log1p(-level) / np.maximum(trials, 1.0)), 1.0)


def flaky_probability(
    contradicted: npt.ArrayLike, isolated: npt.ArrayLike, recurring: npt.ArrayLike, changes: npt.ArrayLike, prior: float
) -> Floats:
    """Probability that a unit is flaky: the prior odds, moved by fixed weights of evidence.

    logit P = logit(prior) + 3 min(contradicted, 4) + 2.4 min(isolated, 5) + 2 min(recurring, 5) + 0.2 min(changes, 5).
    `contradicted` counts commits with a failure and a pass, `isolated` failing commits of the default branch between
    passing ones, `recurring` changes that only failed, as the unit had days before or after, `changes` the other changes
    with failures only; old evidence counts for less than one. The weights were set once on a simulated organisation, not
    fitted; the caps keep one kind of evidence from outweighing all doubt.
    """
    weight = (
        WEIGHT_CONTRADICTED * np.minimum(np.asarray(contradicted, dtype=np.float64), 4)
        + WEIGHT_ISOLATED * np.minimum(np.asarray(isolated, dtype=np.float64), 5)
        + WEIGHT_RECURRING * np.minimum(np.asarray(recurring, dtype=np.float64), 5)
        + WEIGHT_CHANGE * np.minimum(np.asarray(changes, dtype=np.float64), 5)
    )
    probability: Floats = expit(logit(prior) + weight)
    return probability
