from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelinedoctor.findings import Answer, Finding, Measure
from pipelinedoctor.logs.mask import fingerprint, mask
from pipelinedoctor.model import Failure, FetchGap, Job, Repository, Row, Run, Verdict
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window
from queries.failure_clusters import MAX_ROWS, Options, failure_clusters

HOST = "github.com"
END = datetime(2026, 6, 1, tzinfo=UTC)
WINDOW = Window(END - timedelta(days=30), END)
TREND = Window(END - timedelta(days=90), END)
DNS = ("network", "dns", "Could not resolve host: git.example.org")
OOM = ("resource", "killed", "./run.sh: line 12:  4711 Killed")
ODD = ("unknown", None, "something odd")
Told = tuple[str, str | None, str]


def failed(
    number: int,
    *,
    told: Told | None = DNS,
    hours_ago: float = 24.0,
    repository: int = 1,
    name: str = "build",
    run: int | None = None,
    **changes: Any,
) -> list[Row]:
    """A job that failed after 90 seconds, its run, its repository, and what its log told."""
    made = END - timedelta(hours=hours_ago)
    run_id = 1_000 + number if run is None else run
    full_name = f"octo/app{repository}"
    url = f"https://github.com/{full_name}"
    rows: list[Row] = [
        Repository(host=HOST, repository_id=repository, forge="github", full_name=full_name, default_branch="main", html_url=url),
        Run(
            host=HOST, run_id=run_id, repository_id=repository, pipeline_id=7, pipeline="ci.yml", pipeline_name="CI", run_number=run_id,
            event="push", branch="main", commit_sha=f"{run_id:040x}", change_number=None, title="Change it", actor=f"person{number % 2}",
            status="completed", result="failure", forge_result="failure", attempt=1, created_at=made, updated_at=made, html_url=f"{url}/runs/{run_id}",
        ),
        Job(
            **{
                "host": HOST, "job_id": number, "run_id": run_id, "repository_id": repository, "attempt": 1, "name": name, "status": "completed",
                "result": "failure", "forge_result": "failure", "created_at": made, "started_at": made, "completed_at": made + timedelta(seconds=90),
                "queue_s": 0.0, "duration_s": 90.0, "labels": None, "runner": None, "carried_over": False, "html_url": f"{url}/job/{number}", **changes,
            }
        ),
    ]  # fmt: skip
    if told is not None:
        category, rule, line = told
        rows.append(
            Failure(
                host=HOST, job_id=number, ordinal=0, run_id=run_id, step=None, line=line, excerpt=f"before\n{line}\nafter", masked=mask(line),
                category=category, rule=rule, fingerprint=fingerprint(category, mask(line)),
            )
        )  # fmt: skip
    return rows


def ask(store: Store, rows: Sequence[list[Row]], options: Options | None = None) -> Answer:
    store.write(HOST, [row for group in rows for row in group])
    return failure_clusters(store.history(WINDOW, TREND), options or Options())


def measure(answer: Answer, name: str) -> Measure:
    return next(one for one in answer.measures if one.id == name)


def only(answer: Answer) -> Finding:
    (finding,) = answer.findings
    return finding


def test_a_store_without_failures_has_nothing_to_say(store: Store) -> None:
    repository, run, job = failed(1, told=None, result="success")
    assert isinstance(run, Run)
    rows = [repository, replace(run, result="success"), job]

    assert ask(store, [rows]).reason == "no job failed in the window"


@pytest.mark.parametrize(("runs", "told"), [(1, "1 run failed"), (2, "2 runs failed")])
def test_failing_runs_whose_jobs_were_not_read_are_told(store: Store, runs: int, told: str) -> None:
    passed = failed(9, told=None, run=1_001, result="success")
    rows = [*(failed(n, told=None)[:2] for n in range(1, runs + 1)), passed, failed(8, hours_ago=40 * 24)[:2]]

    assert ask(store, rows).reason == f"no failing job was read; {told}"


def test_failures_without_logs_are_a_reason_with_its_counts(store: Store) -> None:
    gaps: list[Row] = [
        FetchGap(
            host=HOST, repository="octo/app1", kind="log", subject=str(number), reason="log expired", rows_missing=1
        )
        for number in range(2)
    ]
    gaps.append(
        FetchGap(host=HOST, repository="octo/app1", kind="log", subject="9", reason="no access", rows_missing=None)
    )

    answer = ask(store, [failed(1, told=None), failed(2, told=None), failed(3, told=None), gaps])

    assert answer.reason == "no failed job has a log: 3 failing jobs, log expired (2); no access (1)"
    assert not answer.findings
    assert not answer.measures


def test_one_infrastructure_error_of_two_job_names_is_a_finding(store: Store) -> None:
    rows = [failed(n, name="ab"[n % 2], hours_ago=24.0 * n) for n in range(1, 5)]

    answer = ask(store, [*rows, failed(9, told=OOM), failed(10, told=None)])

    found = only(answer)
    assert found.verdict == Verdict.INFRASTRUCTURE
    assert found.title == "Network failures in 2 different jobs: Could not resolve host: git.example.org"
    assert (found.evidence.k, found.evidence.n) == (4, 6)
    assert found.evidence.low is not None
    assert found.evidence.high is not None
    assert found.evidence.low < 4 / 6 < found.evidence.high
    assert found.evidence.summary == "4 of 6 failing jobs in the window, in 2 different jobs"
    assert [link.url for link in found.evidence.links] == [f"https://github.com/octo/app1/job/{n}" for n in (1, 2, 3)]
    assert found.evidence.excerpt == "before\nCould not resolve host: git.example.org\nafter"
    assert dict(found.evidence.details)["Jobs"] == "a, b"
    assert found.subject.repository == "octo/app1"
    assert found.key == fingerprint("network", mask(DNS[2]))
    assert found.since == END - timedelta(hours=96) + timedelta(seconds=90)
    assert "DNS" in found.next_step
    assert found.cost is not None
    assert (found.cost.runner_minutes, found.cost.jobs) == (8.0, 4)


@pytest.mark.parametrize(
    "rows",
    [
        [failed(n, name="ab"[n % 2], hours_ago=24.0 * n) for n in range(1, 3)],
        [failed(n, name="a", hours_ago=24.0 * n) for n in range(1, 9)],
        [failed(n, name="ab"[n % 2], hours_ago=24.0 * n, told=OOM) for n in range(1, 9)],
        [failed(n, name="ab"[n % 2], hours_ago=24.0 * (40 + n)) for n in range(1, 9)] + [failed(99)],
    ],
    ids=["too few", "one job name", "no category of infrastructure", "before the window"],
)
def test_what_is_no_finding_is_in_the_measure(store: Store, rows: list[list[Row]]) -> None:
    answer = ask(store, rows)

    assert not answer.findings
    assert len(measure(answer, "clusters").rows) == 1


def test_fewer_jobs_are_enough_where_asked_for(store: Store) -> None:
    rows = [failed(n, name="ab"[n % 2], hours_ago=24.0 * n) for n in range(1, 3)]

    assert only(ask(store, rows, Options(min_jobs=2))).evidence.k == 2


def test_three_repositories_within_an_hour_are_an_outage(store: Store) -> None:
    start = END - timedelta(hours=10)
    rows = [failed(n, repository=n, hours_ago=10 - 0.2 * (n - 1)) for n in range(1, 5)]

    found = only(ask(store, rows))

    assert found.title == "Outage: network failures in 4 different jobs of 4 repositories within 36 min"
    details = dict(found.evidence.details)
    assert (details["Start"], details["End"]) == ("2026-05-31 14:01 UTC", "2026-05-31 14:37 UTC")
    assert details["Runs"] == "4"
    assert found.subject.repository is None
    assert found.key == f"{fingerprint('network', mask(DNS[2]))}/2026-05-31T14"
    assert found.since == start + timedelta(seconds=90)


def test_two_outages_of_one_error_are_two_and_the_rest_is_counted_once(store: Store) -> None:
    first = [failed(n, repository=n, hours_ago=100) for n in range(1, 4)]
    second = [failed(10 + n, repository=n, hours_ago=50) for n in range(1, 4)]
    rest = [failed(20 + n, repository=n, hours_ago=10.0 * n) for n in range(1, 4)]

    answer = ask(store, [*first, *second, *rest])

    assert [finding.title.split(":")[0] for finding in answer.findings] == [
        "Outage",
        "Outage",
        "Network failures in 3 different jobs of 3 repositories",
    ]
    assert len({finding.fingerprint for finding in answer.findings}) == 3
    assert sum(finding.cost.runner_minutes for finding in answer.findings if finding.cost) == 9 * 2


def test_an_outage_goes_on_as_long_as_each_hour_of_it_is_one(store: Store) -> None:
    rows = [failed(n, repository=n % 3 + 1, hours_ago=10 - n * 0.4) for n in range(8)]

    found = only(ask(store, rows))

    assert found.evidence.k == 8
    assert found.title.endswith("within 2.8 h")


def test_repositories_hit_hours_apart_are_no_outage(store: Store) -> None:
    rows = [failed(n, repository=n, hours_ago=10.0 + 2 * n) for n in range(1, 4)]

    assert only(ask(store, rows)).title.startswith("Network failures")


@pytest.mark.parametrize(("runs", "names", "outage"), [(5, 3, True), (4, 3, False), (5, 2, False)])
def test_a_single_repository_needs_five_runs_of_three_jobs(store: Store, runs: int, names: int, outage: bool) -> None:
    rows = [failed(n, name=f"job {'abc'[n % names]}", hours_ago=10 - n * 0.1) for n in range(runs)]

    assert only(ask(store, rows)).title.startswith("Outage") == outage


def test_the_table_of_clusters_counts_each(store: Store) -> None:
    rows = [failed(n, told=OOM, hours_ago=24.0 * n, name="ab"[n % 2]) for n in range(1, 4)]
    old = failed(8, told=OOM, hours_ago=24.0 * 60)
    other = failed(9, told=ODD, hours_ago=1, repository=2)

    table = measure(ask(store, [*rows, old, other, failed(10, told=None)]), "clusters")

    first, second = table.rows
    assert first == {
        "template": "./run.sh: line <N0>: <N0> Killed",
        "category": "resource",
        "jobs": 3,
        "runs": 3,
        "repositories": 1,
        "authors": 2,
        "first_seen": END - timedelta(hours=24 * 60) + timedelta(seconds=90),
        "last_seen": END - timedelta(hours=24) + timedelta(seconds=90),
        "example": "https://github.com/octo/app1/job/1",
    }
    assert (second["template"], second["jobs"]) == ("something odd", 1)
    assert "2 clusters over 4 of 5 failing jobs" in table.caption
    assert [column.name for column in table.columns] == list(first)


def test_what_is_left_out_of_the_table_is_said(store: Store) -> None:
    rows = [failed(n, told=("lint", "eslint", f"{'word ' * (n + 1)}end")) for n in range(MAX_ROWS + 2)]

    table = measure(ask(store, rows), "clusters")

    assert len(table.rows) == MAX_ROWS
    assert "Left out: 2 clusters with 2 failing jobs." in table.caption


def test_categories_add_up_and_tell_what_is_unknown(store: Store) -> None:
    rows = [failed(1, told=OOM), failed(2, told=OOM), failed(3, told=ODD), failed(4, told=None)]

    table = measure(ask(store, rows), "categories")

    assert [(row["category"], row["jobs"]) for row in table.rows] == [("resource", 2), ("unknown", 1), ("no log", 1)]
    assert sum(row["share"] for row in table.rows) == pytest.approx(1)
    assert (
        table.caption == "Of 4 failing jobs in the window 3 have a log; no rule knows the cause of 1 of them (33.3 %)."
    )


def test_authors_that_the_forge_does_not_name_are_not_counted_as_none(store: Store) -> None:
    history = [failed(1, told=OOM, hours_ago=1)]
    ask(store, history)
    store.connection.execute("UPDATE runs SET actor = NULL")

    assert measure(ask(store, []), "clusters").rows[0]["authors"] is None


def test_the_order_of_writing_has_no_say(new_store: Callable[[], Store]) -> None:
    rows = [failed(n, name="ab"[n % 2], hours_ago=24.0 * (n % 5), told=(DNS, OOM, ODD)[n % 3]) for n in range(24)]

    answers = []
    for order in (rows, rows[::-1]):
        with new_store() as store:
            answers.append(ask(store, order))

    assert answers[0] == answers[1]
    assert answers[0].findings


def test_a_finding_keeps_its_fingerprint_when_more_arrives(store: Store) -> None:
    rows = [failed(n, name="ab"[n % 2], hours_ago=24.0 * n) for n in range(1, 5)]
    before = only(ask(store, rows)).fingerprint

    after = only(ask(store, [failed(n, name="ab"[n % 2], hours_ago=24.0 * n) for n in range(5, 12)])).fingerprint

    assert before == after


def test_a_hostile_line_is_passed_on_as_text(store: Store) -> None:
    line = "Could not resolve host: <script>alert(1)</script> | ](x) " + "y" * 900
    rows = [failed(n, name="ab"[n % 2], hours_ago=24.0 * n, told=("network", "dns", line)) for n in range(1, 5)]

    found = only(ask(store, rows))

    assert len(found.title) < 200
    assert "<script>" in found.title
