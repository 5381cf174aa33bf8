"""Whether intervals of a failure rate hold the true rate: against tests that were run 10,000 times.

A. Alshammari, C. Morris, M. Hilton, J. Bell, "FlakeFlagger: Predicting Flakiness Without Rerunning Tests", ICSE 2021, ran
22,000 tests of 24 Java projects 10,000 times each. What share of a test's runs failed is taken for its true rate.
"""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import betaincinv
from scipy.stats import binom

from pipelinedoctor.accuracy.scores import Floats
from pipelinedoctor.accuracy.sections import Asked, Cell, Goal, Section, Table
from pipelinedoctor.errors import UsageError
from pipelinedoctor.stats.posterior import jeffreys

SET = "flakeflagger"
RUNS = (20, 50, 100, 300)
AVERAGE = (0.93, 0.98)
SEEN = 0.90

Interval = Callable[[npt.ArrayLike, npt.ArrayLike], tuple[Floats, Floats]]

_TITLE = "Intervals of a failure rate"
_METHOD = (
    "The true rate of each flaky test of FlakeFlagger (24 Java projects, 10,000 runs of each test) is the share of its runs"
    " that failed. Of N runs k fail by the binomial law: the coverage is the exact expectation over all k and all flaky"
    " tests, with no drawing. Bias: the runs were independent of each other and on one machine, which CI is not."
)
_FILE = "test_results.csv"


def beta_interval(a: float, b: float) -> Interval:
    """The equal-tailed 95 % interval of Beta(a + k, b + n - k)."""

    def interval(k: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Floats, Floats]:
        failed, ran = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
        low: Floats = betaincinv(a + failed, b + ran - failed, 0.025)
        high: Floats = betaincinv(a + failed, b + ran - failed, 0.975)
        return low, high

    return interval


INTERVALS: tuple[tuple[str, Interval], ...] = (
    ("Jeffreys (the product's)", jeffreys),
    ("Beta(.24, 1.89)", beta_interval(0.24, 1.89)),
    ("Beta(.3, 20)", beta_interval(0.3, 20)),
)
"""The product's own first; the second is the beta fitted to these tests' rates, the third an older advice that fails."""


def coverage(rates: Floats, runs: int, interval: Interval) -> tuple[float, float]:
    """How often the interval from `runs` executions holds the true rate: on average over the tests, and where any failed.

    The second is the coverage given that at least one execution failed, tests weighing by how likely that is.
    """
    k = np.arange(runs + 1)
    low, high = interval(k, np.full(runs + 1, runs))
    chance = binom.pmf(k[None, :], runs, rates[:, None])
    held = chance * ((low[None, :] <= rates[:, None]) & (rates[:, None] <= high[None, :]))
    return float(held.sum() / len(rates)), float(held[:, 1:].sum() / chance[:, 1:].sum())


def flaky_rates(folder: Path) -> Floats:
    """The failure rates of the tests that both failed and passed, in the order of the file.

    Raises `UsageError` where the archive in `folder` is not there or does not hold the table.
    """
    archive = folder / "flakeflagger.tar.xz"
    try:
        with tarfile.open(archive) as opened:
            member = next(one for one in opened.getmembers() if one.name.endswith(f"/{_FILE}"))
            content = opened.extractfile(member)
            read = content.read() if content else b""
    except (OSError, tarfile.TarError, StopIteration) as error:
        raise UsageError(f"{archive}: holds no {_FILE} that can be read") from error
    # One line of the table lacks its line break; the test behind it is lost.
    counts = pl.read_csv(
        io.BytesIO(read), columns=["NumFailingRuns", "NumPassingRuns"], infer_schema=False, truncate_ragged_lines=True
    ).cast(pl.Int64)
    failed, passed = counts["NumFailingRuns"].to_numpy(), counts["NumPassingRuns"].to_numpy()
    flaky = (failed > 0) & (passed > 0)
    rates: Floats = failed[flaky] / (failed + passed)[flaky]
    return rates


def measure(asked: Asked) -> tuple[Section, ...]:
    """The section on intervals."""
    folder = asked.set(SET)
    if folder is None:
        return (Section(title=_TITLE, method=_METHOD, goals=_goals({}, 0), reason=asked.absent(SET)),)
    rates = flaky_rates(folder)
    found = {(name, runs): coverage(rates, runs, interval) for name, interval in INTERVALS for runs in RUNS}
    rows: list[tuple[Cell, ...]] = [(name, runs, *found[name, runs]) for name, _ in INTERVALS for runs in RUNS]
    table = Table(
        title=f"Coverage of the true rate over {len(rates)} flaky tests",
        columns=("interval", "runs", "holds the rate", "where a failure was seen"),
        rows=rows,
    )
    return (Section(title=_TITLE, method=_METHOD, tables=(table,), goals=_goals(found, len(rates))),)


def _goals(found: dict[tuple[str, int], tuple[float, float]], tests: int) -> tuple[Goal, ...]:
    name = INTERVALS[0][0]
    ours = [found.get((name, runs)) for runs in RUNS]
    n = f"{tests} tests"
    average = (
        Goal(
            name=f"interval from {runs} runs holds the rate",
            value=one and one[0],
            least=AVERAGE[0],
            most=AVERAGE[1],
            n=n,
        )
        for runs, one in zip(RUNS, ours, strict=True)
    )
    seen = (
        Goal(name=f"the same where one of {runs} failed", value=one and one[1], least=SEEN, n=n)
        for runs, one in zip(RUNS, ours, strict=True)
    )
    return (*average, *seen)
