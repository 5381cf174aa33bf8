"""A first run against 40,000 runs: over days, without asking twice, and with an honest remaining time. Run by hand:

pytest tests/benchmarks/test_first_run_benchmark.py -o addopts=--import-mode=importlib
"""

import re
from pathlib import Path

import pytest

from pipelinedoctor.console import Lines
from tests.benchmarks.first_run import A_FETCH, RUNS, Clock, Day, days, fetch, served, table, twice

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fetching.md"
DETAILS = re.compile(r".*/actions/(runs/[0-9]+/jobs|jobs/[0-9]+/logs)(\?.*)?")
LEFT = re.compile(r"github\.com: requests for runs: [0-9,]+ of [0-9,]+, about ([0-9]+) min left")


@pytest.fixture(scope="module")
def every() -> list[Day]:
    return days()


def test_no_day_costs_more_than_it_may_and_all_is_there_in_the_end(every: list[Day]) -> None:
    assert all(day.asked.total() <= A_FETCH for day in every)
    assert every[-1].complete
    assert (every[-1].jobs, every[-1].explained) == (2 * every[-1].runs, every[-1].runs // 20)


def test_nothing_is_asked_twice_but_the_one_run_that_a_limit_broke_off(every: list[Day]) -> None:
    repeated = twice(every)
    assert all(DETAILS.fullmatch(question) for _, question in repeated)
    assert max(sum(first == number for first, _ in repeated) for number in range(len(every) + 1)) <= 2


def test_the_docs_page_shows_the_days(every: list[Day]) -> None:
    assert table(every) in PAGE.read_text(encoding="utf-8")


class _Timed(Lines):
    """Keeps what is said, and when."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock.read)
        self._now = clock.read
        self.said: list[tuple[float, str]] = []

    def _say(self, text: str) -> None:
        self.said.append((self._now(), text))


def test_what_is_said_to_be_left_is_what_is_left() -> None:
    clock = Clock()
    lines = _Timed(clock)
    with served() as (forge, store, _):
        fetch(forge, store, 0, 2_200, clock, lines)
    plan = next(text for _, text in lines.said if text.startswith("acme/shop: plan"))
    assert f"plan: {RUNS + 1:,} runs: some " in plan  # one at the first second, one at the last
    assert "2,200 at the most" in plan
    ended = next(at for at, text in lines.said if text.endswith("runs new or changed"))
    told = [(at, 60 * int(found[1])) for at, text in lines.said if (found := LEFT.fullmatch(text))]
    assert len(told) == 3
    for at, left in told:
        assert left == pytest.approx(ended - at, rel=0.15, abs=45)
