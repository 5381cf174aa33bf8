"""REST of pull requests, deployments, releases, tags, annotations, and of whose repositories there are."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from pipelinedoctor.simulate.forge import serve
from pipelinedoctor.simulate.routes import Api
from tests.helpers.deliveries import annotations, deployment, pull, release, tag
from tests.helpers.loopback import answered, api_of, body, links
from tests.helpers.recordings import job, run, write_recording

SHOP = "/repos/acme/shop"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    delivered = {
        "pulls": [
            pull(1, created="2026-01-01T09:00:00Z", merged="2026-01-04T09:00:00Z", commits=["d" * 40, "e" * 40]),
            pull(2, created="2026-01-02T09:00:00Z", closed="2026-01-02T10:00:00Z"),
            pull(3, created="2026-01-03T09:00:00Z", reviews=[("bob", "APPROVED", "2026-01-03T10:00:00Z")]),
            pull(3, repository="acme/api"),
        ],
        "deployments": [
            deployment(7, "staging", created="2026-01-03T01:00:00Z"),
            deployment(
                8,
                created="2026-01-03T02:00:00Z",
                statuses=[("in_progress", "2026-01-03T02:01:00Z"), ("success", "2026-01-03T02:05:00Z")],
            ),
            deployment(9, "staging", created="2026-01-03T03:00:00Z", sha="b" * 40),
        ],
        "releases": [release("v1", "2026-01-01T00:00:00Z"), release("v2", "2026-01-02T00:00:00Z")],
        "tags": [tag("v1", "a" * 40), tag("v2", "b" * 40)],
        "annotations": [annotations(1000, "boom", "bang")],
    }
    runs = [
        run(1, jobs=[job("build", "failure"), job("lint")]),
        run(2, repository="acme/api"),
        run(3, repository="zoe/own"),
    ]
    repositories: dict[str, dict[str, Any]] = {
        "acme/attic": {"archived": True, "topics": ["old"], "pushed_at": "2020-01-01T00:00:00Z"},
        "acme/fork": {"fork": True, "private": True, "created_at": "2025-06-01T00:00:00Z"},
        "zoe/own": {"owner": {"login": "zoe", "type": "User"}},
    }
    return write_recording(tmp_path_factory.mktemp("recording"), runs, delivered=delivered, repositories=repositories)


@pytest.fixture(scope="module")
def api(folder: Path) -> Api:
    return api_of(folder)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [3]),
        ("state=closed", [2, 1]),
        ("state=all", [3, 2, 1]),
        ("state=all&direction=asc", [1, 2, 3]),
        ("state=all&sort=updated", [2, 3, 1]),
        ("state=all&sort=updated&direction=desc", [1, 3, 2]),
        ("state=all&per_page=1&page=2", [2]),
        ("state=all&head=acme:topic-2", [2]),
        ("state=all&base=other", []),
    ],
)
def test_pull_requests_are_selected_sorted_and_paged(api: Api, query: str, numbers: list[int]) -> None:
    assert [one["number"] for one in body(api, f"{SHOP}/pulls?{query}")] == numbers


def test_a_page_of_pull_requests_leads_on(api: Api) -> None:
    assert "page=2" in links(answered(api, f"{SHOP}/pulls?state=all&per_page=2"))["next"]


def test_a_pull_request_has_commits_and_reviews_of_its_own(api: Api) -> None:
    assert [one["sha"] for one in body(api, f"{SHOP}/pulls/1/commits")] == ["d" * 40, "e" * 40]
    assert [(one["user"]["login"], one["state"]) for one in body(api, f"{SHOP}/pulls/3/reviews")] == [
        ("bob", "APPROVED")
    ]
    assert body(api, "/repos/acme/api/pulls/3/reviews") == body(api, f"{SHOP}/pulls/1/reviews") == []
    assert body(api, f"{SHOP}/pulls?state=closed")[1]["merge_commit_sha"] == "1".rjust(40, "e")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [9, 8, 7]),
        ("environment=staging", [9, 7]),
        (f"sha={'b' * 40}", [9]),
        ("ref=v9", []),
        ("task=deploy", [9, 8, 7]),
    ],
)
def test_deployments_are_selected_newest_first(api: Api, query: str, ids: list[int]) -> None:
    assert [one["id"] for one in body(api, f"{SHOP}/deployments?{query}")] == ids


def test_a_deployment_has_statuses_newest_first(api: Api) -> None:
    assert [one["state"] for one in body(api, f"{SHOP}/deployments/8/statuses")] == ["success", "in_progress"]
    assert body(api, f"{SHOP}/deployments/7/statuses") == []
    assert body(api, f"{SHOP}/deployments?environment=production")[0]["updated_at"] == "2026-01-03T02:05:00Z"


def test_environments_are_those_deployed_to(api: Api) -> None:
    found = body(api, f"{SHOP}/environments")
    assert (found["total_count"], [one["name"] for one in found["environments"]]) == (2, ["production", "staging"])
    assert found["environments"][1]["created_at"] == "2026-01-03T01:00:00Z"
    assert found["environments"][1]["updated_at"] == "2026-01-03T03:00:00Z"


def test_releases_and_tags(api: Api) -> None:
    assert [one["tag_name"] for one in body(api, f"{SHOP}/releases")] == ["v2", "v1"]
    assert [(one["name"], one["commit"]["sha"][0]) for one in body(api, f"{SHOP}/tags")] == [("v2", "b"), ("v1", "a")]
    assert body(api, "/repos/acme/api/releases") == body(api, "/repos/acme/api/tags") == []


def test_annotations_are_those_of_a_job(api: Api) -> None:
    found = body(api, f"{SHOP}/check-runs/1000/annotations")
    assert [(one["start_line"], one["message"]) for one in found] == [(1, "boom"), (2, "bang")]
    assert body(api, f"{SHOP}/check-runs/1001/annotations") == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"{SHOP}/pulls/9/commits", 404),
        (f"{SHOP}/pulls/9/reviews", 404),
        (f"{SHOP}/deployments/1/statuses", 404),
        (f"{SHOP}/check-runs/9/annotations", 404),
        ("/repos/acme/api/check-runs/1000/annotations", 404),
        (f"{SHOP}/pulls?state=merged", 422),
        (f"{SHOP}/pulls?sort=name", 422),
        (f"{SHOP}/pulls?direction=up", 422),
        ("/orgs/nobody/repos", 404),
        ("/orgs/zoe/repos", 404),
        ("/users/nobody/repos", 404),
        ("/orgs/acme/repos?type=odd", 422),
        ("/orgs/acme/repos?page=0", 422),
    ],
)
def test_what_is_not_there_or_not_sensible_is_refused(api: Api, target: str, status: int) -> None:
    assert answered(api, target).status == status


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("/orgs/acme/repos", ["fork", "shop", "attic", "api"]),
        ("/orgs/ACME/repos?sort=full_name", ["api", "attic", "fork", "shop"]),
        ("/orgs/acme/repos?sort=full_name&direction=desc", ["shop", "fork", "attic", "api"]),
        ("/orgs/acme/repos?sort=created&direction=desc", ["fork", "shop", "attic", "api"]),
        ("/orgs/acme/repos?sort=pushed&direction=asc", ["attic", "api", "fork", "shop"]),
        ("/orgs/acme/repos?sort=full_name&per_page=2&page=2", ["fork", "shop"]),
        ("/orgs/acme/repos?type=forks", ["fork"]),
        ("/orgs/acme/repos?type=sources&sort=full_name", ["api", "attic", "shop"]),
        ("/orgs/acme/repos?type=private", ["fork"]),
        ("/users/acme/repos", ["api", "attic", "fork", "shop"]),
        ("/users/zoe/repos", ["own"]),
        ("/user/repos", ["api", "attic", "fork", "shop", "own"]),
    ],
)
def test_repositories_are_listed_by_owner(api: Api, target: str, names: list[str]) -> None:
    assert [one["name"] for one in body(api, target)] == names


def test_a_list_of_repositories_tells_what_to_choose_by_and_leads_on(api: Api) -> None:
    attic = next(one for one in body(api, "/orgs/acme/repos") if one["name"] == "attic")
    assert (attic["archived"], attic["topics"], attic["full_name"], attic["default_branch"]) == (
        True,
        ["old"],
        "acme/attic",
        "main",
    )
    assert (
        links(answered(api, "/orgs/acme/repos?per_page=3"))["next"] == "http://forge/orgs/acme/repos?per_page=3&page=2"
    )
    assert api.answer("/api/v3/orgs/acme/repos", {})[0] == "/orgs/{org}/repos"


def test_an_installation_has_repositories_and_gets_a_token(folder: Path) -> None:
    jwt = "Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmVk"
    with serve(folder, token="installed") as forge:

        def issued(authorization: str, prefix: str = "") -> requests.Response:
            url = f"{forge.url}{prefix}/app/installations/7/access_tokens"
            return requests.post(url, headers={"Authorization": authorization}, timeout=10)

        refused = [issued("Bearer installed"), issued("")]
        token = issued(jwt, "/api/v3").json()["token"]
        headers = {"Authorization": f"token {token}"}
        found = requests.get(f"{forge.url}/installation/repositories", headers=headers, timeout=10).json()
        tag_ = requests.get(f"{forge.url}/api/v3/rate_limit", headers=headers, timeout=10).headers["ETag"]
    assert [answer.status_code for answer in refused] == [401, 401]
    assert (found["total_count"], found["repositories"][0]["full_name"], bool(tag_)) == (5, "acme/api", True)


def test_hostile_names_of_tags_and_environments_cannot_leave_their_place(tmp_path: Path) -> None:
    name = 'v1"/../<x>\u2028'
    delivered = {"deployments": [deployment(1, name)], "tags": [tag(name, "a" * 40)]}
    api = api_of(write_recording(tmp_path, [run(1)], delivered=delivered))
    (environment,) = body(api, f"{SHOP}/environments")["environments"]
    assert environment["name"] == body(api, f"{SHOP}/tags")[0]["name"] == name
    assert json.dumps(environment["url"]).isascii()
    assert "<" not in environment["url"]
