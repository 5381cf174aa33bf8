from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.fetch.bounds import bounded, first_line, instant, seconds_between

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T12:00:00Z", NOON),
        ("2026-01-05T12:00:00.000Z", NOON),
        ("2026-01-05T12:00:00.250+00:00", NOON + timedelta(milliseconds=250)),
        ("2026-01-05T12:00:00", NOON),
        ("2026-01-05T13:30:00+01:30", NOON),
        ("2026-01-05", NOON - timedelta(hours=12)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1_767_614_400, None),
    ],
)
def test_times_become_aware_utc_and_zero_times_become_none(text: object, moment: datetime | None) -> None:
    assert instant(text) == moment
    assert moment is None or instant(text).tzinfo is UTC  # type: ignore[union-attr]


def test_text_is_cut_and_made_storable() -> None:
    assert bounded("x" * 2_000) == "x" * 1_000
    assert bounded("a\0b\ud800c") == "a�b�c"
    assert [bounded(value) for value in ("", None, 7, ["a"])] == [None] * 4


@given(st.text(st.characters(), max_size=50))
@settings(deadline=None)
def test_whatever_is_bounded_can_be_stored(text: str) -> None:
    cut = bounded(text, 20)
    assert cut is None or (len(cut) <= 20 and "\0" not in cut and cut.encode())


def test_the_first_line_that_says_anything() -> None:
    assert first_line("\n\n  Fix it \nmore") == "Fix it"
    assert first_line("Fix it\r\nmore") == "Fix it"
    assert first_line("y" * 600) == "y" * 500
    assert first_line("  \n ") is None
    assert first_line(3) is None


def test_seconds_never_run_backwards() -> None:
    assert seconds_between(NOON, NOON + timedelta(seconds=90.5)) == 90.5
    assert seconds_between(NOON, NOON) == 0
    assert seconds_between(NOON, NOON - timedelta(seconds=1)) is None
    assert seconds_between(None, NOON) is None
    assert seconds_between(NOON, None) is None
