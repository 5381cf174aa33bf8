"""Of many things tried at once, which hold: the control of false discoveries."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def adjusted(p: npt.ArrayLike, tests: float) -> Floats:
    """The p values after Benjamini and Hochberg, in a family of `tests` of which all that are not here have p = 1
    (Y. Benjamini and Y. Hochberg, JRSS B 57, 1995).

    Divided by weights before, p values may be over 1, and be more than `tests`, to which the weights then sum up.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")[::-1]
    ranks = np.arange(values.size, 0, -1)
    q = np.empty_like(values)
    q[order] = np.minimum.accumulate(np.minimum(values[order] * tests / ranks, 1.0))
    return q
