"""The loopback forge's two HTTP servers, and the ledger of what they were asked."""

import hashlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qsl

from pipelinedoctor.simulate.blobs import BlobStore
from pipelinedoctor.simulate.paging import RefusedError
from pipelinedoctor.simulate.routes import Answer, Api, refusal

_JSON = "application/json; charset=utf-8"
_HOUR = 3600
_TOKENS = ("Authorization", "PRIVATE-TOKEN", "JOB-TOKEN")
"""The headers in which either forge takes a token."""

_ALLOWANCE = "/rate_limit"


class Request(NamedTuple):
    """A request as it was answered: `route` as GitHub's API description writes it, `target` with its query."""

    route: str
    target: str
    status: int


@dataclass(slots=True)
class Ledger:
    """What was asked, in order, and what is left of the allowance of `limit` requests in `period` seconds."""

    limit: int
    period: int = _HOUR
    requests: list[Request] = field(default_factory=list)
    _used: int = 0
    _reset: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._reset = int(time.time()) + self.period

    def note(self, request: Request) -> None:
        """Keep a request in mind."""
        with self._lock:
            self.requests.append(request)

    def counts(self) -> dict[str, int]:
        """How often each route was asked, by route."""
        with self._lock:
            return dict(sorted(Counter(request.route for request in self.requests).items()))

    def clear(self) -> None:
        """Forget the requests; the allowance stays used."""
        with self._lock:
            self.requests.clear()

    def spend(self) -> bool:
        """Take one request from the allowance; false where none is left."""
        with self._lock:
            now = int(time.time())
            if now >= self._reset:
                self._used, self._reset = 0, now + self.period
            if self._used >= self.limit:
                return False
            self._used += 1
            return True

    def wait(self) -> int:
        """In how many seconds, at least 1, the allowance is whole again."""
        with self._lock:
            return max(1, self._reset - int(time.time()))

    def refund(self) -> None:
        """Give a request back: an unchanged answer costs nothing."""
        with self._lock:
            self._used -= 1

    def state(self) -> dict[str, int]:
        """The allowance in the words of GitHub's `/rate_limit`."""
        with self._lock:
            left = {"remaining": self.limit - self._used, "used": self._used}
            return {"limit": self.limit, **left, "reset": self._reset}


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes over the wire, but for the headers that every answer has."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class ApiSide:
    """What the API's server does with a request: who asks, may they, is it new to them."""

    def __init__(self, api: Api, ledger: Ledger, token: str | None) -> None:
        self._api = api
        self._ledger = ledger
        self._token = token

    def __call__(self, path: str, query: str, headers: Message) -> tuple[str, Sent]:
        """The route and what to send."""
        refused = self._refused(path, headers.get("Authorization"))
        route, answer = ("refused", refused) if refused else self._answer(path, dict(parse_qsl(query)))
        sent = _sent(answer, headers.get("If-None-Match"))
        if sent.status == HTTPStatus.NOT_MODIFIED and path != _ALLOWANCE:
            self._ledger.refund()
        return route, replace(sent, headers={**sent.headers, **self._allowance()})

    def _refused(self, path: str, authorization: str | None) -> Answer | None:
        if self._token is not None and authorization not in (f"Bearer {self._token}", f"token {self._token}"):
            return refusal(401, "Bad credentials" if authorization else "Requires authentication")
        if path != _ALLOWANCE and not self._ledger.spend():
            return refusal(403, "API rate limit exceeded for user ID 1.")
        return None

    def _answer(self, path: str, query: Mapping[str, str]) -> tuple[str, Answer]:
        if path == _ALLOWANCE:
            state = self._ledger.state()
            return path, Answer(
                200, json.dumps({"resources": {"core": state, "search": state}, "rate": state}).encode()
            )
        return self._api.answer(path, query)

    def _allowance(self) -> dict[str, str]:
        state = {f"X-RateLimit-{name.title()}": str(value) for name, value in self._ledger.state().items()}
        return {**state, "X-RateLimit-Resource": "core"}


class BlobSide:
    """What the blobs' server does with a request. It refuses, and by its route tells, one that brings a token along."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def __call__(self, path: str, query: str, headers: Message) -> tuple[str, Sent]:
        """The route and what to send."""
        kind = f"blob {path.split('/')[1]}"
        if any(headers.get(name) is not None for name in _TOKENS):
            return f"{kind} with a token", plain(400, "Authentication information is not given in the correct format.")
        try:
            content_type, content = self._blobs.content(path, dict(parse_qsl(query)))
        except RefusedError as error:
            return kind, plain(error.status, error.message)
        return kind, Sent(200, content, {"Content-Type": content_type})


_Side = Callable[[str, str, Message], tuple[str, Sent]]


class Server(ThreadingHTTPServer):
    """A server on a free port of the loopback address; every connection has its thread and stays open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ledger = ledger
        self.side: _Side
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def start(self, side: _Side) -> None:
        """Answer requests from now on, in a thread that ends with the process."""
        self.side = side
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone (tests kill some); a defect of the server itself is printed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm: ClassVar[bool] = True
    server: Server

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        route, sent = self.server.side(path, query, self.headers)
        self.server.ledger.note(Request(route, self.path, sent.status))
        headers = {**sent.headers, "Content-Length": str(len(sent.body)), "Date": self.date_time_string()}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        phrase = HTTPStatus(sent.status).phrase
        # One write: two would wait for each other wherever a proxy or a kernel delays small packets.
        self.wfile.write(f"HTTP/1.1 {sent.status} {phrase}\r\n{head}\r\n".encode("latin-1") + sent.body)

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


def plain(status: int, text: str) -> Sent:
    """An answer of plain text."""
    return Sent(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})
