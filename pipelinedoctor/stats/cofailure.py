"""Which units fail together, more often than chance would have it.

Two units share an edge where they failed in at least two of the same occasions, that many are next to impossible by chance
(hypergeometric, and q of Y. Benjamini and Y. Hochberg over all pairs), and the occasions they share are a good part of
theirs (P. Jaccard, 1901). A group is a connected component. Parry and others (2025) found three quarters of flaky tests in
such groups, most of them by what they share: a network, a service. The method is our own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array, csr_array, triu
from scipy.sparse.csgraph import connected_components

from pipelinedoctor.stats.association import at_least
from pipelinedoctor.stats.discoveries import adjusted

_Ints = npt.NDArray[np.int64]

LARGEST = 50
"""A component of more units than that is cut where it hangs together by chance, if it is not one through and through."""
DENSE = 0.5
"""A component of which this share of all pairs are edges is one through and through."""
_STEP = 1e-2
"""By how much p is lowered to cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """What an edge takes, and the least occasions on which a unit must have failed."""

    failures: int = 3
    together: int = 2
    jaccard: float = 0.2
    q: float = 0.01
    p: float = 1e-4


def groups(
    failures: pl.DataFrame, totals: pl.DataFrame, unit: Sequence[str], scope: Sequence[str], bond: Bond
) -> pl.DataFrame:
    """The groups of units that fail together.

    `failures` has the columns of the unit, among which are those of the scope, and `occasion`: a run, or an hour; several
    rows of a unit with one occasion count as one. `totals` has `occasions` (Int64) for each scope: in how many the units
    could have failed. Units of different scopes have no occasion in common.

    Gives a row for each unit in a group, sorted by group and unit: `group` (Int64, from 0; those with the most units first), the
    unit, `members` (Int64: units in the group), `failures` (Int64: occasions on which it failed), `shared` (Int64: those
    on which another one of its group failed).
    """
    known = failures.select(*unit, "occasion").unique()
    many = (
        known.group_by(unit).agg(pl.len().cast(pl.Int64).alias("failures")).filter(pl.col("failures") >= bond.failures)
    )
    units = many.join(totals, on=list(scope)).sort(unit).with_row_index("at")
    seen = known.join(units, on=list(unit)).select(*scope, "occasion", "at")
    edges = _edges(_met(seen, scope, len(units)), units, scope, bond)
    parts = sorted(_parts(edges, len(units), bond.p), key=lambda part: (-len(part), part[0]))
    rows = [(number, int(at)) for number, part in enumerate(parts) for at in part]
    grouped = pl.DataFrame(rows, schema={"group": pl.Int64, "at": pl.UInt32}, orient="row")
    in_common = (
        seen.join(grouped, on="at")
        .filter(pl.col("at").n_unique().over("group", *scope, "occasion") > 1)
        .group_by("at")
        .agg(pl.len().cast(pl.Int64).alias("shared"))
    )
    return (
        grouped.join(in_common, on="at")
        .join(units, on="at")
        .with_columns(pl.len().over("group").cast(pl.Int64).alias("members"))
        .sort("group", *unit)
        .select("group", *unit, "members", "failures", "shared")
    )


def _met(seen: pl.DataFrame, scope: Sequence[str], units: int) -> coo_array:
    """How often two units failed on one occasion: above the diagonal, where they ever did."""
    occasions = seen.select(*scope, "occasion").unique().with_row_index("when")
    placed = seen.join(occasions, on=[*scope, "occasion"])
    ones = np.ones(len(placed), dtype=np.int64)
    where = (placed["at"].to_numpy(), placed["when"].to_numpy())
    matrix = csr_array((ones, where), shape=(units, max(len(occasions), 1)))
    return coo_array(triu(matrix @ matrix.T, k=1))


def _edges(met: coo_array, units: pl.DataFrame, scope: Sequence[str], bond: Bond) -> pl.DataFrame:
    """`a`, `b` (places of units) and `p` of each edge."""
    counts, occasions = units["failures"].to_numpy(), units["occasions"].to_numpy()
    row, column = met.coords
    pairs = pl.DataFrame({"a": row.astype(np.int64), "b": column.astype(np.int64), "met": met.data.astype(np.int64)})
    one, other = pl.Series(counts[row], dtype=pl.Int64), pl.Series(counts[column], dtype=pl.Int64)
    p = at_least(pairs["met"], one, other, pl.Series(occasions[row], dtype=pl.Int64))
    sizes = units.group_by(scope).len()["len"].cast(pl.Int64).to_numpy()
    q = adjusted(p, int((sizes * (sizes - 1) // 2).sum()))
    return (
        pairs.with_columns(pl.Series("p", p, dtype=pl.Float64), pl.Series("q", q, dtype=pl.Float64))
        .filter(
            pl.col("met") >= bond.together,
            pl.col("q") < bond.q,
            pl.col("p") < bond.p,
            pl.col("met") >= bond.jaccard * (one + other - pl.col("met")),
        )
        .sort("a", "b")
    )


def _parts(edges: pl.DataFrame, units: int, p: float) -> Iterator[_Ints]:
    """The components of two units or more, each as the places of its units, rising."""
    strong = edges.filter(pl.col("p") < p)
    a, b = strong["a"].to_numpy(), strong["b"].to_numpy()
    graph = csr_array((np.ones(len(a), dtype=np.int64), (a, b)), shape=(units, units))
    labels = connected_components(graph, directed=False)[1]
    for label in np.unique(labels[a]):
        part: _Ints = np.flatnonzero(labels == label).astype(np.int64)
        inside = strong.filter(pl.Series(labels[a] == label, dtype=pl.Boolean))
        if len(part) <= LARGEST or len(inside) >= DENSE * len(part) * (len(part) - 1) / 2:
            yield part
        else:
            yield from _parts(inside, units, p * _STEP)
