"""How the command line speaks while it works."""

import io
import sys

import pytest

from pipelinedoctor import console


def test_lines_tell_beginning_quarters_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Lines() as lines:
        lines.start("jobs", 8)
        for _ in range(8):
            lines.advance("jobs")
        lines.finish("jobs", "8 read")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["jobs: 8 to do", "jobs: 2 of 8", "jobs: 4 of 8", "jobs: 6 of 8", "jobs: 8 read"]


def test_a_large_step_is_one_line_and_an_unknown_total_none(capsys: pytest.CaptureFixture[str]) -> None:
    lines = console.Lines()
    lines.start("jobs", 100)
    lines.advance("jobs", 90)
    lines.start("runs", None)
    lines.advance("runs", 3)
    lines.finish("runs")
    assert capsys.readouterr().err.splitlines() == ["jobs: 100 to do", "jobs: 90 of 100", "runs …", "runs: done"]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress(quiet=True) as progress:
        progress.start("jobs", 2)
        progress.advance("jobs")
        progress.finish("jobs", "2 read")
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("ci", "kind"), [("", console.Bars), ("false", console.Bars), ("true", console.Lines), ("1", console.Lines)]
)
def test_a_terminal_gets_bars_unless_it_is_in_ci(monkeypatch: pytest.MonkeyPatch, ci: str, kind: type[object]) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("CI", ci)
    assert isinstance(console.progress(quiet=False), kind)


def test_a_pipe_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.delenv("CI", raising=False)
    assert isinstance(console.progress(quiet=False), console.Lines)


def test_bars_leave_a_line_for_what_is_done_and_take_names_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "dumb")
    with console.Bars() as bars:
        bars.start("[red]jobs", 2)
        bars.advance("[red]jobs")
        bars.finish("[red]jobs", "2 [bold]read")
        bars.advance("never begun")
    assert "[red]jobs: 2 [bold]read" in terminal.getvalue()
