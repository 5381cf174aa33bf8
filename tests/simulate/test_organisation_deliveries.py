"""What the simulated organisation delivers agrees with its runs and commits."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from pipelinedoctor.simulate.lines import lines
from pipelinedoctor.simulate.organisation import SMALL, Scale, write_organisation

Bodies = list[dict[str, Any]]


def read(folder: Path, name: str) -> Bodies:
    return [line.load() for line in lines(folder, f"{name}.jsonl")]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisation")
    write_organisation(folder, seed=5, scale=SMALL)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few changes, but repositories that are released as well as such that deploy."""
    folder = tmp_path_factory.mktemp("whole")
    write_organisation(folder, seed=2, scale=Scale(repositories=8, weeks=8, changes_a_day=0.3))
    return folder


def test_a_run_and_its_pull_request_know_each_other(small: Path) -> None:
    pulls = {line["pull"]["id"]: line for line in read(small, "pulls")}
    seen = set()
    for line in read(small, "runs"):
        for told in line["run"]["pull_requests"]:
            known = pulls[told["id"]]
            assert (known["pull"]["number"], known["repository"]) == (
                told["number"],
                line["run"]["repository"]["full_name"],
            )
            assert told["head"]["sha"] in {commit["sha"] for commit in known["commits"]}
            seen.add(told["id"])
    assert seen == set(pulls)


def test_a_merged_pull_request_came_to_the_default_branch(small: Path) -> None:
    main = {(line["repository"], line["commit"]["sha"]): line["commit"] for line in read(small, "commits")}
    states: Counter[str] = Counter()
    for line in read(small, "pulls"):
        pull = line["pull"]
        states["merged" if pull["merged_at"] else pull["state"]] += 1
        assert pull["head"]["sha"] == line["commits"][-1]["sha"]
        times = [pull["created_at"], *(one["submitted_at"] for one in line["reviews"]), pull["closed_at"]]
        assert [time for time in times if time] == sorted(time for time in times if time)
        assert pull["updated_at"] >= max(time for time in times if time)
        if pull["merged_at"]:
            commit = main[line["repository"], pull["merge_commit_sha"]]
            assert commit["commit"]["committer"]["date"] == pull["merged_at"] == pull["closed_at"]
        assert not any(one["user"]["login"] == pull["user"]["login"] for one in line["reviews"])
    assert set(states) == {"merged", "closed", "open"}


def test_a_chain_of_commits_leads_from_a_pull_request_to_the_default_branch(small: Path) -> None:
    main = {line["commit"]["sha"] for line in read(small, "commits")}
    for line in read(small, "pulls"):
        parents = [commit["parents"][0]["sha"] for commit in line["commits"]]
        assert parents[0] in main
        assert parents[1:] == [commit["sha"] for commit in line["commits"]][:-1]


def test_a_deployment_ends_as_its_job_does(small: Path) -> None:
    jobs = {job["html_url"]: job for line in read(small, "jobs") for job in line["jobs"]}
    ends = {"success": "success", "failure": "failure", "timed_out": "failure", "cancelled": "error"}
    deployed = read(small, "deployments")
    for line in deployed:
        deployment, statuses = line["deployment"], line["statuses"]
        times = [one["created_at"] for one in statuses]
        assert times == sorted(times, reverse=True)
        assert (statuses[-1]["state"], deployment["updated_at"]) == ("in_progress", times[0])
        url = statuses[0]["log_url"]
        if url:
            job = jobs[url]
            told = [one["state"] for one in statuses if one["state"] not in ("in_progress", "inactive")]
            assert told == ([ends[job["conclusion"]]] if job["conclusion"] else [])
            assert deployment["sha"] == job["head_sha"]
    assert {line["deployment"]["environment"] for line in deployed} == {"staging", "production"}
    assert len({line["deployment"]["id"] for line in deployed}) == len(deployed)


def test_in_an_environment_one_success_is_current(small: Path) -> None:
    current: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in read(small, "deployments"):
        if line["statuses"][0]["state"] == "success":
            current[line["repository"], line["deployment"]["environment"]].append(line["statuses"][0]["created_at"])
    assert current
    assert all(len(found) == 1 for found in current.values())


def test_at_times_the_commit_before_is_put_back(small: Path) -> None:
    deployed: dict[str, list[str]] = defaultdict(list)
    back = 0
    for line in read(small, "deployments"):
        if line["deployment"]["environment"] != "production":
            continue
        if not line["statuses"][0]["log_url"]:
            assert line["deployment"]["sha"] in deployed[line["repository"]][:-1]
            back += 1
        deployed[line["repository"]].append(line["deployment"]["sha"])
    assert 0 < back < 20


def test_what_does_not_deploy_is_released_and_some_of_the_rest(whole: Path) -> None:
    deploying = {line["repository"] for line in read(whole, "deployments")}
    tags = {(line["repository"], line["tag"]["name"]): line for line in read(whole, "tags")}
    commits = {line["commit"]["sha"] for line in read(whole, "commits")}
    releases = read(whole, "releases")
    released = {line["repository"] for line in releases}
    everything = {line["repository"]["full_name"] for line in read(whole, "repositories")}
    assert everything - deploying < released < everything
    published = [line for line in releases if not line["release"]["draft"]]
    assert 0 < len(published) < len(releases)
    assert {(line["repository"], line["release"]["tag_name"]) for line in published} <= tags.keys()
    assert all(line["tag"]["commit"]["sha"] in commits for line in tags.values())
    assert {"object" in line for line in tags.values()} == {True, False}
    assert {line["release"]["prerelease"] for line in releases} == {True, False}


def test_a_failing_job_has_the_errors_of_its_log_as_annotations(small: Path) -> None:
    logs = {line["job_id"]: line["log"].splitlines() for line in read(small, "logs")}
    annotated = read(small, "annotations")
    assert {line["job_id"] for line in annotated} == logs.keys()
    for line in annotated:
        assert line["annotations"]
        for one in line["annotations"]:
            assert logs[line["job_id"]][one["start_line"] - 1].endswith(f"##[error]{one['message']}")
