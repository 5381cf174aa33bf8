"""The loopback GitLab's routes, without a socket."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelinedoctor.simulate.gitlab.context import Who
from pipelinedoctor.simulate.gitlab.routes import ROOT, GitLabApi
from tests.helpers.gitlab_loopback import SHOP, answered, api_of, body, ids, links
from tests.helpers.gitlab_recordings import case, change, deployment, job, pipeline, site_of, write_gitlab

NOTES: list[dict[str, Any]] = [
    {"body": "assigned to @bob", "created_at": "2026-01-04T09:01:00.000Z", "system": True},
    {"body": "looks good", "created_at": "2026-01-04T15:00:00.000Z"},
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> GitLabApi:
    retried = [
        job("build"),
        job("test", "failed", trace="boom\n", files={"junit.xml": "<testsuite/>"}),
        job("test", trace="fine\n"),
        job("test", "failed", body={"erased_at": "2026-01-06T00:00:00.000Z"}, trace="gone\n"),
        job("lint", "skipped"),
    ]
    report = {"test": [case("test_a"), case("test_b", "failed", output="boom"), case("test_c", "skipped")]}
    child = pipeline(90, source="parent_pipeline", created="2026-01-05T12:01:00Z", jobs=[job("inner")])
    pipelines = [
        pipeline(1, jobs=retried, report=report, children=[child]),
        pipeline(2, created="2026-01-06T12:00:00Z", ref="topic", source="merge_request_event", jobs=[job("build")]),
        pipeline(3, created="2026-01-07T12:00:00Z", source="schedule", jobs=[job("build", "running")]),
        pipeline(4, created="2026-01-07T12:00:00Z", project="acme/tools/api", jobs=[job("build", id=70_000)]),
        pipeline(5, created="2026-01-04T12:00:00Z", ref="topic", jobs=[job("build", "canceled")]),
    ]
    changes = [
        change(1, commits=["b" * 40, "a" * 40], notes=NOTES),
        change(2, state="opened", merged=None, created="2026-01-06T09:00:00Z"),
        change(3, created="2026-01-05T09:00:00Z", merged="2026-01-08T09:00:00Z"),
    ]
    deployments = [
        deployment(1, sha="b" * 40, changes=[1, 3]),
        deployment(2, "failed", created="2026-01-05T13:00:00Z", updated="2026-01-05T13:10:00Z"),
        deployment(3, environment="staging", created="2026-01-05T11:00:00Z", updated="2026-01-09T13:10:00Z"),
    ]
    projects: dict[str, dict[str, Any]] = {
        "acme/shop": {"topics": ["web", "go"], "former_paths": ["acme/store"]},
        "acme/tools/api": {"topics": ["go"], "created_at": "2024-01-01T00:00:00.000Z"},
        "acme/attic": {"archived": True},
        "other/thing": {},
    }
    folder = write_gitlab(
        tmp_path_factory.mktemp("gitlab"),
        pipelines,
        changes=changes,
        deployments=deployments,
        commits=["c" * 40, "b" * 40, "a" * 40],
        tags={"v1": "a" * 40, "v2": "b" * 40},
        projects=projects,
    )
    return api_of(folder)


def refused(api: GitLabApi, target: str) -> tuple[int, dict[str, str]]:
    answer = answered(api, target)
    return answer.status, json.loads(answer.body)


def test_a_project_is_found_by_its_id_and_its_path_in_any_case(api: GitLabApi) -> None:
    number = site_of("acme/shop").id
    one = body(api, f"/projects/{number}")
    assert one["path_with_namespace"] == "acme/shop"
    assert one == body(api, SHOP) == body(api, "/projects/Acme%2FSHOP")
    assert refused(api, "/projects/acme%2Fnothing") == (404, {"message": "404 Project Not Found"})
    assert refused(api, "/projects/5/jobs") == (404, {"message": "404 Project Not Found"})


def test_a_moved_project_sends_on_to_its_id(api: GitLabApi) -> None:
    answer = answered(api, "/projects/acme%2Fstore/jobs?per_page=2&scope[]=failed")
    there = f"http://forge/api/v4/projects/{site_of('acme/shop').id}/jobs?per_page=2&scope%5B%5D=failed"
    assert (answer.status, answer.headers["Location"]) == (301, there)
    assert api.answer(f"{ROOT}/projects/acme%2Fstore", "", Who.USER)[0] == "moved"


def test_projects_are_selected_by_topic_archive_and_group(api: GitLabApi) -> None:
    def paths(target: str) -> list[str]:
        return [one["path_with_namespace"] for one in body(api, target)]

    assert paths("/projects?membership=true")[0] == "acme/tools/api"
    assert sorted(paths("/projects?topic=go")) == ["acme/shop", "acme/tools/api"]
    assert paths("/projects?topic=go,web") == ["acme/shop"]
    assert paths("/projects?archived=true") == ["acme/attic"]
    assert "acme/attic" not in paths("/projects?archived=false")
    assert sorted(paths("/groups/acme/projects")) == ["acme/attic", "acme/shop"]
    assert sorted(paths("/groups/acme/projects?include_subgroups=true&archived=false")) == [
        "acme/shop",
        "acme/tools/api",
    ]
    assert paths("/groups/acme%2Ftools/projects") == ["acme/tools/api"]
    group = body(api, SHOP)["namespace"]["id"]
    assert paths(f"/groups/{group}/projects?topic=web") == ["acme/shop"]
    assert refused(api, "/groups/nobody/projects") == (404, {"message": "404 Group Not Found"})
    simple = body(api, "/projects?simple=true")[0]
    assert "namespace" in simple
    assert "archived" not in simple


def test_projects_by_key_come_in_the_order_of_their_ids(api: GitLabApi) -> None:
    first = answered(api, "/projects?pagination=keyset&order_by=id&sort=asc&per_page=3")
    known = [one["id"] for one in json.loads(first.body)]
    there = links(first)["next"].removeprefix("http://forge/api/v4")
    assert f"id_after={known[-1]}" in there
    rest = answered(api, there)
    assert known + [one["id"] for one in json.loads(rest.body)] == sorted(ids(api, "/projects"))
    assert links(rest) == {}
    assert answered(api, "/projects?pagination=keyset&order_by=name").status == 405


def test_all_jobs_of_a_project_are_listed_newest_first(api: GitLabApi) -> None:
    every = [90_000, 5000, 3000, 2000, 1004, 1003, 1002, 1001, 1000]
    assert ids(api, f"{SHOP}/jobs") == every
    assert ids(api, f"{SHOP}/jobs?scope[]=failed&scope[]=running") == [3000, 1003, 1001]
    assert ids(api, f"{SHOP}/jobs?scope=skipped") == [1004]
    assert refused(api, f"{SHOP}/jobs?scope[]=broken") == (400, {"error": "scope does not have a valid value"})
    page = answered(api, f"{SHOP}/jobs?per_page=4&page=2")
    assert [one["id"] for one in json.loads(page.body)] == every[4:8]
    assert (page.headers["X-Page"], page.headers["X-Next-Page"], page.headers["X-Prev-Page"]) == ("2", "3", "1")
    assert page.headers.keys() & {"X-Total", "X-Total-Pages"} == set()
    assert links(page).keys() == {"prev", "next", "first"}


def test_jobs_by_cursor_are_each_listed_once(api: GitLabApi) -> None:
    target, found = f"{SHOP}/jobs?pagination=keyset&order_by=id&sort=desc&per_page=3&scope[]=success", []
    while target:
        answer = answered(api, target)
        found.append([one["id"] for one in json.loads(answer.body)])
        assert not any(name.startswith("X-") for name in answer.headers)
        target = links(answer).get("next", "").removeprefix("http://forge/api/v4")
        if target:
            asked = parse_qs(urlsplit(target).query)
            assert asked.keys() == {"pagination", "order_by", "sort", "per_page", "page", "scope[]", "cursor", "id"}
    assert found == [[90_000, 2000, 1002], [1000]]
    target = f"{SHOP}/jobs?pagination=keyset&order_by=id&sort=desc&per_page=4"
    second = links(answered(api, target))["next"].removeprefix("http://forge/api/v4")
    assert ids(api, second) == [1004, 1003, 1002, 1001]


@pytest.mark.parametrize("order", ["order_by=id&sort=asc", "order_by=created_at&sort=desc"])
def test_there_is_one_order_by_cursor(api: GitLabApi, order: str) -> None:
    text = "Keyset pagination is not yet available for this type of request"
    assert refused(api, f"{SHOP}/jobs?pagination=keyset&{order}") == (405, {"error": text})


@pytest.mark.parametrize("cursor", ["nonsense", "e30=", "W10="])
def test_a_cursor_that_is_none_is_refused(api: GitLabApi, cursor: str) -> None:
    assert refused(api, f"{SHOP}/jobs?pagination=keyset&cursor={cursor}") == (400, {"error": "cursor is invalid"})


def test_a_pipeline_hides_its_retried_jobs_unless_asked(api: GitLabApi) -> None:
    assert ids(api, f"{SHOP}/pipelines/1/jobs") == [1004, 1003, 1000]
    assert ids(api, f"{SHOP}/pipelines/1/jobs?include_retried=true") == [1004, 1003, 1002, 1001, 1000]
    assert ids(api, f"{SHOP}/pipelines/1/jobs?include_retried=true&scope[]=failed") == [1003, 1001]
    assert answered(api, f"{SHOP}/pipelines/1/jobs").headers["X-Total"] == "3"
    assert refused(api, f"{SHOP}/pipelines/4/jobs") == (404, {"message": "404 Not found"})
    one = body(api, f"{SHOP}/jobs/1001")
    assert (one["failure_reason"], "retried" in one) == ("script_failure", False)
    assert "failure_reason" not in body(api, f"{SHOP}/jobs/1002")


def test_a_bridge_leads_to_the_child_pipeline(api: GitLabApi) -> None:
    (bridge,) = body(api, f"{SHOP}/pipelines/1/bridges")
    assert bridge["downstream_pipeline"]["id"] == 90
    assert body(api, f"{SHOP}/pipelines/2/bridges") == []


def test_child_pipelines_are_listed_only_by_their_source(api: GitLabApi) -> None:
    assert ids(api, f"{SHOP}/pipelines") == [5, 3, 2, 1]
    assert ids(api, f"{SHOP}/pipelines?source=parent_pipeline") == [90]
    assert body(api, f"{SHOP}/pipelines/90")["source"] == "parent_pipeline"
    assert body(api, f"{SHOP}/pipelines")[0].keys() == {
        *("id", "iid", "project_id", "sha", "ref", "status", "source", "created_at", "updated_at", "web_url", "name")
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("updated_after=2026-01-06T12:02:05Z", [3, 2]),
        ("updated_after=2026-01-06T12:02:06Z", [3]),
        ("updated_before=2026-01-05T00:00:00%2B01:00", [5]),
        ("updated_before=2026-01-05T00:00:00+01:00", [5]),
        ("created_after=2026-01-07", [3]),
        ("order_by=updated_at&sort=asc", [5, 1, 2, 3]),
        ("order_by=updated_at", [3, 2, 1, 5]),
        ("source=schedule", [3]),
        ("ref=topic", [5, 2]),
        ("scope=finished", [5, 2, 1]),
        ("scope=running", [3]),
        ("scope=branches", [5, 3]),
        ("status=failed", [1]),
        ("sha=" + "0" * 39 + "2", [2]),
        ("pagination=keyset&order_by=id&sort=desc&per_page=2", [5, 3]),
    ],
)
def test_pipelines_are_selected(api: GitLabApi, query: str, found: list[int]) -> None:
    shown = ids(api, f"{SHOP}/pipelines?{query}")
    if query == "scope=branches":
        shown = sorted(shown, reverse=True)
    assert shown == found


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("updated_after=soon", "updated_after is invalid"),
        ("updated_after=2026-02-30", "updated_after is invalid"),
        ("status=broken", "status does not have a valid value"),
        ("order_by=sha", "order_by does not have a valid value"),
        ("page=0", "page does not have a valid value"),
        ("per_page=x", "per_page is invalid"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(api: GitLabApi, query: str, text: str) -> None:
    assert refused(api, f"{SHOP}/pipelines?{query}") == (400, {"error": text})


def test_a_log_is_there_or_empty_or_erased(api: GitLabApi) -> None:
    found = answered(api, f"{SHOP}/jobs/1001/trace")
    assert (found.status, found.body, found.content_type) == (200, b"boom\n", "text/plain")
    assert answered(api, f"{SHOP}/jobs/1000/trace").body == b""
    assert answered(api, f"{SHOP}/jobs/1003/trace").status == 404
    assert answered(api, f"{SHOP}/jobs/70000/trace").status == 404


def test_artifacts_lie_behind_a_link_elsewhere(api: GitLabApi) -> None:
    link = answered(api, f"{SHOP}/jobs/1001/artifacts")
    assert (link.status, link.body) == (302, b"")
    assert link.headers["Location"].startswith("http://blobs/artifacts/1001/")
    assert refused(api, f"{SHOP}/jobs/1000/artifacts") == (404, {"message": "404 Not found"})


def test_tests_are_reported_a_suite_a_job(api: GitLabApi) -> None:
    report = body(api, f"{SHOP}/pipelines/1/test_report")
    assert (report["total_count"], report["failed_count"], report["skipped_count"]) == (3, 1, 1)
    summary = body(api, f"{SHOP}/pipelines/1/test_report_summary")
    assert (summary["total"]["failed"], summary["test_suites"][0]["build_ids"]) == (1, [1003])
    assert "test_cases" not in summary["test_suites"][0]
    nothing = body(api, f"{SHOP}/pipelines/2/test_report")
    assert (nothing["total_count"], nothing["test_suites"]) == (0, [])


def test_merge_requests_are_selected(api: GitLabApi) -> None:
    def found(query: str) -> list[int]:
        return [one["iid"] for one in body(api, f"{SHOP}/merge_requests?{query}")]

    assert found("") == [2, 3, 1]
    assert found("state=merged&order_by=updated_at&sort=asc") == [1, 3]
    assert found("state=merged&updated_after=2026-01-06T00:00:00Z") == [3]
    assert found("source_branch=topic-2") == [2]
    assert found("scope=all&state=opened") == [2]
    assert found("scope=created_by_me") == []
    assert [one["id"][:1] for one in body(api, f"{SHOP}/merge_requests/1/commits")] == ["b", "a"]
    assert body(api, f"{SHOP}/merge_requests/1")["iid"] == 1
    assert refused(api, f"{SHOP}/merge_requests/9/commits")[0] == 404


def test_notes_and_approvals_of_a_merge_request(api: GitLabApi) -> None:
    assert [one["system"] for one in body(api, f"{SHOP}/merge_requests/1/notes?sort=asc")] == [True, False]
    assert [one["body"] for one in body(api, f"{SHOP}/merge_requests/1/notes?per_page=1")] == ["looks good"]
    assert body(api, f"{SHOP}/merge_requests/1/approvals")["approved_by"][0]["user"]["username"] == "bob"


def test_deployments_are_selected(api: GitLabApi) -> None:
    def found(query: str) -> list[int]:
        return [one["iid"] for one in body(api, f"{SHOP}/deployments?{query}")]

    assert found("") == [1, 2, 3]
    assert found("updated_after=2026-01-05T13:00:00Z&order_by=updated_at&sort=desc") == [3, 2]
    assert found("updated_before=2026-01-05T13:00:00Z") == [1]
    assert found("environment=staging") == [3]
    assert found("status=failed&environment=production") == [2]
    number = site_of("acme/shop").id * 1000 + 1
    assert [one["iid"] for one in body(api, f"{SHOP}/deployments/{number}/merge_requests?sort=asc")] == [1, 3]
    assert body(api, f"{SHOP}/deployments/{number}")["status"] == "success"
    assert [one["name"] for one in body(api, f"{SHOP}/environments")] == ["staging", "production"]
    assert [one["name"] for one in body(api, f"{SHOP}/environments?name=staging")] == ["staging"]


def test_commits_tags_and_releases(api: GitLabApi) -> None:
    def found(query: str) -> str:
        return "".join(one["id"][0] for one in body(api, f"{SHOP}/repository/commits?{query}"))

    assert found("") == found("ref_name=main") == "cba"
    assert found("ref_name=v2") == "ba"
    assert found("ref_name=" + "a" * 40) == "a"
    assert found("ref_name=nowhere") == ""
    assert found("since=2026-01-08T10:00:00Z") == "cb"
    assert found("until=2026-01-08T09:59:59Z") == "a"
    assert "X-Total" not in answered(api, f"{SHOP}/repository/commits").headers
    assert [one["name"] for one in body(api, f"{SHOP}/repository/tags")] == ["v2", "v1"]
    assert [one["tag_name"] for one in body(api, f"{SHOP}/releases?sort=asc")] == ["v1", "v2"]


def test_what_is_said_of_the_instance(api: GitLabApi) -> None:
    assert body(api, "/version").keys() == {"version", "revision", "enterprise"}
    assert body(api, "/user")["web_url"] == "http://forge/doctor"
    assert body(api, "/personal_access_tokens/self")["scopes"] == ["read_api"]


SIGNED = ["/version", "/user", "/personal_access_tokens/self", f"{SHOP}/jobs", f"{SHOP}/jobs/1000"]
SIGNED += [f"{SHOP}/jobs/1001/trace", f"{SHOP}/deployments", f"{SHOP}/environments", f"{SHOP}/merge_requests/1/notes"]
OPEN = [SHOP, f"{SHOP}/pipelines", f"{SHOP}/pipelines/1/jobs", f"{SHOP}/merge_requests", f"{SHOP}/repository/commits"]


def test_nobody_sees_what_is_public_but_for_jobs_and_deployments(api: GitLabApi) -> None:
    assert {answered(api, target, Who.NOBODY).status for target in OPEN} == {200}
    assert {answered(api, target, Who.NOBODY).status for target in SIGNED} == {401}
    assert json.loads(answered(api, f"{SHOP}/jobs?pagination=keyset", Who.NOBODY).body) == {
        "message": "401 Unauthorized"
    }


def test_of_a_private_gitlab_nobody_sees_anything(tmp_path: Path) -> None:
    private = api_of(write_gitlab(tmp_path, [pipeline(1, jobs=[job()])]), public=False)
    assert {answered(private, target, Who.NOBODY).status for target in OPEN} == {404}
    assert {answered(private, target, Who.NOBODY).status for target in SIGNED} == {401}
    assert answered(private, "/projects", Who.NOBODY).body == b"[]"
    assert answered(private, "/groups/acme/projects", Who.NOBODY).status == 404
    assert {answered(private, target, Who.STRANGER).status for target in (*OPEN, *SIGNED)} == {401}
    assert {answered(private, target).status for target in OPEN[:3]} == {200}


def test_a_job_reads_jobs_and_no_more(tmp_path: Path) -> None:
    folder = write_gitlab(tmp_path, [pipeline(1, jobs=[job(files={"a": "b"})])])
    private = api_of(folder, public=False)
    allowed = (f"{SHOP}/jobs", f"{SHOP}/pipelines/1/jobs", f"{SHOP}/jobs/1000/artifacts")
    assert [answered(private, target, Who.JOB).status for target in allowed] == [200, 200, 302]
    refused = (f"{SHOP}/pipelines", f"{SHOP}/jobs/1000/trace", f"{SHOP}/jobs/1000", SHOP, "/version")
    assert [answered(private, target, Who.JOB).status for target in refused] == [404, 401, 401, 404, 401]


@pytest.mark.parametrize(
    "path", ["/api/v3/projects", "/api/v4/nothing", "/api/v4/projects/acme/shop", "/", "/api/v4/projects/1/jobs/x"]
)
def test_other_paths_are_not_found(api: GitLabApi, path: str) -> None:
    route, answer = api.answer(path, "", Who.USER)
    assert (route, answer.status, json.loads(answer.body)) == ("unknown", 404, {"error": "404 Not Found"})
