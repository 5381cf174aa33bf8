"""How likely chance alone brings so many hits together, of draws without replacement.

By terms, each from the one before: the usual implementation comes with a third of a second of imports.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

Floats = npt.NDArray[np.float64]

_NOTHING = 1e-17
"""A term of this share of the sum so far changes it no more."""


def tail(hits: npt.ArrayLike, drawn: npt.ArrayLike, all_hits: npt.ArrayLike, everything: npt.ArrayLike) -> Floats:
    """P(`hits` or more among `drawn` of `everything`, of which `all_hits` are hits): whole numbers, as arrays of one shape.

    From 0 to 1, right to eight digits up to some millions of everything. Raises `ValueError` where more are drawn, or hit,
    than there are.
    """
    numbers = np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in (hits, drawn, all_hits, everything)))
    a, n, k, m = (one.ravel() for one in numbers)
    if (n > m).any() or (k > m).any() or (np.minimum(n, k) < 0).any():
        raise ValueError("more are drawn, or hit, than there are")
    # The sum runs away from the mean, where terms fall: fewer hits than it within are more than it among the others.
    more = a * m > n * k
    far = _sum(np.where(more, a, k - a + 1), np.where(more, n, m - n), k, m)
    chance: Floats = np.clip(np.where(more, far, 1.0 - far), 0.0, 1.0).reshape(numbers[0].shape)
    return chance


def _sum(a: Floats, n: Floats, k: Floats, m: Floats) -> Floats:
    """The terms from `a`, which is above the mean, to the last that is not 0."""
    whole = np.zeros_like(a)
    live = np.flatnonzero(a <= np.minimum(n, k))
    at, n, k, m = a[live], n[live], k[live], m[live]
    first = np.exp(_ways(k, at) + _ways(m - k, n - at) - _ways(m, n))
    term, total = np.ones_like(first), np.ones_like(first)
    while live.size:
        term = term * (k - at) * (n - at) / ((at + 1) * (m - k - n + at + 1))
        total = total + term
        whole[live] = first * total
        rest = term > _NOTHING * total
        live, first, term, total = live[rest], first[rest], term[rest], total[rest]
        at, n, k, m = at[rest] + 1, n[rest], k[rest], m[rest]
    return whole


def _ways(n: Floats, k: Floats) -> Floats:
    """The logarithm of the number of ways to choose k of n."""
    ways: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return ways
