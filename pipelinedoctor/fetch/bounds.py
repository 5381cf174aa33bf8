"""What the world says, brought to sizes and types the store can keep. Shared by all fetchers; pure."""

import re
from datetime import UTC, datetime

NAME = 1_000
"""Most characters of a name, a title, a label, an address of a page."""
SUBJECT = 500
"""Most characters of the first line of a message."""
EPOCH = 2000
"""No CI is older: an earlier year is a forge's way to say "never"."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def bounded(value: object, limit: int = NAME) -> str | None:
    """`value` if it is text with something in it, cut to `limit` characters; else None.

    NUL and halves of surrogate pairs, which JSON can spell and UTF-8 cannot, become U+FFFD.
    """
    if not isinstance(value, str) or not value:
        return None
    kept = value[:limit]
    # Nearly all is plain, and that is known at once.
    return kept if kept.isascii() and "\0" not in kept else _UNSTORABLE.sub("�", kept)


def first_line(value: object, limit: int = SUBJECT) -> str | None:
    """The first line of `value` that holds anything, bounded; None where there is none."""
    if not isinstance(value, str):
        return None
    return bounded(value.lstrip()[: limit + 2].partition("\n")[0].rstrip(), limit)


def instant(value: object) -> datetime | None:
    """An ISO 8601 text as aware UTC; None for anything else, and for the zero times that mean "never".

    A text without an offset is read as UTC.
    """
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is not UTC:
            parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.year >= EPOCH else None


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from `start` to `end`; None where either is unknown or time would run backwards."""
    if start is None or end is None or end < start:
        return None
    return (end - start).total_seconds()
