import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.logs.strip import CUT, MAX_LINE, MAX_TEXT, bound, clean, cut, lines, unmark

ESC = "\x1b"


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (f"{ESC}[31mred{ESC}[0m", "red"),
        (f"{ESC}[1;38;5;196mred{ESC}[m", "red"),
        (f"{ESC}[2K{ESC}[1Gdone", "done"),
        ("\x9b31mred", "red"),
        (f"{ESC}]8;;https://x.example{ESC}\\link{ESC}]8;;{ESC}\\", "link"),
        (f"{ESC}]8;;https://x.example\x07link{ESC}]8;;\x07", "link"),
        (f"{ESC}]0;title\x07text", "text"),
        (f"{ESC}Pdcs{ESC}\\text", "text"),
        (f"{ESC}(Btext", "text"),
        (f"end{ESC}", "end"),
        ("a\x00b\x08c\x7f", "abc"),
        ("a\u202eb\u2066c", "abc"),
        ("tab\tstays", "tab\tstays"),
        ("10 %\r50 %\r100 %", "100 %"),
        ("downloading\r\x1b[K", "downloading"),
        ("windows\r\nend", "windows\nend"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
        ("2026-03-01T12:00:00.1234567Z from GitHub", "from GitHub"),
        ("\ufeff2026-03-01T12:00:00.1234567Z first\n2026-03-01T12:00:01.0000000Z second", "first\nsecond"),
        ("2026-03-01T12:00:00.123456Z 00O from GitLab", "from GitLab"),
        ("2026-03-01T12:00:00Z stays", "2026-03-01T12:00:00Z stays"),
        ("::error file=a.py,line=1::bad", "##[error]bad"),
        ("::group::My group", "##[group]My group"),
        ("##[section]Starting: Build", "##[group]Build"),
        ("##[section]Finishing: Build", "##[endgroup]Build"),
        ("ünï↯", "ünï↯"),
        ("", ""),
    ],
)
def test_what_a_person_would_have_read(raw: str, wanted: str) -> None:
    assert clean(raw) == wanted


def test_sections_of_gitlab_become_groups() -> None:
    raw = f"section_start:1560896352:step_script[collapsed=true]\r{ESC}[0KExecuting\nmake\nsection_end:1560896353:step_script\r{ESC}[0K"

    assert [line for line in lines(clean(raw)) if line] == ["##[group]step_script", "Executing", "make", "##[endgroup]"]


def test_a_long_line_is_cut_at_a_blank_with_a_mark() -> None:
    line = "word " * 1_000

    short = cut(line)

    assert len(short) <= MAX_LINE + len(CUT)
    assert short.endswith("word" + CUT)
    assert cut("x" * 5_000) == "x" * MAX_LINE + CUT
    assert cut("x" * MAX_LINE) == "x" * MAX_LINE


def test_a_long_text_keeps_its_start_and_its_end() -> None:
    text = "start " + "x" * MAX_TEXT + " end"

    short = bound(text)

    assert short.startswith("start ")
    assert short.endswith(" end")
    assert len(short) < MAX_TEXT + 100
    assert "[10 characters cut]" in short


def test_markers_are_not_shown() -> None:
    assert unmark("##[error]bad") == "bad"
    assert unmark("##[group]Run make") == "Run make"
    assert unmark("a ##[error] in between") == "a ##[error] in between"


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.one_of(st.sampled_from("\x1b[]0;m\r\n\x07\\ aK"), st.characters()), max_size=300))
def test_a_cleaned_text_is_plain(text: str) -> None:
    cleaned = clean(text)

    assert not set(cleaned) & {chr(code) for code in range(32) if chr(code) not in "\n\t"}
    assert cleaned.encode().decode() == cleaned


@pytest.mark.parametrize(
    "piece", [f"{ESC}]", f"{ESC}[", f"{ESC}[0;", "\r", "\x1b", "section_start:1:a", f"{ESC}]8;;x", "::group", "\x9b"]
)
def test_a_megabyte_of_openings_is_one_pass(piece: str) -> None:
    # A pattern that went back over its text would need hours here.
    text = piece * (1_000_000 // len(piece))

    assert len(clean(text)) <= 2 * len(text)
