"""Faults on demand: chosen requests to the loopback forge are answered as a forge that is not well answers them.

    forge.plant(Mishap("502", route="/graphql", at=(2,)), Mishap("cut", share=0.1, seed=7))

A mishap takes the place of the true answer, which has been worked out, and paid for, as always.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from pipelinedoctor.simulate.sent import Sent

LONGEST_PAUSE = 30.0
_JSON = "application/json; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_PAGE = b"<!DOCTYPE html><html><body><h1>Unicorn!</h1><p>We had issues producing the response.</p></body></html>"
_TIMED_OUT = "Something went wrong while executing your query. This may be the result of a timeout."
_SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass(frozen=True, slots=True)
class Mishap:
    """A fault of a `kind` (see `KINDS`) for the requests of the routes that `route` matches, `*` standing for anything.

    Of these it takes those that are the `at`-th since it was planted, counted from 1 (none given: every one), and of these
    a random `share`, the same for the same `seed` and order; `times` is how often at most. `seconds` is how long the forge
    asks to wait, or is silent (30 at most). Raises `ValueError` for a kind that there is not.
    """

    kind: str
    route: str = "*"
    at: tuple[int, ...] = ()
    share: float = 1.0
    seed: int = 0
    times: int | None = None
    seconds: float = 60

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no kind of mishap: {self.kind}; there are {', '.join(sorted(KINDS))}")


@dataclass(slots=True)
class _Planted:
    mishap: Mishap
    random: Random
    seen: int = 0
    struck: int = 0

    def strikes(self, route: str) -> bool:
        mishap = self.mishap
        if not fnmatchcase(route, mishap.route.replace("[", "[[]")):
            return False
        self.seen += 1
        spared = self.random.random() >= mishap.share
        if spared or (mishap.at and self.seen not in mishap.at) or self.struck == mishap.times:
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class Mishaps:
    """The mishaps that are planted; of two that would strike the same request the first does."""

    _planted: list[_Planted] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plant(self, *mishaps: Mishap) -> None:
        """Let these strike from now on, beside those that are there."""
        with self._lock:
            self._planted += [_Planted(one, Random(one.seed)) for one in mishaps]

    def clear(self) -> None:
        """Let nothing strike any more."""
        with self._lock:
            self._planted.clear()

    def strike(self, route: str) -> Mishap | None:
        """What strikes this request; all that are planted count it."""
        with self._lock:
            struck = [one.mishap for one in self._planted if one.strikes(route)]
        return struck[0] if struck else None


def struck(mishap: Mishap, true: Sent, now: int) -> Sent:
    """What is sent in place of the `true` answer at `now`, in seconds since 1970."""
    kept = {name: value for name, value in true.headers.items() if name.startswith(("X-RateLimit-", "RateLimit-"))}
    return KINDS[mishap.kind](mishap, replace(true, headers=kept) if mishap.kind not in _AS_THEY_ARE else true, now)


_Kind = Callable[[Mishap, Sent, int], Sent]


def _refusing(status: int, message: str, *, waits: bool = False) -> _Kind:
    def made(mishap: Mishap, true: Sent, _: int) -> Sent:
        wait = {"Retry-After": str(round(mishap.seconds))} if waits else {}
        return _told(status, {"message": message, "documentation_url": "https://docs.github.com/rest"}, true, wait)

    return made


def _told(status: int, body: Mapping[str, Any], true: Sent, headers: Mapping[str, str]) -> Sent:
    return Sent(status, json.dumps(body).encode(), {**true.headers, "Content-Type": _JSON, **headers})


def _primary(mishap: Mishap, true: Sent, now: int) -> Sent:
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(now + round(mishap.seconds))}
    return _told(403, {"message": "API rate limit exceeded for user ID 1."}, true, reset)


def _failing_query(error: Mapping[str, Any]) -> _Kind:
    return lambda _, true, __: _told(200, {"data": None, "errors": [error]}, true, {})


def _half_query(_: Mishap, true: Sent, __: int) -> Sent:
    """The second half of the nodes is missing, as where a query was too much for the forge."""
    answer = json.loads(true.body)
    nodes = (answer.get("data") or {}).get("nodes") or []
    lost = range(len(nodes) // 2, len(nodes))
    for at in lost:
        nodes[at] = None
    errors = [
        {
            "type": "RESOURCE_LIMITS_EXCEEDED",
            "message": "Resource limits for this query exceeded.",
            "path": ["nodes", at],
        }
        for at in lost
    ]
    return _told(200, {**answer, "errors": [*answer.get("errors", []), *errors]}, true, {})


def _page(status: int) -> _Kind:
    return lambda _, true, __: Sent(status, _PAGE, {**true.headers, "Content-Type": _HTML})


def _mute(mishap: Mishap, true: Sent, _: int) -> Sent:
    return replace(true, status=0, mute=True, pause=min(mishap.seconds, LONGEST_PAUSE))


KINDS: Mapping[str, _Kind] = {
    "401": _refusing(401, "Bad credentials"),
    "404": _refusing(404, "Not Found"),
    "410": _refusing(410, "Gone"),
    "422": _refusing(422, "Validation Failed"),
    "429": _refusing(429, "Too many requests"),
    "429 with Retry-After": _refusing(429, "Too many requests", waits=True),
    "500": _refusing(500, "Server Error"),
    "502": _page(502),
    "503": _refusing(503, "Service unavailable"),
    "primary limit": _primary,
    "secondary limit": _refusing(403, _SECONDARY, waits=True),
    "cut": lambda _, true, __: replace(true, cut=True),
    "broken JSON": lambda _, true, __: replace(true, body=true.body[: len(true.body) // 2]),
    "wrong type": lambda _, true, __: replace(true, headers={**true.headers, "Content-Type": _HTML}),
    "HTML": _page(200),
    "dropped": lambda mishap, true, now: _mute(replace(mishap, seconds=0), true, now),
    "stalled": _mute,
    "query failed": _failing_query({"message": _TIMED_OUT}),
    "query limited": _failing_query({"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."}),
    "query halved": _half_query,
}
"""By name, what is sent: statuses by their number (502 is a page in HTML), and what else goes wrong.

`cut` promises more than it sends, `dropped` ends the connection without a word, `stalled` does so after a silence; `broken JSON`
is half of the body, `wrong type` all of it as HTML; the last three answer a query with 200 and `errors`.
"""

_AS_THEY_ARE = frozenset({"cut", "broken JSON", "wrong type"})
