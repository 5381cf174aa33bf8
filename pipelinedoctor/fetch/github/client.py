"""Asking GitHub's APIs: one request at a time, counted, retried with patience, every refusal in one clear line.

PyGithub authenticates and follows renamed repositories; its objects are not used, because each
hides requests of its own, and neither are its redirects to other hosts, which would carry the token along. Its
connections are ours (`github_wire`, `web`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, TypeVar

from github import Auth, Github

from pipelinedoctor import __version__
from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.bounds import bounded, first_line
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.download import UnfitError
from pipelinedoctor.fetch.github.auth import auth_of
from pipelinedoctor.fetch.github.wire import Connection
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.limits import is_limit
from pipelinedoctor.fetch.patience import DOWNLOADS, HeldError, PassingError, Patience, RefusedError
from pipelinedoctor.fetch.web import TIMEOUT_S, TroubleError, Web, chunks, joined
from pipelinedoctor.logs.redact import redact

PER_PAGE = 100
_HOPS = 5
"""Redirects of one request that are followed, to where a renamed repository now is."""
AGENT = f"pipelinedoctor/{__version__}"
TOO_MUCH = frozenset({"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED"})
"""Types of errors of GraphQL that a smaller question does not meet."""
_STATE = "/rate_limit"
"""What every forge answers that is not ill, be it to say that there is no such thing."""
_ADVICE = {401: "check the token", 403: "check what the token may read", 404: "check its name and the token"}
_T = TypeVar("_T")


class Cost(TypedDict):
    """What a page cost, as `Page` takes it."""

    requests: int
    free: int


class Spent(NamedTuple):
    """Requests made, and how many of them were answered "unchanged"."""

    requests: int = 0
    free: int = 0

    def since(self, earlier: "Spent") -> Cost:
        """What was spent since."""
        return {"requests": self.requests - earlier.requests, "free": self.free - earlier.free}


@dataclass(frozen=True, slots=True)
class Known:
    """An answer and its ETag; without a body where the forge said that it is unchanged."""

    body: Any
    etag: str | None
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """What GraphQL answered: data, which may lack parts, and the `types` of errors by the first word of their path."""

    data: Mapping[str, Any]
    types: Mapping[str, str]


class Client:
    """A connection to one forge for one thread: PyGithub's is not safe to share."""

    def __init__(self, source: Source, budget: Budget, auth: Auth.Auth | None = None) -> None:
        """`auth` signs the requests of several clients; without, the client makes one of what the source holds."""
        self._host = source.host
        self._url = source.url
        self._token = source.token
        self._budget = budget
        self._github = Github(
            base_url=source.url.rstrip("/"),
            auth=auth or auth_of(source, AGENT),
            lazy=True,
            timeout=TIMEOUT_S,
            retry=None,  # retried here, where each try counts as the request it is
            per_page=PER_PAGE,
            seconds_between_requests=None,  # the budget spaces those of all threads together
            seconds_between_writes=None,
            user_agent=AGENT,
        )
        self._patience = Patience(source.host, budget, lambda: self._request(_STATE, None))
        self._web = Web(AGENT)
        self._connection = Connection(self._web, source.url)
        self.spent = Spent()

    @property
    def made(self) -> int:
        """Requests this client made."""
        return self.spent.requests

    def close(self) -> None:
        """Close the connections."""
        self._web.close()

    def ask(self, path: str, parameters: Mapping[str, object] | None = None) -> Any:
        """The JSON that the forge answers.

        Raises `RefusedError` for an error status, `BudgetError` at a limit, `ForgeError` where the forge stays silent.
        """
        return self._patience.patiently(lambda: self._json(self._request(path, parameters)[2]), path)

    def ask_again(self, path: str, parameters: Mapping[str, object] | None, etag: str | None) -> Known:
        """The same, unless it still is what `etag` was told for; raises as `ask` does."""
        return self._patience.patiently(lambda: self._known(path, parameters, etag), path)

    def graphql(self, query: str, variables: Mapping[str, object], *, patient: bool = True) -> GraphAnswer:
        """What the forge's GraphQL answers; raises as `ask` does, and `RefusedError` where the whole query is refused.

        Without patience the first fault is raised at once, with status 502: the query may be too large.
        """

        def attempt() -> GraphAnswer:
            _, headers, text = self._request(place, None, (query, variables))
            return self._graph(text, headers)

        place = self._github.requester.graphql_url
        if patient:
            return self._patience.patiently(attempt, place)
        try:
            return attempt()
        except HeldError:
            return self._patience.patiently(attempt, place)
        except PassingError as error:
            raise RefusedError(f"{self._host}: {error}", 502) from None

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
        location = self._patience.patiently(lambda: self._place_of(path), path)
        return self._patience.patiently(lambda: self._download(location, read), DOWNLOADS)

    def _place_of(self, path: str) -> str:
        location = self._request(path, None)[1].get("location")
        if not location:  # a page of HTML of somebody between, as likely as not
            raise PassingError("named no place to download from", 502)
        return location

    def _known(self, path: str, parameters: Mapping[str, object] | None, etag: str | None) -> Known:
        status, headers, text = self._request(path, parameters, etag=etag)
        if status == 304:
            if not etag:
                raise PassingError("answered 304 to what was asked for the first time", status)
            return Known(None, etag, unchanged=True)
        told = bounded(headers.get("etag")) or ""
        # It is kept as it is, or not at all: what looks like a secret is not stored, and would be of no use redacted.
        return Known(self._json(text), told if told and redact(told) == told else None)

    def _request(
        self,
        path: str,
        parameters: Mapping[str, object] | None,
        graph: tuple[str, Mapping[str, object]] | None = None,
        etag: str | None = None,
    ) -> tuple[int, Mapping[str, str], str]:
        """Status, headers (names in lower case) and text of one answer that is no error."""
        self._budget.take()
        self.spent = self.spent._replace(requests=self.spent.requests + 1)
        self._connection.left = 1 + _HOPS
        try:
            status, headers, text = self._github.requester.requestJson(
                "POST" if graph else "GET",
                path,
                dict(parameters or {}),
                {"If-None-Match": etag} if etag else None,
                {"query": graph[0], "variables": graph[1]} if graph else None,
                cnx=self._connection,
            )
        except TroubleError as error:
            raise PassingError(str(error), absent=error.absent) from None
        except (RuntimeError, AssertionError, ValueError):
            raise ForgeError(f"{self._host} sent {path} on to another address; check `url`") from None
        self._note(status, headers)
        if status == 304 and etag:
            self._budget.refund()
            self.spent = self.spent._replace(free=self.spent.free + 1)
        if status < 400:
            return status, headers, text
        if status >= 500:
            raise PassingError(f"answered {status}", status)
        message = redact(_message(text).replace(self._token or "\0", "***"))
        if status in {403, 429} and is_limit(status, headers, message):
            raise self._patience.limited(headers)
        advice = f"; {_ADVICE[status]}" if status in _ADVICE else ""
        raise RefusedError(f"{self._host} answered {status} for {path}: {message}{advice}", status)

    def _note(self, status: int, headers: Mapping[str, str]) -> None:
        if status >= 500:
            self._budget.answered = True
            return
        self._budget.well()
        left, limit = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-limit", "")
        if left.isdecimal() and limit.isdecimal() and headers.get("x-ratelimit-resource", "core") == "core":
            self._budget.told(int(left[:9]), int(limit[:9]))

    def _graph(self, text: str, headers: Mapping[str, str]) -> GraphAnswer:
        body = self._json(text)
        data = body.get("data") if isinstance(body, Mapping) else None
        told = body.get("errors") if isinstance(body, Mapping) else None
        errors = [error for error in told if isinstance(error, Mapping)] if isinstance(told, list) else []
        kinds = {bounded(error.get("type")) or "" for error in errors}
        if "RATE_LIMITED" in kinds:
            raise self._patience.limited({**headers, "x-ratelimit-remaining": "0"})
        if not isinstance(data, Mapping):
            known = kinds - {""} or any("extensions" in error for error in errors)
            message = redact(first_line(errors[0].get("message"), 200) or "") if errors else ""
            if not known:
                raise PassingError(f"its GraphQL failed{': ' if message else ''}{message}", 502)
            status = 502 if kinds & TOO_MUCH else 403
            raise RefusedError(f"{self._host} refused a GraphQL query: {message}", status)
        return GraphAnswer(data, {_first_word(error): bounded(error.get("type")) or "" for error in errors})

    def _download(self, location: str, read: Callable[[Iterator[bytes]], _T]) -> _T:
        try:
            with self._web.open(joined(self._url, location)) as answer:
                if answer.status >= 500 or answer.status == 429:
                    raise PassingError(f"a download answered {answer.status}", answer.status)
                if answer.status >= 400:
                    said = f"a download answered {answer.status}"
                    # It saw no token to refuse: its link has run out, and the next fetch gets another one.
                    raise RefusedError(
                        f"{self._host}: {said}", 0 if answer.status in {401, 403} else answer.status, said
                    )
                if answer.headers.get("content-type", "").lower().startswith("text/html"):
                    raise PassingError("a download answered with a page of HTML", 502)
                return read(chunks(answer))
        except TroubleError as error:
            if error.lasting:
                raise UnfitError(str(error)) from None
            raise PassingError(str(error), absent=error.absent) from None

    @staticmethod
    def _json(text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise PassingError("the answer is not JSON") from None


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


def _first_word(error: Mapping[str, Any]) -> str:
    """What of the answer an error is about; `""` where that is all of it."""
    path = error.get("path")
    return ".".join(str(part) for part in path[:2]) if isinstance(path, list) else ""
