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


def test_a_task_that_grows_keeps_what_is_done_and_is_told_again_when_it_has_doubled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = console.Lines()
    lines.start("runs", 40)
    lines.advance("runs", 10)
    lines.start("runs", 50)
    lines.start("runs", 400)
    lines.advance("runs", 80)
    lines.advance("runs", 10)
    lines.finish("runs")
    assert capsys.readouterr().err.splitlines() == [
        "runs: 40 to do",
        "runs: 10 of 40",
        "runs: 400 to do",
        "runs: 100 of 400",
        "runs: done",
    ]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(10, ""), (30, ", about 2 min left"), (1_500, ", about 75 min left"), (3_600, ", about 3 h left")],
)
def test_what_is_left_is_reckoned_by_what_is_done(
    capsys: pytest.CaptureFixture[str], seconds: float, told: str
) -> None:
    times = iter([100.0, 100.0 + seconds])
    lines = console.Lines(clock=lambda: next(times))
    lines.start("runs", 4_000)
    lines.advance("runs", 1_000)
    assert capsys.readouterr().err.splitlines() == ["runs: 4,000 to do", f"runs: 1,000 of 4,000{told}"]


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
        bars.start("[red]jobs", 4)
        bars.finish("[red]jobs", "2 [bold]read")
        bars.advance("never begun")
    assert "[red]jobs: 2 [bold]read" in terminal.getvalue()
