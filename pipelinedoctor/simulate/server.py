"""The loopback forge's two HTTP servers, and the ledger of what they were asked."""

import hashlib
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qsl

from pipelinedoctor.simulate.answers import Answer, refusal
from pipelinedoctor.simulate.blobs import BlobStore
from pipelinedoctor.simulate.mishaps import Mishaps, struck
from pipelinedoctor.simulate.paging import RefusedError
from pipelinedoctor.simulate.routes import ENTERPRISE, Api
from pipelinedoctor.simulate.sent import Sent

_JSON = "application/json; charset=utf-8"
_HOUR = 3600
_TOKENS = ("Authorization", "PRIVATE-TOKEN", "JOB-TOKEN")
"""The headers in which either forge takes a token."""
_ALLOWANCE = "/rate_limit"
_GRAPHQL = ("/graphql", "/api/graphql")
_INSTALLATION_ROUTE = "/app/installations/{installation_id}/access_tokens"
_INSTALLATION = re.compile(r"/app/installations/[0-9]{1,18}/access_tokens")
_POSTED = re.compile(rf"(?:{'|'.join(_GRAPHQL)})|(?:{ENTERPRISE})?{_INSTALLATION.pattern}")
_JWT = re.compile(r"(?:Bearer|bearer) ey[\w-]+\.[\w-]+\.[\w-]+")
_BIGGEST_BODY = 10_000_000
PLENTY = 1_000_000


class Request(NamedTuple):
    """A request as it was answered: `route` as GitHub's API description writes it, `target` with its query.

    `mishap` is the kind of the fault that was its answer; its status is 0 where none was sent. `body` is the digest of what
    was posted, `""` where nothing was: it tells one GraphQL query from another.
    """

    route: str
    target: str
    status: int
    mishap: str | None = None
    body: str = ""


@dataclass(slots=True)
class Budget:
    """What may be spent in `period` seconds of one resource, `core` or `graphql`."""

    limit: int
    period: int = _HOUR
    _used: int = 0
    _reset: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._reset = int(time.time()) + self.period

    def spend(self, points: int = 1) -> bool:
        """Take points away; false, and nothing is taken, where fewer are left."""
        with self._lock:
            now = int(time.time())
            if now >= self._reset:
                self._used, self._reset = 0, now + self.period
            if self._used + points > self.limit:
                return False
            self._used += points
            return True

    def wait(self) -> int:
        """In how many seconds, at least 1, the budget is whole again."""
        with self._lock:
            return max(1, self._reset - int(time.time()))

    def refund(self) -> None:
        """Give a point back: an unchanged answer costs nothing."""
        with self._lock:
            self._used -= 1

    def state(self) -> dict[str, int]:
        """The budget in the words of `/rate_limit`."""
        with self._lock:
            left = {"remaining": self.limit - self._used, "used": self._used}
            return {"limit": self.limit, **left, "reset": self._reset}


class Ledger:
    """What was asked, in order, and what is left of the allowances: `limit` requests in `period` seconds, `points` of GraphQL."""

    def __init__(self, limit: int, points: int = PLENTY, period: int = _HOUR) -> None:
        self.requests: list[Request] = []
        self.core = Budget(limit, period)
        self.graphql = Budget(points)
        self._lock = threading.Lock()

    def note(self, request: Request) -> None:
        """Keep a request in mind."""
        with self._lock:
            self.requests.append(request)

    def counts(self) -> dict[str, int]:
        """How often each route was asked, by route."""
        with self._lock:
            return dict(sorted(Counter(request.route for request in self.requests).items()))

    def statuses(self) -> dict[int, int]:
        """How often each status was answered, by status: 304 tells what was unchanged."""
        with self._lock:
            return dict(sorted(Counter(request.status for request in self.requests).items()))

    def clear(self) -> None:
        """Forget the requests; the allowances stay used."""
        with self._lock:
            self.requests.clear()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in; `query` has the last of several parameters of one name, `text` is all of it unread."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Message
    body: bytes
    text: str = ""


class ApiSide:
    """What the API's server does with a request: who asks, may they, is it new to them.

    With `checks` false the token may not read checks: GraphQL's, and REST's annotations; REST's lists of jobs it may.
    """

    def __init__(self, api: Api, ledger: Ledger, token: str | None, *, checks: bool = True) -> None:
        self._api = api
        self._ledger = ledger
        self._token = token
        self._checks = checks
        # Heavy, and of use to the process that serves, not to the one that starts it.
        from pipelinedoctor.simulate.graph import Allowance, Graph  # noqa: PLC0415

        self._graph = Graph(api.holdings, checks=checks)
        self._points = Allowance(ledger.graphql.spend, ledger.graphql.state)

    def __call__(self, asked: Asked) -> tuple[str, Sent]:
        """The route and what to send."""
        path = asked.path if asked.path in _GRAPHQL else asked.path.removeprefix(ENTERPRISE)
        authorization = asked.headers.get("Authorization")
        if _INSTALLATION.fullmatch(path) and asked.method == "POST":
            return _INSTALLATION_ROUTE, self._installed(authorization)
        refused = self._stranger(authorization)
        if path in _GRAPHQL and asked.method == "POST":
            route, sent = "refused" if refused else _GRAPHQL[0], self._graphql(refused, asked.body)
            return route, replace(sent, headers={**sent.headers, **_allowance("graphql", self._ledger.graphql)})
        route, sent = self._rest(refused, replace(asked, path=path))
        return route, replace(sent, headers={**sent.headers, **_allowance("core", self._ledger.core)})

    def _installed(self, authorization: str | None) -> Sent:
        """A token of an installation, for an app that shows a JSON web token, whose signature is not looked at."""
        if not _JWT.fullmatch(authorization or ""):
            return _sent(refusal(401, "A JSON web token could not be decoded"), None)
        expires = datetime.fromtimestamp(int(time.time()) + _HOUR, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        rights = {"actions": "read", "checks": "read", "metadata": "read"} if self._checks else {"actions": "read"}
        issued = {"token": self._token or "loopback", "expires_at": expires, "permissions": rights}
        return _sent(Answer(201, json.dumps({**issued, "repository_selection": "all"}).encode()), None)

    def _graphql(self, refused: Answer | None, body: bytes) -> Sent:
        if refused is not None:
            return _sent(refused, None)
        status, answer = self._graph.answer(body, self._points)
        return Sent(status, answer, {"Content-Type": _JSON})

    def _rest(self, refused: Answer | None, asked: Asked) -> tuple[str, Sent]:
        if refused is None and asked.path != _ALLOWANCE and not self._ledger.core.spend():
            refused = refusal(403, "API rate limit exceeded for user ID 1.")
        route, answer = ("refused", refused) if refused else self._answer(asked.path, asked.query)
        sent = _sent(answer, asked.headers.get("If-None-Match"))
        if sent.status == HTTPStatus.NOT_MODIFIED and asked.path != _ALLOWANCE:
            self._ledger.core.refund()
        return route, sent

    def _stranger(self, authorization: str | None) -> Answer | None:
        if self._token is not None and authorization not in (f"Bearer {self._token}", f"token {self._token}"):
            return refusal(401, "Bad credentials" if authorization else "Requires authentication")
        return None

    def _answer(self, path: str, query: Mapping[str, str]) -> tuple[str, Answer]:
        if path == _ALLOWANCE:
            core, graphql = self._ledger.core.state(), self._ledger.graphql.state()
            resources = {"core": core, "search": core, "graphql": graphql}
            return path, Answer(200, json.dumps({"resources": resources, "rate": core}).encode())
        route, answer = self._api.answer(path, query)
        if not self._checks and "/check-runs/" in route:
            answer = refusal(403, "Resource not accessible by personal access token")
        return route, answer


class BlobSide:
    """What the blobs' server does with a request. It refuses, and by its route tells, one that brings a token along."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def __call__(self, asked: Asked) -> tuple[str, Sent]:
        """The route and what to send."""
        kind = f"blob {asked.path.split('/')[1]}"
        if any(asked.headers.get(name) is not None for name in _TOKENS):
            return f"{kind} with a token", _plain(400, "Authentication information is not given in the correct format.")
        try:
            content_type, content = self._blobs.content(asked.path, asked.query)
        except RefusedError as error:
            return kind, _plain(error.status, error.message)
        return kind, Sent(200, content, {"Content-Type": content_type})


Side = Callable[[Asked], tuple[str, Sent]]


class Server(ThreadingHTTPServer):
    """A server on a free port of the loopback address; every connection has its thread and stays open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, ledger: Ledger, mishaps: Mishaps | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ledger = ledger
        self.mishaps = mishaps or Mishaps()
        self.side: Side
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Answer requests from now on, in a thread that ends with the process."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def answer(self, asked: Asked, target: str) -> Sent:
        """What to send, once the ledger knows of it."""
        route, sent = self.side(asked)
        mishap = self.mishaps.strike(route)
        if mishap is not None:
            sent = struck(mishap, sent, int(time.time()))
        posted = hashlib.sha256(asked.body).hexdigest() if asked.body else ""
        self.ledger.note(Request(route, target, sent.status, mishap.kind if mishap else None, posted))
        return sent

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone (tests kill some); a defect of the server itself is printed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm: ClassVar[bool] = True
    server: Server

    def do_GET(self) -> None:
        self._answer("GET", b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not _POSTED.fullmatch(self.path) or not length.isdecimal() or int(length) > _BIGGEST_BODY:
            self.send_error(HTTPStatus.NOT_IMPLEMENTED)
            return
        self._answer("POST", self.rfile.read(int(length)))

    def _answer(self, method: str, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        sent = self.server.answer(Asked(method, path, dict(parse_qsl(query)), self.headers, body, query), self.path)
        time.sleep(sent.pause)
        self.close_connection = sent.cut or sent.mute
        if sent.mute:
            return
        headers = {**sent.headers, "Content-Length": str(len(sent.body)), "Date": self.date_time_string()}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        phrase = HTTPStatus(sent.status).phrase
        shown = sent.body[: len(sent.body) // 2] if sent.cut else sent.body
        # One write: two would wait for each other wherever a proxy or a kernel delays small packets.
        self.wfile.write(f"HTTP/1.1 {sent.status} {phrase}\r\n{head}\r\n".encode("latin-1") + shown)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is http.server's
        """Say nothing: the ledger keeps what was asked."""


def _sent(answer: Answer, known: str | None) -> Sent:
    """The answer with its tag, and without its body where that is `known`."""
    optional = {"Link": answer.link, "Location": answer.location}
    headers = {"Content-Type": _JSON, **{name: value for name, value in optional.items() if value is not None}}
    if answer.status != HTTPStatus.OK:
        return Sent(answer.status, answer.body, headers)
    tag = f'W/"{hashlib.sha256(answer.body).hexdigest()}"'
    headers["ETag"] = tag
    if known == tag:
        return Sent(HTTPStatus.NOT_MODIFIED, b"", headers)
    return Sent(answer.status, answer.body, headers)


def _allowance(resource: str, budget: Budget) -> dict[str, str]:
    state = {f"X-RateLimit-{name.title()}": str(value) for name, value in budget.state().items()}
    return {**state, "X-RateLimit-Resource": resource}


def _plain(status: int, text: str) -> Sent:
    return Sent(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})
