"""Pages of GitHub's GraphQL connections: `first` and `after`, `last` and `before`, cursors. Pure."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

MOST_A_PAGE = 100
_Item = TypeVar("_Item")
_CURSOR = re.compile(r"cursor:v2:([0-9]{1,9})")


class GraphRefusedError(Exception):
    """What the forge refuses within a query: `type` is the word that GitHub's error carries beside the message."""

    def __init__(self, type: str, message: str) -> None:  # noqa: A002  the answer's own word
        super().__init__(message)
        self.type = type


def connection(
    name: str, items: Sequence[_Item], asked: Mapping[str, Any], shown: Callable[[_Item], Any]
) -> dict[str, Any]:
    """The asked page of `items` as the connection `name`; only what is on it is `shown`.

    Raises `GraphRefusedError` for a page of more than 100 and for a cursor that was never given out, and, like GitHub, where
    nodes are wanted without a page's size.
    """
    low, high = _bounds(name, len(items), asked)
    window = range(low, high)

    def nodes(*_: object) -> list[Any]:
        _sized(name, asked)
        return [shown(items[at]) for at in window]

    def edges(*_: object) -> list[Any]:
        _sized(name, asked)
        return [{"cursor": _cursor(at), "node": shown(items[at])} for at in window]

    page = {
        "startCursor": _cursor(low) if window else None,
        "endCursor": _cursor(high - 1) if window else None,
        "hasNextPage": high < len(items),
        "hasPreviousPage": low > 0,
    }
    return {"totalCount": len(items), "pageInfo": page, "nodes": nodes, "edges": edges}


def _bounds(name: str, total: int, asked: Mapping[str, Any]) -> tuple[int, int]:
    after, before = asked.get("after"), asked.get("before")
    low = 0 if after is None else min(_position(after) + 1, total)
    high = total if before is None else max(min(_position(before), total), low)
    first, last = (_size(name, asked, key) for key in ("first", "last"))
    if first is not None:
        return low, min(low + first, high)
    return (low if last is None else max(low, high - last)), high


def _size(name: str, asked: Mapping[str, Any], key: str) -> int | None:
    size: int | None = asked.get(key)
    if size is not None and size > MOST_A_PAGE:
        raise GraphRefusedError(
            "EXCESSIVE_PAGINATION",
            f"Requesting {size} records on the `{name}` connection exceeds the `{key}` limit of {MOST_A_PAGE} records.",
        )
    if size is not None and size < 0:
        raise GraphRefusedError("BAD_PAGINATION", f"`{key}` on the `{name}` connection cannot be less than zero.")
    return size


def _sized(name: str, asked: Mapping[str, Any]) -> None:
    if asked.get("first") is None and asked.get("last") is None:
        raise GraphRefusedError(
            "MISSING_PAGINATION_BOUNDARIES",
            f"You must provide a `first` or `last` value to properly paginate the `{name}` connection.",
        )


def _cursor(position: int) -> str:
    return base64.b64encode(f"cursor:v2:{position}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        found = _CURSOR.fullmatch(base64.b64decode(cursor, validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        found = None
    if found is None:
        raise GraphRefusedError("INVALID_CURSOR_ARGUMENTS", f"`{cursor[:40]}` does not appear to be a valid cursor.")
    return int(found[1])
