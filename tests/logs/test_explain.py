import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.fetch.interface import RawLog
from pipelinedoctor.logs.excerpt import MAX_EXCERPT
from pipelinedoctor.logs.explain import MAX_MESSAGE, explain, explain_all
from pipelinedoctor.logs.mask import fingerprint, mask
from pipelinedoctor.model import Category, Failure

END = "##[error]Process completed with exit code 1."


def raw(*lines: str, number: int = 1, result: str = "failure", step: str | None = None) -> RawLog:
    return RawLog(host="h", job_id=number, run_id=7, forge_result=result, failed_step=step, text="\n".join(lines))


def one(*lines: str, result: str = "failure", step: str | None = None) -> Failure:
    (found,) = explain(raw(*lines, result=result, step=step))
    return found


def test_a_failure_has_all_its_fields() -> None:
    found = one("2026-03-01T12:00:00.1234567Z FAILED tests/test_a.py::test_b - assert 1 == 2", END, step="Test")

    assert found == Failure(
        host="h",
        job_id=1,
        ordinal=0,
        run_id=7,
        step="Test",
        line="FAILED tests/test_a.py::test_b - assert 1 == 2",
        excerpt="FAILED tests/test_a.py::test_b - assert 1 == 2\nProcess completed with exit code 1.",
        masked="FAILED tests/test_a.py::test_b - assert <N0> == <N0>",
        category="test",
        rule="pytest",
        fingerprint=fingerprint("test", "FAILED tests/test_a.py::test_b - assert <N0> == <N0>"),
    )


def test_tests_stand_above_noise_of_the_network() -> None:
    found = one("--- FAIL: TestFoo (0.01s)", "read: connection reset by peer", "AccessDenied", END)

    assert (found.rule, found.line) == ("go-test", "--- FAIL: TestFoo (0.01s)")


def test_the_last_line_of_a_priority_wins() -> None:
    assert one("FAILED a.py::one", "FAILED a.py::two", END).line == "FAILED a.py::two"


def test_a_compiler_is_heard_from_its_first_error() -> None:
    assert one("a.c:1:1: error: first", "a.c:2:1: error: second", END).line == "a.c:1:1: error: first"


def test_a_warning_explains_only_what_is_certain() -> None:
    assert one("WARNING: connection reset, retrying", "the end", END).rule is None
    assert one("WARNING: DATA RACE", "the end", END).rule == "go-race"


@pytest.mark.parametrize(
    "last",
    [
        END,
        "##[error]The process '/usr/bin/git' failed with exit code 128",
        "ERROR: Job failed: exit code 1",
        "Cleaning up project directory and file based variables",
        "Post job cleanup.",
    ],
)
def test_boilerplate_never_explains(last: str) -> None:
    found = one("something odd", last)

    assert (found.line, found.rule, found.category) == ("something odd", None, "unknown")


def test_without_a_rule_the_last_marked_line_counts_then_the_last() -> None:
    assert one("##[error]it is odd", "goodbye", END).line == "it is odd"
    assert one("ERROR: one", "ERROR: two", "goodbye", END).line == "ERROR: two"
    assert one("hello", "goodbye", "", "  ").line == "goodbye"


def test_a_log_of_nothing_but_boilerplate_still_has_a_line() -> None:
    found = one(END)

    assert (found.line, found.category) == ("Process completed with exit code 1.", "unknown")


@pytest.mark.parametrize("text", ["", "\n \n\t", "\x1b[0m", "\ufeff"])
def test_a_log_without_text_explains_nothing(text: str) -> None:
    assert explain(raw(text)) == []


@pytest.mark.parametrize(
    ("result", "category"),
    [
        ("timed_out", Category.TIMEOUT),
        ("cancelled", Category.CANCELLED),
        ("startup_failure", Category.CONFIG),
        ("failure", Category.UNKNOWN),
    ],
)
def test_the_forge_has_its_say_where_no_rule_has(result: str, category: str) -> None:
    assert one("odd", result=result).category == category
    assert one("--- FAIL: TestFoo (0.01s)", result=result).category == Category.TEST


def test_echoed_commands_are_no_evidence() -> None:
    found = one("##[group]Run ./ci", "echo 'FAILED a.py::one'", "##[endgroup]", "odd", END)

    assert (found.rule, found.line) == (None, "odd")


def test_other_groups_are() -> None:
    assert one("##[group]Tests", "FAILED a.py::one", "##[endgroup]", END).rule == "pytest"


def test_only_the_failed_step_counts_where_it_is_found() -> None:
    log = (
        "##[group]Run make lint", "##[endgroup]", "a.c:1:1: error: of another step", "##[group]Run make test", "##[endgroup]",
        "--- FAIL: TestFoo (0.01s)", END, "##[group]Run ./upload", "##[endgroup]", "b.c:1:1: error: of a third step",
    )  # fmt: skip

    assert one(*log, step="Run make test").rule == "go-test"
    assert one(*log, step="Test").rule == "gcc-clang"


def test_what_ran_after_the_script_does_not_count() -> None:
    log = (
        "section_start:1:step_script\r\x1b[0K", "--- FAIL: TestFoo (0.01s)", "section_end:2:step_script\r\x1b[0K",
        "section_start:2:after_script\r\x1b[0K", "a.c:1:1: error: x", "section_end:3:after_script\r\x1b[0K",
        "ERROR: Job failed: exit code 1",
    )  # fmt: skip

    assert one(*log).rule == "go-test"


def test_secrets_reach_neither_line_nor_excerpt_nor_mask() -> None:
    token = "gh" + "p_" + "a1B2c3D4e5F6" * 3
    key = ["-----BEGIN PRIVATE " + "KEY-----", *["MIIEabcdefGHIJ0123456789"] * 60, "-----END PRIVATE " + "KEY-----"]

    found = one(
        f"using {token}", *key, f"##[error]no access with {token}", "mail jo@example.com", END, step=f"Run {token}"
    )

    assert token not in repr(found)
    assert "MIIE" not in repr(found)
    assert "jo@example.com" not in repr(found)
    assert found.line == "no access with <redacted:github_token>"


def test_sizes_are_bounded() -> None:
    found = one(*["x" * 10_000] * 50, "##[error]" + "ü " * 10_000, *["y" * 10_000] * 50, step="s" * 10_000)

    assert len(found.line) < MAX_MESSAGE + 20
    assert len(found.excerpt.encode()) <= MAX_EXCERPT
    assert found.step is not None
    assert len(found.step) < 400


def test_an_excerpt_does_not_grow_with_what_is_taken_out() -> None:
    found = one(*["a@b.co " * 80] * 20)

    assert "a@b.co" not in found.excerpt
    assert len(found.excerpt.encode()) <= MAX_EXCERPT


@pytest.mark.parametrize("before", [1_950, 1_970, 1_990])
def test_no_half_of_a_token_is_left_where_a_line_is_cut(before: int) -> None:
    token = "gh" + "p_" + "a1B2c3D4e5F6" * 3

    found = one("x" * before + "=" + token + "; " + "y" * 500)

    assert token[:8] not in found.excerpt


def test_many_logs_are_explained_as_one_by_one() -> None:
    logs = [raw(f"--- FAIL: Test{number % 3} (0.{number}s)", END, number=number) for number in range(8)]
    logs.insert(5, raw("", number=99))

    assert explain_all(logs) == [failure for log in logs for failure in explain(log)]


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.one_of(st.text(max_size=60), st.sampled_from([END, "FAILED a.py::b", "##[group]Run x", "Traceback (most recent call last):", "E   assert 1"])), max_size=12),
    st.one_of(st.none(), st.text(max_size=12)),
)  # fmt: skip
def test_any_text_can_be_explained(lines: list[str], step: str | None) -> None:
    for found in explain(raw(*lines, step=step)):
        assert found.line.strip()
        assert found.masked == mask(found.line)
        assert found.line.encode()
        assert found.fingerprint == fingerprint(found.category, found.masked)


def test_real_logs_of_maven_are_nearly_all_known(data: Path) -> None:
    logs = []
    with gzip.open(data / "ozone" / "failed_jobs.jsonl.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            tail = json.loads(line).get("output_log_tail")
            if tail and number % 10 == 0:
                logs.append(raw(*tail, number=number))

    found = explain_all(logs)

    assert len(found) == len(logs) > 100
    assert sum(failure.category == Category.UNKNOWN for failure in found) <= 0.02 * len(found)
    assert {failure.category for failure in found} >= {"test", "timeout", "crash", "dependency"}
