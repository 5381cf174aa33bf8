"""The coverage of intervals, against drawing, and on FlakeFlagger."""

from pathlib import Path

import numpy as np
import pytest

from pipelinedoctor.accuracy import calibration
from pipelinedoctor.accuracy.sections import Asked
from pipelinedoctor.errors import UsageError
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.simulate.fleet.settings import Settings
from pipelinedoctor.stats.posterior import jeffreys


def asked(data: Path | None) -> Asked:
    return Asked(seeds=(), organisation=Settings(), data=data, store=None, progress=Silent())


def test_the_expected_coverage_is_that_of_many_draws() -> None:
    rates = np.array([0.001, 0.02, 0.3])
    generator = np.random.default_rng(1)
    k = generator.binomial(50, np.repeat(rates, 100_000))
    low, high = jeffreys(k, np.full(len(k), 50))
    held = (low <= np.repeat(rates, 100_000)) & (np.repeat(rates, 100_000) <= high)
    average, seen = calibration.coverage(rates, 50, jeffreys)
    assert average == pytest.approx(held.mean(), abs=0.003)
    assert seen == pytest.approx(held[k > 0].mean(), abs=0.003)


def test_an_interval_of_everything_holds_every_rate() -> None:
    whole = calibration.coverage(np.array([0.0, 0.5, 1.0]), 20, lambda k, n: (np.zeros_like(n), np.ones_like(n)))
    assert list(whole) == pytest.approx([1, 1])


def test_the_products_interval_holds_the_rates_of_flakeflagger(data: Path) -> None:
    (section,) = calibration.measure(asked(data))
    assert [goal.met for goal in section.goals] == [True] * 8
    advised = [row for row in section.tables[0].rows if row[0] == "Beta(.3, 20)"]
    assert all(isinstance(row[3], float) and row[3] < calibration.SEEN for row in advised)


def test_an_absent_set_has_a_reason_and_keeps_its_goals(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        (section,) = calibration.measure(asked(folder))
        assert section.reason
        assert [goal.met for goal in section.goals] == [None] * 8


def test_a_broken_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "flakeflagger").mkdir()
    (tmp_path / "flakeflagger" / "flakeflagger.tar.xz").write_bytes(b"no archive")
    with pytest.raises(UsageError, match="test_results"):
        calibration.measure(asked(tmp_path))
