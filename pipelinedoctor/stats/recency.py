"""Whether something went on as before: none of it for a while, or more of it than there was.

All functions are vectorised over NumPy arrays.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import betaln

from pipelinedoctor.stats.hypergeometric import tail

Floats = npt.NDArray[np.float64]


def chance_of_none(k: npt.ArrayLike, n: npt.ArrayLike, more: npt.ArrayLike) -> Floats:
    """After k events in n trials, the probability of none in `more` trials if nothing changed.

    The posterior predictive B(a, b + more) / B(a, b) with a = k + 1/2, b = n - k + 1/2 (Jeffreys' prior); 1 for no
    further trial. Raises `ValueError` where k is not between 0 and n.
    """
    hits, trials = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if not ((hits >= 0) & (hits <= trials)).all():
        raise ValueError("k must lie between 0 and n")
    a, b = hits + 0.5, trials - hits + 0.5
    chance: Floats = np.exp(betaln(a, b + np.asarray(more, dtype=np.float64)) - betaln(a, b))
    return chance


def chance_of_as_many(k: npt.ArrayLike, n: npt.ArrayLike, newer_k: npt.ArrayLike, newer_n: npt.ArrayLike) -> Floats:
    """The probability that of k events in n trials `newer_k` or more fall on `newer_n` of the trials by chance.

    The one-sided hypergeometric test (R. A. Fisher, 1922); 1 where `newer_k` is 0.
    """
    return tail(newer_k, newer_n, k, n)
