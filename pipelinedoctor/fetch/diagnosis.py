"""What a look at a source tells: plain facts, and how they are asked for. What they mean is each forge's `doctor_*`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from pipelinedoctor import __version__
from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.bounds import first_line
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.web import TroubleError, Web, joined
from pipelinedoctor.logs.redact import redact

AGENT = f"pipelinedoctor/{__version__}"
_HOPS = 3
"""Redirects within the host that are followed, to where a renamed repository now is."""


@dataclass(frozen=True, slots=True)
class Right:
    """A right, as the forge calls it, and what is absent without it. `held` is None where it could not be tried."""

    name: str
    held: bool | None
    without: str


@dataclass(frozen=True, slots=True)
class Limit:
    """What is left of an allowance until it begins anew; `of` counts requests, or points of GraphQL."""

    of: str
    remaining: int
    limit: int
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a look at a source told. `trouble` says why it cannot be read, None where it can; `seen` what was tried.

    `nameless`: there is no token, and one might end the trouble.
    """

    host: str
    url: str
    token: str
    trouble: str | None = None
    nameless: bool = False
    seen: str | None = None
    rights: tuple[Right, ...] = ()
    limits: tuple[Limit, ...] = ()
    notes: tuple[str, ...] = ()
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: names of headers in lower case, `body` parsed and None where it is no JSON, `message` free of secrets."""

    status: int
    headers: Mapping[str, str]
    body: Any
    message: str

    @property
    def fields(self) -> Mapping[str, Any]:
        """The body, where it is an object; else an empty one."""
        return self.body if isinstance(self.body, Mapping) else {}

    def said(self) -> str:
        """Status and message in a few words."""
        return f"answered {self.status}{f': {self.message}' if self.message else ''}"


_SHORTEST = 8
"""Characters of a token below which it is none of a forge's, and stands in words that are no secret."""
_SECRET_HEADERS = frozenset({"authorization", "private-token", "job-token"})


class LookError(ForgeError):
    """A source cannot be read; `status` is that of the answer that says so, 0 where there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Asking:
    """Asks one source, each question once, and hears every answer, a refusal too."""

    def __init__(self, source: Source, headers: Mapping[str, str]) -> None:
        self._source = source
        self._headers = headers
        self._web = Web(AGENT)
        self.requests = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._web.close()

    def get(self, path: str) -> Heard:
        """The answer to a GET of a path below the source's address, or where the forge says it is now, within the host.

        Raises `ForgeError` where there is no answer.
        """
        url = f"{self._source.url.rstrip('/')}{path}"
        for _ in range(_HOPS):
            heard = self._ask(url, None)
            to = heard.headers.get("location")
            if heard.status not in {301, 302, 307, 308} or to is None or not _same_place(url, joined(url, to)):
                break
            url = joined(url, to)
        return heard

    def post(self, url: str, body: Mapping[str, object]) -> Heard:
        """The answer to a POST of JSON to an address; raises as `get` does."""
        return self._ask(url, json.dumps(body))

    def _ask(self, url: str, content: str | None) -> Heard:
        self.requests += 1
        try:
            answer = (
                self._web.get(url, self._headers) if content is None else self._web.post(url, self._headers, content)
            )
        except TroubleError as error:
            raise ForgeError(f"{self._source.host}: {error}") from None
        try:
            body = json.loads(self._without_secrets(answer.data.decode("utf-8", "replace")))
        except (ValueError, RecursionError):
            body = None
        told = body.get("message") or body.get("error") if isinstance(body, Mapping) else None
        message = redact(first_line(told, 200) or "")
        headers = {name.lower(): redact(self._without_secrets(value)) for name, value in answer.headers.items()}
        return Heard(answer.status, headers, body, message)

    def _without_secrets(self, text: str) -> str:
        """The text without what was sent to authenticate, wherever a forge repeats it."""
        sent = [self._headers[name].rpartition(" ")[2] for name in self._headers if name.lower() in _SECRET_HEADERS]
        for secret in [self._source.token or "", *sent]:
            if len(secret) >= _SHORTEST:
                text = text.replace(secret, "***")
        return text


def nameless(source: Source, status: int) -> bool:
    """Whether an answer of this status may be due to there being no token."""
    return source.token is None and source.app is None and status in {401, 403, 404}


def readable(source: Source) -> str:
    """In words, what may be read."""
    return "may be read without a token" if nameless(source, 404) else "the token may read"


def count(told: object) -> int | None:
    """A number that a forge tells in JSON or in a header; None for what is none, or has more than ten digits."""
    text = str(told)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else None


def moment(epoch: object) -> datetime | None:
    """A time that a forge tells in seconds since 1970; None for what is none."""
    seconds = count(epoch)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _same_place(one: str, other: str) -> bool:
    return one.split("/")[:3] == other.split("/")[:3]
