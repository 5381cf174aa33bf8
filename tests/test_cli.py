"""The command line, from end to end: what it prints, writes, and ends with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelinedoctor import __version__
from pipelinedoctor.cli import app
from pipelinedoctor.simulate.forge import serve
from tests.helpers.recordings import commit, job, run, write_recording

PYTEST_LOG = "=== FAILURES ===\nE   AssertionError: assert 1 == 2\nFAILED tests/test_pay.py::test_pay - AssertionError: assert 1 == 2\n"
JUNIT = (
    '<testsuites><testsuite name="pytest"><testcase classname="tests.test_pay" name="test_pay" time="0.1">'
    '<failure message="assert 1 == 2">E assert 1 == 2</failure></testcase></testsuite></testsuites>'
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve days of one repository, whose job `test` fails and passes on the same commits."""
    runs = []
    for day in range(1, 13):
        outcome = "failure" if day % 3 == 0 else "success"
        jobs = [
            job("lint"),
            job(
                "test",
                outcome,
                log=PYTEST_LOG if outcome == "failure" else None,
                junit=JUNIT if outcome == "failure" else None,
            ),
        ]
        if outcome == "failure":
            jobs.append(job("test", attempt=2))
        runs.append(run(day, jobs=jobs, created=f"2026-01-{day:02d}T12:00:00Z"))
    commits = [commit(f"{day:040x}", f"2026-01-{day:02d}T11:30:00Z") for day in range(12, 0, -1)]
    return write_recording(tmp_path_factory.mktemp("recording"), runs, commits=commits)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    return tmp_path


def ask(*arguments: str) -> tuple[int, str, str]:
    """Call the command line in this process: exit code, stdout, stderr."""
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def configured(folder: Path, url: str, *repositories: str) -> None:
    names = ", ".join(f'"{name}"' for name in repositories)
    (folder / "pipelinedoctor.toml").write_text(
        f'[[sources]]\nurl = "{url}/"\nrepositories = [{names}]\n', encoding="utf-8"
    )


def test_version_and_help_end_with_0() -> None:
    assert ask("--version") == (0, f"pipelinedoctor {__version__}\n", "")
    code, out, _ = ask("--help")
    assert code == 0
    assert "nightly" in out


def test_a_recording_becomes_a_store_a_page_a_wiki_and_json(here: Path, recording: Path) -> None:
    code, out, err = ask("demo", "--recording", str(recording))
    assert code == 0, err
    made = here / "pipelinedoctor-demo"
    assert {path.name for path in made.iterdir()} == {"history.duckdb", "report.html", "report.json", "wiki"}
    report = json.loads((made / "report.json").read_text(encoding="utf-8"))
    assert report["generated_at"].startswith("2026-01-12T")
    assert [one["subject"]["job"] for one in report["findings"] if one["query"] == "flaky_jobs"] == ["test"]
    assert "a recording of real history" in out
    assert "12 runs" in out
    assert str(Path("pipelinedoctor-demo") / "report.html") in out
    assert all(len(line) <= 100 for line in out.splitlines())


def test_the_same_recording_gives_the_same_bytes(here: Path, recording: Path) -> None:
    for name in ("one", "two"):
        assert ask("demo", "--recording", str(recording), "--out", name, "--quiet")[0] == 0
    for path in sorted((here / "one").rglob("*")):
        if path.is_file() and path.suffix != ".duckdb":
            assert path.read_bytes() == (here / "two" / path.relative_to(here / "one")).read_bytes(), path.name


def test_fail_on_turns_a_finding_into_1(here: Path, recording: Path) -> None:
    assert ask("demo", "--recording", str(recording), "--fail-on", "low", "-q")[0] == 1
    assert ask("report", "--fail-on", "critical", "-q")[0] == 4  # there is no store of that name here


def test_nightly_fetches_then_reports_and_a_second_night_changes_no_row(here: Path, recording: Path) -> None:
    with serve(recording) as forge:
        configured(here, forge.url, "acme/shop")
        code, out, err = ask("nightly", "--since", "2026-01-01", "--as-of", "2026-01-13")
        assert code == 0, err
        assert "finding" in out
        before = tables(here / "pipelinedoctor.duckdb")
        assert ask("nightly", "--since", "2026-01-01", "--as-of", "2026-01-13", "-q")[0] == 0
    assert tables(here / "pipelinedoctor.duckdb") == before
    assert before["jobs"]
    assert (here / "pipelinedoctor-report" / "wiki" / "Home.md").exists()


def test_report_reads_the_store_alone(here: Path, recording: Path) -> None:
    with serve(recording) as forge:
        configured(here, forge.url, "acme/shop")
        assert ask("fetch", "--since", "2026-01-01", "-q")[0] == 0
    code, _, err = ask("report", "--as-of", "2026-01-13", "--format", "json", "--out", "r")
    assert code == 0, err
    assert [path.name for path in (here / "r").iterdir()] == ["report.json"]


def test_nightly_reports_on_what_it_has_when_the_forge_is_gone(here: Path, recording: Path) -> None:
    with serve(recording) as forge:
        configured(here, forge.url, "acme/shop")
        assert ask("fetch", "--since", "2026-01-01", "-q")[0] == 0
    code, out, err = ask("nightly", "--as-of", "2026-01-13")
    assert code == 3
    assert "no connection (refused)" in err
    assert "report.html" in out
    assert ask("nightly", "--as-of", "2026-01-13", "--allow-partial", "-q")[0] == 0


def test_max_requests_ends_with_3_and_the_next_fetch_goes_on(here: Path, recording: Path) -> None:
    with serve(recording) as forge:
        configured(here, forge.url, "acme/shop")
        code, _, err = ask("fetch", "--since", "2026-01-01", "--max-requests", "10")
        assert code == 3
        assert "10" in err
        assert ask("fetch", "--since", "2026-01-01", "-q")[0] == 0
    assert len(tables(here / "pipelinedoctor.duckdb")["runs"]) == 12


def test_one_repository_that_is_gone_does_not_stop_the_others(here: Path, recording: Path) -> None:
    with serve(recording) as forge:
        configured(here, forge.url, "acme/absent", "acme/shop")
        _, _, err = ask("fetch", "--since", "2026-01-01")
    assert "acme/absent: no such repository, or none that the token may read" in err
    found = tables(here / "pipelinedoctor.duckdb")
    assert len(found["runs"]) == 12
    assert "acme/absent" in {row[1] for row in found["fetch_gaps"]}


def test_a_token_that_is_not_set_is_named(here: Path, recording: Path) -> None:
    with serve(recording) as forge:
        configured(here, forge.url, "acme/shop")
        _, _, err = ask("fetch", "--since", "2026-01-01")
    assert "GITHUB_TOKEN is not set, so there is no token" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["report"], 4, "`pipelinedoctor fetch` makes it"),
        (["fetch"], 2, "`pipelinedoctor init` writes the file"),
        (["report", "--window", "month"], 2, "write a number and h, d or w"),
        (["report", "--as-of", "yesterday"], 2, "write it as 2026-05-01"),
        (["report", "--format", "pdf"], 2, "known are: html, markdown, json"),
        (["demo", "--recording", "absent"], 2, "absent: no such folder"),
        (["queries", "--queries", "absent"], 2, "absent: no such directory"),
        (["nightly", "--queries", "absent"], 2, "absent: no such directory"),  # before anything is fetched
        (["nightly", "--templates", "absent"], 2, "absent: no such directory"),
        (["report", "--fail-on", "awful"], 2, "critical"),
        (["report", "--colour"], 2, "--colour"),
        (["report", "--config", "absent.toml"], 2, "absent.toml: no such file"),
    ],
)
def test_what_is_wrong_is_said_with_its_code(here: Path, arguments: list[str], code: int, said: str) -> None:
    ended, _, err = ask(*arguments)
    assert ended == code
    assert said in err
    assert "Traceback" not in err


def test_a_store_that_is_none_ends_with_4_and_stays_as_it_is(here: Path) -> None:
    (here / "pipelinedoctor.duckdb").write_text("not a database", encoding="utf-8")
    code, _, err = ask("report")
    assert code == 4
    assert "not a DuckDB database" in err
    assert (here / "pipelinedoctor.duckdb").read_text(encoding="utf-8") == "not a database"


def test_a_store_in_use_ends_with_75(here: Path, recording: Path) -> None:
    assert ask("demo", "--recording", str(recording), "-q")[0] == 0
    (here / "pipelinedoctor.toml").write_text('store = "pipelinedoctor-demo/history.duckdb"\n', encoding="utf-8")
    holder = "import duckdb, sys; c = duckdb.connect('pipelinedoctor-demo/history.duckdb'); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        code, _, err = ask("report")
        process.communicate()
    assert code == 75
    assert "in use by another process" in err


def test_a_demo_does_not_overwrite_a_live_store(here: Path, recording: Path) -> None:
    with serve(recording) as forge:
        configured(here, forge.url, "acme/shop")
        (here / "pipelinedoctor-demo").mkdir()
        text = (here / "pipelinedoctor.toml").read_text(encoding="utf-8")
        (here / "pipelinedoctor.toml").write_text(
            'store = "pipelinedoctor-demo/history.duckdb"\n' + text, encoding="utf-8"
        )
        assert ask("fetch", "--since", "2026-01-01", "-q")[0] == 0
    code, _, err = ask("demo", "--recording", str(recording), "-q")
    assert code == 4
    assert "choose another --out" in err
    assert len(tables(here / "pipelinedoctor-demo" / "history.duckdb")["runs"]) == 12


def test_an_internal_error_is_one_line_and_70(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("pipelinedoctor.commands.asked", broken)
    code, _, err = ask("report")
    assert code == 70
    assert err == "pipelinedoctor: internal error: ZeroDivisionError: of all things (--verbose shows where)\n"
    assert "Traceback" in ask("report", "--verbose")[2]


def test_ctrl_c_is_130_and_says_that_nothing_is_lost(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelinedoctor.commands.asked", interrupted)
    code, _, err = ask("report")
    assert code == 130
    assert "is kept" in err


def test_init_writes_once_and_overwrites_only_by_force(here: Path) -> None:
    code, out, _ = ask("init")
    assert (code, "`pipelinedoctor doctor` tells" in out) == (0, True)
    (here / "pipelinedoctor.toml").write_text("mine", encoding="utf-8")
    code, _, err = ask("init")
    assert code == 2
    assert "--force" in err
    assert (here / "pipelinedoctor.toml").read_text(encoding="utf-8") == "mine"
    assert ask("init", "--force")[0] == 0
    assert "`pipelinedoctor doctor --config 'of mine.toml'`" in ask("init", "of mine.toml")[1]


@pytest.mark.parametrize("options", [[], ["--force"]])
def test_init_of_a_directory_says_that_it_is_one(here: Path, options: list[str]) -> None:
    (here / "ci").mkdir()
    code, _, err = ask("init", "ci", *options)
    assert (code, err) == (
        2,
        f"pipelinedoctor: ci: is a directory; name the file to write, as {Path('ci/pipelinedoctor.toml')}\n",
    )


def test_queries_lists_every_question_with_its_options() -> None:
    code, out, _ = ask("queries")
    assert code == 0
    for question in ("failure_clusters", "flaky_jobs", "flaky_tests", "lead_time", "pipeline_health", "red_jobs"):
        assert f"{question}: " in out


def test_a_question_that_breaks_is_told_and_the_others_are_answered(here: Path, recording: Path) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "bad.py").write_text(
        "from pipelinedoctor.findings import Answer\n"
        "from pipelinedoctor.query import NoOptions, query\n"
        "from pipelinedoctor.store.history import History\n\n"
        '@query(id="bad", title="Bad", docs="d", remediation="r", options=NoOptions)\n'
        "def bad(history: History, options: NoOptions) -> Answer:\n"
        "    raise LookupError('no such thing')\n",
        encoding="utf-8",
    )
    code, out, _ = ask("demo", "--recording", str(recording), "--queries", "mine")
    assert code == 2
    assert "The question bad broke: LookupError: no such thing" in out
    report = json.loads((here / "pipelinedoctor-demo" / "report.json").read_text(encoding="utf-8"))
    assert [one["subject"]["job"] for one in report["findings"] if one["query"] == "flaky_jobs"] == ["test"]
    assert "no such thing" in (here / "pipelinedoctor-demo" / "report.html").read_text(encoding="utf-8")


def test_a_token_is_nowhere_in_what_is_written_or_said(here: Path, recording: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    with serve(recording, token="another") as forge:
        configured(here, forge.url, "acme/shop")
        environment = {**os.environ, "GITHUB_TOKEN": token, "CI": "true"}
        done = subprocess.run(
            [sys.executable, "-m", "pipelinedoctor", "nightly", "--since", "2026-01-01", "--verbose"],
            env=environment,
            capture_output=True,
            check=False,
        )
    assert done.returncode == 3
    written = [path.read_bytes() for path in here.rglob("*") if path.is_file()]
    for text in (done.stdout, done.stderr, *written):
        assert token.encode() not in text


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the tables a fetch with nothing new must leave alone, in order."""
    names = (
        "repositories",
        "runs",
        "run_attempts",
        "jobs",
        "steps",
        "failures",
        "test_results",
        "commits",
        "fetch_gaps",
    )
    with duckdb.connect(path, read_only=True) as connection:
        return {name: connection.sql(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in names}
