"""The client against GitLabs that misbehave: real sockets, canned answers."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import pytest

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.download import log_text
from pipelinedoctor.fetch.gitlab.client import Client
from pipelinedoctor.fetch.interface import Silent, Source
from pipelinedoctor.fetch.patience import ABSENT_S, BACKOFF_S, RefusedError
from tests.fetch.scripted import Asked, Said, Script, scripted

TOKEN = "glpat-0123456789abcdefghij"
OK = Said(body=b'{"answer": 42}')


class Bench(Silent):
    """A client, its budget, what it was made wait for (on a clock that stands still but then), and what it told."""

    def __init__(self, url: str, *, token: str | None = TOKEN, job_token: bool = False) -> None:
        self.waits: list[float] = []
        self.told: list[str] = []
        self.budget = Budget(None, progress=self, pause=self.waits.append, clock=lambda: sum(self.waits))
        source = Source(
            forge="gitlab",
            host="git.example",
            url=url,
            repositories=(),
            token=token,
            job_token=job_token,
            throttle=0,
        )
        self.client = Client(source, self.budget)

    def start(self, task: str, total: int | None) -> None:
        self.told.append(task)


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:

        def made(script: Script | Iterable[Said], **more: bool | str | None) -> Bench:
            answers = None if callable(script) else iter(script)
            url, _ = stack.enter_context(scripted(script if callable(script) else lambda _: next(answers or iter(()))))
            one = Bench(url, **more)  # type: ignore[arg-type]
            stack.callback(one.client.close)
            return one

        yield made


def test_an_answer_is_parsed_and_counted(bench: Callable[..., Bench]) -> None:
    seen: list[Asked] = []

    def script(asked: Asked) -> Said:
        seen.append(asked)
        return OK

    one = bench(script)
    assert one.client.ask("/projects/a%2Fb", {"page": 2, "name": "x y"}) == {"answer": 42}
    assert (one.client.made, one.budget.made, one.waits) == (1, 1, [])
    assert seen[0].path == "/api/v4/projects/a%2Fb?page=2&name=x+y"
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "private-token" not in seen[0].headers
    assert seen[0].headers["user-agent"].startswith("pipelinedoctor/")


@pytest.mark.parametrize("end", ["", "/", "/api/v4", "/api/v4/"])
def test_the_address_may_name_the_api_or_not(end: str) -> None:
    with scripted(lambda _: OK) as (url, asked):
        one = Bench(f"{url}{end}")
        one.client.ask("/version")
        one.client.close()
    assert [each.path for each in asked] == ["/api/v4/version"]


def test_a_job_s_token_is_sent_as_one_and_none_where_there_is_none(bench: Callable[..., Bench]) -> None:
    def script(asked: Asked) -> Said:
        return Said(body=json.dumps(sorted(asked.headers)).encode())

    headers = bench(script, job_token=True).client.ask("/")
    assert "job-token" in headers
    assert not {"authorization", "private-token"} & set(headers)
    assert not {"authorization", "private-token", "job-token"} & set(bench(script, token=None).client.ask("/"))


@pytest.mark.parametrize(
    "fault",
    [
        Said(500),
        Said(502, b"<html>Bad Gateway</html>"),
        Said(503, headers={"Retry-After": "3600"}),
        Said(200, b'{"answer": 4', promised=500),
        Said(200, b'{"answer": 4'),
        Said(200, b"<html>maintenance</html>", {"Content-Type": "text/html"}),
        Said(200, b""),
    ],
)
def test_a_passing_fault_is_tried_again_and_each_try_counts(bench: Callable[..., Bench], fault: Said) -> None:
    one = bench([fault, fault, OK])
    assert one.client.ask("/") == {"answer": 42}
    assert one.waits == list(BACKOFF_S[:2])
    assert one.budget.made == one.client.made == 3


def test_patience_ends_and_says_so(bench: Callable[..., Bench]) -> None:
    one = bench(lambda _: Said(502))
    with pytest.raises(
        RefusedError, match=r"^git\.example: answered 502, 5 times in a row; .* try again later$"
    ) as told:
        one.client.ask("/")
    assert (told.value.status, one.waits, one.budget.made) == (502, list(BACKOFF_S), 5)
    assert one.told[0] == "git.example: answered 502, waiting 1 s"


def test_a_forge_that_is_not_there_is_told_soon_and_without_its_address() -> None:
    one = Bench("http://127.0.0.1:9")
    with pytest.raises(ForgeError, match=r"^git\.example: no connection \(refused\), 3 times in a row"):
        one.client.ask("/")
    assert one.waits == list(ABSENT_S)
    one.client.close()


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (401, b'{"message": "401 Unauthorized"}', "git.example answered 401 for /x: 401 Unauthorized; check the token"),
        (403, b'{"error": "insufficient_scope"}', "insufficient_scope; check what the token may read"),
        (404, b'{"message": "404 Project Not Found"}', "404 Project Not Found; check its name and the token"),
        (400, b'{"message": {"base": ["no"]}, "error": "bad\\nworse"}', "bad"),
        (410, b"gone", "no reason given"),
    ],
)
def test_a_refusal_is_one_clear_line(bench: Callable[..., Bench], status: int, body: bytes, line: str) -> None:
    one = bench([Said(status, body)])
    with pytest.raises(RefusedError) as told:
        one.client.ask("/x")
    assert str(told.value).endswith(line)
    assert "\n" not in str(told.value)
    assert (told.value.status, one.budget.made) == (status, 1)


def test_the_token_is_in_no_message_and_no_log(bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    one = bench([Said(500), OK, Said(403, json.dumps({"message": f"bad token {TOKEN}"}).encode())])
    one.client.ask("/")
    with pytest.raises(RefusedError, match=r"bad token \*\*\*") as told:
        one.client.ask("/")
    assert len(caplog.records) >= 3
    assert TOKEN not in caplog.text + str(told.value)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "30", "RateLimit-Reset": "99999999999"}, 30),
        ({}, 60),
    ],
)
def test_a_limit_that_is_soon_over_is_waited_for_and_told(
    bench: Callable[..., Bench], headers: dict[str, str], wait: float
) -> None:
    one = bench([Said(429, b"Retry later\n", headers), OK])
    assert one.client.ask("/") == {"answer": 42}
    assert (one.waits, one.budget.made) == ([wait], 2)
    assert one.told == [f"git.example: asks for fewer requests, waiting {wait} s"]


def test_the_reset_of_a_limit_is_told_by_the_forge_s_own_clock(bench: Callable[..., Bench]) -> None:
    reset = int(time.time()) + 40
    one = bench([Said(429, b"", {"RateLimit-Remaining": "0", "RateLimit-Reset": str(reset)}), OK])
    one.client.ask("/")
    assert one.waits == [pytest.approx(40, abs=5)]


@pytest.mark.parametrize(
    ("headers", "when"),
    [
        ({"Retry-After": "61"}, "come back in 61 s"),
        ({"Retry-After": "9" * 40}, "come back in 999999999 s"),
        ({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}, "come back after 2099-10-21 07:28:00 UTC"),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "4102444800"}, "come back after 2100-01-01 00:00:00 UTC"),
    ],
)
def test_a_longer_limit_says_when_to_come_back_and_ends_the_fetch(
    bench: Callable[..., Bench], headers: dict[str, str], when: str
) -> None:
    one = bench([Said(429, b"", headers)])
    for _ in range(2):
        with pytest.raises(BudgetError, match=f"^git.example: its rate limit is met; .*; {when}$"):
            one.client.ask("/")
    assert (one.waits, one.budget.made) == ([], 1)


def test_a_moved_project_is_followed_within_the_host(bench: Callable[..., Bench]) -> None:
    def script(asked: Asked) -> Said:
        if asked.path == "/api/v4/projects/7":
            return Said(body=json.dumps(asked.headers["authorization"]).encode())
        return Said(301, b"This resource has been moved permanently", {"Location": "/api/v4/projects/7"})

    assert bench(script).client.ask("/projects/a%2Fb") == f"Bearer {TOKEN}"


@pytest.mark.parametrize("job_token", [False, True])
def test_a_redirect_to_another_host_is_not_followed(bench: Callable[..., Bench], job_token: bool) -> None:
    with scripted(lambda _: OK) as (evil, elsewhere):
        one = bench([Said(302, headers={"Location": f"{evil}/api/v4/projects/7"})], job_token=job_token)
        with pytest.raises(ForgeError, match="another address; check `url`"):
            one.client.ask("/projects/7")
    assert elsewhere == []


def test_redirects_without_end_are_not_followed(bench: Callable[..., Bench]) -> None:
    with pytest.raises(ForgeError, match="another address"):
        bench(lambda asked: Said(302, headers={"Location": asked.path})).client.ask("/projects/7")


@pytest.mark.parametrize("job_token", [False, True])
def test_no_token_reaches_the_object_storage(bench: Callable[..., Bench], job_token: bool) -> None:
    with scripted(lambda _: Said(body=b"log text")) as (blobs, asked):
        one = bench([Said(302, headers={"Location": f"{blobs}/trace?sig=1"})], job_token=job_token)
        assert one.client.blob("/jobs/1/trace", log_text) == "log text"
    assert [each.path for each in asked] == ["/trace?sig=1"]
    assert not {"authorization", "private-token", "job-token", "cookie"} & set(asked[0].headers)
    assert TOKEN not in str(asked)


def test_a_token_does_not_come_back_with_a_redirect_to_where_it_came_from(bench: Callable[..., Bench]) -> None:
    seen: list[Asked] = []

    def script(asked: Asked) -> Said:
        seen.append(asked)
        return Said(body=b"x") if asked.path == "/back" else Said(302, headers={"Location": f"{blobs}/there"})

    with (
        scripted(lambda _: Said(302, headers={"Location": f"{home}/back"})) as (blobs, _),
        scripted(script) as (home, _),
    ):
        one = Bench(home)
        assert one.client.blob("/jobs/1/trace", log_text) == "x"
        one.client.close()
    assert ["authorization" in each.headers for each in seen] == [True, False]


def test_a_log_that_breaks_off_is_begun_again(bench: Callable[..., Bench]) -> None:
    one = bench([Said(body=b"lo", promised=8), Said(500), Said(body=b"log text")])
    assert one.client.blob("/trace", log_text) == "log text"
    assert (one.waits, one.budget.made) == (list(BACKOFF_S[:2]), 3)


def test_a_log_that_is_gone_is_refused(bench: Callable[..., Bench]) -> None:
    with pytest.raises(RefusedError, match="answered 404") as told:
        bench([Said(404, b'{"message": "404 Not found"}')]).client.blob("/trace", log_text)
    assert told.value.status == 404


def test_a_link_leads_on_and_not_elsewhere(bench: Callable[..., Bench]) -> None:
    link = '<https://evil.example/api/v4/other?cursor=abc&id=1&page=1&per_page=100&private_token=x>; rel="next"'
    seen: list[str] = []

    def script(asked: Asked) -> Said:
        seen.append(asked.path)
        return Said(body=b'[{"id": 1}]', headers={"Link": link} if len(seen) == 1 else {})

    one = bench(script)
    first = one.client.page("/jobs", {"pagination": "keyset"})
    assert first.onward == {"cursor": "abc"}
    assert one.client.page("/jobs", {"pagination": "keyset"}, first.onward).onward is None
    assert seen[1] == "/api/v4/jobs?per_page=100&pagination=keyset&cursor=abc"


@pytest.mark.parametrize(
    ("headers", "onward"),
    [
        ({"Link": '<http://h/x?page=1>; rel="first", <http://h/x?page=3&per_page=100>; rel="next"'}, {"page": "3"}),
        ({"Link": '<http://h/x?id_before=7>; rel="next"'}, {"id_before": "7"}),
        ({"X-Next-Page": "3"}, {"page": "3"}),
        ({"X-Next-Page": ""}, None),
        ({"Link": '<http://[h/x?page=3>; rel="next"'}, None),
        ({"Link": '<http://h/x?page=1>; rel="first"'}, None),
    ],
)
def test_where_the_next_page_is(bench: Callable[..., Bench], headers: dict[str, str], onward: dict[str, str]) -> None:
    assert bench([Said(body=b"[]", headers=headers)]).client.page("/x", {}).onward == onward


def test_pages_end_where_nothing_new_comes(bench: Callable[..., Bench]) -> None:
    one = bench(lambda _: Said(body=b'[{"id": 1}]', headers={"X-Next-Page": "2"}))
    assert [page.entries for page in one.client.pages("/x")] == [[{"id": 1}], [{"id": 1}]]


@pytest.mark.parametrize("body", [b"{}", b"null", b"[1]", b'"jobs"'])
def test_an_answer_of_another_shape_is_the_forges_fault(bench: Callable[..., Bench], body: bytes) -> None:
    with pytest.raises(ForgeError, match="without a list"):
        bench([Said(body=body)]).client.page("/jobs", {})


def test_each_thread_has_its_client() -> None:
    with scripted(lambda _: OK) as (url, _):
        source = Source(forge="gitlab", host="h", url=url, repositories=(), throttle=0)
        clients = Clients(lambda: Client(source, Budget(None)))
        found: list[Client] = []
        threads = [threading.Thread(target=lambda: found.append(clients.mine())) for _ in range(3)]
        for thread in threads:
            thread.start()
            thread.join()
        found += [clients.mine(), clients.mine()]
        clients.close()
    assert found[-1] is found[-2]
