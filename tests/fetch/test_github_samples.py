"""Which runs that succeeded are read in full: laws of the draw, and what each level of detail reads."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.errors import BudgetError
from pipelinedoctor.fetch.github.details import Task
from pipelinedoctor.fetch.github.rows import repository_row
from pipelinedoctor.fetch.github.run_marks import Phase, RunMark
from pipelinedoctor.fetch.github.samples import EACH, Samples, week
from pipelinedoctor.fetch.interface import Level
from pipelinedoctor.simulate.mishaps import Mishap
from tests.fetch.rig import GRAPH, JOBS, Rig
from tests.helpers.bodies import repository_body
from tests.helpers.recordings import Run, job, run

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SHOP = repository_row("github.com", repository_body("acme/shop"))


class Marks:
    """Sync state in memory."""

    def __init__(self, kept: Mapping[str, str]) -> None:
        self._kept = kept

    def get(self, kind: str, key: str) -> str | None:
        return self._kept.get(key)

    def all(self, kind: str) -> Mapping[str, str]:
        return self._kept


def samples(kept: Mapping[str, str] | None = None, until: datetime = NOW + timedelta(days=60)) -> Samples:
    return Samples(SHOP.repository_id, Marks(kept or {}), until)


def task(run_id: int, created: datetime, jobs: frozenset[str]) -> Task:
    mark = RunMark(
        attempt=1,
        updated_at=created,
        created_at=created,
        started_at=created,
        phase=Phase.LISTED,
        known=0,
        red=False,
        node="CS_1",
    )
    return Task(SHOP, run_id, mark.with_outcomes(failing=False, names=jobs))


HOURS = st.integers(0, 24 * 30)
NAMES = st.frozensets(st.sampled_from(["build", "lint", "test (a)", "test (b)", "ünïcode"]), max_size=4)
OFFERED = st.lists(st.tuples(HOURS, NAMES), max_size=60).map(
    lambda items: [task(at, NOW + hours * timedelta(hours=1), names) for at, (hours, names) in enumerate(items, 1)]
)


def ids(tasks: list[Task]) -> list[int]:
    return [one.run_id for one in tasks]


@given(OFFERED, st.randoms())
def test_the_draw_does_not_depend_on_the_order_of_what_is_offered(offered: list[Task], random: Any) -> None:
    shuffled = list(offered)
    random.shuffle(shuffled)
    assert ids(samples().draw(offered)) == ids(samples().draw(shuffled))


@given(OFFERED)
def test_each_run_is_drawn_for_a_name_that_lacked_it_and_no_run_is_left_that_a_name_lacks(offered: list[Task]) -> None:
    drawn = samples().draw(offered)
    times = [(one.mark.created_at, one.run_id) for one in drawn]
    assert times == sorted(times, reverse=True)
    counts: Counter[tuple[str, str]] = Counter()
    for one in sorted(offered, key=lambda one: (one.mark.created_at, one.run_id), reverse=True):
        keys = [(week(one.mark.created_at), name) for name in one.mark.names]
        assert (one in drawn) == any(counts[key] < EACH for key in keys)
        counts.update(keys if one in drawn else ())


@given(st.lists(HOURS, max_size=40))
def test_of_runs_with_the_same_jobs_the_newest_few_of_each_week_are_drawn(hours: list[int]) -> None:
    offered = [task(at, NOW + each * timedelta(hours=1), frozenset({"a", "b"})) for at, each in enumerate(hours, 1)]
    weeks = Counter(week(one.mark.created_at) for one in offered)
    drawn = samples().draw(offered)
    assert Counter(week(one.mark.created_at) for one in drawn) == {name: min(EACH, of) for name, of in weeks.items()}
    oldest = {week(one.mark.created_at): (one.mark.created_at, one.run_id) for one in drawn}
    left = [one for one in offered if one not in drawn]
    assert all((one.mark.created_at, one.run_id) < oldest[week(one.mark.created_at)] for one in left)


@pytest.mark.parametrize(("day", "due"), [(5, 1), (6, 1), (7, 2), (8, 2), (9, 3), (10, 3), (11, 3), (12, 3)])
def test_of_the_week_under_way_as_many_are_drawn_as_are_due_by_the_day(day: int, due: int) -> None:
    until = datetime(2026, 1, day, 23, tzinfo=UTC)
    monday = datetime(2026, 1, 5, tzinfo=UTC)
    offered = [task(at, monday + at * timedelta(minutes=1), frozenset({"a"})) for at in range(1, 9)]
    assert ids(samples(until=until).draw(offered)) == [8, 7, 6][:due]


@given(OFFERED, st.integers(0, 60))
def test_what_was_read_counts_in_the_next_fetch_and_what_was_only_drawn_does_not(offered: list[Task], few: int) -> None:
    first = samples()
    drawn = first.draw(offered)
    kept = {mark.key: mark.value or "" for mark in map(first.read, drawn[:few])}
    left = [one for one in offered if one not in drawn[:few]]
    again = samples(kept).draw(left)
    if few >= len(drawn):
        assert again == []
    else:
        assert ids(again)[:1] == ids(drawn[few : few + 1])


def test_marks_are_of_one_repository_and_go_with_their_week() -> None:
    kept = {f"{SHOP.repository_id}/2026-W01": json.dumps({"x": 3}), "5/2026-W01": json.dumps({"": 3})}
    one = samples(kept)
    gone = one.ended(datetime(2026, 1, 12, tzinfo=UTC))
    assert [(mark.key, mark.value) for mark in gone] == [(f"{SHOP.repository_id}/2026-W01", None)]
    assert samples(kept).ended(datetime(2026, 1, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("moment", "name"), [("2026-01-01T00:00:00+00:00", "2026-W01"), ("2027-01-03T23:59:59+00:00", "2026-W53")]
)
def test_weeks_are_those_of_the_calendar(moment: str, name: str) -> None:
    assert week(datetime.fromisoformat(moment)) == name


# --- The whole fetch -----------------------------------------------------------------------------------------------


def green(first: int, count: int, day: int = 6) -> list[Run]:
    return [
        run(first + at, jobs=[job("a"), job("b")], created=f"2026-01-{day:02}T12:00:{at:02}Z") for at in range(count)
    ]


def full(nights: Rig) -> list[int]:
    return [run_id for (run_id,) in nights.rows("SELECT DISTINCT run_id FROM jobs WHERE detail = 'full' ORDER BY ALL")]


@pytest.mark.parametrize(
    ("level", "read"),
    [(Level.OUTCOMES, [50]), (Level.SAMPLED, [28, 29, 30, 50]), (Level.FULL, [*range(1, 31), 50])],
)
def test_a_level_reads_what_it_says(nights: Rig, level: Level, read: list[int]) -> None:
    red = run(50, jobs=[job("a", "failure", log="x\n")], created="2026-01-06T11:00:00Z")
    nights.record(*green(1, 30), red).fetch(level=level)
    assert full(nights) == read
    assert nights.count(JOBS) == len(read)
    nights.fetch(level=level, days=1)
    assert nights.count(JOBS) == 0


def test_a_week_that_has_its_samples_gets_no_more_of_the_same_names(nights: Rig) -> None:
    nights.record(*green(1, 30)).fetch()
    nights.record(*green(1, 30), *green(100, 30, day=7)).fetch(days=1)
    assert full(nights) == [28, 29, 30]
    # Of another week, or of another name, there are.
    other = run(200, jobs=[job("c"), job("a")], created="2026-01-07T13:00:00Z")
    nights.record(*green(1, 30), *green(100, 30, day=7), other, *green(300, 30, day=13)).fetch(days=2)
    assert full(nights) == [28, 29, 30, 200, 327, 328, 329]


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("most", range(5, 10))
def test_samples_never_run_into_the_limit_and_only_those_read_are_counted(nights: Rig, most: int, workers: int) -> None:
    """Repository, list, two questions for outcomes, one for changes: what is left goes into samples."""
    nights.workers = workers
    nights.record(*green(1, 30))
    done = nights.fetch(most=most)
    assert done.outcome == "complete"
    assert full(nights) == [28, 29, 30][max(0, 8 - most) :]
    read = [sum(json.loads(value).values()) for value in nights.marks("sample").values()]
    assert sum(read) == 2 * len(full(nights))
    assert not nights.marks("session")


def test_a_limit_of_the_forge_met_while_sampling_ends_no_fetch(nights: Rig) -> None:
    nights.record(*green(1, 30)).plant(Mishap("primary limit", route=JOBS, seconds=3600))
    assert nights.fetch().outcome == "complete"
    assert nights.rows("SELECT outcome FROM sources") == [("complete",)]
    nights.record(run(1, jobs=[job("a", "failure")])).plant(Mishap("primary limit", route=JOBS, seconds=3600))
    with pytest.raises(BudgetError, match="rate limit"):
        nights.fetch(days=1)


def test_in_full_what_failed_is_asked_for_again(nights: Rig) -> None:
    nights.record(*green(1, 30)).plant(Mishap("500", route=JOBS, at=(1, 2, 3, 4, 5), times=5))
    nights.workers = 1
    nights.fetch(level=Level.FULL)
    assert len(full(nights)) == 29
    assert [gap[0] for gap in nights.gaps()] == ["jobs"]
    nights.fetch(level=Level.FULL, days=1)
    assert len(full(nights)) == 30
    assert nights.gaps() == []
    assert nights.count(JOBS) == 1
    assert nights.count(GRAPH) == 1
