"""A look at a source: which rights are held and which lack, on the loopback forge and on servers of canned answers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelinedoctor.fetch.diagnosis import Diagnosis, Limit
from pipelinedoctor.fetch.github import doctor as doctor_github
from pipelinedoctor.fetch.gitlab import doctor as doctor_gitlab
from pipelinedoctor.fetch.interface import AppKey, Source
from pipelinedoctor.simulate.forge import serve
from tests.fetch.scripted import Asked, Said, scripted
from tests.fetch.test_github_auth import SECRET, granted
from tests.helpers.recordings import job, run, write_recording

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
RUNS = {"total_count": 1, "workflow_runs": [{"id": 1, "check_suite_node_id": "CS_1"}]}
LIMITS = {"resources": {"core": {"limit": 5000, "remaining": 4990, "reset": 1_780_272_000}}}
FULL = {"repository": {"defaultBranchRef": {"name": "main"}, "pullRequests": {}, "deployments": {}}, "suite": {}}

Answers = dict[str, Any]


def rights(told: Diagnosis) -> dict[str, bool | None]:
    return {right.name.partition(":")[0]: right.held for right in told.rights}


@contextmanager
def forge(answers: Answers) -> Iterator[tuple[str, list[Asked]]]:
    """A server that knows these paths, without what is asked for behind them: JSON, or an answer."""

    def script(asked: Asked) -> Said:
        found = answers.get(asked.path.partition("?")[0], Said(404, b'{"message": "Not Found"}'))
        return found if isinstance(found, Said) else Said(body=json.dumps(found).encode())

    with scripted(script) as made:
        yield made


def github(url: str, *names: str, token: str | None = TOKEN, app: AppKey | None = None) -> Diagnosis:
    repositories = names or ("acme/shop",)
    source = Source(forge="github", host="ghe.example", url=url, repositories=repositories, token=token, app=app)
    return doctor_github.look(source)


def whole(**changes: Any) -> Answers:
    return {"/rate_limit": LIMITS, "/repos/acme/shop/actions/runs": RUNS, "/graphql": {"data": FULL}, **changes}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recording(tmp_path_factory.mktemp("recording"), [run(1, jobs=[job("test")])])


@pytest.mark.parametrize("checks", [True, False])
def test_the_loopback_forge_is_read_in_three_requests(recording: Path, checks: bool) -> None:
    with serve(recording, token=TOKEN, checks=checks) as loopback:
        told = github(loopback.url)
        asked = len(loopback.requests())
    assert told.trouble is None
    assert rights(told) == {
        "Actions": True,
        "Checks": checks,
        "Contents": True,
        "Pull requests": True,
        "Deployments": True,
    }
    assert (told.requests, asked, told.seen, told.token) == (3, 3, "acme/shop", "a classic token")
    assert [limit.of for limit in told.limits] == ["requests", "points of GraphQL"]


def test_a_named_repository_that_is_gone_is_noted_and_the_next_one_tried() -> None:
    with forge(whole()) as (url, _):
        told = github(url, "acme/gone", "acme/shop")
        nothing = github(url, "acme/gone", "acme/lost")
    absent = "acme/gone: no such repository, or none that the token may read"
    assert (told.trouble, told.seen, told.notes) == (None, "acme/shop", (absent,))
    assert (nothing.trouble, nothing.notes) == (absent.replace("gone", "lost"), (absent,))


def test_what_graphql_refuses_is_missing() -> None:
    error = {"type": "FORBIDDEN", "path": ["repository", "deployments"], "message": "Resource not accessible"}
    data = {"repository": {**FULL["repository"], "deployments": None}, "suite": {}}
    with forge(whole(**{"/graphql": {"data": data, "errors": [error]}})) as (url, asked):
        told = github(url)
    assert [name for name, held in rights(told).items() if not held] == ["Deployments"]
    assert json.loads(asked[-1].body)["variables"]["suite"] == "CS_1"
    assert told.limits == (Limit("requests", 4990, 5000, datetime.fromtimestamp(1_780_272_000, UTC)),)


def test_graphql_that_is_closed_leaves_the_lists_of_runs() -> None:
    with forge(whole(**{"/graphql": Said(403, b'{"message": "Forbidden"}')})) as (url, _):
        told = github(url)
    assert told.trouble is None
    assert [name for name, held in rights(told).items() if held] == ["Actions"]


@pytest.mark.parametrize("odd", [[], {"data": None}, {"data": {"repository": None}, "errors": "x"}, "no"])
def test_an_answer_that_tells_nothing_leaves_rights_unknown(odd: Any) -> None:
    with forge(whole(**{"/graphql": odd})) as (url, _):
        told = github(url)
    assert (told.trouble, rights(told)["Actions"], rights(told)["Deployments"]) == (None, True, None)


def test_without_a_run_the_right_to_checks_is_unknown() -> None:
    with forge(whole(**{"/repos/acme/shop/actions/runs": {"workflow_runs": []}})) as (url, asked):
        told = github(url)
    assert (rights(told)["Checks"], rights(told)["Contents"]) == (None, True)
    assert json.loads(asked[-1].body)["variables"]["tried"] is False


def test_the_permission_that_lacks_is_named() -> None:
    headers = {"X-Accepted-GitHub-Permissions": "actions=read"}
    refused = Said(403, b'{"message": "Resource not accessible by personal access token"}', headers)
    with forge(whole(**{"/repos/acme/shop/actions/runs": refused})) as (url, _):
        told = github(url, token="github_pat_x")
    assert told.trouble == (
        "acme/shop: answered 403: Resource not accessible by personal access token; it wants the permission actions=read"
    )
    assert (told.token, rights(told)["Actions"], rights(told)["Checks"]) == ("a fine-grained token", False, None)


@pytest.mark.parametrize(
    ("answers", "trouble"),
    [
        ({"/rate_limit": Said(401, b'{"message": "Bad credentials"}')}, "the token is refused (answered 401: Bad"),
        ({"/rate_limit": LIMITS}, "acme/shop: no such repository, or none that the token may read"),
        (whole(**{"/repos/acme/shop/actions/runs": Said(200, b"<html>")}), "is `url` the address of a GitHub API?"),
        (whole(**{"/repos/acme/shop/actions/runs": Said(500, b"")}), "acme/shop: answered 500"),
    ],
)
def test_a_source_that_cannot_be_read_says_why(answers: Answers, trouble: str) -> None:
    with forge(answers) as (url, _):
        told = github(url)
    assert trouble in (told.trouble or "")


def test_a_forge_that_is_not_there_is_told() -> None:
    assert github("http://127.0.0.1:9").trouble == "no connection (refused)"


def test_a_token_is_in_nothing_that_is_told() -> None:
    with forge(whole(**{"/repos/acme/shop/actions/runs": Said(403, json.dumps({"message": TOKEN}).encode())})) as (
        url,
        _,
    ):
        assert TOKEN not in repr(github(url))
    with forge({"/rate_limit": Said(401, b'{"message": "odd-token is none"}')}) as (url, _):
        assert "odd-token" not in repr(github(url, token="odd-token"))


def test_scopes_of_a_classic_token_are_told() -> None:
    body = json.dumps(LIMITS).encode()
    with forge(whole(**{"/rate_limit": Said(200, body, {"X-OAuth-Scopes": "public_repo, read:org"})})) as (url, _):
        assert github(url).notes == (
            "scopes: public_repo, read:org",
            "without the scope repo it reads public repositories only",
        )
    with forge(whole(**{"/rate_limit": Said(200, body, {"X-OAuth-Scopes": "repo, workflow"})})) as (url, _):
        assert github(url).notes == ("scopes: repo, workflow",)
    with forge(whole(**{"/rate_limit": Said(200, body, {"X-OAuth-Scopes": ""})})) as (url, _):
        assert github(url).notes[0] == "scopes: none"
    with forge(whole()) as (url, _):
        assert github(url).notes == ()


def test_without_a_token_the_rest_is_told() -> None:
    with forge(whole()) as (url, asked):
        told = github(url, token=None)
    assert (told.token, told.trouble, len(asked)) == ("none", None, 2)
    assert "no GraphQL" in told.notes[0]
    assert "authorization" not in asked[0].headers


def test_a_pattern_is_tried_on_the_first_that_is_listed() -> None:
    lists = {"/users/acme/repos": [{"full_name": "a b"}, {"full_name": "acme/shop"}]}
    with forge(whole(**lists)) as (url, asked):
        told = github(url, "acme/*")
    assert (told.seen, told.trouble, len(asked)) == ("acme/shop", None, 6)
    assert told.notes == ("1 of all 1 repositories of acme match",)
    with forge(whole(**{"/orgs/acme/repos": []})) as (url, _):
        assert github(url, "acme/*").trouble == "nothing matches acme/* (0 of all 0 repositories of acme match)"
    with forge(whole()) as (url, _):
        assert github(url, "acme/*").trouble == "the repositories of acme cannot be listed: answered 404: Not Found"


LISTED = [
    {"full_name": "acme/aged", "archived": True, "topics": ["ci"]},
    {"full_name": "acme/bare", "topics": []},
    {"full_name": "acme/old-shop", "topics": ["ci"]},
    {"full_name": "acme/shop", "topics": ["CI"]},
]


def test_what_is_tried_is_what_the_patterns_mean() -> None:
    with forge(whole(**{"/orgs/acme/repos": LISTED})) as (url, asked):
        source = Source(
            forge="github", host="h", url=url, repositories=("acme/*", "!acme/old-*"), topics=("ci",), token=TOKEN
        )
        told = doctor_github.look(source)
    assert (told.seen, told.trouble) == ("acme/shop", None)
    assert told.notes == ("1 of all 4 repositories of acme match",)
    assert asked[1].path == "/orgs/acme/repos?type=all&per_page=100&page=1"


def test_a_pattern_that_means_nothing_is_trouble_though_a_name_can_be_read() -> None:
    with forge(whole(**{"/orgs/acme/repos": LISTED})) as (url, _):
        told = github(url, "acme/shop", "acme/nope-*", "acme/b*")
        assert github(url, "acme/nope-*").trouble == (
            "nothing matches acme/nope-* (0 of all 4 repositories of acme match)"
        )
    assert (told.seen, told.trouble, rights(told)["Actions"]) == ("acme/shop", "nothing matches acme/nope-*", True)
    assert told.notes == ("2 of all 4 repositories of acme match",)


def test_a_long_list_is_read_until_something_matches_and_not_for_ever() -> None:
    many = [{"full_name": f"acme/r{number}"} for number in range(100)]

    def script(asked: Asked) -> Said:
        if asked.path.startswith("/orgs/"):
            return Said(
                body=json.dumps([*many[1:], {"full_name": "acme/shop"}] if "page=3" in asked.path else many).encode()
            )
        return Said(body=json.dumps(whole().get(asked.path.partition("?")[0])).encode())

    with scripted(script) as (url, _):
        told = github(url, "acme/shop*")
        vain = github(url, "acme/nope-*")
    assert (told.seen, told.trouble, told.notes[0]) == (
        "acme/shop",
        None,
        "1 of the first 300 repositories of acme match",
    )
    assert vain.trouble == (
        "nothing matches acme/nope-* in the part of the list that was read "
        "(0 of the first 500 repositories of acme match)"
    )


def test_a_pattern_finds_what_is_private_of_ones_own() -> None:
    lists = {"/user": {"login": "Acme"}, "/user/repos": [{"full_name": "acme/shop"}], "/users/acme/repos": []}
    with forge(whole(**lists)) as (url, _):
        assert github(url, "acme/*").seen == "acme/shop"


@pytest.mark.parametrize(
    ("answers", "names", "trouble"),
    [
        ({"/rate_limit": Said(401, b"{}")}, "acme/shop", "it lets nobody in without a token (answered 401)"),
        (
            {"/rate_limit": LIMITS},
            "acme/shop",
            "acme/shop: no such repository, or none that may be read without a token",
        ),
        ({"/rate_limit": LIMITS}, "acme/*", "the repositories of acme cannot be listed: answered 404: Not Found"),
        (whole(**{"/orgs/acme/repos": []}), "acme/*", "nothing matches acme/* (0 of all 0 repositories of acme match)"),
    ],
)
def test_a_refusal_may_be_due_to_there_being_no_token(answers: Answers, names: str, trouble: str) -> None:
    with forge(answers) as (url, _):
        told = github(url, names, token=None)
        assert (told.trouble, told.nameless) == (trouble, True)
        assert not github(url, names).nameless


def test_a_repository_that_moved_is_looked_at_where_it_is() -> None:
    moved = Said(301, headers={"Location": "/repositories/1/actions/runs"})
    with forge(whole(**{"/repos/acme/shop/actions/runs": moved, "/repositories/1/actions/runs": RUNS})) as (url, _):
        assert github(url).trouble is None


def test_a_token_is_carried_to_no_other_host() -> None:
    with forge({}) as (other, asked):
        away = Said(302, headers={"Location": f"{other}/rate_limit"})
        with forge({"/rate_limit": away, "/repos/acme/shop/actions/runs": away}) as (url, _):
            assert github(url).trouble == "acme/shop: answered 302"
    assert asked == []


def test_what_an_app_may_do_is_told_by_its_token() -> None:
    app = AppKey(app_id=1, installation_id=2, private_key=SECRET)
    permissions = {"actions": "read", "checks": "write", "metadata": "read"}
    answers = whole(**{"/app/installations/2/access_tokens": granted(permissions=permissions)})
    with forge(answers) as (url, asked):
        told = github(url, token=None, app=app)
    assert (told.token, told.trouble, len(asked)) == ("GitHub App 1, installation 2", None, 3)
    assert [name for name, held in rights(told).items() if held] == ["Actions", "Checks"]
    assert [one.headers["authorization"] for one in asked[1:]] == ["token ghs_1"] * 2
    with forge({}) as (url, _):
        assert "it has no such installation" in (github(url, token=None, app=app).trouble or "")


OWN = {"id": 1, "name": "nightly", "scopes": ["read_api"], "expires_at": "2026-12-01", "active": True}
PROJECT = {"id": 5, "permissions": {"project_access": {"access_level": 10}, "group_access": {"access_level": 20}}}
SELF = "/api/v4/personal_access_tokens/self"
SHOP = "/api/v4/projects/acme%2Fshop"


def gitlab(url: str, *names: str, token: str | None = "glpat-secret", job_token: bool = False) -> Diagnosis:
    return doctor_gitlab.look(
        Source(
            forge="gitlab",
            host="gitlab.example",
            url=url,
            repositories=names or ("acme/shop",),
            token=token,
            job_token=job_token,
        )
    )


def lab(**changes: Any) -> Answers:
    return {SELF: OWN, SHOP: PROJECT, f"{SHOP}/jobs": [], **changes}


def test_a_gitlab_is_read_in_three_requests() -> None:
    limits = {"RateLimit-Limit": "600", "RateLimit-Remaining": "599", "RateLimit-Reset": "1780272000"}
    with forge(lab(**{f"{SHOP}/jobs": Said(200, b"[]", limits)})) as (url, asked):
        told = gitlab(url)
    assert (told.trouble, told.seen, len(asked), told.requests) == (None, "acme/shop", 3, 3)
    assert told.token == "an access token named 'nightly'"
    assert rights(told) == {"read_api": True, "jobs": True, "role Reporter": True}
    assert told.notes == ("scopes: read_api", "the token ends on 2026-12-01")
    assert told.limits == (Limit("requests", 599, 600, datetime.fromtimestamp(1_780_272_000, UTC)),)
    assert {one.headers["authorization"] for one in asked} == {"Bearer glpat-secret"}


def test_a_role_and_a_scope_that_lack_are_told() -> None:
    guest = {"permissions": {"project_access": None, "group_access": {"access_level": 10}}}
    with forge(lab(**{SELF: {**OWN, "scopes": ["read_user"]}, SHOP: guest, f"{SHOP}/jobs": Said(403, b"{}")})) as (
        url,
        _,
    ):
        told = gitlab(url)
    assert told.trouble == "acme/shop: answered 403"
    assert not any(rights(told).values())


def test_a_jobs_own_token_asks_for_jobs_alone() -> None:
    with forge(lab()) as (url, asked):
        told = gitlab(url, job_token=True)
    assert (told.trouble, told.token) == (None, "a CI job's own token")
    assert [one.path for one in asked] == [f"{SHOP}/jobs?per_page=1"]
    assert asked[0].headers["job-token"] == "glpat-secret"
    assert "authorization" not in asked[0].headers
    assert told.notes[0].startswith("with CI_JOB_TOKEN lists of jobs and deployments are read: logs, ")


@pytest.mark.parametrize(
    ("answers", "trouble"),
    [
        (
            {SELF: Said(401, b'{"message": "401 Unauthorized"}')},
            "the token is refused (answered 401: 401 Unauthorized)",
        ),
        ({SELF: OWN}, "acme/shop: no such project, or none that the token may read"),
        (lab(**{f"{SHOP}/jobs": Said(200, b"<html>")}), "is `url` the address of a GitLab?"),
        (
            lab(**{f"{SHOP}/jobs": Said(302, headers={"Location": "/users/sign_in"}), "/users/sign_in": "x"}),
            "a GitLab?",
        ),
    ],
)
def test_a_gitlab_that_cannot_be_read_says_why(answers: Answers, trouble: str) -> None:
    with forge(answers) as (url, _):
        told = gitlab(url)
    assert trouble in (told.trouble or "")
    assert "glpat-secret" not in repr(told)


def test_groups_are_tried_on_the_first_project_that_is_listed() -> None:
    listed = {
        "/api/v4/groups/acme%2Fsub/projects": [
            {"path_with_namespace": "acme/sub/old"},
            {"path_with_namespace": "acme/sub/x/shop", "tag_list": ["ci"]},
        ]
    }
    there: Answers = {"/api/v4/projects/acme%2Fsub%2Fx%2Fshop/jobs": []}
    with forge(lab(**listed, **there)) as (url, asked):
        told = gitlab(url, "acme/sub/**", "!acme/sub/old")
        assert gitlab(url, "acme/sub/nope-*").trouble == (
            "nothing matches acme/sub/nope-* (0 of all 2 repositories of acme/sub match)"
        )
    assert told.seen == "acme/sub/x/shop"
    assert told.notes[0] == "1 of all 2 repositories of acme/sub match"
    assert asked[1].path == (
        "/api/v4/groups/acme%2Fsub/projects"
        "?include_subgroups=true&archived=false&simple=true&order_by=id&sort=asc&per_page=100&page=1"
    )
    with forge(lab(**{"/api/v4/users/ada/projects": []})) as (url, _):
        assert gitlab(url, "ada/*").trouble == "nothing matches ada/* (0 of all 0 repositories of ada match)"
    with forge(lab()) as (url, _):
        assert gitlab(url, "ada/*").trouble == "the projects of ada cannot be listed: answered 404: Not Found"


def test_a_jobs_own_token_finds_nothing_for_a_pattern() -> None:
    with forge(lab()) as (url, _):
        assert gitlab(url, "ada/*", job_token=True).trouble == "CI_JOB_TOKEN may list no group; name the projects"


@pytest.mark.parametrize(("names", "refused"), [("acme/shop", 404), ("acme/shop", 401), ("ada/*", 404)])
def test_a_gitlab_may_refuse_because_there_is_no_token(names: str, refused: int) -> None:
    with forge({f"{SHOP}/jobs": Said(refused, b"{}")}) as (url, _):
        assert gitlab(url, names, token=None).nameless
        assert not gitlab(url, names).nameless


def test_a_gitlab_without_a_token_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with forge(lab()) as (url, asked):
        told = gitlab(url, token=None)
    assert (told.token, told.trouble, len(asked)) == ("none", None, 2)
    assert gitlab("http://127.0.0.1:9").trouble == "no connection (refused)"


@pytest.mark.parametrize("look", [github, gitlab])
@pytest.mark.parametrize(
    "body", [b"null", b"[[]]", b"7", b'{"resources": 7, "scopes": 7, "permissions": 7}', b'"\\ud800"']
)
def test_no_answer_breaks_it(look: Callable[[str, str], Diagnosis], body: bytes) -> None:
    for names in ("acme/shop", "acme/*"):
        with scripted(lambda _: Said(200, body)) as (url, _):
            assert look(url, names).limits == ()


def test_a_token_that_the_forge_repeats_is_shown_nowhere() -> None:
    odd = "a-token-of-no-known-shape"
    echo = {"X-OAuth-Scopes": f"repo, {odd}", "X-Accepted-GitHub-Permissions": odd, "Content-Type": "application/json"}
    answers = whole(**{"/repos/acme/shop/actions/runs": Said(403, json.dumps({"message": odd}).encode(), echo)})
    answers["/rate_limit"] = Said(200, json.dumps({**LIMITS, "message": odd}).encode(), echo)
    with forge(answers) as (url, _):
        told = github(url, token=odd)
    assert odd not in repr(told)
    said = {"/personal_access_tokens/self": {"name": odd, "scopes": [odd], "id": 1}, "/user": {"username": odd}}
    with forge({f"/api/v4{path}": body for path, body in said.items()}) as (url, _):
        source = Source(forge="gitlab", host="gl.example", url=url, repositories=("a/b",), token=odd)
        assert odd not in repr(doctor_gitlab.look(source))
