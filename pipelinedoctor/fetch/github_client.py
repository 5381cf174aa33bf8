"""Asking GitHub's REST API: one request at a time, counted, retried with patience, every refusal in one clear line.

PyGithub authenticates and follows renamed repositories; its objects are not used, because each
hides requests of its own, and neither are its redirects to other hosts, which would carry the token along. Its
connections are ours (`web`).
"""

import json
import threading
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from github import Auth, Github
from github.Requester import HTTPRequestsConnectionClass, RequestsResponse

from pipelinedoctor import __version__
from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.bounds import first_line
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.download import UnfitError
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.web import TIMEOUT_S, Answer, TroubleError, Web, chunks, joined
from pipelinedoctor.logs.redact import redact

PER_PAGE = 100
BACKOFF_S = (1.0, 2.0, 4.0, 8.0)
"""Waits before the four further tries of a request that failed in passing."""
ABSENT_S = (0.5, 1.5)
"""The same where nothing listens, or the name is not known, and nothing was ever heard of the forge in this fetch."""
LIMIT_S = 60
"""Longest that a forge may ask to wait for it to be waited for."""
_HOPS = 5
"""Redirects of one request that are followed, to where a renamed repository now is."""
_AGENT = f"pipelinedoctor/{__version__}"
_ADVICE = {401: "check the token", 403: "check what the token may read", 404: "check its name and the token"}
_T = TypeVar("_T")


class RefusedError(ForgeError):
    """The forge answered a request with an error; `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _PassingError(Exception):
    """A fault that another try may not meet; `status` is the HTTP status, if there was an answer."""

    def __init__(self, message: str, status: int | None = None, *, absent: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.absent = absent


class _HeldError(_PassingError):
    """The forge asked to wait some seconds; `limit` is what to raise when it does so again and again."""

    def __init__(self, seconds: int, limit: BudgetError) -> None:
        super().__init__("asks for fewer requests")
        self.seconds = seconds
        self.limit = limit


class Client:
    """A connection to one forge for one thread: PyGithub's is not safe to share."""

    def __init__(self, source: Source, budget: Budget) -> None:
        self._host = source.host
        self._url = source.url
        self._token = source.token
        self._budget = budget
        self._github = Github(
            base_url=source.url.rstrip("/"),
            auth=Auth.Token(source.token) if source.token else None,
            lazy=True,
            timeout=TIMEOUT_S,
            retry=None,  # retried here, where each try counts as the request it is
            per_page=PER_PAGE,
            seconds_between_requests=None,  # the budget spaces those of all threads together
            seconds_between_writes=None,
            user_agent=_AGENT,
        )
        self._web = Web(_AGENT)
        self._connection = _Connection(self._web, source.url)
        self.made = 0
        """Requests this client made."""

    def close(self) -> None:
        """Close the connections."""
        self._web.close()

    def ask(self, path: str, parameters: Mapping[str, object] | None = None) -> Any:
        """The JSON that the forge answers.

        Raises `RefusedError` for an error status, `BudgetError` at a limit, `ForgeError` where the forge stays silent.
        """
        return self._patiently(lambda: self._json(self._request(path, parameters)[1]))

    def pages(self, path: str, key: str, parameters: Mapping[str, object] | None = None) -> Iterator[Mapping[str, Any]]:
        """The entries of a paged list that stands under `key`, page by page, until one brings nothing new."""
        seen: set[str] = set()
        for number in range(1, 1_000):
            body = self.ask(path, {**(parameters or {}), "per_page": PER_PAGE, "page": number})
            entries = entries_of(body, key)
            yield from entries
            known = len(seen)
            seen.update(str(entry.get("id")) for entry in entries)
            if len(entries) < PER_PAGE or len(seen) == known:
                return

    def blob(self, path: str, read: Callable[[Iterator[bytes]], _T]) -> _T:
        """What `read` makes of the file that the forge refers to; it is fetched without authorization, as a stream.

        Raises what `ask` raises, and what `read` raises.
        """
        location = self._patiently(lambda: self._request(path, None)[0].get("location"))
        if not location:
            raise RefusedError(f"{self._host} named no place to download {path} from", 404)
        return self._patiently(lambda: self._download(location, read))

    def _patiently(self, attempt: Callable[[], _T]) -> _T:
        tries = 0
        while True:
            tries += 1
            try:
                return attempt()
            except _PassingError as error:
                waits = self._waits(error)
                if tries > len(waits):
                    raise self._given_up(error, tries) from None
                wait = waits[tries - 1]
                with self._budget.telling(f"{self._host}: {error}, waiting {wait:g} s"):
                    self._budget.wait(wait)

    def _waits(self, error: _PassingError) -> Sequence[float]:
        if isinstance(error, _HeldError):
            return [error.seconds] * len(BACKOFF_S)
        return ABSENT_S if error.absent and not self._budget.answered else BACKOFF_S

    def _given_up(self, error: _PassingError, tries: int) -> ForgeError:
        if isinstance(error, _HeldError):
            self._budget.close(error.limit)
            return error.limit
        message = f"{self._host}: {error}, {tries} times in a row; what was fetched is kept, try again later"
        return RefusedError(message, error.status) if error.status else ForgeError(message)

    def _request(self, path: str, parameters: Mapping[str, object] | None) -> tuple[Mapping[str, str], str]:
        self._budget.take()
        self.made += 1
        self._connection.left = 1 + _HOPS
        try:
            status, headers, text = self._github.requester.requestJson(
                "GET", path, dict(parameters or {}), cnx=self._connection
            )
        except TroubleError as error:
            raise _PassingError(str(error), absent=error.absent) from None
        except (RuntimeError, AssertionError, ValueError):
            raise ForgeError(f"{self._host} sent {path} on to another address; check `url`") from None
        self._budget.answered = True
        if status < 400:
            return headers, text
        if status >= 500:
            raise _PassingError(f"answered {status}", status)
        message = redact(_message(text).replace(self._token or "\0", "***"))
        if status in {403, 429} and _is_limit(status, headers, message):
            raise self._limited(headers)
        advice = f"; {_ADVICE[status]}" if status in _ADVICE else ""
        raise RefusedError(f"{self._host} answered {status} for {path}: {message}{advice}", status)

    def _limited(self, headers: Mapping[str, str]) -> Exception:
        """What to raise at a rate limit: one that is over soon is waited for, by all threads; the hourly one ends the fetch."""
        limit = BudgetError(f"{self._host}: its rate limit is met; the next fetch goes on from here{_when(headers)}")
        seconds = _asked_to_wait(headers)
        if seconds is None or seconds > LIMIT_S or headers.get("x-ratelimit-remaining") == "0":
            self._budget.close(limit)
            return limit
        self._budget.hold(seconds)
        return _HeldError(seconds, limit)

    def _download(self, location: str, read: Callable[[Iterator[bytes]], _T]) -> _T:
        try:
            with self._web.open(joined(self._url, location)) as answer:
                if answer.status >= 500:
                    raise _PassingError(f"a download answered {answer.status}", answer.status)
                if answer.status >= 400:
                    raise RefusedError(f"{self._host}: a download answered {answer.status}", answer.status)
                return read(chunks(answer))
        except TroubleError as error:
            if error.lasting:
                raise UnfitError(str(error)) from None
            raise _PassingError(str(error)) from None

    @staticmethod
    def _json(text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise _PassingError("the answer is not JSON") from None


class _Connection(HTTPRequestsConnectionClass):
    """What PyGithub asks through."""

    def __init__(self, web: Web, url: str) -> None:
        parts = urlsplit(url)
        self._web = web
        self.left = 0
        """Requests that PyGithub may still make for the one that it was asked for."""
        self._root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def request(self, verb: str, url: str, input: Any, headers: dict[str, str], stream: bool = False) -> None:  # noqa: A002, ARG002, FBT001, FBT002  PyGithub's own words
        if self.left == 0:
            raise RuntimeError("redirects without end")
        self.left -= 1
        self._asked = (url, headers)

    def getresponse(self) -> RequestsResponse:
        path, headers = self._asked
        answer = self._web.get(self._root + path, headers)
        if answer.status == 202:
            # "Not ready yet": PyGithub would ask again for as long as the forge says so.
            raise _PassingError("answered 202", 202)
        return _Response(answer)


class _Response(RequestsResponse):
    """What PyGithub reads of an answer."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self._answer = answer

    def getheaders(self) -> ItemsView[str, str]:
        return dict(self._answer.headers).items()

    def read(self) -> str:
        return self._answer.data.decode("utf-8", errors="replace")


class Clients:
    """A client for each thread that asks for one."""

    def __init__(self, make: Callable[[], Client]) -> None:
        self._make = make
        self._local = threading.local()
        self._all: list[Client] = []

    def mine(self) -> Client:
        """The calling thread's client."""
        if not hasattr(self._local, "client"):
            self._local.client = self._make()
            self._all.append(self._local.client)
        client: Client = self._local.client
        return client

    def close(self) -> None:
        """Close all of them."""
        for client in self._all:
            client.close()


def entries_of(body: object, key: str) -> list[Mapping[str, Any]]:
    """The list that stands under `key` in an answer, or is the answer; raises `ForgeError` where there is none."""
    entries = body.get(key) if isinstance(body, Mapping) else body
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise ForgeError(f"the forge answered without a list of {key}; is `url` the address of a GitHub API?")
    return entries


def _message(text: str) -> str:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    said = body.get("message") if isinstance(body, dict) else None
    return first_line(said, 200) or "no reason given"


def _is_limit(status: int, headers: Mapping[str, str], message: str) -> bool:
    spent = headers.get("x-ratelimit-remaining") == "0"
    return status == 429 or spent or "retry-after" in headers or "rate limit" in message.lower()


def _asked_to_wait(headers: Mapping[str, str]) -> int | None:
    after = headers.get("retry-after", "")
    return max(1, int(after[:9])) if after.isdecimal() else None


def _when(headers: Mapping[str, str]) -> str:
    """When to come back, as far as the forge says: after so many seconds, or at a time."""
    after, reset = _asked_to_wait(headers), headers.get("x-ratelimit-reset", "")
    if after is not None:
        return f"; come back in {after} s"
    if reset.isdecimal():
        return f"; come back after {datetime.fromtimestamp(int(reset[:10]), UTC):%Y-%m-%d %H:%M:%S} UTC"
    return "; come back in an hour"
