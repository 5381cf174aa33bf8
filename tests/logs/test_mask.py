import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.logs.mask import fingerprint, mask, masked


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("2026-03-01T12:00:00.123Z failed after 12 ms", "<TIME0> failed after <N0> ms"),
        ("2026-03-01 12:00:00,123 WARN", "<TIME0> WARN"),
        ("at 12:00:01 on 2026-03-01", "at <TIME0> on <TIME0>"),
        ("dump 2026-03-01T12-00-00_123.bin", "dump <TIME0>_123.bin"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id <UUID0>"),
        ("GET https://repo.example.org/a/b-1.2.jar?x=1 failed", "GET https://repo.example.org/<URL0> failed"),
        ("dial tcp 10.0.0.1:8080: refused", "dial tcp <IP0>: refused"),
        ("[2001:db8:0:0:0:0:2:1]", "[<IP0>]"),
        ("at 0x7f3a2b", "at <HEX0>"),
        ("Foo@1a2b3c", "Foo@<HEX0>"),
        ("commit 3f786850e387 gone", "commit <SHA0> gone"),
        ("defaced effaced", "defaced effaced"),
        ("/home/runner/work/a/a/src/x.py:12:5: error", "<PATH0>/x.py:<N0>:<N0>: error"),
        ("C:\\agent\\_work\\1\\x.h(89): error C2143", "<PATH0>/x.h(<N0>): error C2143"),
        ("open /tmp/tmp8x2k/config.json: no such file", "open <TMP0>: no such file"),
        ("src/x.py:12", "src/x.py:<N0>"),
        ("took 1,024.5 s (3.14 %)", "took <N0> s (<N0> %)"),
        ("error TS2304: Cannot find name 'x'", "error TS2304: Cannot find name 'x'"),
        ("ids 1234567 and 42", "ids <N0> and <N0>"),
        ("many   blanks\there", "many blanks here"),
        ("", ""),
    ],
)
def test_variable_parts_are_replaced(line: str, wanted: str) -> None:
    assert mask(line) == wanted


@pytest.mark.parametrize(
    "line",
    [
        "Process exited with code 137",
        "make: *** [all] Error 2",
        "exit status 1",
        "returned non-zero exit status 128.",
        "HTTP 503 Service Unavailable",
        "status code: 429",
        "The requested URL returned error: 404",
        "terminated by signal 11",
    ],
)
def test_exit_codes_and_statuses_stay(line: str) -> None:
    assert mask(line) == line


TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from("0123456789abcdefx:/.-@<>N \ue000\ue005\u02d0TPATH"), st.characters(codec="utf-8")
    ),
    max_size=80,
)


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_a_frame_and_a_single_line_are_masked_alike(line: str) -> None:
    frame = pl.DataFrame({"line": ["other", line]}, schema={"line": pl.String})

    assert frame.select(masked(pl.col("line")))["line"].to_list() == ["other", mask(line)]


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_no_placeholder_is_left_half_made(line: str) -> None:
    assert not set(mask(line)) & {chr(code) for code in range(0xE000, 0xE009)}


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_lines_that_differ_in_numbers_only_are_one(one: int, other: int) -> None:
    assert mask(f"test failed after {one} ms") == mask(f"test failed after {other} ms")


def test_the_fingerprint_is_fixed() -> None:
    # A change of these values breaks the comparison with all stored history: raise mask.VERSION, and say so.
    assert fingerprint("network", "dial tcp <IP0>: refused") == "ff22539e224dde75"
    assert fingerprint("registry", "dial tcp <IP0>: refused") != fingerprint("network", "dial tcp <IP0>: refused")
