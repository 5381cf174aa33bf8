"""The client against servers that misbehave: real sockets, canned answers."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.github.client import Client
from pipelinedoctor.fetch.interface import Silent, Source
from pipelinedoctor.fetch.patience import ABSENT_S, BACKOFF_S, RefusedError
from tests.fetch.scripted import Asked, Said, Script, scripted

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
OK = Said(body=b'{"answer": 42}')


class Bench(Silent):
    """A client, its budget, what it was made wait for (on a clock that stands still but then), and what it told."""

    def __init__(self, url: str, limit: int | None = None, token: str | None = TOKEN) -> None:
        self.waits: list[float] = []
        self.told: list[str] = []
        self.budget = Budget(limit, progress=self, pause=self.waits.append, clock=lambda: sum(self.waits))
        source = Source(forge="github", host="ghe.example", url=url, repositories=(), token=token, throttle=0)
        self.client = Client(source, self.budget)

    def start(self, task: str, total: int | None) -> None:
        assert total is None
        self.told.append(task)

    def finish(self, task: str, summary: str = "") -> None:
        self.told.append(f"{task}: {summary}")


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:

        def made(script: Script | Iterable[Said], limit: int | None = None, token: str | None = TOKEN) -> Bench:
            answers = None if callable(script) else iter(script)
            url, _ = stack.enter_context(scripted(script if callable(script) else lambda _: next(answers or iter(()))))
            one = Bench(url, limit, token)
            stack.callback(one.client.close)
            return one

        yield made


def test_an_answer_is_parsed_and_counted(bench: Callable[..., Bench]) -> None:
    seen: list[Asked] = []

    def script(asked: Asked) -> Said:
        seen.append(asked)
        return OK

    one = bench(script)
    assert one.client.ask("/repos/a/b", {"page": 2, "created": "x..y"}) == {"answer": 42}
    assert (one.client.made, one.budget.made, one.waits) == (1, 1, [])
    assert seen[0].path == "/repos/a/b?created=x..y&page=2"
    assert seen[0].headers["authorization"] == f"token {TOKEN}"
    assert seen[0].headers["user-agent"].startswith("pipelinedoctor/")


def test_without_a_token_none_is_sent(bench: Callable[..., Bench]) -> None:
    one = bench(lambda asked: Said(body=json.dumps(sorted(asked.headers)).encode()), token=None)
    assert "authorization" not in one.client.ask("/")


@pytest.mark.parametrize(
    "fault",
    [
        Said(500),
        Said(502, b"<html>Bad Gateway</html>"),
        Said(503, headers={"Retry-After": "3600"}),
        Said(200, b'{"answer": 4', promised=500),
        Said(200, b'{"answer": 4'),
        Said(200, b"<html>maintenance</html>"),
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
        RefusedError, match=r"^ghe\.example: answered 502, 5 times in a row; .* try again later$"
    ) as told:
        one.client.ask("/")
    assert (told.value.status, one.waits, one.budget.made) == (502, list(BACKOFF_S), 5)
    assert one.told[:3] == [
        "ghe.example: answered 502, waiting 1 s",
        "ghe.example: answered 502, waiting 1 s: trying again",
        "ghe.example: answered 502, waiting 2 s",
    ]
    assert len(one.told) == 2 * len(BACKOFF_S)


@pytest.mark.parametrize(
    ("url", "why"), [("http://127.0.0.1:9", "refused"), ("http://forge.invalid", "its name is not known")]
)
def test_a_forge_that_is_not_there_is_told_soon_and_without_its_address(url: str, why: str) -> None:
    one = Bench(url)
    with pytest.raises(ForgeError, match=rf"^ghe\.example: no connection \({why}\), 3 times in a row") as told:
        one.client.ask("/")
    assert not isinstance(told.value, RefusedError)
    assert one.waits == list(ABSENT_S)
    assert sum(ABSENT_S) < 3
    assert one.told[0] == f"ghe.example: no connection ({why}), waiting 0.5 s"
    one.client.close()


def test_a_forge_that_was_there_is_waited_for_longer() -> None:
    last = Said(body=OK.body, promised=len(OK.body))  # the connection is not kept
    with scripted(lambda _: last) as (url, _):
        one = Bench(url)
        one.client.ask("/")
    with pytest.raises(ForgeError, match=r"no connection \(refused\), 5 times in a row"):
        one.client.ask("/")
    assert one.waits == list(BACKOFF_S)
    one.client.close()


def test_a_token_that_cannot_be_sent_is_not_told() -> None:
    one = Bench("http://127.0.0.1:9", token=f"{TOKEN}\nX-Evil: 1")
    with pytest.raises(ForgeError, match="the request failed") as told:
        one.client.ask("/")
    assert told.value.__suppress_context__
    assert "ghp_" not in str(told.value)
    one.client.close()


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (401, b'{"message": "Bad credentials"}', "ghe.example answered 401 for /x: Bad credentials; check the token"),
        (403, b'{"message": "Resource not accessible"}', "Resource not accessible; check what the token may read"),
        (404, b'{"message": "Not Found"}', "Not Found; check its name and the token"),
        (410, b"gone", "no reason given"),
        (422, b'{"message": "one\\ntwo"}', "one"),
        (451, b'{"message": ["list"]}', "no reason given"),
    ],
)
def test_a_refusal_is_one_clear_line(bench: Callable[..., Bench], status: int, body: bytes, line: str) -> None:
    one = bench([Said(status, body)])
    with pytest.raises(RefusedError) as told:
        one.client.ask("/x")
    assert str(told.value).endswith(line)
    assert "\n" not in str(told.value)
    assert (told.value.status, one.budget.made) == (status, 1)


def test_a_forge_that_repeats_the_token_is_not_quoted(bench: Callable[..., Bench]) -> None:
    one = bench([Said(403, json.dumps({"message": f"bad token {TOKEN}"}).encode())])
    with pytest.raises(RefusedError, match=r"bad token \*\*\*"):
        one.client.ask("/")


def test_the_token_is_in_no_log(bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted(lambda _: OK) as (blobs, _):
        one = bench([Said(500), OK, Said(302, headers={"Location": f"{blobs}/file"}), Said(401)])
        one.client.ask("/")
        one.client.blob("/logs", b"".join)
        with pytest.raises(RefusedError) as told:
            one.client.ask("/")
    assert len(caplog.records) >= 4
    assert TOKEN not in caplog.text + str(told.value) + repr(one.client.__dict__["_budget"])


SECONDARY = b'{"message": "You have exceeded a secondary rate limit."}'


NEW_CENTURY = "4102444800"


@pytest.mark.parametrize(
    ("said", "when"),
    [
        (
            Said(403, b'{"message": "API rate limit exceeded"}', {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": NEW_CENTURY}),
            "come back after 2100-01-01 00:00:00 UTC",
        ),
        (Said(429, b"{}", {"X-RateLimit-Reset": NEW_CENTURY}), "come back after 2100-01-01 00:00:00 UTC"),
        (Said(403, SECONDARY, {"Retry-After": "61"}), "come back in 61 s"),
        (Said(403, SECONDARY, {"Retry-After": "61", "X-RateLimit-Remaining": "0"}), "come back in 61 s"),
        (Said(429, b"", {"Retry-After": "9" * 40}), "come back in 999999999 s"),
        (Said(403, SECONDARY, {"X-RateLimit-Remaining": "0"}), "come back in an hour"),
        (Said(429, b"", {"Retry-After": "soon"}), "come back in an hour"),
        (Said(429, b"", {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}), "come back after 2100-01-01 00:00:00 UTC"),
    ],
)  # fmt: skip
def test_a_rate_limit_says_when_to_come_back_and_ends_the_fetch(
    bench: Callable[..., Bench], said: Said, when: str
) -> None:
    one = bench([said])
    with pytest.raises(BudgetError) as told:
        one.client.ask("/")
    assert str(told.value) == f"ghe.example: its rate limit is met; the next fetch goes on from here; {when}"
    with pytest.raises(BudgetError, match="rate limit is met"):
        one.client.ask("/")
    assert (one.budget.made, one.waits) == (1, [])


@pytest.mark.parametrize("said", [Said(403, SECONDARY), Said(429, b""), Said(429, b"", {"X-RateLimit-Remaining": "9"})])
def test_a_limit_on_bursts_that_names_no_time_is_over_in_a_minute(bench: Callable[..., Bench], said: Said) -> None:
    one = bench([said, OK])
    assert one.client.ask("/") == {"answer": 42}
    assert one.waits == [60]


def test_a_patient_fetch_waits_for_the_hour_by_the_forges_own_clock(bench: Callable[..., Bench]) -> None:
    def script(_: Asked) -> Said:
        if one.budget.made > 1:
            return OK
        reset = str(int(time.time()) + 600)
        return Said(403, b"{}", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})

    one = bench(script)
    one.budget.max_wait = 3_600
    assert one.client.ask("/") == {"answer": 42}
    assert one.waits == [pytest.approx(600, abs=5)]


def test_an_unchanged_answer_is_free(bench: Callable[..., Bench]) -> None:
    def script(asked: Asked) -> Said:
        if asked.headers.get("if-none-match") == 'W/"1"':
            return Said(304, b"", {"ETag": 'W/"1"'})
        return Said(200, OK.body, {"ETag": 'W/"1"'})

    one = bench(script)
    first = one.client.ask_again("/", None, None)
    again = one.client.ask_again("/", None, first.etag)
    assert (first.body, first.unchanged, again.body, again.unchanged, again.etag) == (
        {"answer": 42},
        False,
        None,
        True,
        'W/"1"',
    )
    assert (one.client.spent, one.budget.made) == ((2, 1), 1)


def graph(**body: object) -> Said:
    return Said(body=json.dumps(body).encode())


def test_a_question_in_graphql_is_sent_whole_and_answered_in_part(bench: Callable[..., Bench]) -> None:
    seen: list[Asked] = []

    def script(asked: Asked) -> Said:
        seen.append(asked)
        return graph(data={"nodes": [None]}, errors=[{"type": "FORBIDDEN", "path": ["nodes", 0], "message": "no"}])

    one = bench(script)
    answer = one.client.graphql("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["CS_1"]})
    assert (answer.data, answer.types) == ({"nodes": [None]}, {"nodes.0": "FORBIDDEN"})
    assert seen[0].path == "/graphql"
    assert json.loads(seen[0].body)["variables"] == {"ids": ["CS_1"]}
    assert seen[0].headers["authorization"] == f"token {TOKEN}"


def test_the_limit_of_graphql_comes_with_status_200(bench: Callable[..., Bench]) -> None:
    one = bench(lambda _: graph(errors=[{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]))
    with pytest.raises(BudgetError, match="rate limit is met"):
        one.client.graphql("{ x }", {})


@pytest.mark.parametrize(
    ("said", "status", "waits"),
    [
        (Said(502), 502, []),
        (graph(data=None, errors=[{"message": "Something went wrong while executing your query."}]), 502, []),
        (graph(data=None, errors=[{"message": "no such field", "extensions": {"code": "undefinedField"}}]), 403, []),
        (Said(200, b"<html>"), 502, []),
        (Said(401, b"{}"), 401, []),
    ],
)
def test_a_query_that_is_refused_is_not_repeated_without_patience(
    bench: Callable[..., Bench], said: Said, status: int, waits: list[float]
) -> None:
    one = bench([said])
    with pytest.raises(RefusedError) as told:
        one.client.graphql("{ x }", {}, patient=False)
    assert (told.value.status, one.waits) == (status, waits)


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_that_is_soon_over_is_waited_for_and_told(bench: Callable[..., Bench], status: int) -> None:
    held = Said(status, SECONDARY, {"Retry-After": "30", "X-RateLimit-Remaining": "4000"})
    one = bench([held, held, OK, OK])
    assert one.client.ask("/") == {"answer": 42}
    one.client.ask("/")
    assert (one.waits, one.budget.made) == ([30, 30], 4)
    assert one.told[:2] == [
        "ghe.example: asks for fewer requests, waiting 30 s",
        "ghe.example: asks for fewer requests, waiting 30 s: trying again",
    ]


def test_a_limit_that_is_never_over_ends_the_fetch(bench: Callable[..., Bench]) -> None:
    one = bench(lambda _: Said(403, SECONDARY, {"Retry-After": "0"}))
    for _ in range(2):
        with pytest.raises(
            BudgetError, match="its rate limit is met; the next fetch goes on from here; come back in 1 s"
        ):
            one.client.ask("/")
    assert (one.waits, one.budget.made) == ([1] * 4, 5)


def test_a_redirect_to_another_host_is_not_followed(bench: Callable[..., Bench]) -> None:
    with scripted(lambda _: OK) as (_, elsewhere):
        one = bench([Said(301, headers={"Location": "https://evil.example/repos/a/b"})])
        with pytest.raises(ForgeError, match="another address"):
            one.client.ask("/repos/a/b")
    assert elsewhere == []


def test_a_file_is_fetched_without_the_token(bench: Callable[..., Bench]) -> None:
    with scripted(lambda _: Said(body=b"log text")) as (blobs, asked):
        one = bench([Said(302, headers={"Location": f"{blobs}/file?sig=1"})])
        assert one.client.blob("/logs", b"".join) == b"log text"
    assert [(file.path, "authorization" in file.headers) for file in asked] == [("/file?sig=1", False)]
    assert one.budget.made == 1


def test_the_password_of_the_blob_host_is_not_looked_up(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with scripted(lambda _: Said(body=b"x")) as (blobs, asked):
        bench([Said(302, headers={"Location": f"{blobs}/file"})]).client.blob("/logs", b"".join)
    assert "authorization" not in asked[0].headers


def test_a_download_that_breaks_off_is_begun_again(bench: Callable[..., Bench]) -> None:
    answers = iter([Said(500), Said(body=b"lo", promised=8), Said(body=b"log text")])
    with scripted(lambda _: next(answers)) as (blobs, _):
        one = bench([Said(302, headers={"Location": f"{blobs}/file"})])
        assert one.client.blob("/logs", b"".join) == b"log text"
    assert (one.waits, one.budget.made) == (list(BACKOFF_S[:2]), 1)


def test_a_page_of_html_is_no_file_wherever_it_comes_from(bench: Callable[..., Bench]) -> None:
    html = {"Content-Type": "text/html; charset=utf-8"}
    answers = iter([Said(429), Said(body=b"<h1>Sign in</h1>", headers=html), Said(body=b"log text")])
    with scripted(lambda _: next(answers)) as (blobs, _):
        one = bench(
            [Said(200, body=b"<h1>Sign in</h1>", headers=html), Said(302, headers={"Location": f"{blobs}/file"})]
        )
        assert one.client.blob("/logs", b"".join) == b"log text"
    assert (one.waits, one.budget.made) == ([BACKOFF_S[0], *BACKOFF_S[:2]], 2)


def test_a_file_that_is_gone_or_nowhere_is_refused(bench: Callable[..., Bench]) -> None:
    with scripted(lambda _: Said(404)) as (blobs, _):
        one = bench([Said(302, headers={"Location": f"{blobs}/file"}), Said(410)])
        for status in (404, 410):
            with pytest.raises(RefusedError) as told:
                one.client.blob("/logs", b"".join)
            assert told.value.status == status


def test_pages_end_with_one_that_is_not_full(bench: Callable[..., Bench]) -> None:
    def script(asked: Asked) -> Said:
        number = int(parse_qs(urlsplit(asked.path).query)["page"][0])
        jobs = [{"id": number * 1_000 + place} for place in range(100 if number < 3 else 5)]
        return Said(body=json.dumps({"total_count": 205, "jobs": jobs}).encode())

    one = bench(script)
    assert len(list(one.client.pages("/jobs", "jobs", {"filter": "all"}))) == 205
    assert one.budget.made == 3


@pytest.mark.parametrize("body", [b"[]", b'{"jobs": null}', b'{"jobs": {}}', b'{"jobs": [1]}', b'"jobs"'])
def test_an_answer_of_another_shape_is_the_forges_fault(bench: Callable[..., Bench], body: bytes) -> None:
    one = bench([Said(body=body)])
    if body == b"[]":
        assert list(one.client.pages("/jobs", "jobs")) == []
    else:
        with pytest.raises(ForgeError, match="without a list of jobs"):
            list(one.client.pages("/jobs", "jobs"))


def test_a_limit_of_requests_is_exact_over_threads(bench: Callable[..., Bench]) -> None:
    with scripted(lambda _: OK) as (url, asked):
        budget = Budget(50)
        source = Source(forge="github", host="h", url=url, repositories=(), throttle=0)
        clients = Clients(lambda: Client(source, budget))
        refused: list[str] = []

        def work() -> None:
            for _ in range(20):
                try:
                    clients.mine().ask("/")
                except BudgetError as error:
                    refused.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clients.close()
    assert (len(asked), budget.made, len(refused)) == (50, 50, 30)
    assert set(refused) == {"the limit of 50 requests is met; the next fetch goes on from here"}
