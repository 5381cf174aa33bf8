"""A team's own failure rules, beside its own questions, from the command line to the report."""

import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelinedoctor.cli import app
from pipelinedoctor.simulate.forge import serve
from tests.helpers.recordings import job, run, write_recording

LINE = "error: no licence for verify left"
REMEDY = "Ask for more licences, or run fewer jobs at once."
RULE = f"""
[[rule]]
id = "licence-server"
priority = 58
category = "network"
pattern = 'no licence for \\w+ left'
explanation = "The licence server had none left."
remedy = "{REMEDY}"
examples = ["{LINE}"]
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two jobs that fail three times for want of a licence."""
    log = f"building\n{LINE}\n##[error]Process completed with exit code 1.\n"
    jobs = [job(name, "failure", log=log) for name in ("build", "verify")]
    runs = [run(day, jobs=jobs, created=f"2026-01-{day:02d}T12:00:00Z") for day in (3, 5, 7)]
    return write_recording(tmp_path / "recording", runs)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "ours.toml").write_text(RULE, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    return tmp_path


def ask(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    return done.exit_code, done.stderr


def explained(store: Path) -> set[tuple[str, str | None]]:
    with duckdb.connect(str(store), read_only=True) as connection:
        return set(connection.execute("SELECT category, rule FROM failures").fetchall())


def next_steps(report: Path) -> list[str]:
    findings = json.loads(report.read_text(encoding="utf-8"))["findings"]
    return [one["next_step"] for one in findings if one["query"] == "failure_clusters"]


def configured(folder: Path, url: str) -> None:
    text = f'[[sources]]\nurl = "{url}"\nrepositories = ["acme/shop"]\n'
    (folder / "pipelinedoctor.toml").write_text(text, encoding="utf-8")


def test_a_demo_explains_by_them_and_says_their_remedy(here: Path, recording: Path, mine: Path) -> None:
    assert ask("demo", "--recording", recording, "--queries", mine, "--out", "out", "-q")[0] == 0
    assert explained(here / "out" / "history.duckdb") == {("network", "licence-server")}
    assert next_steps(here / "out" / "report.json") == [REMEDY]


def test_without_them_the_same_lines_are_unknown(here: Path, recording: Path) -> None:
    assert ask("demo", "--recording", recording, "--out", "out", "-q")[0] == 0
    assert explained(here / "out" / "history.duckdb") == {("unknown", None)}
    assert next_steps(here / "out" / "report.json") == []


@pytest.mark.parametrize("command", ["fetch", "nightly"])
def test_a_fetch_explains_by_them(here: Path, recording: Path, mine: Path, command: str) -> None:
    with serve(recording) as forge:
        configured(here, forge.url)
        assert ask(command, "--since", "2026-01-01", "--queries", mine, "-q")[0] == 0
    assert explained(here / "pipelinedoctor.duckdb") == {("network", "licence-server")}
    told = ["report", "--as-of", "2026-01-12", "--format", "json", "-q", "--out"]
    assert ask(*told, "ours", "--queries", mine)[0] == 0
    assert next_steps(here / "ours" / "report.json") == [REMEDY]
    # Without the rules at hand their category still stands, but not what to do.
    assert ask(*told, "plain")[0] == 0
    assert next_steps(here / "plain" / "report.json") == ["Read the excerpt, and look at what these jobs share."]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fetch", "--queries", "absent"], "absent: no such directory"),
        (["fetch", "--queries", "mine"], "ours.toml: not a readable TOML file"),
        (["nightly", "--queries", "mine"], "ours.toml: not a readable TOML file"),
        (["demo", "--queries", "mine", "--recording", "recording"], "ours.toml: not a readable TOML file"),
        (["report", "--queries", "absent"], "absent: no such directory"),
    ],
)
def test_rules_that_are_wrong_are_told_before_anything_is_fetched(
    here: Path, recording: Path, mine: Path, arguments: list[str], said: str
) -> None:
    (mine / "rules" / "ours.toml").write_text("rule = ", encoding="utf-8")
    configured(here, "http://127.0.0.1:9")
    code, err = ask(*arguments)
    assert (code, said in err) == (2, True), err
    assert not (here / "pipelinedoctor.duckdb").exists()
    assert "acme/shop" not in err
