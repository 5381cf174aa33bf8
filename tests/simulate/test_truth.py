"""A whole simulated organisation: as large as promised, and the truth about it is what its bodies say, on both forges."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from lxml import etree

from pipelinedoctor.fetch.artifacts import assign
from pipelinedoctor.simulate.clock import seconds_of
from pipelinedoctor.simulate.organisation import write_organisation
from pipelinedoctor.simulate.truth import Flaky, Truth
from tests.helpers import gitlab_slim

MOST_REQUESTS = 14_000
FAILING = {"failure", "timed_out"}


@dataclass(frozen=True)
class Whole:
    folder: Path
    truth: Truth
    runs: dict[int, dict[str, Any]]
    jobs: dict[int, dict[str, Any]]

    @property
    def gitlab(self) -> Path:
        return self.folder / "gitlab"

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        with (self.folder / f"{name}.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    truth = write_organisation(folder, seed=1)
    made = Whole(folder, truth, {}, {})
    made.runs.update((line["run"]["id"], slim_run(line["run"])) for line in made.lines("runs"))
    made.jobs.update((job["id"], slim_job(job)) for line in made.lines("jobs") for job in line["jobs"])
    made.runs.update(gitlab_slim.runs(made.gitlab))
    made.jobs.update(gitlab_slim.jobs(made.gitlab))
    return made


def slim_run(body: dict[str, Any]) -> dict[str, Any]:
    names = ("event", "head_sha", "head_branch", "conclusion", "status", "created_at", "path", "run_attempt")
    return {name: body[name] for name in names} | {"repository": body["repository"]["full_name"]}


def slim_job(body: dict[str, Any]) -> dict[str, Any]:
    names = ("run_id", "name", "conclusion", "run_attempt", "created_at", "started_at", "completed_at")
    return {name: body[name] for name in names}


def test_it_is_as_large_as_promised(whole: Whole) -> None:
    counts = whole.truth.counts
    assert counts["runs"] == len(whole.runs) >= 5_000
    assert counts["jobs"] == len(whole.jobs) >= 40_000
    assert counts["test_results"] >= 200_000
    assert len({run["repository"] for run in whole.runs.values()}) == 12 + 3
    assert len([one for one in whole.truth.flaky_tests if one.detectable]) >= 12
    assert len([one for one in whole.truth.flaky_jobs if one.detectable]) >= 6
    assert len(whole.truth.regressions) >= 6
    assert len(whole.truth.outages) >= 3
    assert sum(path.stat().st_size for path in whole.folder.iterdir()) < 180_000_000
    assert sum(path.stat().st_size for path in whole.gitlab.iterdir()) < 60_000_000


def test_a_few_flaky_tests_are_too_rare_to_be_told(whole: Whole) -> None:
    assert any(not one.detectable for one in whole.truth.flaky_tests)


def test_a_whole_fetch_stays_affordable(whole: Whole) -> None:
    """On GitHub; on GitLab the jobs of many pipelines come in one page."""
    there = gitlab_slim.runs(whole.gitlab).keys()
    runs = {number: run for number, run in whole.runs.items() if number not in there}
    failing = [job for job in whole.jobs.values() if job["run_id"] in runs and job["conclusion"] in FAILING]
    red = {job["run_id"] for job in failing} | {number for number, run in runs.items() if run["run_attempt"] > 1}
    artifacts = sum(1 for _ in whole.lines("artifacts"))
    pages = len(runs) // 50 + 12 * 20
    assert len(runs) + len(red) + 2 * artifacts + 2 * len(failing) + pages < MOST_REQUESTS


def test_every_kind_of_end_occurs(whole: Whole) -> None:
    runs = Counter(run["conclusion"] for run in whole.runs.values())
    assert runs.keys() == {"success", "failure", "cancelled", "startup_failure", None}
    assert Counter(run["event"] for run in whole.runs.values()).keys() == {"push", "pull_request", "schedule"}
    jobs = Counter(job["conclusion"] for job in whole.jobs.values())
    assert jobs.keys() == {"success", "failure", "timed_out", "cancelled", "skipped", None}
    assert max(run["run_attempt"] for run in whole.runs.values()) == 3
    with_jobs = {job["run_id"] for job in whole.jobs.values()}
    empty = {run["conclusion"] for run_id, run in whole.runs.items() if run_id not in with_jobs}
    assert empty == {"startup_failure"}


def test_every_failing_job_has_its_cause(whole: Whole) -> None:
    failing = [job_id for job_id, job in sorted(whole.jobs.items()) if job["conclusion"] in FAILING]
    assert [one.job_id for one in whole.truth.failing_jobs] == failing
    causes = Counter(one.cause for one in whole.truth.failing_jobs)
    assert causes.keys() == {"flaky_test", "flaky_job", "regression", "outage", "genuine", "runner_loss"}
    keys = {one.key for one in (*whole.truth.flaky_tests, *whole.truth.flaky_jobs)}
    keys |= {one.key for one in whole.truth.regressions} | {one.key for one in whole.truth.outages}
    assert {one.key for one in whole.truth.failing_jobs} - keys == {None}
    for one in whole.truth.failing_jobs:
        run, job = whole.runs[one.run_id], whole.jobs[one.job_id]
        assert (one.repository, one.sha, one.event) == (run["repository"], run["head_sha"], run["event"])
        assert (one.pipeline, one.attempt, one.run_id) == (run["path"], job["run_attempt"], job["run_id"])


def test_contradictions_are_those_of_the_bodies(whole: Whole) -> None:
    new = {(one.repository, one.pipeline, one.old): one.new for one in whole.truth.renames}
    passed = set()
    for job in whole.jobs.values():
        if job["conclusion"] == "success":
            run = whole.runs[job["run_id"]]
            name = new.get((run["repository"], run["path"], job["name"]), job["name"])
            passed.add((run["repository"], run["path"], name, run["head_sha"], run["event"] == "pull_request"))
    for one in whole.truth.failing_jobs:
        unit = (one.repository, one.pipeline, one.job, one.sha, one.event == "pull_request")
        assert one.contradicted == (unit in passed)
    recent = [one for one in whole.truth.failing_jobs if one.made_at >= "2026-05-02T00:00:00Z"]
    for flaky in whole.truth.flaky_jobs:
        mine = [one for one in recent if one.key == flaky.key]
        assert flaky.recent_failures == len(mine)
        shas = {(one.sha, one.event == "pull_request") for one in mine if one.contradicted}
        assert flaky.recent_contradictions == len(shas)


@pytest.fixture(scope="module")
def results(whole: Whole) -> dict[tuple[str, str, str], dict[str, set[str]]]:
    """Outcomes by (repository, job, test) and commit, as the reports tell them."""
    wanted = {(one.repository, one.test) for one in whole.truth.flaky_tests}
    found: dict[tuple[str, str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for run_id, job, texts in reports(whole):
        run = whole.runs[run_id]
        for text in texts:
            for case in etree.fromstring(text.encode()).iter("testcase"):
                test = f"{case.get('classname')}::{case.get('name')}"
                if (run["repository"], test) in wanted:
                    ended = "failed" if case.find("failure") is not None else "passed"
                    found[run["repository"], job, test][run["head_sha"]].add(ended)
    return found


def reports(whole: Whole) -> Iterator[tuple[int, str, list[str]]]:
    """Run, job and texts of each report."""
    names: dict[tuple[int, int], list[str]] = defaultdict(list)
    for one in whole.jobs.values():
        names[one["run_id"], one["run_attempt"]].append(one["name"])
    for line in whole.lines("artifacts"):
        job = assign(line["name"], names[line["run_id"], line["attempt"]])
        assert job is not None
        yield line["run_id"], job, list(line["files"].values())
    for job_id, texts in gitlab_slim.reports(whole.gitlab):
        yield whole.jobs[job_id]["run_id"], whole.jobs[job_id]["name"], texts


def test_flaky_tests_fail_and_pass_on_one_commit(
    whole: Whole, results: dict[tuple[str, str, str], dict[str, set[str]]]
) -> None:
    def contradicted(one: Flaky, job: str) -> int:
        outcomes = results[one.repository, job, one.test or ""].values()
        return sum(ended == {"failed", "passed"} for ended in outcomes)

    for one in whole.truth.flaky_tests:
        most = max(contradicted(one, job) for job in one.jobs)
        assert most >= one.recent_contradictions, one
        assert not one.detectable or most >= 3


def test_a_commit_breaks_the_default_branch_until_another_mends_it(whole: Whole) -> None:
    main = sorted((run_id, run) for run_id, run in whole.runs.items() if run["event"] == "push")
    for one in whole.truth.regressions:
        mine = [(i, run) for i, run in main if run["repository"] == one.repository and run["path"] == one.pipeline]
        shas = [run["head_sha"] for _, run in mine]
        until = len(shas) if one.fixed_sha is None else shas.index(one.fixed_sha)
        assert one.open == (one.fixed_sha is None)
        broken = mine[shas.index(one.first_bad_sha) : until]
        assert len(broken) >= 3
        ended = Counter(run["conclusion"] for _, run in broken)
        assert ended["success"] == 0
        assert one.default_runs_hit > 0
        if one.open:
            assert mine[-1][1]["conclusion"] == "failure"
    assert any(one.open for one in whole.truth.regressions)


def test_outages_strike_most_runs_of_many_repositories_with_one_line(whole: Whole) -> None:
    logs = {line["job_id"]: line["log"] for line in whole.lines("logs")} | gitlab_slim.logs(whole.gitlab)
    for outage in whole.truth.outages:
        hit = [one for one in whole.truth.failing_jobs if one.key == outage.key]
        assert outage.runs_hit == len({one.run_id for one in hit}) >= 6
        assert outage.repositories_hit == len({one.repository for one in hit}) >= 4
        begun = [one for one in hit if whole.jobs[one.job_id]["started_at"] is not None]
        assert all(outage.line in logs[one.job_id] for one in begun)
        for one in begun:
            assert outage.start <= whole.jobs[one.job_id]["started_at"] < outage.end
        # On GitLab a job that no runner took never began, and has no log.
        assert len(begun) == len(hit) or outage.kind == "runner pool"
        assert not any(one.job_id in logs for one in hit if one not in begun)
        assert {one.repository.count("/") for one in hit} == {1, 2}, "it struck both forges"
        runs = {i for i, run in whole.runs.items() if outage.start <= run["created_at"] < outage.end}
        assert len(runs & {one.run_id for one in hit}) * 2 > len(runs)


def test_jobs_wait_while_the_runner_pool_is_away(whole: Whole) -> None:
    pools = [(one.start, one.end) for one in whole.truth.outages if one.kind == "runner pool"]
    waited: dict[bool, list[float]] = {True: [], False: []}
    for job in whole.jobs.values():
        if job["conclusion"] == "success":
            away = any(start <= job["created_at"] < end for start, end in pools)
            waited[away].append(seconds_of(job["started_at"]) - seconds_of(job["created_at"]))
    assert median(waited[True]) > 600
    assert median(waited[False]) < 60
    assert max(waited[False]) < 300


@pytest.mark.parametrize("kind", ["step", "drift"])
def test_slower_jobs_are_slower_by_their_factor(whole: Whole, kind: str) -> None:
    changes = [one for one in whole.truth.durations if one.kind == kind]
    assert len(changes) >= 2
    for one in changes:
        taken = []
        for job in whole.jobs.values():
            run = whole.runs[job["run_id"]]
            if (run["repository"], run["path"], job["name"], job["conclusion"]) == (
                one.repository, one.pipeline, one.job, "success",
            ):  # fmt: skip
                seconds = seconds_of(job["completed_at"]) - seconds_of(job["started_at"])
                taken.append((run["created_at"], seconds))
        taken.sort()
        edge = len(taken) // 8
        before, after = taken[:edge], taken[-edge:]
        if kind == "step":
            before = [each for each in taken if each[0] < one.at]
            after = [each for each in taken if each[0] >= one.at]
        grown = median(seconds for _, seconds in after) / median(seconds for _, seconds in before)
        assert grown == pytest.approx(one.factor, rel=0.15)


def test_a_renamed_job_changes_its_name_once(whole: Whole) -> None:
    assert whole.truth.renames
    for one in whole.truth.renames:
        times: dict[str, list[str]] = {one.old: [], one.new: []}
        for job in whole.jobs.values():
            run = whole.runs[job["run_id"]]
            if (run["repository"], run["path"]) == (one.repository, one.pipeline) and job["name"] in times:
                times[job["name"]].append(run["created_at"])
        assert max(times[one.old]) < one.at <= min(times[one.new])
