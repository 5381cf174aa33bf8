"""What GitHub's list requests have in common: pages, `Link` headers, windows of time. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

_Item = TypeVar("_Item")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?")
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class RefusedError(Exception):
    """A request the forge answers with an error: `status`, and the message of the body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Page:
    """Page `number` (from 1) of `size` items each."""

    number: int
    size: int

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> "Page":
        """The page a query asks for; more than 100 items come as 100, as GitHub has it. Refuses what is no number."""
        return cls(_positive(query, "page", 1), min(_positive(query, "per_page", 30), 100))

    def of(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """The page's part of all items; nothing past the last."""
        return items[(self.number - 1) * self.size : self.number * self.size]

    def link(self, url: str, query: Mapping[str, str], total: int) -> str | None:
        """The `Link` header of this page of `total` items; `None` where one page holds all."""
        last = max(1, -(-total // self.size))
        wanted = {
            "prev": min(self.number - 1, last) if self.number > 1 else None,
            "next": self.number + 1 if self.number < last else None,
            "last": last if self.number < last else None,
            "first": 1 if self.number > 1 else None,
        }
        links = [
            f'<{url}?{urlencode({**query, "page": number})}>; rel="{relation}"'
            for relation, number in wanted.items()
            if number is not None
        ]
        return ", ".join(links) or None


def created(asked: str) -> tuple[datetime, datetime]:
    """The first and the last instant that a `created` filter takes in.

    It is `A..B`, `A..*`, `*..B`, `>=A`, `>A`, `<=B`, `<B` or `A`; A and B are dates or times (of UTC where they tell no
    zone), and a date as an upper end takes in its whole day. Raises `RefusedError` for anything else.
    """
    low, dots, high = asked.partition("..")
    if dots:
        return _BEGINNING if low == "*" else _first(low), _END if high == "*" else _last(high)
    sign, bound = re.fullmatch(r"([<>]=?|)(.*)", asked, re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
    return {
        ">=": lambda: (_first(bound), _END),
        ">": lambda: (_last(bound) + _SECOND, _END),
        "<=": lambda: (_BEGINNING, _last(bound)),
        "<": lambda: (_BEGINNING, _first(bound) - _SECOND),
        "": lambda: (_first(bound), _last(bound)),
    }[sign]()


def moment(text: str) -> datetime:
    """A date (its first second) or a time, of UTC where it tells no zone; raises `RefusedError` for anything else."""
    if not _TIME.fullmatch(text):
        raise RefusedError(422, f"`{text[:40]}` is neither a date nor a time")
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise RefusedError(422, f"`{text[:40]}` is no day of the calendar") from None


def _first(text: str) -> datetime:
    return moment(text)


def _last(text: str) -> datetime:
    whole_day = "T" not in text
    return moment(text) + (timedelta(days=1) - _SECOND if whole_day else timedelta())


def _positive(query: Mapping[str, str], key: str, default: int) -> int:
    text = query.get(key, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise RefusedError(422, f"`{key}` is no whole number from 1 up")
    return int(text)
