"""How verdicts on drawn histories are counted, and that the real ones get there."""

from pathlib import Path

import numpy as np

from pipelinedoctor.accuracy.junit_histories import History, Kind, Shape, history
from pipelinedoctor.accuracy.junit_scores import measured, score, shapes


def drawn() -> History:
    """Four commits, the third of them tried twice, and the last run met an outage."""
    flakes = np.zeros((5, 5), dtype=np.bool_)
    flakes[[0, 2], 0] = True  # two commits
    flakes[[2, 3], 1] = True  # one commit, twice
    flakes[4, 2] = True  # hidden by the outage
    struck = np.zeros((5, 5), dtype=np.bool_)
    struck[4, 2:] = True
    breaks = np.zeros((5, 5), dtype=np.bool_)
    breaks[3:, 3] = True
    return History(
        shape=Shape(runs=5, tests=5, reruns=0.2, outages=True, seed=0),
        kinds=np.array([Kind.FLAKY, Kind.FLAKY, Kind.FLAKY, Kind.OPEN, Kind.SOUND]),
        commits=np.array([0, 1, 2, 2, 3]),
        attempts=np.array([1, 1, 1, 2, 1]),
        outages=np.array([False, False, False, False, True]),
        flakes=flakes,
        breaks=breaks,
        struck=struck,
    )


def test_what_can_be_told_is_told_apart_from_what_can_be_seen() -> None:
    made = drawn()
    got = score(made, {made.name(0), made.name(1), made.name(3)})
    assert (got.flaky, got.observed, got.telling) == (3, 2, 1)
    assert (got.right, got.right_observed, got.right_telling) == (2, 2, 1)
    assert dict(got.wrong) == {Kind.SOUND: 0, Kind.OPEN: 1, Kind.FIXED: 0}
    assert (got.precision, got.recall, got.recall_observed) == (2 / 3, 1.0, 1.0)


def test_nothing_told_is_nothing_wrong() -> None:
    got = score(drawn(), set())
    assert (got.precision, got.recall, got.recall_observed) == (1.0, 0.0, 0.0)


def test_the_six_cases_are_the_shares_of_reruns_without_and_with_outages() -> None:
    cases = shapes(200, 2_000, 4)
    assert [(one.reruns, one.outages) for one in cases] == [
        *((0.2, False), (0.05, False), (0.0, False)),
        *((0.2, True), (0.05, True), (0.0, True)),
    ]
    assert {(one.runs, one.tests, one.seed) for one in cases} == {(200, 2_000, 4)}


def test_verdicts_are_those_of_the_question_on_what_was_ingested(tmp_path: Path) -> None:
    shape = Shape(runs=120, tests=200, reruns=0.2, outages=False, seed=5)
    case = measured(shape, tmp_path)
    assert case.told.telling >= 3
    assert case.told.right_telling >= 1
    assert case.told.wrong[Kind.OPEN] == case.told.wrong[Kind.FIXED] == 0
    assert case.certain.right <= case.told.right
    assert history(shape).shape == case.shape
