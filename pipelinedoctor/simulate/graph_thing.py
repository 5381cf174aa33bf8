"""What a GraphQL object is here, and the objects that many others hold."""

from collections.abc import Mapping
from typing import Any

Thing = dict[str, Any]
"""An object by field name; a value that is called is worked out only where it is asked for."""


def actor(body: Mapping[str, Any] | None) -> Thing | None:
    """Who did something; GraphQL names a bot without `[bot]`."""
    if not body:
        return None
    kind = body.get("type")
    return {
        "__typename": kind if kind in ("Bot", "Organization") else "User",
        "id": body.get("node_id"),
        "databaseId": body.get("id"),
        "login": str(body.get("login")).removesuffix("[bot]"),
        "name": None,
        "url": body.get("html_url"),
    }


def word(text: object) -> str | None:
    """A word of an enumeration as GraphQL spells it."""
    return text.upper() if isinstance(text, str) else None
