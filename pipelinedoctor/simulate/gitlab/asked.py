"""A request's parameters as GitLab reads them, and the answers that say no. Pure."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import parse_qsl

_Value = TypeVar("_Value")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_FLAGS = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}
JSON = "application/json"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API: a status, a body and the headers that depend on the request."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON


class DeniedError(Exception):
    """A request that GitLab answers with an error, in one of its two shapes: `{"message": …}` or `{"error": …}`."""

    def __init__(self, status: int, text: str, key: str = "message") -> None:
        super().__init__(text)
        self.answer = Answer(status, dump({key: text}))


def invalid(text: str) -> DeniedError:
    """A parameter that cannot be what it says."""
    return DeniedError(400, text, "error")


def missing(what: str) -> DeniedError:
    """Something that is not there, or not for who asks."""
    return DeniedError(404, f"404 {what} Not Found" if what else "404 Not found")


def dump(body: object) -> bytes:
    """A body as JSON."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


class Query:
    """The parameters of a query string; of several of one name the last counts, and an empty one is as none."""

    def __init__(self, text: str) -> None:
        self.pairs: Sequence[tuple[str, str]] = parse_qsl(text, keep_blank_values=True)
        self._last = dict(self.pairs)

    def get(self, name: str) -> str | None:
        """A parameter's text."""
        return self._last.get(name) or None

    def every(self, name: str) -> list[str]:
        """The values of a list: `name[]=a&name[]=b`, `name[0]=a` or a single `name=a`."""
        wanted = re.compile(rf"{re.escape(name)}(\[\d*\])?")
        return [value for key, value in self.pairs if value and wanted.fullmatch(key)]

    def flag(self, name: str) -> bool | None:
        """A truth value, `None` where it is not given."""
        return self._read(name, lambda text: _FLAGS[text.lower()])

    def time(self, name: str) -> datetime | None:
        """A time, of UTC where it tells no zone."""
        return self._read(name, _time)

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        found = self._read(name, _whole)
        return default if found is None else found

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of the `allowed` words."""
        text = self.get(name)
        if text is not None and text not in allowed:
            raise invalid(f"{name} does not have a valid value")
        return text or default

    def _read(self, name: str, read: Callable[[str], _Value]) -> _Value | None:
        text = self.get(name)
        if text is None:
            return None
        try:
            return read(text)
        except (KeyError, ValueError, OverflowError):
            raise invalid(f"{name} is invalid") from None


def _time(text: str) -> datetime:
    # An unescaped `+` of a zone has become a space.
    text = re.sub(r" (\d\d:?\d\d)$", r"+\1", text) if "T" in text else text
    if not _TIME.fullmatch(text):
        raise ValueError
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValueError
    return int(text)
