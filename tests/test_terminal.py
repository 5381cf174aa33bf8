"""What is shown on a terminal, and logged: nothing that it obeys, nothing that is secret."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.terminal import Formatter, plain


@given(st.text())
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = plain(text)
    assert len(shown) == len(text)
    assert all(one.isprintable() or one.isspace() for one in shown)
    assert not set(shown) & set("\x1b\x07\n\t\r\x85\u2028\u202e\u200b\ud800")


def test_lines_and_wide_blanks_stay_where_they_are_wanted() -> None:
    assert plain("one\n\ttwo\u00a0\u3000→ ö", lines=True) == "one\n\ttwo\u00a0\u3000→ ö"
    assert plain("one\n\ttwo") == "one\ufffd\ufffdtwo"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('"GET /runs?created=2026..2027&page=1&per_page=100 HTTP/1.1" 200', None),
        ('"GET /zip?se=2026&sig=a8F3e1C07b7d42aa HTTP/1.1" 200', '"GET /zip?se=…&sig=… HTTP/1.1" 200'),
        ('"GET /zip?X-Goog-Signature=00ff HTTP/1.1"', '"GET /zip?X-Goog-Signature=… HTTP/1.1"'),
        ("Authorization: Bearer abcd1234efgh", "Authorization: Bearer <redacted:authorization>"),
        ("a\x1b[31m\nb", "a\ufffd[31m\nb"),
    ],
)
def test_what_libraries_log_is_without_secrets(said: str, shown: str | None) -> None:
    record = logging.LogRecord("urllib3", logging.DEBUG, "", 0, "%s", (said,), None)
    assert Formatter().format(record) == f"urllib3: {shown or said}"
