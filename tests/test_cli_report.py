"""What the options of reports do, asked of a store that a demo has filled."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelinedoctor.cli import app

END = "2026-03-13T12:12:11Z"
"""A second after the last that happened in the recording."""
ASKED = ("--as-of", "2026-03-13T12:12:11", "--format", "json", "--out", "r", "-q")

QUESTION = """
from dataclasses import dataclass

from pipelinedoctor.findings import Answer, Column, Evidence, Finding, Measure, Subject
from pipelinedoctor.model import Severity, Verdict
from pipelinedoctor.query import query
from pipelinedoctor.store.history import History


@dataclass(frozen=True)
class Options:
    least: int = 1


@query(id="{id}", title="Of our own", docs="What we ask.", remediation="Do it.", options=Options)
def asked(history: History, options: Options) -> Answer:
    runs = history.runs(["run_id"]).collect().height
    about = Subject(host="github.com", forge="github", repository="acme/shop")
    found = Finding(
        query="{id}", subject=about, verdict=Verdict.EXPIRED, severity=Severity.LOW, confidence=None,
        title=f"{{runs}} runs, at least {{options.least}}", evidence=Evidence(summary="Counted."), cost=None, since=None,
        next_step="Rest.",
    )
    table = Measure(id="m", title="Runs", caption="All.", columns=(Column(name="n", title="N"),), rows=[{{"n": runs}}])
    return Answer(findings=[found], measures=[table])
"""
BROKEN = QUESTION.format(id="broken").replace("runs = history", "raise LookupError\n    runs = history")


@pytest.fixture
def here(small_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a copy of the demo's store, and a configuration that names it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    shutil.copyfile(small_demo / "demo" / "history.duckdb", tmp_path / "kept.duckdb")
    configure(tmp_path, "")
    return tmp_path


def configure(folder: Path, more: str) -> None:
    (folder / "pipelinedoctor.toml").write_text(f'store = "kept.duckdb"\n{more}', encoding="utf-8")


def ask(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def report(folder: Path, name: str = "r") -> dict[str, Any]:
    whole: dict[str, Any] = json.loads((folder / name / "report.json").read_text(encoding="utf-8"))
    return whole


def severities(folder: Path) -> set[str]:
    return {finding["severity"] for finding in report(folder)["findings"]}


def question(folder: Path, text: str, pack: str = "mine") -> str:
    (folder / pack).mkdir(exist_ok=True)
    (folder / pack / "question.py").write_text(text, encoding="utf-8")
    return pack


def test_a_recordings_report_is_as_of_its_end_over_the_default_windows(here: Path) -> None:
    assert ask("report", "--format", "json", "--out", "r", "-q")[0] == 0
    whole = report(here)
    assert whole["generated_at"] == END
    assert whole["window"] == {"start": "2026-02-11T12:12:11Z", "end": END}
    assert whole["trend"] == {"start": "2025-09-12T12:12:11Z", "end": END}


def test_as_of_and_window_move_what_is_looked_at(here: Path) -> None:
    assert ask("report", *ASKED[2:], "--as-of", "2026-03-01T00:00+01:00", "--window", "1w")[0] == 0
    whole = report(here)
    assert whole["window"] == {"start": "2026-02-21T23:00:00Z", "end": "2026-02-28T23:00:00Z"}
    assert whole["totals"]["runs"] == 5 + 1 + 3


def test_the_configuration_is_kept_to_and_an_option_goes_before_it(here: Path) -> None:
    configure(here, '[report]\nout = "there"\nformats = ["json"]\nwindow = "2w"\ntrend = "8w"\n')
    assert ask("report", "-q")[0] == 0
    whole = report(here, "there")
    assert [path.name for path in (here / "there").iterdir()] == ["report.json"]
    assert whole["window"]["start"] == "2026-02-27T12:12:11Z"
    assert whole["trend"]["start"] == "2026-01-16T12:12:11Z"
    assert ask("report", "-q", "--window", "3w", "--out", "r", "--format", "markdown,json")[0] == 0
    assert report(here)["window"]["start"] == "2026-02-20T12:12:11Z"
    assert {path.name for path in (here / "r").iterdir()} == {"report.json", "wiki"}


def test_a_questions_options_stand_in_its_section(here: Path) -> None:
    configure(here, "[queries.flaky_jobs]\nleast_commits = 1000\n")
    assert ask("report", *ASKED)[0] == 0
    assert "flaky_jobs" not in {finding["query"] for finding in report(here)["findings"]}
    configure(here, "[queries.flaky_jobs]\nleast_comits = 1000\n")
    code, _, err = ask("report", *ASKED)
    assert code == 2
    assert err == (
        "pipelinedoctor: pipelinedoctor.toml: queries.flaky_jobs.least_comits: no such option; did you mean 'least_commits'?\n"
    )


def test_a_question_of_ones_own_is_answered_with_its_options_in_every_format(here: Path) -> None:
    configure(here, "[queries.mine]\nleast = 7\n")
    pack = question(here, QUESTION.format(id="mine"))
    code, out, _ = ask("report", "--queries", pack, "--out", "r")
    assert code == 0
    whole = report(here)
    (finding,) = (one for one in whole["findings"] if one["query"] == "mine")
    assert finding["title"] == f"{whole['totals']['runs']} runs, at least 7"
    assert [section["id"] for section in whole["sections"]] == sorted(section["id"] for section in whole["sections"])
    assert finding["title"] in (here / "r" / "wiki" / "mine.md").read_text(encoding="utf-8")
    assert finding["title"] in (here / "r" / "report.html").read_text(encoding="utf-8")
    assert "Of our own" in ask("queries", "--queries", pack)[1]
    assert "wiki" in out


def test_a_shipped_question_is_replaced_by_its_id_and_the_last_directory_wins(here: Path) -> None:
    first = question(here, QUESTION.format(id="flaky_jobs").replace("Rest.", "First."), "first")
    second = question(here, QUESTION.format(id="flaky_jobs").replace("Rest.", "Second."), "second")
    assert ask("report", *ASKED, "--queries", first, "--queries", second)[0] == 0
    assert [one["next_step"] for one in report(here)["findings"] if one["query"] == "flaky_jobs"] == ["Second."]


def test_a_template_of_ones_own_takes_the_place_of_the_shipped_one(here: Path) -> None:
    (here / "ours" / "markdown").mkdir(parents=True)
    (here / "ours" / "markdown" / "home.jinja").write_text("OURS {{ report.scope }}\n", encoding="utf-8")
    assert ask("report", "-q", "--format", "markdown", "--out", "r", "--templates", "ours")[0] == 0
    assert (here / "r" / "wiki" / "Home.md").read_text(encoding="utf-8") == "OURS acme/shop and acme/tools\n"
    assert "test" in (here / "r" / "wiki" / "flaky-jobs.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("as_of", "worst", "level", "code"),
    [
        ("2026-03-13T12:12:11", "critical", "critical", 1),
        ("2026-03-13T12:12:11", "critical", "low", 1),
        ("2026-03-05", "medium", "high", 0),
        ("2026-03-05", "medium", "medium", 1),
        ("2026-03-05", "medium", "low", 1),
    ],
)
def test_fail_on_counts_findings_as_severe_or_more(here: Path, as_of: str, worst: str, level: str, code: int) -> None:
    assert ask("report", *ASKED[2:], "--as-of", as_of, "--fail-on", level)[0] == code
    ladder = ["critical", "high", "medium", "low"]
    assert min(severities(here), key=ladder.index) == worst


GONE = '[[sources]]\nurl = "http://127.0.0.1:9"\nrepositories = ["acme/gone"]\n'


@pytest.mark.parametrize(
    ("options", "broken", "code"),
    [
        (["--fail-on", "low"], False, 3),
        (["--allow-partial", "--fail-on", "low"], False, 1),
        (["--allow-partial"], True, 2),
    ],
)
def test_nightly_ends_with_the_highest_code(here: Path, options: list[str], broken: bool, code: int) -> None:
    configure(here, GONE)
    pack = ["--queries", question(here, BROKEN)] if broken else []
    ended, out, err = ask("nightly", *ASKED, *options, *pack)
    assert ended == code
    assert out == ""
    assert "127.0.0.1:9" in err
    whole = report(here)
    assert whole["failed_queries"] == (["broken"] if broken else [])
    assert len(whole["findings"]) > 3


def test_nightly_states_the_age_of_each_source(here: Path) -> None:
    configure(here, GONE)
    assert ask("nightly", "--as-of", "2026-03-15T12:12:11", "--format", "markdown,json", "--out", "r", "-q")[0] == 3
    ages = {one["host"]: (one["age_s"], one["outcome"]) for one in report(here)["sources"]}
    assert ages["github.com"] == (2 * 86_400, "complete")
    assert ages["127.0.0.1:9"][0] is None
    home = (here / "r" / "wiki" / "Home.md").read_text(encoding="utf-8")
    assert "2026-03-13 12:12 UTC" in home
    assert "127.0.0.1:" in home


def test_quiet_prints_nothing_and_progress_goes_to_stderr(here: Path) -> None:
    assert ask("report", "--format", "json", "-q") == (0, "", "")
    code, out, err = ask("report", "--format", "json")
    assert code == 0
    assert "6 questions" in err
    assert "5 questions" not in out
    assert out.rstrip().endswith("report.json")


def test_a_ci_that_cancels_ends_it_as_ctrl_c_does(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    monkeypatch.setattr("pipelinedoctor.commands.asked", cancelled)
    code, _, err = ask("report")
    assert code == 130
    assert "is kept" in err


def run(*arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pipelinedoctor", *arguments]
    return subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_reader_that_has_enough_is_no_error() -> None:
    with run("queries") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_shell_completes_commands() -> None:
    asked = {"_PIPELINEDOCTOR_COMPLETE": "complete_bash", "COMP_WORDS": "pipelinedoctor ni", "COMP_CWORD": "1"}
    with run(**asked) as process:
        assert process.stdout is not None
        assert process.stdout.read().split() == [b"nightly"]
