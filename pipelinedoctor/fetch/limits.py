"""What forges say of their limits, in headers and status: whether one was met, how long it lasts, when to come back. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

A_MINUTE = 60
"""What GitHub asks to wait for at a limit that names no time."""
_RESET = "x-ratelimit-reset"
_REMAINING = "x-ratelimit-remaining"


def is_limit(status: int, headers: Mapping[str, str], message: str) -> bool:
    """Whether a refusal (403 or 429) is a limit and not a lack of rights. Header names are in lower case."""
    spent = headers.get(_REMAINING) == "0"
    return status == 429 or spent or "retry-after" in headers or "rate limit" in message.lower()


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """How many seconds until the limit is over, by the forge's own clock; None where that cannot be told.

    `Retry-After` goes before the reset of the allowance, which counts only where nothing is left of it. Where neither
    is told, it is a limit on bursts, which is over in a minute.
    """
    after = headers.get("retry-after")
    if after is not None:
        return float(max(1, int(after[:9]))) if after.isdecimal() else _until(after, headers)
    reset = _reset(headers)
    if reset is not None:
        return _between(headers, reset)
    return None if headers.get(_REMAINING) == "0" else float(A_MINUTE)


def when(headers: Mapping[str, str]) -> str:
    """When to come back, as the end of a sentence: after so many seconds, or at a time."""
    after, reset = headers.get("retry-after", ""), _reset(headers)
    if after.isdecimal():
        return f"; come back in {max(1, int(after[:9]))} s"
    end = _date(after) or reset
    if end is not None:
        return f"; come back after {datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return "; come back in a minute" if seconds_to_wait(headers) else "; come back in an hour"


def _reset(headers: Mapping[str, str]) -> float | None:
    """When the allowance is new, where nothing is left of it."""
    reset = headers.get(_RESET, "")
    return float(reset[:10]) if reset.isdecimal() and headers.get(_REMAINING, "0") == "0" else None


def _until(moment: str, headers: Mapping[str, str]) -> float | None:
    end = _date(moment)
    return None if end is None else _between(headers, end)


def _between(headers: Mapping[str, str], end: float) -> float | None:
    now = _date(headers.get("date", ""))
    return None if now is None else max(1.0, end - now)


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
