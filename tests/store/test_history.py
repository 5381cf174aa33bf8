"""What queries see: the right rows, in order, with the columns promised, whatever is asked of them."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipelinedoctor.model import Commit, Failure, FetchGap, Job, Repository, Row, Run, Step, TestResult
from pipelinedoctor.stats.cost import billed_minutes
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import History, Totals, Window
from tests.store.rows import HOST, at, job, repository, run

ALWAYS = Window(at(-10_000), at(10_000))
FAILURE = Failure(
    host=HOST,
    job_id=1,
    ordinal=0,
    run_id=1,
    step="Run tests",
    line="boom",
    excerpt="boom",
    masked="boom",
    category="test",
    rule=None,
    fingerprint="0" * 16,
)
STEP = Step(host=HOST, job_id=1, number=1, name="Run tests", result="failure", started_at=at(1), completed_at=None)
TEST = TestResult(
    host=HOST,
    run_id=1,
    job_id=1,
    attempt=1,
    test="pkg.Case::one",
    ordinal=0,
    suite="pkg",
    result="failure",
    duration_s=0.5,
    message="boom",
    detail=None,
)
COMMIT = Commit(
    host=HOST,
    repository_id=1,
    sha="a" * 40,
    parents="",
    authored_at=at(0),
    committed_at=at(5),
    author="Ada",
    subject="Change it",
)


def history(store: Store, rows: list[Row] | None = None, window: Window = ALWAYS) -> History:
    store.write(HOST, rows or [])
    return store.history(window, ALWAYS)


def one_of_each() -> list[Row]:
    return [repository(), run(1), job(1, 1), STEP, FAILURE, TEST, COMMIT]


# Windows


def test_a_windows_start_is_in_it_and_its_end_is_not(store: Store) -> None:
    rows: list[Row] = [repository(), *(run(n) for n in range(5)), *(job(10 + n, n) for n in range(5))]
    rows += [replace(STEP, job_id=10 + n) for n in range(5)]
    rows += [replace(FAILURE, job_id=10 + n, run_id=n) for n in range(5)]
    rows += [replace(TEST, job_id=10 + n, run_id=n) for n in range(5)]
    seen = history(store, rows, Window(at(1), at(3)))
    for frame in (seen.runs(), seen.jobs(), seen.steps(), seen.failures(), seen.test_results()):
        assert frame.collect()["run_id"].to_list() == [1, 2]
    assert seen.runs(window=Window(at(4), at(9))).collect()["run_id"].to_list() == [4]
    assert seen.totals().jobs == 2
    assert seen.totals(ALWAYS).jobs == 5


def test_windows_of_other_zones_are_the_same_moments(store: Store) -> None:
    there = timezone(timedelta(hours=9))
    seen = history(store, [run(n) for n in range(4)])
    moved = Window(at(1).astimezone(there), at(3).astimezone(there))
    assert seen.runs(window=moved).collect()["run_id"].to_list() == [1, 2]


def test_commits_are_all_there_or_those_committed_in_a_window(store: Store) -> None:
    rows: list[Row] = [replace(COMMIT, sha=str(n), committed_at=at(n)) for n in range(4)]
    seen = history(store, [*rows, replace(COMMIT, sha="x", committed_at=None)], Window(at(1), at(3)))
    assert seen.commits().collect()["sha"].to_list() == ["0", "1", "2", "3", "x"]
    assert seen.commits(window=seen.window).collect()["sha"].to_list() == ["1", "2"]


# Columns


def test_every_frame_has_its_columns_and_types_with_and_without_rows(store: Store) -> None:
    def all_frames(seen: History) -> list[pl.LazyFrame]:
        joined = [seen.runs(), seen.jobs(), seen.steps(), seen.failures(), seen.test_results()]
        return [seen.repositories(), *joined, seen.commits(), seen.gaps(), seen.sources()]

    empty = [frame.collect_schema() for frame in all_frames(history(store))]
    assert [frame.collect().schema for frame in all_frames(history(store))] == empty
    gap = FetchGap(host=HOST, repository="octo/app", kind="log", subject="1", reason="expired", rows_missing=None)
    store.record_source(host=HOST, forge="github", origin="live", fetched_at=at(9), outcome="complete")
    full = [frame.collect() for frame in all_frames(history(store, [*one_of_each(), gap]))]
    assert [frame.schema for frame in full] == empty
    assert [frame.height for frame in full] == [1] * len(full)
    for schema in empty:
        for name, dtype in schema.items():
            assert dtype in (pl.String, pl.Int64, pl.Float64, pl.Boolean, pl.Datetime("us", "UTC")), name


def test_a_job_comes_with_its_run(store: Store) -> None:
    row = history(store, one_of_each()).jobs().collect().row(0, named=True)
    own, its_run = job(1, 1), run(1)
    assert {name: row[name] for name in ("started_at", "queue_s", "duration_s", "labels", "runner", "html_url")} == {
        "started_at": at(2),
        "queue_s": 60.0,
        "duration_s": 90.0,
        "labels": "ubuntu-latest",
        "runner": "runner 1",
        "html_url": own.html_url,
    }
    assert (row["run_created_at"], row["run_url"], row["run_number"]) == (its_run.created_at, its_run.html_url, 1)
    assert (row["forge"], row["repository"], row["default_branch"]) == ("github", "octo/app", "main")
    assert (row["name"], row["job"], row["billed_minutes"]) == ("test", "test", 2)


def test_failures_steps_and_tests_come_with_their_job(store: Store) -> None:
    unplaced = replace(TEST, job_id=0)
    seen = history(store, [*one_of_each(), unplaced])
    failure = seen.failures().collect().row(0, named=True)
    step = seen.steps().collect().row(0, named=True)
    nowhere, test = seen.test_results().collect().rows(named=True)
    assert (failure["line"], failure["job"], failure["commit_sha"]) == ("boom", "test", "a" * 40)
    assert (step["step"], step["step_result"], step["name"], step["result"]) == (
        "Run tests", "failure", "test", "success",
    )  # fmt: skip
    assert (test["job"], test["job_result"], test["result"], test["duration_s"]) == ("test", "success", "failure", 0.5)
    assert (nowhere["job"], nowhere["name"], nowhere["html_url"]) == (None, None, None)
    assert (nowhere["event_class"], nowhere["run_url"]) == ("default", run(1).html_url)


def test_columns_may_be_chosen_in_any_order(store: Store) -> None:
    seen = history(store, one_of_each())
    assert seen.jobs(["job", "host"]).collect().columns == ["job", "host"]
    assert seen.jobs(["run_id"]).filter(pl.col("run_id") == 1).collect().columns == ["run_id"]
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="nothing"):
        seen.jobs(["nothing"]).collect()


# Lazy frames


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """200 jobs of 40 runs, written in no good order."""
    runs: list[Row] = [run(n, commit_sha=str(n % 9)) for n in range(40)]
    results = ("success", "failure", "cancelled")
    jobs: list[Row] = [job(n * 37 % 200, n % 40, name=f"job {n % 3}", result=results[n % 3]) for n in range(200)]
    with Store.open(tmp_path_factory.mktemp("many") / "history.duckdb") as store:
        yield history(store, [*reversed(jobs), *runs, repository()])


def test_rows_are_in_the_order_of_their_keys(many: History) -> None:
    assert many.jobs().collect()["job_id"].to_list() == list(range(200))
    assert many.jobs(["name"]).collect().equals(many.jobs().collect().select("name"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda frame: frame.filter(pl.col("result") == "failure").select("job", "job_id"),
        lambda frame: frame.filter((pl.col("job_id") > 20) & pl.col("name").str.ends_with("1")).select("result"),
        lambda frame: frame.select(pl.len()),
        lambda frame: frame.filter(pl.col("result") != "success").select(pl.len()),
        lambda frame: frame.head(7),
        lambda frame: frame.filter(pl.col("result") == "failure").head(7),
        lambda frame: frame.slice(190, 50).select("job_id", "job"),
        lambda frame: frame.tail(3),
        lambda frame: frame.filter(pl.col("run_created_at") >= at(30)).select("run_id"),
        lambda frame: frame.group_by("job").agg(pl.len(), pl.col("duration_s").sum()).sort("job"),
        lambda frame: frame.join(frame.select("job_id", twin="name"), on="job_id").sort("job_id"),
        lambda frame: frame.filter(pl.lit(value=False)),
        lambda frame: frame.select(pl.lit(1).alias("one")),
    ],
)
def test_lazy_and_eager_answers_are_equal(many: History, ask: Any) -> None:
    assert_frame_equal(ask(many.jobs()).collect(), ask(many.jobs().collect().lazy()).collect())


def test_many_frames_may_be_collected_at_once(many: History) -> None:
    frames = [many.jobs(), many.runs(), many.jobs(["job"]), many.repositories()] * 3
    together = pl.collect_all(frames)
    assert [frame.height for frame in together] == [200, 40, 200, 1] * 3


def test_only_the_columns_asked_for_are_read(many: History) -> None:
    plan = many.jobs().filter(pl.col("result") == "failure").select("job_id").explain()
    assert "PROJECT 2/37 COLUMNS" in plan


# What a run is


@pytest.mark.parametrize(
    ("event", "branch", "default", "on_default", "event_class"),
    [
        ("push", "main", "main", True, "default"),
        ("schedule", "main", "main", True, "default"),
        ("workflow_dispatch", "main", "main", True, "other"),
        ("push", "topic", "main", False, "other"),
        ("push", None, "main", False, "other"),
        ("push", "main", None, False, "other"),
        # The branch `main` of a fork.
        ("pull_request", "main", "main", False, "change"),
        ("pull_request_target", "main", "main", False, "change"),
        ("merge_request_event", "main", "main", False, "change"),
        ("merge_group", "gh-readonly-queue/main/pr-1", "main", False, "merge_group"),
    ],
)
def test_which_tree_a_run_ran(
    store: Store, event: str, branch: str | None, default: str | None, on_default: bool, event_class: str
) -> None:
    seen = history(store, [repository(default_branch=default), run(1, event=event, branch=branch), job(1, 1)])
    for frame in (seen.runs(), seen.jobs()):
        assert frame.select("on_default", "event_class").collect().rows() == [(on_default, event_class)]


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ([("a.yml", "A"), ("b.yml", "B")], "b.yml"),
        ([("a.yml", "A"), (None, "B")], "a.yml"),
        ([("a.yml@refs/heads/x", None), ("", "")], "a.yml"),
        ([(None, "A"), (None, "B"), (None, None)], "B"),
        ([(None, None)], "pipeline 7"),
    ],
)
def test_a_pipeline_goes_by_its_newest_known_path_else_name_else_id(
    store: Store, known: list[tuple[str | None, str | None]], name: str
) -> None:
    rows: list[Row] = [
        run(9 - n, pipeline=path, pipeline_name=told, created_at=at(n)) for n, (path, told) in enumerate(known)
    ]
    seen = history(store, [*rows, run(99, pipeline_id=8, pipeline="other.yml")])
    assert seen.runs().filter(pl.col("pipeline_id") == 7).collect()["pipeline"].unique().to_list() == [name]


def test_a_run_of_a_repository_not_known_is_seen_all_the_same(store: Store) -> None:
    seen = history(store, [run(1), job(1, 1)])
    assert seen.jobs(["repository", "default_branch", "on_default"]).collect().rows() == [("repository 1", None, False)]


def test_carried_over_jobs_are_not_counted(store: Store) -> None:
    seen = history(store, [run(1), job(1, 1, result="failure"), job(2, 1, attempt=2, carried_over=True), job(3, 1)])
    assert seen.jobs().collect()["job_id"].to_list() == [1, 3]
    assert seen.totals().jobs == 2
    assert seen.same_commit()["successes"].to_list() == [1]


def test_equal_ids_of_two_hosts_do_not_meet(store: Store) -> None:
    other = "github.example.com"
    rows = one_of_each()
    away = [replace(row, host=other) for row in rows if not isinstance(row, Job)]
    seen = history(store, [*rows, *away, job(1, 1, host=other, name="away", result="failure")])
    for frame in (seen.jobs(), seen.failures(), seen.steps(), seen.test_results()):
        assert frame.select("host", "job").collect().rows() == [(HOST, "test"), (other, "away")]
    assert seen.same_commit().select("host", "successes").rows() == [(other, 0)]


# Identity


def test_jobs_carry_their_identity_and_its_list_says_why(store: Store) -> None:
    rows: list[Row] = [run(n) for n in range(4)]
    rows += [job(10 * n + shard, n, name=f"test ({shard}/3)") for n in range(4) for shard in (1, 2, 3)]
    seen = history(store, rows, Window(at(2), at(3)))
    assert seen.jobs().collect()["job"].to_list() == ["test"] * 3
    assert seen.job_names().rows() == [(HOST, 1, 7, f"test ({shard}/3)", "test") for shard in (1, 2, 3)]


def test_a_history_of_later_rows_knows_their_identity(store: Store) -> None:
    first = history(store, [run(1), job(1, 1, name="lint")])
    assert first.jobs().collect()["job"].to_list() == ["lint"]
    second = history(store, [job(2, 1, name="build (1/2)")])
    assert second.jobs().collect()["job"].to_list() == ["lint", "build"]


# The same commit

_RESULTS = ("success", "failure", "timed_out", "cancelled", "skipped", "error", "unknown")
_KEY = ("host", "repository_id", "pipeline_id", "job", "name", "commit_sha", "event_class")

runs_of_any_kind = st.builds(
    run,
    st.integers(1, 8),
    repository_id=st.integers(1, 2),
    pipeline_id=st.integers(7, 8),
    commit_sha=st.sampled_from("ab"),
    event=st.sampled_from(["push", "schedule", "pull_request", "workflow_dispatch"]),
    created_at=st.integers(0, 6).map(at),
)
jobs_of_any_kind = st.builds(
    job,
    st.integers(1, 40),
    st.integers(1, 8),
    name=st.sampled_from(["unit (1/2)", "unit (2/2)", "lint"]),
    result=st.sampled_from(_RESULTS),
    carried_over=st.sampled_from([False, False, True]),
    completed_at=st.none() | st.integers(0, 9).map(at),
    started_at=st.none() | st.integers(0, 9).map(at),
    created_at=st.none() | st.integers(0, 9).map(at),
    duration_s=st.none() | st.floats(-100, 400) | st.sampled_from([0.0, 60.0, 60.001, 120.0, math.inf]),
)


def executions(runs: list[Run], jobs: list[Job], names: pl.DataFrame, window: Window) -> Iterator[dict[str, Any]]:
    """The jobs that count, each with its key and its time, joined in plain Python."""
    by_id = {row.run_id: row for row in runs}
    identity = {row[:-1]: row[-1] for row in names.iter_rows()}
    for row in {row.job_id: row for row in jobs}.values():
        its_run = by_id.get(row.run_id)
        if its_run is None or row.carried_over or not window.start <= its_run.created_at < window.end:
            continue
        pipeline = (HOST, its_run.repository_id, its_run.pipeline_id)
        classes = {"push": "default", "schedule": "default", "pull_request": "change"}
        yield {
            "key": (
                *pipeline,
                identity[*pipeline, row.name],
                row.name,
                its_run.commit_sha,
                classes.get(its_run.event, "other"),
            ),
            "job": row,
            "at": row.completed_at or row.started_at or row.created_at or its_run.created_at,
            "minutes": billed_minutes(row.duration_s),
        }


def brute_force(seen: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """`same_commit` without any art."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for one in seen:
        groups[one["key"]].append(one)
    rows = []
    for key, group in sorted(groups.items()):
        failed, passed = (
            sorted(
                (one for one in group if one["job"].result in results), key=lambda one: (one["at"], one["job"].job_id)
            )
            for results in (("failure", "timed_out"), ("success",))
        )
        if failed:
            last = [found[-1]["job"] if found else None for found in (failed, passed)]
            links = [(one.job_id, one.run_id, one.html_url) if one else (None, None, None) for one in last]
            counts = (len(failed), len(passed), sum(one["minutes"] for one in failed))
            rows.append((*key, *counts, failed[0]["at"], failed[-1]["at"], *links[0], *links[1]))
    return rows


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("laws") / "history.duckdb") as store:
        yield store


def test_same_commit_and_totals_are_what_counting_by_hand_gives(shared: Store) -> None:
    @settings(deadline=None, max_examples=25)
    @given(st.lists(runs_of_any_kind, max_size=8), st.lists(jobs_of_any_kind, max_size=40))
    def law(runs: list[Run], jobs: list[Job]) -> None:
        shared.connection.execute("DELETE FROM runs; DELETE FROM jobs")
        window = Window(at(1), at(6))
        homes: list[Repository] = [repository(), repository(repository_id=2, full_name="octo/lib")]
        seen = history(shared, [*homes, *runs, *jobs], window)
        runs = list({row.run_id: row for row in runs}.values())
        counted = list(executions(runs, jobs, seen.job_names(), window))
        same = seen.same_commit()
        assert same.drop("forge", "repository", "pipeline").rows() == brute_force(counted)
        failing = [one for one in counted if one["job"].result in ("failure", "timed_out")]
        passing = {one["key"] for one in counted if one["job"].result == "success"}
        contradicted = [one for one in failing if one["key"] in passing]
        assert seen.totals() == Totals(
            runs=sum(window.start <= row.created_at < window.end for row in runs),
            jobs=len(counted),
            test_results=0,
            runner_minutes=sum(one["minutes"] for one in counted),
            failing_jobs=len(failing),
            failing_minutes=sum(one["minutes"] for one in failing),
            contradicted_jobs=len(contradicted),
            contradicted_minutes=sum(one["minutes"] for one in contradicted),
        )

    law()


def test_same_commit_names_a_failing_and_a_passing_job(store: Store) -> None:
    rows: list[Row] = [repository(), run(1), run(2, created_at=at(50))]
    rows += [job(11, 1, result="failure"), job(12, 1, attempt=2), job(21, 2, result="timed_out", completed_at=at(60))]
    rows += [job(30, 1, name="lint", result="failure")]
    lint, test = history(store, rows).same_commit().rows(named=True)
    assert test == {
        **dict(zip(_KEY, (HOST, 1, 7, "test", "test", "a" * 40, "default"), strict=True)),
        "forge": "github",
        "repository": "octo/app",
        "pipeline": ".github/workflows/ci.yml",
        "failures": 2,
        "successes": 1,
        "failing_minutes": 4,
        "first_failed_at": at(3.5),
        "last_failed_at": at(60),
        "failed_job_id": 21,
        "failed_run_id": 2,
        "failed_url": job(21, 2).html_url,
        "passed_job_id": 12,
        "passed_run_id": 1,
        "passed_url": job(12, 1).html_url,
    }
    assert (lint["job"], lint["successes"], lint["passed_job_id"], lint["passed_url"]) == ("lint", 0, None, None)


def test_one_shard_does_not_contradict_another(store: Store) -> None:
    rows: list[Row] = [
        repository(),
        run(1),
        job(1, 1, name="test (1/2)", result="failure"),
        job(2, 1, name="test (2/2)"),
    ]
    seen = history(store, rows)
    assert seen.same_commit().select("job", "name", "failures", "successes").rows() == [("test", "test (1/2)", 1, 0)]
    assert seen.totals().contradicted_jobs == 0


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [(None, 0), (-5.0, 0), (0.0, 0), (0.1, 1), (60.0, 1), (60.5, 2), (3600.0, 60), (math.nan, 0), (math.inf, 0)],
)
def test_each_job_is_billed_by_whole_minutes(store: Store, seconds: float | None, minutes: int) -> None:
    seen = history(store, [run(1), job(1, 1, duration_s=seconds), job(2, 1, duration_s=seconds)])
    assert seen.jobs(["billed_minutes"]).collect().rows() == [(minutes,)] * 2
    assert seen.totals().runner_minutes == 2 * minutes
    assert billed_minutes(seconds) == minutes


def test_an_empty_store_has_nothing_in_it(store: Store) -> None:
    seen = history(store)
    assert seen.totals() == Totals(0, 0, 0, 0, 0, 0, 0, 0)
    assert seen.same_commit().height == 0
    assert seen.job_names().schema == {
        "host": pl.String, "repository_id": pl.Int64, "pipeline_id": pl.Int64, "name": pl.String, "job": pl.String,
    }  # fmt: skip


def test_the_order_of_tests_in_reports_and_what_stands_before_each(store: Store) -> None:
    order = [("a", "success"), ("b", "failure"), ("c", "skipped"), ("a", "success"), ("d", "success")]
    made = [
        TestResult(
            host=HOST, run_id=1, job_id=job, attempt=1, test=test, ordinal=place if test == "a" else 0, suite=None,
            result=result, duration_s=None, message=None, detail=None, position=place if job < 3 else None,
        )
        for job in (1, 2, 3)
        for place, (test, result) in enumerate(order)
    ]  # fmt: skip
    store.write(HOST, made)
    history = store.history(ALWAYS, ALWAYS)
    jobs = pl.DataFrame({"host": [HOST, HOST], "job_id": [2, 3]})
    assert history.placed_tests(jobs).rows() == [
        (HOST, 2, "a", 0),
        (HOST, 2, "b", 1),
        (HOST, 2, "a", 3),
        (HOST, 2, "d", 4),
    ]
    tests = jobs.join(pl.DataFrame({"test": ["a", "b", "c", "d"]}), how="cross")
    assert history.tests_before(tests).rows() == [(HOST, 2, "a", None), (HOST, 2, "b", "a"), (HOST, 2, "d", "a")]
