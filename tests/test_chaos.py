"""A fetch that is struck by faults and killed, again and again, comes to what an undisturbed one comes to.

That is 200 faults and kills, over a cold fetch and the next night's. Only what passes is a fault here: a forge that says of a
log that it is gone is believed. `PIPELINEDOCTOR_CHAOS` multiplies how often that is tried, and how large the history is.
"""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from pipelinedoctor.simulate.forge import Forge
from pipelinedoctor.sync import PAGES
from tests.helpers.disturbed import Ended, Fetches, Rows, contents, difference, fetches
from tests.helpers.gitlab_under_test import GITLAB
from tests.helpers.under_test import FIRST, GITHUB, SECOND, START, UnderTest

TIMES = int(os.environ.get("PIPELINEDOCTOR_CHAOS", "1"))
RUNS = 30 * TIMES
"""Runs of each repository."""
KILLS = 12
"""Fetches of a night that are to be killed."""
SEEDS = 6 * TIMES
NIGHTS = (FIRST, SECOND)


@dataclass(frozen=True)
class Stage:
    """A forge that serves two nights, who fetches from it, and what undisturbed fetches come to, by night."""

    forge: Forge
    folders: tuple[Path, Path]
    fetches: Fetches
    undisturbed: list[Rows] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    met: list[int] = field(default_factory=list)
    """Faults and kills, by test."""


@pytest.fixture(scope="module", params=[GITHUB, GITLAB], ids=lambda one: one.forge)
def under_test(request: pytest.FixtureRequest) -> UnderTest:
    """The forge under test."""
    one: UnderTest = request.param
    return one


@pytest.fixture(scope="module")
def stage(under_test: UnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    here = tmp_path_factory.mktemp("chaos")
    folders = under_test.nights(here, RUNS)
    source = {"forge": under_test.forge, "host": under_test.host, "repositories": tuple(under_test.repositories)}
    with under_test.serve(folders[0]) as forge, fetches(forge, source, here) as fetching:
        made = Stage(forge, folders, fetching)
        for night, folder in zip(NIGHTS, folders, strict=True):
            forge.load(folder)
            done = fetching.run(here / "undisturbed.duckdb", (START, night))
            assert done.code == 0
            assert done.lost == 0
            asked = [(one.route, one.target, one.body) for one in done.asked]
            assert len(set(asked)) == len(asked), "an undisturbed fetch asks for nothing twice"
            made.undisturbed.append(contents(here / "undisturbed.duckdb"))
            made.requests.append(len(asked))
        yield made


def test_there_is_enough_to_lose(stage: Stage, under_test: UnderTest) -> None:
    for before, after in zip(*(night.items() for night in stage.undisturbed), strict=True):
        if before[0] not in {"fetch_gaps", "environments", "repositories"} | under_test.unfilled:
            assert 0 < len(before[1]) <= len(after[1]), before[0]
    assert stage.undisturbed[0]["fetch_gaps"] == stage.undisturbed[1]["fetch_gaps"] == []


def repeated(ends: list[Ended], anew: str) -> list[tuple[int, int]]:
    """For each fetch of a night how much of what it was told was asked for again, and how much of it may be."""
    again = [one.good & set().union(*(later.paid for later in ends[at + 1 :])) for at, one in enumerate(ends)]
    return [
        (sum(re.fullmatch(anew, f"{route} {target}") is None for route, target, _ in some), one.lost)
        for some, one in zip(again, ends, strict=True)
    ]


@pytest.mark.parametrize(
    ("seed", "batch", "passing"),
    [(seed, (PAGES, 3)[seed % 2], timedelta(minutes=7 * (seed % 2))) for seed in range(2 * TIMES)],
)
def test_kills_lose_nothing_and_what_is_committed_is_not_asked_for_again(
    stage: Stage, under_test: UnderTest, tmp_path: Path, seed: int, batch: int, passing: timedelta
) -> None:
    random = Random(seed)
    kills = 0
    for at, night in enumerate(NIGHTS):
        stage.forge.load(stage.folders[at])
        ends: list[Ended] = []
        while not ends or ends[-1].code != 0:
            span = (START, night + len(ends) * passing)
            moment = random.randint(1, 2 * stage.requests[at] // KILLS) if len(ends) < KILLS else None
            ends.append(stage.fetches.run(tmp_path / "store.duckdb", span, moment, batch))
        assert {one.code for one in ends[:-1]} == {-signal.SIGKILL}
        assert all(again <= allowed for again, allowed in repeated(ends, under_test.anew)), repeated(
            ends, under_test.anew
        )
        assert not difference(tmp_path / "store.duckdb", stage.undisturbed[at])
        kills += len(ends) - 1
    stage.met.append(kills)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_faults_with_kills_among_them_lose_nothing(
    stage: Stage, under_test: UnderTest, tmp_path: Path, seed: int, request: pytest.FixtureRequest
) -> None:
    random = Random(seed)
    request.addfinalizer(stage.forge.heal)
    struck = 0
    for at, night in enumerate(NIGHTS):
        stage.forge.load(stage.folders[at])
        stage.forge.plant(*under_test.mishaps(random, share=0.15))
        ends: list[Ended] = []
        while not ends or ends[-1].code != 0:
            moment = random.randint(1, stage.requests[at]) if random.random() < 0.3 else None
            ends.append(stage.fetches.run(tmp_path / "store.duckdb", (START, night), moment, random.choice((3, PAGES))))
            assert len(ends) < 40, "it does not come to an end"
        # What failed at a whole repository is had in the next fetch.
        stage.forge.heal()
        ends.append(stage.fetches.run(tmp_path / "store.duckdb", (START, night)))
        struck += sum(one.faults + (one.code == -signal.SIGKILL) for one in ends)
        assert {one.code for one in ends} <= {0, 3, -signal.SIGKILL}
        assert all(again <= allowed for again, allowed in repeated(ends, under_test.anew)), repeated(
            ends, under_test.anew
        )
        assert not difference(tmp_path / "store.duckdb", stage.undisturbed[at])
    stage.met.append(struck)


def test_these_were_two_hundred(stage: Stage) -> None:
    if len(stage.met) < SEEDS + 2 * TIMES:
        pytest.skip("not all of them ran")
    assert sum(stage.met) >= 200 * TIMES
