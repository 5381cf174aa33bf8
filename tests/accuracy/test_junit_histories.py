"""Drawn histories of JUnit reports: they are what their shape says, in the files as in the truth."""

import json
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from pipelinedoctor import manifest
from pipelinedoctor.accuracy.junit_histories import DAYS, END, MANIFEST, START, Kind, Shape, history, write

SMALL = Shape(runs=60, tests=400, reruns=0.2, outages=True, seed=3)


def test_shares_of_tests_and_runs_are_those_that_were_asked_for() -> None:
    made = history(Shape(runs=500, tests=2_000, reruns=0.2, outages=True, seed=1))
    assert [int((made.kinds == kind).sum()) for kind in Kind] == [1_940, 40, 10, 10]
    assert 0.15 < (made.attempts > 1).mean() < 0.25
    assert 0.01 < made.outages.mean() < 0.06
    assert set(made.struck[made.outages].mean(axis=1)) == {0.1}
    assert not made.struck[~made.outages].any()
    rates = made.flakes[:, made.kinds == Kind.FLAKY].mean(axis=0)
    assert rates.max() < 0.36
    assert 0.03 < np.median(rates) < 0.1, "the logarithm is uniform: half lie below .055"
    assert not made.flakes[:, made.kinds != Kind.FLAKY].any()


def test_attempts_of_a_run_share_its_commit() -> None:
    made = history(SMALL)
    again = made.attempts[1:] > 1
    assert (np.diff(made.commits) == np.where(again, 0, 1)).all()
    assert (made.attempts[1:][again] == made.attempts[:-1][again] + 1).all()
    none = history(Shape(runs=60, tests=400, reruns=0, outages=False, seed=3))
    assert (none.attempts == 1).all()
    assert not none.outages.any()


def test_a_regression_is_one_stretch_of_commits_and_open_or_mended() -> None:
    made = history(Shape(runs=200, tests=2_000, reruns=0.05, outages=False, seed=2))
    last = made.commits[-1]
    for test in np.flatnonzero(made.kinds >= Kind.OPEN):
        broken = np.unique(made.commits[made.breaks[:, test]])
        assert (np.diff(broken) == 1).all()
        assert (broken[-1] == last) == (made.kinds[test] == Kind.OPEN)
        assert made.kinds[test] == Kind.OPEN or 2 <= len(broken) <= 0.1 * (last + 1) + 1
    assert not made.breaks[:, made.kinds <= Kind.FLAKY].any()


def test_the_files_say_what_is_true(tmp_path: Path) -> None:
    made = history(SMALL)
    listed = write(made, tmp_path / "new" / "folder")
    assert listed.name == MANIFEST
    for run, line in enumerate(listed.read_text().splitlines()):
        report = etree.parse(listed.parent / json.loads(line)["file"])
        failing = [f"{one.get('classname')}::{one.get('name')}" for one in report.iter("testcase") if len(one)]
        failed = made.flakes[run] | made.breaks[run] | made.struck[run]
        assert failing == [made.name(test) for test in np.flatnonzero(failed).tolist()]
        assert len(list(report.iter("testcase"))) == 400
        assert report.find("testsuite").get("failures") == str(len(failing))


def test_the_manifest_is_one_that_can_be_handed_in(tmp_path: Path) -> None:
    made = history(SMALL)
    handed = manifest.read(write(made, tmp_path))
    belongings = [one.belonging for one in handed]
    assert len(handed) == 60
    assert all(one.path.is_file() for one in handed)
    assert {one.branch for one in belongings} == {one.default_branch for one in belongings} == {"main"}
    assert len({one.commit for one in belongings}) == made.commits[-1] + 1
    assert [one.attempt for one in belongings] == made.attempts.tolist()
    starts = [one.started_at for one in belongings]
    assert starts == sorted(starts)  # type: ignore[type-var]
    assert START <= starts[0] <= starts[-1] < END  # type: ignore[operator]
    assert (END - START).days == DAYS


def test_one_shape_is_one_history_byte_for_byte(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(history(SMALL), tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


@pytest.mark.parametrize(("runs", "tests", "megabytes"), [(20, 2_000, 4.1), (10, 5_000, 5.1)])
def test_a_history_of_the_sizes_that_peers_were_measured_on_is_as_big(
    tmp_path: Path, runs: int, tests: int, megabytes: float
) -> None:
    write(history(Shape(runs=runs, tests=tests, reruns=0.2, outages=False, seed=1)), tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.xml")) / 1e6 == pytest.approx(megabytes, rel=0.05)
