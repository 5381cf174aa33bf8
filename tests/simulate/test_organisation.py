"""A small simulated organisation: the same for a seed, and shaped as a forge's history is."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from pipelinedoctor import simulate
from pipelinedoctor.fetch.github.rows import commit_row, job_rows, repository_row, run_rows
from pipelinedoctor.logs.redact import redact
from pipelinedoctor.simulate.organisation import SMALL, Scale, write_organisation

Bodies = list[dict[str, Any]]


def read(folder: Path, name: str) -> Bodies:
    with (folder / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisation")
    write_organisation(folder, seed=5, scale=SMALL)
    return folder


@pytest.fixture(scope="module")
def runs(small: Path) -> Bodies:
    return [line["run"] for line in read(small, "runs")]


@pytest.fixture(scope="module")
def jobs(small: Path) -> Bodies:
    return [job for line in read(small, "jobs") for job in line["jobs"]]


def contents(folder: Path) -> dict[str, bytes]:
    """Of both forges."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.json*"))}


def test_one_seed_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    write_organisation(tmp_path, seed=5, scale=SMALL)
    assert contents(tmp_path) == contents(small)


def test_another_seed_gives_another_history(small: Path, tmp_path: Path) -> None:
    write_organisation(tmp_path, seed=6, scale=SMALL)
    same = {name for name, text in contents(tmp_path).items() if text == contents(small)[name]}
    always = {"recording.json", "repositories.jsonl"}
    assert same == always | {
        f"gitlab/{name}.json{line}" for name, line in (("recording", ""), ("projects", "l"), ("environments", "l"))
    }


def test_one_repository_is_enough(tmp_path: Path) -> None:
    truth = write_organisation(tmp_path, seed=1, scale=Scale(repositories=1, weeks=5, changes_a_day=0.4))
    assert {one["repository"]["full_name"] for one in read(tmp_path, "repositories")} == {"tarnley/ledger"}
    assert len(read(tmp_path / "gitlab", "projects")) == 1
    assert truth.counts["runs"] == len(read(tmp_path, "runs")) + len(read(tmp_path / "gitlab", "pipelines")) > 0


def test_what_the_recording_says_of_itself(small: Path) -> None:
    about = json.loads((small / "recording.json").read_text(encoding="utf-8"))
    assert about == {"origin": "simulated", "host": "git.simulated.invalid", "as_of": "2026-06-01T00:00:00Z"}


def test_every_body_becomes_rows(small: Path, runs: Bodies, jobs: Bodies) -> None:
    host = "git.simulated.invalid"
    repositories = [repository_row(host, line["repository"]) for line in read(small, "repositories")]
    assert {one.default_branch for one in repositories} == {"main"}
    for run in runs:
        assert len(run_rows(host, run)) == 3
    for job in jobs:
        assert job_rows(host, job, 1)
    commits = [commit_row(host, line["commit"], 1) for line in read(small, "commits")]
    shas = {commit.sha for commit in commits}
    assert len(shas) == len(commits)
    assert all(
        commit.authored_at <= commit.committed_at for commit in commits if commit.authored_at and commit.committed_at
    )
    assert {commit.parents for commit in commits} - shas == {""}


def test_ids_are_unique_and_runs_come_in_order(runs: Bodies, jobs: Bodies) -> None:
    assert len({run["id"] for run in runs}) == len(runs)
    assert len({job["id"] for job in jobs}) == len(jobs)
    assert [run["created_at"] for run in runs] == sorted(run["created_at"] for run in runs)
    assert {job["run_id"] for job in jobs} <= {run["id"] for run in runs}


def test_times_of_jobs_do_not_run_backwards(jobs: Bodies) -> None:
    for job in jobs:
        assert job["created_at"] <= job["started_at"], job
        assert job["completed_at"] is None or job["started_at"] <= job["completed_at"], job
        times = [time for step in job["steps"] for time in (step["started_at"], step["completed_at"]) if time]
        assert times == sorted(times), job


def test_a_run_ends_as_its_newest_attempt_does(small: Path, runs: Bodies) -> None:
    by_run = {run["id"]: run for run in runs}
    looked_at = set()
    for line in read(small, "jobs"):
        if not line["jobs"]:
            continue
        run = by_run[line["jobs"][0]["run_id"]]
        newest = max(job["run_attempt"] for job in line["jobs"])
        ends = {job["conclusion"] for job in line["jobs"] if job["run_attempt"] == newest}
        assert run["run_attempt"] == newest
        assert line["total_count"] == len(line["jobs"])
        if run["conclusion"] in {"success", "failure"}:
            assert (run["conclusion"] == "failure") == bool(ends & {"failure", "timed_out"})
            assert ends.isdisjoint({"cancelled", None})
        looked_at.add(run["conclusion"])
    assert looked_at >= {"success", "failure", "cancelled"}


def test_a_rerun_lists_only_what_it_ran(small: Path) -> None:
    partial = whole = 0
    for line in read(small, "jobs"):
        passed = {job["name"] for job in line["jobs"] if job["run_attempt"] == 1 and job["conclusion"] == "success"}
        second = {job["name"] for job in line["jobs"] if job["run_attempt"] == 2}
        if second:
            again = second & passed
            # In a rerun of everything a job may be left out again for what it needs.
            assert not again or passed - again <= {"package (amd64)", "package (arm64)"}
            partial += not again
            whole += bool(again)
            failed = {job["name"] for job in line["jobs"] if job["run_attempt"] == 1 and job["conclusion"] == "failure"}
            assert failed <= second
    assert partial > whole > 0


def test_a_matrix_that_is_skipped_keeps_its_raw_name(jobs: Bodies) -> None:
    raw = [job for job in jobs if "${{" in job["name"]]
    assert {job["conclusion"] for job in raw} == {"skipped"}


def test_failing_jobs_have_one_failed_step_and_a_log(small: Path, jobs: Bodies) -> None:
    logs = {line["job_id"]: line["log"] for line in read(small, "logs")}
    failing = {job["id"]: job for job in jobs if job["conclusion"] in {"failure", "timed_out"}}
    assert logs.keys() == failing.keys()
    for job_id, log in logs.items():
        steps = [step["conclusion"] for step in failing[job_id]["steps"]]
        assert steps.count("failure") == 1
        first, *rest = log.removeprefix("\ufeff").splitlines()
        assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z ", line) for line in (first, *rest))
        assert "##[error]" in log
        assert log.count("##[group]") == log.count("##[endgroup]")


def test_reports_are_xml_and_count_right(small: Path) -> None:
    shapes = set()
    for line in read(small, "artifacts"):
        assert re.fullmatch(r"test-results-[\w.-]+-attempt-[123]", line["name"])
        for path, text in line["files"].items():
            root = etree.fromstring(text.encode())
            suites = list(root.iter("testsuite"))
            for suite in suites:
                assert int(suite.get("tests")) == len(list(suite.iter("testcase"))) > 0
            failures = {element.get("failures") for element in (root, *suites)} - {None}
            shapes.add((path.partition("-")[0], root.tag))
            if len(failures) == 1:
                assert int(failures.pop()) == len(list(root.iter("failure")))
    assert shapes == {("TEST", "testsuite"), ("junit.xml", "testsuites"), ("report.xml", "testsuites")}


def test_planted_secrets_are_told_by_their_shape_and_stand_in_no_source(small: Path) -> None:
    secret = re.compile(r"gh[p]_[a-z0-9]{36}|AK[I]A[A-Z0-9]{16}|np[m]_[A-Z0-9]{36}|ey[J][A-Z0-9]{12}\.")
    logs = [line["log"] for line in read(small, "logs")]
    leaking = [log for log in logs if secret.search(log)]
    assert leaking
    assert not any(secret.search(redact(log)) for log in leaking)
    sources: Iterator[Path] = Path(simulate.__file__).parent.glob("*.py")
    assert not any(secret.search(path.read_text(encoding="utf-8")) for path in sources)


def test_some_work_is_unfinished_when_history_ends(small: Path, runs: Bodies, jobs: Bodies) -> None:
    going = {run["id"] for run in runs if run["status"] == "in_progress"}
    assert going
    assert all(run["conclusion"] is None for run in runs if run["id"] in going)
    assert {job["run_id"] for job in jobs if job["conclusion"] is None} == going
    about = json.loads((small / "recording.json").read_text(encoding="utf-8"))
    end = datetime.fromisoformat(about["as_of"])
    times = [time for job in jobs for time in (job["created_at"], job["started_at"], job["completed_at"]) if time]
    assert max(map(datetime.fromisoformat, times)) <= end
