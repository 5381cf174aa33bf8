"""Many repositories beside each other: none starves the rest, and none that is ill stops them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.simulate.mishaps import Mishap
from tests.fetch.rig import GRAPH, JOBS, LIST, LOG, ROUTE, Rig
from tests.helpers.recordings import Run, job, run

START = datetime(2026, 1, 1, tzinfo=UTC)
SMALL = [f"acme/small-{number}" for number in range(5)]
HUGE = "acme/huge"


def huge(count: int, first: int = 10_000) -> list[Run]:
    return [
        run(first + at, jobs=[job("build")], created=START + at * timedelta(minutes=5), repository=HUGE)
        for at in range(count)
    ]


def small(jobs: int = 2) -> list[Run]:
    """Ten runs of each small repository, the last of which failed."""
    return [
        run(
            100 * (place + 1) + at,
            jobs=[job(f"j{number}", "failure" if at == 9 and number == 0 else "success", log="Error: x\n")
                  for number in range(jobs)],
            created=START + at * timedelta(hours=1),
            repository=name,
        )
        for place, name in enumerate(SMALL)
        for at in range(10)
    ]  # fmt: skip


def read(nights: Rig) -> dict[str, tuple[Any, ...]]:
    """By repository: runs, runs whose jobs were read, failures whose log was read."""
    found = nights.rows(
        """
        SELECT full_name, count(DISTINCT r.run_id), count(DISTINCT j.run_id), count(DISTINCT f.job_id)
        FROM repositories p LEFT JOIN runs r USING (host, repository_id) LEFT JOIN jobs j USING (host, run_id)
        LEFT JOIN failures f USING (host, job_id) GROUP BY ALL ORDER BY ALL
        """
    )
    return {name: tuple(counts) for name, *counts in found}


@pytest.mark.parametrize("checks", [True, False])
def test_a_huge_repository_starves_no_small_one(nights: Rig, checks: bool) -> None:
    nights.record(*huge(3_000), *small(), checks=checks)
    with pytest.raises(BudgetError):
        nights.fetch(HUGE, *SMALL, most=70 if checks else 120)
    found = read(nights)
    assert {name: found[name] for name in SMALL} == dict.fromkeys(SMALL, (10, 10, 1))
    assert 1_000 <= found[HUGE][0] < 3_000 or found[HUGE][1] < 3_000
    assert set(SMALL) <= set(nights.marks("covered"))
    assert HUGE not in nights.marks("covered")


def test_the_small_are_kept_up_night_by_night_while_the_huge_is_still_being_read(nights: Rig) -> None:
    runs = [*huge(3_000), *small()]
    for night in range(12):
        later = datetime(2026, 1, 20, 6, tzinfo=UTC) + night * timedelta(days=1)
        runs.append(
            run(5_000 + night, jobs=[job("a", "failure", log="Error: y\n")], created=later, repository=SMALL[0])
        )
        nights.record(*runs)
        try:
            done = nights.fetch(HUGE, *SMALL, days=night + 1, back=31 + night, most=60)
        except BudgetError:
            done = None
        assert read(nights)[SMALL[0]] == (11 + night, 11 + night, 2 + night)
        if done is not None:
            break
    assert done is not None
    assert read(nights)[HUGE][:2] == (3_000, 3_000)
    assert nights.rows("SELECT count(*) FROM (SELECT DISTINCT job_id FROM jobs)") == nights.rows(
        "SELECT count(*) FROM jobs"
    )


def test_a_red_default_branch_comes_first(nights: Rig) -> None:
    def of(name: str, first: int, conclusion: str, **more: Any) -> list[Run]:
        old = [run(first + at, jobs=[job("a", "failure")], repository=name, branch="topic") for at in range(5)]
        return [*old, run(first + 9, jobs=[job("a", conclusion)], repository=name, **more)]

    green = of("acme/green", 100, "success")
    red = of("acme/red", 200, "failure")
    change = of("acme/proposed", 300, "failure", event="pull_request")
    nights.workers = 1
    nights.record(*green, *red, *change).fetch("acme/green", "acme/proposed", "acme/red")
    asked = nights.forge.targets("/jobs?")
    assert "/runs/209/jobs" in asked[0]
    assert [target.split("/runs/")[1].split("/")[0][0] for target in asked[:6]] == ["2", "1", "3", "2", "1", "3"]


FAULTS = [
    ("404", ROUTE, "no such repository, or none that the token may read"),
    ("500", ROUTE, "answered 500, 5 times in a row"),
    ("410", ROUTE, "answered 410"),
    ("cut", ROUTE, "the answer broke off, 5 times in a row"),
    ("HTML", LIST, "the answer is not JSON, 5 times in a row"),
    ("500", LIST, "answered 500, 5 times in a row"),
    ("422", LIST, "answered 422"),
]


@pytest.mark.parametrize(("kind", "route", "reason"), FAULTS)
def test_a_repository_that_cannot_be_read_is_named_and_the_others_go_on(
    nights: Rig, kind: str, route: str, reason: str
) -> None:
    nights.workers = 1
    names = SMALL[:4]  # of more, a shared question asks what they are
    nights.record(*small()).plant(Mishap(kind, route=route, times=1 if kind in {"404", "410", "422"} else 5))
    done = nights.fetch(*names)
    assert (done.outcome, done.unread) == ("complete", (SMALL[0],))
    ((kind, subject, why),) = [gap for gap in nights.gaps() if gap[0] == "runs"]
    assert subject == SMALL[0]
    assert reason in why
    found = read(nights)
    assert {name: found[name] for name in names[1:]} == dict.fromkeys(names[1:], (10, 10, 1))
    nights.fetch(*names, days=1)
    assert read(nights) == dict.fromkeys(names, (10, 10, 1))
    assert [gap for gap in nights.gaps() if gap[0] == "runs"] == []


def ill(kind: str, route: str, count: int) -> Mishap:
    return Mishap(kind, route=route, at=tuple(range(1, count)))


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("kind", ["500", "cut"])
def test_job_lists_that_always_fail_end_no_fetch_and_cost_no_patience_without_end(
    nights: Rig, kind: str, workers: int
) -> None:
    nights.workers = workers
    runs = [run(number, jobs=[job("a", "failure", log="Error: x\n")]) for number in range(1, 41)]
    nights.record(*runs, *small()).plant(Mishap(kind, route=JOBS))
    done = nights.fetch("acme/shop", *SMALL)
    assert done.outcome == "complete"
    told = [gap for gap in nights.gaps() if gap[0] == "jobs"]
    # Samples fail as well, and are told; the next fetch asks again for what had failed.
    assert {f"run {number}" for number in range(1, 41)} <= {gap[1] for gap in told}
    assert nights.count(JOBS) < 40 + 5 + 15 + 6 * 4 * 5 + 4 * 5 + 1
    nights.forge.heal()
    nights.fetch("acme/shop", *SMALL, days=1)
    assert nights.rows("SELECT count(*) FROM failures") == [(45,)]
    assert read(nights) | {"acme/shop": ()} == {"acme/shop": (), **dict.fromkeys(SMALL, (10, 10, 1))}


@pytest.mark.parametrize("route", [LOG, "blob logs"])
@pytest.mark.parametrize("kind", ["503", "dropped"])
def test_a_log_that_fails_in_passing_is_asked_for_once_more_the_next_time(nights: Rig, kind: str, route: str) -> None:
    nights.record(run(1, jobs=[job("a", "failure", log="Error: x\n")]), run(2, jobs=[job("b")]))
    nights.plant(Mishap(kind, route=route)).fetch()
    ((what, subject, why),) = nights.gaps()
    assert (what, subject) == ("log", "job 1000")
    assert why == ("log refused (503)" if kind == "503" else "log not had: the answer broke off")
    nights.fetch(days=1)
    assert nights.count(LOG) >= 1
    assert len(nights.gaps()) == 1
    nights.fetch(days=2)
    assert nights.count(LOG) == 0, "it is not asked for a third time"
    nights.store.connection.execute("DELETE FROM sync_state")
    nights.forge.heal()
    nights.fetch(days=3, back=33)
    assert nights.gaps() == []
    assert nights.rows("SELECT line FROM failures") == [("Error: x",)]


@pytest.mark.parametrize("kind", ["502", "503", "500"])
@pytest.mark.parametrize("names", [["acme/shop"], SMALL, [f"acme/r{number}" for number in range(60)]])
def test_a_forge_that_is_ill_altogether_ends_the_fetch_soon(nights: Rig, kind: str, names: list[str]) -> None:
    nights.record(*[run(number, jobs=[job("a")], repository=name) for number, name in enumerate(names, 1)])
    nights.plant(Mishap(kind))
    with pytest.raises(ForgeError, match=f"answered {kind}"):
        nights.fetch(*names)
    assert sum(nights.forge.counts().values()) <= 60


def test_a_forge_that_falls_ill_midway_ends_the_fetch_soon(nights: Rig) -> None:
    runs = [run(number, jobs=[job("a", "failure")]) for number in range(1, 101)]
    nights.record(*runs).plant(Mishap("502", at=tuple(range(20, 2_000))))
    with pytest.raises(ForgeError, match="answered 502"):
        nights.fetch()
    assert sum(nights.forge.counts().values()) <= 20 + 60
    assert nights.rows("SELECT count(*) FROM runs") == [(100,)]
    nights.forge.heal()
    nights.fetch(days=1)
    assert nights.rows("SELECT count(*) FROM jobs WHERE detail = 'full'") == [(100,)]


def test_graphql_alone_being_ill_is_no_illness_of_the_forge(nights: Rig) -> None:
    nights.record(*small()).plant(Mishap("502", route=GRAPH))
    assert nights.fetch(*SMALL).outcome == "complete"
    assert read(nights) == dict.fromkeys(SMALL, (10, 10, 1))
    assert nights.count(GRAPH) < 5 * 5 + 25 + 40
