import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.logs.excerpt import AFTER, BEFORE, MAX_EXCERPT, excerpt

PADDING = [f"line {number}" for number in range(100)]


def test_plain_context() -> None:
    found = excerpt(PADDING, 50).split("\n")

    assert (found[0], found[-1]) == (f"line {50 - BEFORE}", f"line {50 + AFTER}")


@pytest.mark.parametrize(
    ("lines", "at", "first", "last"),
    [
        (
            ["Traceback (most recent call last):", *['  File "a.py", line 1, in f', "    f()"] * 15, "ValueError: x"],
            31,
            "Traceback (most recent call last):",
            "ValueError: x",
        ),
        (
            ["____ TestA.test_b ____", *["    code"] * 30, "E   assert 1 == 2"],
            31,
            "____ TestA.test_b ____",
            "E   assert 1 == 2",
        ),
        (
            ["java.lang.IllegalStateException: x", *["\tat org.x.A.f(A.java:1)"] * 40, "Caused by: java.io.IOException: y", "\t... 12 more"],
            0,
            "java.lang.IllegalStateException: x",
            "\t... 12 more",
        ),
        (
            ["java.lang.IllegalStateException: x", *["\tat org.x.A.f(A.java:1)"] * 40, "Caused by: java.io.IOException: y"],
            41,
            "java.lang.IllegalStateException: x",
            "Caused by: java.io.IOException: y",
        ),
        (
            ["error[E0308]: mismatched types", "  --> a.rs:1:1", *["   | x"] * 30],
            0,
            "error[E0308]: mismatched types",
            "   | x",
        ),
    ],
    ids=["python", "pytest", "java down", "java up", "rust"],
)  # fmt: skip
def test_a_trace_is_kept_whole(lines: list[str], at: int, first: str, last: str) -> None:
    # Padding that an excerpt would end in, were the trace not grown to its ends.
    before = [f"before {number}" for number in range(30)]
    found = excerpt([*before, *lines, *PADDING], len(before) + at)

    assert first in found
    assert found.count("\n") >= len(lines) - 1
    assert last in found


def test_too_long_an_excerpt_loses_what_is_farthest() -> None:
    lines = [f"{number:03} " + "x" * 1_000 for number in range(30)]

    found = excerpt(lines, 15)

    assert len(found.encode()) <= MAX_EXCERPT
    assert [line[:3] for line in found.split("\n")] == ["011", "012", "013", "014", "015", "016", "017", "018"]


def test_markers_are_left_out() -> None:
    assert excerpt(["##[group]Run make", "##[endgroup]", "##[error]bad"], 2) == "Run make\n\nbad"


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from(["x" * 500, "Traceback (most recent call last):", '  File "a"', "\tat x", "E   y", "ü" * 400, "##[error]z"]), min_size=1, max_size=60),
    st.data(),
)  # fmt: skip
def test_the_line_itself_is_always_there_and_the_size_bounded(lines: list[str], draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(lines) - 1))

    found = excerpt(lines, at)

    assert lines[at].removeprefix("##[error]") in found.split("\n")
    assert len(found.encode()) <= MAX_EXCERPT
