"""Answers of GitHub's REST API, and what handlers of its routes are given. No sockets here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipelinedoctor.simulate.paging import Page, RefusedError
from pipelinedoctor.simulate.recorded import RecordedRepository

_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API: a status, a JSON body, and the two headers that depend on the request."""

    status: int
    body: bytes = b""
    link: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A request for a list: its query, and its URL in the form that survives renames."""

    query: Mapping[str, str]
    url: str

    def page(self, key: str | None, items: Sequence[bytes]) -> Answer:
        """The asked page of `items`, as a bare list or under `key` with their count."""
        page = Page.asked(self.query)
        return self.shown(key, page.of(items), len(items), len(items))

    def shown(self, key: str | None, items: Sequence[bytes], total: int, reachable: int) -> Answer:
        """A list of `items` out of `total`, of which pages lead to `reachable`."""
        listed = b"[" + b",".join(items) + b"]"
        body = b'{"total_count":%d,"%s":%s}' % (total, key.encode(), listed) if key else listed
        return Answer(200, body, link=Page.asked(self.query).link(self.url, self.query, reachable))

    def one_of(self, key: str, words: Sequence[str]) -> str:
        """The value of a key that takes one of `words`, the first where it is not given; refuses any other."""
        asked = self.query.get(key) or words[0]
        if asked not in words:
            raise RefusedError(422, f"`{key}` is none of {', '.join(words)}")
        return asked


@dataclass(frozen=True, slots=True)
class Asked(Listing):
    """A request about a repository; `numbers` are those in its path."""

    repository: RecordedRepository
    numbers: Sequence[int]


def refusal(status: int, message: str) -> Answer:
    """An answer that says no, in GitHub's shape."""
    about = {"documentation_url": "https://docs.github.com/rest", "status": str(status)}
    return Answer(status, dump({"message": message, **about}))


def there(thing: _Thing | None) -> _Thing:
    """The thing, which is refused as not found where there is none."""
    if thing is None:
        raise RefusedError(404, "Not Found")
    return thing


def dump(body: object) -> bytes:
    """A body as JSON in its shortest form."""
    return json.dumps(body, separators=(",", ":")).encode()
