"""Asking GitLab's REST API: one request at a time, counted, retried with patience, every refusal in one clear line.

python-gitlab authenticates and builds addresses; its objects are not used, because lists of them forget where they
stand, and neither is its way to retry, which waits as long as the forge says and counts nothing. Its connections are
ours (`gitlab_wire`).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from gitlab import Gitlab
from gitlab.exceptions import GitlabError

from pipelinedoctor import __version__
from pipelinedoctor.fetch.bounds import bounded, first_line
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.download import UnfitError
from pipelinedoctor.fetch.gitlab.rows import OddError
from pipelinedoctor.fetch.gitlab.wire import AstrayError, Heard, Wire
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.patience import PassingError, Patience, RefusedError
from pipelinedoctor.fetch.web import TIMEOUT_S, TroubleError, Web, chunks
from pipelinedoctor.logs.redact import redact

PER_PAGE = 100
_AGENT = f"pipelinedoctor/{__version__}"
_ADVICE = {401: "check the token", 403: "check what the token may read", 404: "check its name and the token"}
_NEXT = re.compile(r'<([^<>]{1,4000})>\s*;\s*rel="?next"?')
_STATE = "/version"
"""What every GitLab answers that is not ill, be it to say that one may not know."""
_ONWARD = frozenset({"page", "cursor", "id_before", "id_after"})
"""Parameters of a link to the next page that say where it is; what is listed is said by us."""
_T = TypeVar("_T")

Body = Mapping[str, Any]
Where = Mapping[str, str]
"""The parameters that lead to a further page of a list."""


@dataclass(frozen=True, slots=True)
class Entries:
    """A page of a list, and where the next one is; `None` after the last."""

    entries: list[Body]
    onward: Where | None


class Client:
    """A connection to one forge for one thread."""

    def __init__(self, source: Source, budget: Budget) -> None:
        self._host = source.host
        self._token = source.token
        self._budget = budget
        self._patience = Patience(source.host, budget, lambda: self._request(_STATE, None))
        self._web = Web(_AGENT)
        self._wire = Wire(self._web)
        self._gitlab = Gitlab(
            source.url.rstrip("/").removesuffix("/api/v4"),
            oauth_token=None if source.job_token else source.token,
            job_token=source.token if source.job_token else None,
            timeout=TIMEOUT_S,
            user_agent=_AGENT,
            retry_transient_errors=False,  # retried here, where each try counts as the request it is
            backend=lambda: self._wire,
        )
        self.made = 0
        """Requests this client made."""

    def close(self) -> None:
        """Close the connections."""
        self._web.close()

    def ask(self, path: str, parameters: Mapping[str, object] | None = None) -> Any:
        """The JSON that the forge answers.

        Raises `RefusedError` for an error status, `BudgetError` at a limit, `ForgeError` where the forge stays silent,
        `OddError` where it sends us on to another host, and of a list where it answers with none.
        """
        return self._patience.patiently(lambda: _json(self._request(path, parameters).content), path)

    def page(self, path: str, parameters: Mapping[str, object], where: Where | None = None) -> Entries:
        """The first page of a list, or the one that is at `where`; raises as `ask` does."""

        def attempt() -> Entries:
            asked = {"per_page": PER_PAGE, **parameters, **(where or {})}
            heard = self._request(path, asked)
            return Entries(_entries(_json(heard.content), path), _onward(heard.headers))

        return self._patience.patiently(attempt, path)

    def pages(self, path: str, parameters: Mapping[str, object] | None = None, most: int = 1_000) -> Iterator[Entries]:
        """The pages of a list, at most so many, until one brings nothing new; raises as `ask` does."""
        where: Where | None = None
        seen: set[str] = set()
        for _ in range(most):
            found = self.page(path, parameters or {}, where)
            yield found
            known = len(seen)
            seen.update(_name(entry) for entry in found.entries)
            where = found.onward
            if where is None or len(seen) == known:
                return

    def blob(self, path: str, read: Callable[[Iterator[bytes]], _T]) -> _T:
        """What `read` makes of a file, as a stream; where the forge refers to another host, that one sees no token.

        Raises what `ask` raises, and what `read` raises.
        """
        return self._patience.patiently(lambda: self._streamed(path, read), path)

    def _streamed(self, path: str, read: Callable[[Iterator[bytes]], _T]) -> _T:
        heard = self._request(path, None, streamed=True)
        assert heard.stream is not None
        try:
            with heard.stream:
                if heard.headers.get("content-type", "").lower().startswith("text/html"):
                    raise PassingError("a download answered with a page of HTML", 502)
                return read(chunks(heard.stream))
        except TroubleError as error:
            if error.lasting:
                raise UnfitError(str(error)) from None
            raise PassingError(str(error)) from None

    def _request(self, path: str, parameters: Mapping[str, object] | None, *, streamed: bool = False) -> Heard:
        """An answer that is no error."""
        self._budget.take()
        self.made += 1
        try:
            self._gitlab.http_request(
                "get", path, query_data=dict(parameters or {}), streamed=streamed, obey_rate_limit=False
            )
        except TroubleError as error:
            if error.lasting:
                raise RefusedError(f"{self._host}: {path}: {error}", 413) from None
            raise PassingError(str(error), absent=error.absent) from None
        except AstrayError:
            why = f"sent {path} on to another address"
            raise OddError(f"{self._host} {why}; check `url`", why) from None
        except GitlabError:
            pass  # which is told below, with the headers that it lacks
        heard = self._wire.heard
        assert heard is not None
        self._note(heard)
        if heard.status_code < 300:
            return heard
        raise self._refused(path, heard)

    def _note(self, heard: Heard) -> None:
        """Take note that the forge is there, and of what it tells of its allowance."""
        if heard.status_code >= 500:
            self._budget.answered = True
            return
        self._budget.well()
        left, limit = heard.headers.get("ratelimit-remaining", ""), heard.headers.get("ratelimit-limit", "")
        if left.isdecimal() and limit.isdecimal():
            self._budget.told(int(left[:9]), int(limit[:9]))

    def _refused(self, path: str, heard: Heard) -> Exception:
        if heard.stream is not None:
            heard.stream.close()
        status = heard.status_code
        if status == 429:
            return self._patience.limited(_limits(heard.headers))
        if status >= 500:
            return PassingError(f"answered {status}", status)
        message = redact(_message(heard.content).replace(self._token or "\0", "***"))
        advice = f"; {_ADVICE[status]}" if status in _ADVICE else ""
        return RefusedError(f"{self._host} answered {status} for {path}: {message}{advice}", status)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise PassingError("the answer is not JSON") from None


def _entries(body: object, path: str) -> list[Body]:
    if not isinstance(body, list) or not all(isinstance(entry, Mapping) for entry in body):
        why = f"answered {path} without a list"
        raise OddError(f"the forge {why}; is `url` the address of a GitLab?", why)
    return body


def _name(entry: Body) -> str:
    """What tells an entry of a list from the others."""
    return next((str(entry[key]) for key in ("id", "tag_name", "name") if entry.get(key) is not None), "")


def _onward(headers: Mapping[str, str]) -> Where | None:
    """Where the next page is. Of a link only what says so is taken: it is asked for where the first one was."""
    found = _NEXT.search(headers.get("link", ""))
    if found is not None:
        try:
            pairs = parse_qsl(urlsplit(found[1]).query)
        except ValueError:
            pairs = []
        where = {name: value for name, value in pairs if name in _ONWARD and bounded(value)}
        # GitLab's link by key names the first page as well.
        return {name: value for name, value in where.items() if name != "page" or len(where) == 1} or None
    after = headers.get("x-next-page", "")
    return {"page": after} if after.isdecimal() else None


def _limits(headers: Mapping[str, str]) -> Mapping[str, str]:
    """GitLab's headers of limits under the names that other forges use."""
    return {name.replace("ratelimit-", "x-ratelimit-"): value for name, value in headers.items()}


def _message(content: bytes) -> str:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    said = [body.get(key) for key in ("message", "error")] if isinstance(body, dict) else []
    return next((line for one in said if (line := first_line(one, 200))), "no reason given")
