"""GitLab's two ways through a list: by page, told in `X-` headers, and by key, told in `Link` only. Pure."""

import base64
import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from pipelinedoctor.simulate.gitlab.asked import DeniedError, Query, invalid

_Item = TypeVar("_Item")
_COUNTED = 10_000
"""GitLab counts no list beyond so many rows."""
_MOST = 100
_USUAL = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list was asked for: its URL without a query, the parameter in its path, and its query."""

    url: str
    id: str
    query: Query

    def link(self, relation: str, **changed: str | int) -> str:
        """A part of a `Link` header: the same list with other parameters."""
        lists = [(key, value) for key, value in self.query.pairs if key.endswith("]")]
        plain = {key: value for key, value in self.query.pairs if not key.endswith("]")}
        whole = {"page": 1, "per_page": _USUAL, **plain, "id": self.id, **changed}
        return f'<{self.url}?{urlencode(sorted([*lists, *((key, str(value)) for key, value in whole.items())]))}>; rel="{relation}"'


def page(place: Place, items: Sequence[_Item], *, counted: bool = True) -> tuple[Sequence[_Item], dict[str, str]]:
    """The asked page of `items`, and its headers. A list that is not `counted`, or too long to be, tells no total."""
    number, size = _positive(place.query, "page", 1), _size(place.query)
    last = max(1, -(-len(items) // size))
    before, after = number - 1 or None, number + 1 if number < last else None
    headers = {
        "X-Per-Page": str(size),
        "X-Page": str(number),
        "X-Next-Page": str(after or ""),
        "X-Prev-Page": str(before or ""),
    }
    wanted = {"prev": before, "next": after, "first": 1}
    if counted and len(items) <= _COUNTED:
        wanted["last"] = last
        headers |= {"X-Total": str(len(items)), "X-Total-Pages": str(last)}
    headers["Link"] = ", ".join(place.link(name, page=to) for name, to in wanted.items() if to is not None)
    return items[(number - 1) * size : number * size], headers


def by_cursor(place: Place, ids: Sequence[int]) -> tuple[list[int], dict[str, str]]:
    """The asked part of `ids`, which rise, from the highest down; the rest lies behind a cursor in `Link`.

    This is how jobs are listed with `pagination=keyset`, and there is no other order to list them in.
    """
    query = place.query
    if (query.get("order_by") or "id", query.get("sort") or "desc") != ("id", "desc"):
        raise _unavailable()
    size = _size(query)
    cursor = query.get("cursor")
    end = len(ids) if cursor is None else bisect_left(ids, _decoded(cursor))
    found = list(reversed(ids[max(0, end - size) : end]))
    if end <= size:
        return found, {}
    return found, {"Link": place.link("next", cursor=_encoded(found[-1]))}


def by_id(place: Place, items: Mapping[int, _Item]) -> tuple[list[_Item], dict[str, str]]:
    """The asked part of `items` by their id; the rest lies behind `id_after` or `id_before` in `Link`.

    This is how projects are listed with `pagination=keyset`.
    """
    query = place.query
    if query.get("order_by") != "id":
        raise _unavailable()
    rising = query.choice("sort", ("asc", "desc"), "desc") == "asc"
    size = _size(query)
    ids = sorted(items, reverse=not rising)
    if not ids[size:]:
        return [items[one] for one in ids], {}
    return [items[one] for one in ids[:size]], {
        "Link": place.link("next", **{"id_after" if rising else "id_before": ids[size - 1]})
    }


def _unavailable() -> DeniedError:
    return DeniedError(405, "Keyset pagination is not yet available for this type of request", "error")


def _encoded(number: int) -> str:
    text = json.dumps({"id": str(number), "_kd": "n"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decoded(cursor: str) -> int:
    try:
        return int(json.loads(base64.urlsafe_b64decode(cursor.encode()))["id"])
    except (ValueError, KeyError, TypeError):
        raise invalid("cursor is invalid") from None


def _size(query: Query) -> int:
    return min(_positive(query, "per_page", _USUAL), _MOST)


def _positive(query: Query, name: str, default: int) -> int:
    number = query.number(name, default)
    if number < 1:
        raise invalid(f"{name} does not have a valid value")
    return number
