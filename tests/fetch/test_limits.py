"""What forges say of their limits."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.fetch.limits import A_MINUTE, is_limit, seconds_to_wait, when

DATE = {"date": "Tue, 20 Jan 2026 12:00:00 GMT"}
IN_90_S = str(1_768_910_400 + 90)


@pytest.mark.parametrize(
    ("status", "headers", "message", "limit"),
    [
        (429, {}, "", True),
        (403, {"retry-after": "5"}, "", True),
        (403, {"x-ratelimit-remaining": "0"}, "", True),
        (403, {"x-ratelimit-remaining": "7"}, "Resource not accessible by integration", False),
        (403, {}, "You have exceeded a secondary rate limit.", True),
        (403, {}, "API Rate Limit exceeded", True),
        (403, {}, "Must have admin rights", False),
    ],
)
def test_a_limit_is_told_from_a_lack_of_rights(
    status: int, headers: Mapping[str, str], message: str, limit: bool
) -> None:
    assert is_limit(status, headers, message) is limit


@pytest.mark.parametrize(
    ("headers", "seconds", "words"),
    [
        ({"retry-after": "17"}, 17, "; come back in 17 s"),
        ({"retry-after": "0"}, 1, "; come back in 1 s"),
        ({"retry-after": "Tue, 20 Jan 2026 12:01:30 GMT", **DATE}, 90, "; come back after 2026-01-20 12:01:30 UTC"),
        ({"retry-after": "Tue, 20 Jan 2026 11:00:00 GMT", **DATE}, 1, "; come back after 2026-01-20 11:00:00 UTC"),
        ({"retry-after": "soon", **DATE}, None, "; come back in an hour"),
        ({"retry-after": "Tue, 20 Jan 2026 12:01:30 GMT"}, None, "; come back after 2026-01-20 12:01:30 UTC"),
        (
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": IN_90_S, **DATE},
            90,
            "; come back after 2026-01-20 12:01:30 UTC",
        ),
        ({"x-ratelimit-reset": IN_90_S, **DATE}, 90, "; come back after 2026-01-20 12:01:30 UTC"),
        (
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1", **DATE},
            1,
            "; come back after 1970-01-01 00:00:01 UTC",
        ),
        ({"x-ratelimit-remaining": "0", **DATE}, None, "; come back in an hour"),
        ({"x-ratelimit-remaining": "99", "x-ratelimit-reset": IN_90_S, **DATE}, A_MINUTE, "; come back in a minute"),
        ({}, A_MINUTE, "; come back in a minute"),
    ],
)
def test_how_long_and_when(headers: Mapping[str, str], seconds: float | None, words: str) -> None:
    assert seconds_to_wait(headers) == seconds
    assert when(headers) == words


NAMES = st.sampled_from(["retry-after", "x-ratelimit-reset", "x-ratelimit-remaining", "date", "x-other"])
ODD = st.one_of(st.text(max_size=40), st.integers().map(str), st.just("Tue, 20 Jan 2026 12:01:30 GMT"))


@given(st.dictionaries(NAMES, ODD))
def test_whatever_a_forge_says_is_understood_as_something(headers: dict[str, str]) -> None:
    seconds = seconds_to_wait(headers)
    assert seconds is None or seconds >= 1
    assert when(headers).startswith("; come back ")
