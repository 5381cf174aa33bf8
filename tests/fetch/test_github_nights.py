"""Night after night: what changed late is found, what is unchanged is free, and what the forge forgot is kept."""

import json
from pathlib import Path

import pytest

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.interface import Level, Mark
from pipelinedoctor.simulate.mishaps import Mishap
from tests.fetch.rig import DAY, GRAPH, JOBS, LIST, LOG, NOW, ROUTE, RUN, SHOP, Rig
from tests.helpers.bodies import minimal_repository_body, repository_body
from tests.helpers.deliveries import annotations
from tests.helpers.recordings import Run, job, run, write_recording

FIRST = [job("test", "failure", log="Error: boom\n"), job("lint")]


def old(number: int, days: float, conclusion: str = "success") -> Run:
    """A run made so many days before `NOW`."""
    return run(number, jobs=[job("test", conclusion, log="Error: x\n")], created=NOW - days * DAY)


def listed(nights: Rig) -> list[str]:
    return nights.forge.targets("/actions/runs?")


def test_of_a_long_first_window_only_what_changed_is_read_again_when_one_run_of_it_changes(nights: Rig) -> None:
    """Runs that can no longer change are forgotten, and stand on the page of one that can."""
    runs = [old(number, 90 - number, "failure" if number % 5 == 0 else "success") for number in range(1, 81)]
    nights.record(*runs).fetch(back=90)
    nights.fetch(days=0.5, back=90)
    assert len(nights.marks("run")) < 80
    before = nights.rows("SELECT * FROM jobs ORDER BY ALL")
    rerun = run(80, jobs=[job("test", "failure", log="Error: x\n"), job("test", attempt=2)], created=NOW - 10 * DAY)
    # Logs expire meanwhile.
    expired = [run(one.id, jobs=[job("test", one.jobs[0].conclusion)], created=one.created) for one in runs[:79]]
    nights.record(*expired, rerun).fetch(days=1, back=91)
    assert nights.count(JOBS) == 1
    assert nights.count(LOG) == 0
    assert nights.gaps() == []
    assert nights.rows("SELECT * FROM jobs WHERE job_id <> 80001 ORDER BY ALL") == before
    assert nights.rows("SELECT max(attempt) FROM jobs WHERE run_id = 80") == [(2,)]


def test_what_the_forge_deletes_stays_and_costs_nothing(nights: Rig) -> None:
    """Retention takes the oldest runs away each night, from the page that the others stand on."""
    runs = [old(number, 60 - number, "failure" if number % 7 == 0 else "success") for number in range(1, 61)]
    nights.record(*runs).fetch(back=61)
    nights.fetch(days=0.5, back=61)
    before = {table: nights.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in ("runs", "jobs", "failures")}
    for night in range(1, 5):
        nights.record(*runs[5 * night :]).fetch(days=night, back=61 + night)
        assert nights.count(JOBS) == 0
        assert nights.count(GRAPH) == 1
        assert {table: nights.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in before} == before
    assert nights.gaps() == []


def test_a_rerun_of_a_run_of_29_days_is_found(nights: Rig) -> None:
    others = [old(number, 40 - number) for number in range(2, 12)]
    nights.record(run(1, jobs=FIRST, created=NOW - DAY), *others).fetch(back=40)
    times = {"started_at": "2026-02-17T11:00:10Z", "completed_at": "2026-02-17T12:00:00Z"}
    again = [*FIRST, job("test", attempt=2, body=times)]
    late = {"updated_at": "2026-02-17T12:00:00Z", "run_started_at": "2026-02-17T11:00:00Z"}
    nights.record(run(1, jobs=again, created=NOW - DAY, body=late), *others)
    for night in (28, 28.5):
        nights.fetch(days=night, back=68)
    assert nights.rows("SELECT attempt, name, carried_over FROM jobs WHERE run_id = 1 ORDER BY ALL") == [
        (1, "lint", False),
        (1, "test", False),
        (2, "test", False),
    ]
    assert nights.count(JOBS) == 0


def test_a_run_that_appears_late_in_an_old_window_is_found(nights: Rig) -> None:
    runs = [old(number, 30 - number) for number in range(1, 20)]
    nights.record(*runs).fetch(back=30)
    late = run(50, jobs=FIRST, created=NOW - 15 * DAY)
    nights.record(*runs, late).fetch(days=1, back=31)
    assert nights.rows("SELECT count(*) FROM runs") == [(20,)]
    assert nights.rows("SELECT line FROM failures") == [("Error: boom",)]
    assert nights.count(JOBS) == 1


@pytest.mark.parametrize("level", list(Level))
def test_a_second_fetch_up_to_the_same_moment_costs_nothing_and_changes_nothing(nights: Rig, level: Level) -> None:
    runs = [old(number, 20 - number / 4, "failure" if number % 9 == 0 else "success") for number in range(1, 60)]
    nights.record(*runs).fetch(level=level)
    tables = ("runs", "run_attempts", "jobs", "steps", "failures", "commits", "fetch_gaps")
    before = {table: nights.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}
    state = nights.rows("SELECT * FROM sync_state WHERE kind IN ('run', 'leaf', 'covered') ORDER BY ALL")
    done = nights.fetch(level=level)
    assert nights.forge.counts() == {ROUTE: 1, LIST: 1, GRAPH: 1}
    assert done.free == 2
    assert {table: nights.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables} == before
    assert nights.rows("SELECT * FROM sync_state WHERE kind IN ('run', 'leaf', 'covered') ORDER BY ALL") == state


def test_marks_do_not_pile_up(nights: Rig) -> None:
    sizes: list[dict[str, int]] = []
    for night in range(0, 120, 3):
        runs = [old(1_000 + at, -at + 0.5) for at in range(max(0, night - 50), night + 1)]
        nights.record(*runs).fetch(days=night, back=30)
        nights.forge.reset()
        kinds = ("leaf", "run", "window", "page", "session", "sample", "walk", "annotate")
        sizes.append({kind: len(nights.marks(kind)) for kind in kinds})
    assert {name: count for name, count in sizes[-1].items() if name not in {"run", "leaf", "sample", "walk"}} == {
        "window": 0,
        "page": 0,
        "session": 0,
        "annotate": 0,
    }
    assert sizes[-1]["run"] <= 45
    assert sizes[-1]["leaf"] <= 16
    assert sizes[-1]["sample"] <= 8
    assert sizes[-1]["walk"] <= 4
    assert nights.rows("SELECT count(DISTINCT run_id) FROM runs") == [(118,)]


def test_an_open_run_that_fails_to_be_told_is_a_gap_and_ends_nothing(nights: Rig) -> None:
    late = {"updated_at": "2026-03-01T00:00:00Z"}
    waiting, other = (
        run(1, jobs=[job("wait", None)], body=late),
        run(9, jobs=[job("b")], created="2026-03-10T00:00:00Z"),
    )
    for days in (0, 49):
        nights.record(waiting, other).fetch(days=days)
    nights.plant(Mishap("500", route=RUN))
    done = nights.fetch(days=69)
    assert (done.outcome, done.unread) == ("complete", ())
    assert nights.gaps() == [("runs", "run 1", "run refused (500)")]
    nights.record(run(1, jobs=[job("wait")], body=late), other).fetch(days=70)
    assert nights.gaps() == []
    assert nights.rows("SELECT result FROM runs WHERE run_id = 1") == [("success",)]


def test_an_open_run_that_is_gone_is_told_and_kept(nights: Rig) -> None:
    late = {"updated_at": "2026-03-01T00:00:00Z"}
    waiting, other = (
        run(1, jobs=[job("wait", None)], body=late),
        run(9, jobs=[job("b")], created="2026-03-10T00:00:00Z"),
    )
    for days in (0, 49):
        nights.record(waiting, other).fetch(days=days)
    nights.record(other).fetch(days=69)
    assert nights.gaps() == [("runs", "run 1", "the forge has it no more; it had not ended when last seen")]
    assert nights.rows("SELECT status FROM runs WHERE run_id = 1") == [("in_progress",)]
    nights.fetch(days=70)
    assert nights.count(RUN) == 0


# --- The repository itself -----------------------------------------------------------------------------------------


def test_a_repository_that_is_unchanged_is_free_and_known_from_the_last_time(nights: Rig) -> None:
    nights.record(run(1, jobs=[job("a")]), repositories={SHOP: {"default_branch": "trunk"}}).fetch()
    before = nights.rows("SELECT * FROM repositories")
    done = nights.fetch(days=1)
    statuses = [one.status for one in nights.forge.ledger.requests if one.route == ROUTE]
    assert statuses == [304]
    assert done.free >= 1
    assert nights.rows("SELECT * FROM repositories") == before
    nights.record(run(1, jobs=[job("a")]), repositories={SHOP: {"archived": True}}).fetch(days=2)
    assert nights.rows("SELECT default_branch, archived FROM repositories") == [("main", True)]


def test_a_repository_renamed_between_two_nights_goes_on_as_the_same_one(nights: Rig, tmp_path: Path) -> None:
    same_id = {"id": minimal_repository_body(SHOP)["id"]}
    first = run(1, jobs=[job("build")])
    nights.record(first, run(2, jobs=[job("build")])).fetch()
    embedded = {"repository": minimal_repository_body("acme/store") | same_id}
    moved = [
        run(number, jobs=[job("build")], repository="acme/store", body=embedded, created=f"2026-01-{day:02}T12:00:00Z")
        for number, day in ((2, 5), (9, 20))
    ]
    folder = write_recording(tmp_path / "renamed", [first, *moved])
    body = {"repository": repository_body("acme/store") | same_id}
    (folder / "repositories.jsonl").write_text(f"{json.dumps(body)}\n")
    nights.serve(folder)
    for days in (1, 2):
        nights.fetch(days=days)
        assert nights.count("moved") == 1
    assert nights.rows("SELECT full_name FROM repositories") == [("acme/store",)]
    assert nights.rows("SELECT count(*), count(DISTINCT repository_id) FROM runs") == [(3, 1)]
    assert nights.rows("SELECT count(*) FROM jobs") == [(3,)]
    assert nights.gaps() == []


# --- Annotations ---------------------------------------------------------------------------------------------------

FAILED = [run(number, jobs=[job("test", "failure", log="x\n")]) for number in range(1, 121)]
TOLD = {"annotations": [annotations(number * 1_000, f"said {number}", "twice") for number in range(1, 121)]}


def stored(nights: Rig) -> int:
    return int(nights.rows("SELECT count(DISTINCT job_id) FROM annotations")[0][0])


@pytest.mark.parametrize("kind", ["502", "query halved", "query failed"])
def test_annotations_that_are_too_much_are_asked_for_in_parts(nights: Rig, kind: str) -> None:
    asked = nights.record(*FAILED, delivered=TOLD).fetch()
    assert asked.outcome == "complete"
    questions = nights.count(GRAPH)
    nights.store.connection.execute("DELETE FROM annotations; DELETE FROM sync_state")
    nights.plant(Mishap(kind, route=GRAPH, at=(questions - 3, questions - 2))).fetch(days=1, back=31)
    assert stored(nights) == 120
    assert nights.gaps() == []
    assert nights.marks("annotate") == {}


def test_more_annotations_of_a_job_than_are_told_are_a_gap(nights: Rig) -> None:
    nights.record(FAILED[0], delivered={"annotations": [annotations(1_000, *map(str, range(27)))]}).fetch()
    assert nights.rows("SELECT count(*) FROM annotations") == [(20,)]
    assert nights.gaps() == [("annotations", "job 1000", "27 annotations, of which the first 20 were read")]


def test_annotations_that_may_not_be_read_are_told_for_each_repository(nights: Rig) -> None:
    nights.record(*FAILED[:3], delivered={"annotations": TOLD["annotations"][:3]}, checks=False).fetch()
    assert ("annotations", "all", "not permitted to this token") in nights.gaps()
    assert nights.marks("annotate") == {}
    again = run(200, jobs=[job("test", "failure", log="x\n")], created="2026-01-27T12:00:00Z")
    more = [*TOLD["annotations"][:3], annotations(200_000, "now")]
    nights.record(*FAILED[:3], again, delivered={"annotations": more}).fetch(days=8)
    assert nights.gaps() == []
    assert nights.rows("SELECT message FROM annotations") == [("now",)]


def test_annotations_of_other_repositories_are_left_for_a_fetch_of_theirs(nights: Rig) -> None:
    """Another source of the same host may have another token."""
    mine, theirs = FAILED[0], run(500, jobs=[job("t", "failure", log="x\n")], repository="acme/theirs")
    lines = [TOLD["annotations"][0], annotations(500_000, "theirs", repository="acme/theirs")]
    nights.record(mine, theirs, delivered={"annotations": lines})
    number = repository_body("acme/theirs")["id"]
    nights.store.write("github.com", [], [Mark(kind="annotate", key=f"{number}/500000", value="CR_500000")])
    nights.fetch(SHOP)
    assert list(nights.marks("annotate")) == [f"{number}/500000"]
    nights.fetch("acme/theirs")
    assert nights.marks("annotate") == {}
    assert ("theirs",) in nights.rows("SELECT message FROM annotations")


@pytest.mark.parametrize("route", [LOG, f"{ROUTE}/actions/runs/{{run_id}}/artifacts"])
def test_a_token_that_ends_midway_ends_the_fetch_and_costs_no_log(nights: Rig, route: str) -> None:
    nights.record(run(1, jobs=[job("a", "failure", log="Error: x\n")])).plant(Mishap("401", route=route))
    with pytest.raises(ForgeError, match="check the token"):
        nights.fetch()
    nights.forge.heal()
    nights.fetch(days=1)
    assert nights.rows("SELECT line FROM failures") == [("Error: x",)]
    assert nights.gaps() == []


def test_a_link_that_has_run_out_is_asked_for_again(nights: Rig) -> None:
    nights.record(run(1, jobs=[job("a", "failure", log="Error: x\n")])).plant(Mishap("401", route="blob logs"))
    nights.fetch()
    assert [gap[2] for gap in nights.gaps()] == ["log not had: a download answered 401"]
    nights.forge.heal()
    nights.fetch(days=1)
    assert nights.rows("SELECT line FROM failures") == [("Error: x",)]
    assert nights.gaps() == []
