"""Patterns against the lists of owners: which lists are asked for, what is taken of them, what is told of the rest."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from github import Auth

from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.github.client import Client
from pipelinedoctor.fetch.github.selection import chosen
from pipelinedoctor.fetch.interface import AppKey, Source
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.fetch.selection import Chosen
from tests.fetch.scripted import Asked, Said, scripted

Answer = Said | list[Any]
Choose = Callable[..., tuple[Chosen, list[str]]]
APP = AppKey(app_id=1, installation_id=2, private_key="unused")


def body(name: str, number: int = 1, *, archived: bool = False, topics: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"id": number, "full_name": name, "archived": archived, "topics": list(topics)}


@pytest.fixture
def choose() -> Iterator[Choose]:
    """Chooses against a server that knows these lists by their path, page by page, and no other."""
    with ExitStack() as stack:

        def made(
            lists: dict[str, Answer], *repositories: str, topics: tuple[str, ...] = (), app: AppKey | None = None,
            token: str | None = "t",
        ) -> tuple[Chosen, list[str]]:  # fmt: skip
            def script(asked: Asked) -> Said:
                parts = urlsplit(asked.path)
                answer = lists.get(parts.path, Said(404, b'{"message": "Not Found"}'))
                if isinstance(answer, Said):
                    return answer
                start = 100 * (int(dict(parse_qsl(parts.query)).get("page", 1)) - 1)
                page: Any = answer[start : start + 100]
                return Said(body=json.dumps({"repositories": page} if "installation" in parts.path else page).encode())

            url, asked = stack.enter_context(scripted(script))
            source = Source(
                forge="github", host="ghe.example", url=url, repositories=repositories, topics=topics, app=app,
                token=token, throttle=0,
            )  # fmt: skip
            # How an App comes by its token is no matter here.
            client = Client(source, Budget(None, pause=lambda _: None), Auth.Token("t") if app else None)
            stack.callback(client.close)
            done = chosen(client, source)
            return done, [one.path for one in asked]

        yield made


def names(found: Chosen) -> list[str]:
    return [one.full_name for one in found.repositories]


def test_names_cost_no_request(choose: Choose) -> None:
    found, asked = choose({}, "b/b", "a/a", "B/b", "!a/a")
    assert (names(found), found.lacking, asked) == (["b/b"], {}, [])
    assert found.repositories[0].repository_id is None


def test_a_pattern_takes_all_pages_of_its_organisation(choose: Choose) -> None:
    listed = [body(f"acme/r{number:03}", number) for number in range(150)]
    listed[7] = body("acme/r007", 7, archived=True)
    found, asked = choose({"/orgs/acme/repos": listed}, "acme/r149", "acme/*", "!acme/r00*", "acme/R1*")
    assert names(found) == ["acme/r149", *(f"acme/r{number:03}" for number in range(10, 149))]
    assert found.repositories[0].repository_id == 149
    assert found.lacking == {}
    assert asked == [f"/orgs/acme/repos?page={page}&per_page=100&type=all" for page in (1, 2)]


def test_a_user_has_a_list_of_another_address(choose: Choose) -> None:
    lists: dict[str, Answer] = {"/user": Said(403, b"{}"), "/users/me/repos": [body("me/one")]}
    found, asked = choose(lists, "me/*")
    assert names(found) == ["me/one"]
    assert [path.partition("?")[0] for path in asked] == ["/orgs/me/repos", "/user", "/users/me/repos"]
    assert choose(lists, "me/*", token=None)[1][1].startswith("/users/me/repos")


def test_ones_own_list_holds_what_is_private(choose: Choose) -> None:
    lists: dict[str, Answer] = {
        "/user": Said(body=b'{"login": "Me"}'),
        "/user/repos": [body("Me/one"), body("you/two")],
    }
    found, asked = choose(lists, "me/*")
    assert names(found) == ["Me/one"]
    assert asked[-1] == "/user/repos?affiliation=owner&page=1&per_page=100"


def test_an_app_is_asked_what_it_is_installed_in(choose: Choose) -> None:
    lists: dict[str, Answer] = {"/installation/repositories": [body("acme/one"), body("acme/two"), body("b/x")]}
    found, asked = choose(lists, "acme/*", "b/*", "!acme/two", "c/*", app=APP)
    assert names(found) == ["acme/one", "b/x"]
    assert list(found.lacking) == ["c/*"]
    assert len(asked) == 1


def test_topics_choose_among_what_patterns_find(choose: Choose) -> None:
    listed = [body("acme/one", topics=("CI",)), body("acme/two"), body("acme/three", topics=("ci", "x"), archived=True)]
    found, _ = choose({"/orgs/acme/repos": listed}, "acme/*", "acme/named", topics=("ci",))
    assert names(found) == ["acme/named", "acme/one"]
    found, _ = choose({"/orgs/acme/repos": listed}, "acme/*", topics=("docs", "prod"))
    assert found.lacking == {
        "acme/*": "no such repository that the token may read and that is not archived, with a topic of docs, prod"
    }


def test_an_owner_that_cannot_be_listed_stops_no_other(choose: Choose) -> None:
    lists: dict[str, Answer] = {
        "/orgs/locked/repos": Said(403, b'{"message": "Resource protected by organization SAML enforcement"}'),
        "/orgs/acme/repos": [body("acme/one")],
    }
    found, _ = choose(lists, "locked/*", "gone/*", "acme/*", "acme/none-*", token=None)
    assert names(found) == ["acme/one"]
    assert list(found.lacking) == ["locked/*", "gone/*", "acme/none-*"]
    assert "403 for /orgs/locked/repos: Resource protected" in found.lacking["locked/*"]
    assert "404 for /users/gone/repos" in found.lacking["gone/*"]
    assert found.lacking["acme/none-*"].startswith("no such repository")


def test_a_refused_token_is_an_error(choose: Choose) -> None:
    with pytest.raises(RefusedError, match="answered 401"):
        choose({"/orgs/acme/repos": Said(401, b'{"message": "Bad credentials"}')}, "acme/*")


@pytest.mark.parametrize("name", [None, 7, "acme", "acme/a/b", "acme/..", "acme/a?b=c", "acme/a#b", "acme/\ud800", ""])
def test_a_name_that_no_repository_can_have_is_passed_over(choose: Choose, name: object) -> None:
    found, _ = choose({"/orgs/acme/repos": [{"id": "x", "full_name": name}, body("acme/fine")]}, "acme/*")
    assert names(found) == ["acme/fine"]


def test_what_lacks_in_a_list_is_unknown(choose: Choose) -> None:
    found, _ = choose({"/orgs/acme/repos": [{"full_name": "acme/old", "id": None, "topics": None}]}, "acme/*")
    assert (names(found), found.repositories[0].repository_id) == (["acme/old"], None)
