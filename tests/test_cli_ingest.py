"""`ingest junit` from end to end: what it prints, what it ends with, and a report on nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelinedoctor.cli import app
from pipelinedoctor.store.connection import Store

BELONGING = ("--repository", "acme/shop", "--run", "17", "--commit", "c0ffee")
GOOD = '<testsuite name="s"><testcase classname="C" name="good"/></testsuite>'
BOMB = '<!DOCTYPE t [<!ENTITY a "aaaa">]><testsuite><testcase name="&a;"/></testsuite>'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "1")
    return tmp_path


def ask(*arguments: str) -> tuple[int, str, str]:
    """Call the command line in this process: exit code, stdout, stderr."""
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def stored(columns: str, table: str) -> list[tuple[object, ...]]:
    with duckdb.connect("pipelinedoctor.duckdb", read_only=True) as connection:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()


def test_files_go_in_by_the_command_as_it_is_installed(here: Path) -> None:
    (here / "a.xml").write_text(GOOD)
    (here / "bad\x1b[31m.xml").write_text(BOMB)
    command = [
        sys.executable,
        "-m",
        "pipelinedoctor",
        "ingest",
        "junit",
        "a.xml",
        "bad\x1b[31m.xml",
        "no.xml",
        *BELONGING,
    ]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "ingest: 3 to do",
        "ingest: 1 of 3",
        "ingest: 2 of 3",
        "ingest: 1 of 3 files, 1 result new, 0 changed",
        "pipelinedoctor: bad\ufffd[31m.xml: XML with a DOCTYPE that declares entities is not read",
        "pipelinedoctor: no.xml: no such file",
    ]
    assert stored("test, result", "test_results") == [("C::good", "success")]


def test_one_is_one_and_many_are_many(here: Path) -> None:
    (here / "a.xml").write_text(GOOD)
    assert ask("ingest", "junit", "a.xml", *BELONGING)[2].endswith("ingest: 1 of 1 file, 1 result new, 0 changed\n")
    cases = "".join(f'<testcase name="t{n}"/>' for n in range(1_200))
    (here / "b.xml").write_text(f'<testsuite name="s">{cases}</testsuite>')
    told = ask("ingest", "junit", "b.xml", *BELONGING, "--job", "b")[2]
    assert told.endswith("ingest: 1 of 1 file, 1,200 results new, 0 changed\n")


def test_options_say_what_the_files_belong_to(here: Path) -> None:
    (here / "a.xml").write_text(GOOD)
    options = [
        "--job",
        "unit",
        "--branch",
        "main",
        "--attempt",
        "2",
        "--at",
        "2026-05-01T12:00+02:00",
        "--host",
        "Jenkins",
    ]
    assert ask("ingest", "junit", "a.xml", *BELONGING, *options, "--quiet") == (0, "", "")
    assert stored("host, name, attempt, strftime(started_at, '%d %H')", "jobs") == [("jenkins", "unit", 2, "01 10")]
    assert stored("host, branch, commit_sha, title", "runs") == [("jenkins", "main", "c0ffee", "17")]


def test_the_store_is_the_configurations(here: Path) -> None:
    (here / "a.xml").write_text(GOOD)
    (here / "other.toml").write_text('store = "elsewhere.duckdb"\n')
    assert ask("ingest", "junit", "a.xml", *BELONGING, "--config", "other.toml", "-q") == (0, "", "")
    assert (here / "elsewhere.duckdb").exists()
    assert not (here / "pipelinedoctor.duckdb").exists()


def test_pipes_circles_and_names_too_long_are_told_and_the_others_go_in(here: Path) -> None:
    os.mkfifo(here / "pipe.xml")
    (here / "circle.xml").symlink_to("circle.xml")
    (here / "good.xml").write_text(GOOD)
    names = ["pipe.xml", "circle.xml", "n" * 5_000, "good.xml"]
    whys = [
        "no regular file",
        "cannot be read: Too many levels of symbolic links",
        "cannot be read: File name too long",
    ]
    line = {"repository": "acme/shop", "run_id": 17, "commit": "c0ffee"}
    (here / "m.jsonl").write_text("\n".join(json.dumps(line | {"file": name}) for name in names))
    for arguments in (("--manifest", "m.jsonl"), (*names, *BELONGING)):
        code, out, err = ask("ingest", "junit", *arguments, "-q")
        assert (code, out) == (2, "")
        assert [told.split(": ", 2)[2] for told in err.splitlines()] == whys
        assert stored("test, result", "test_results") == [("C::good", "success")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name files or directories of reports, or a --manifest of them"),
        (("a.xml",), "--repository: is missing"),
        (("a.xml", *BELONGING, "--at", "noon"), "--at: 'noon' is no time"),
        (("a.xml", *BELONGING, "--attempt", "0"), "--attempt: Input should be greater than or equal to 1"),
        (("a.xml", *BELONGING, "--host", " "), "--host: a short name for where the reports come from"),
        (("a.xml", *BELONGING, "--host", "a\udcff"), "--host: a short name for where the reports come from"),
        (("a.xml", *BELONGING, "--host", "h" * 1_001), "--host: a short name for where the reports come from"),
        (("a.xml", *BELONGING, "--host", "GitHub.com"), "--host github.com: what it holds was fetched"),
        (("a.xml", *BELONGING, "--host", "github.com"), "--host github.com: what it holds was fetched"),
        (("a.xml", "--manifest", "m.jsonl"), "--manifest says it all"),
        (("--manifest", "m.jsonl", "--job", "x"), "--manifest says it all"),
        (("--manifest", "m.jsonl"), "m.jsonl: cannot be read: No such file or directory"),
        (("in", *BELONGING), "nothing to ingest: none of the files that were found is a report of tests"),
    ],
)
def test_what_cannot_be_meant_is_a_line_and_2(arguments: tuple[str, ...], said: str, here: Path) -> None:
    (here / "a.xml").write_text(GOOD)
    (here / "in").mkdir()
    (here / "in" / "pom.xml").write_text("<project/>")
    with Store.open(here / "pipelinedoctor.duckdb") as store:
        store.record_source(host="github.com", forge="github", origin="live", fetched_at=None, outcome="complete")
    code, out, err = ask("ingest", "junit", *arguments, "-q")
    assert (code, out) == (2, "")
    assert err.startswith(f"pipelinedoctor: {said}")
    assert err.count("\n") == 1


@pytest.fixture
def history(here: Path) -> Path:
    """A manifest of 40 runs, two on each of 20 commits, in which one test of sixty fails now and then."""
    lines = []
    for run in range(40):
        for shard in (1, 2):
            cases = [f'<testcase classname="Shard{shard}" name="t{n}" time="0.1"/>' for n in range(30)]
            if shard == 1 and run % 4 == 1:
                cases[7] = cases[7].replace(
                    "/>", '><failure message="too late by 7 ms">at Cart.java:7</failure></testcase>'
                )
            file = here / "reports" / f"{run}-{shard}.xml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(f'<testsuite name="shop">{"".join(cases)}</testsuite>')
            line = {"file": f"reports/{file.name}", "repository": "acme/shop", "run_id": 1_000 + run, "job": "unit"}
            lines.append(
                line
                | {
                    "commit": f"{run // 2:040x}",
                    "branch": "main",
                    "started_at": f"2026-05-{1 + run // 2:02}T{run % 24:02}:00Z",
                }
            )
    path = here / "reports.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_a_report_on_what_was_handed_in(history: Path, here: Path) -> None:
    assert ask("ingest", "junit", "--manifest", history.name, "-q") == (0, "", "")
    code, out, err = ask("report", "--as-of", "2026-05-25", "-q", "--out", "report")
    assert (code, out, err) == (0, "", "")
    report = json.loads((here / "report" / "report.json").read_text())
    assert report["origin"] == "ingested"
    found = {one["query"]: one for one in report["findings"]}
    assert set(found) == {"flaky_tests", "flaky_jobs"}
    assert found["flaky_tests"]["subject"] == {
        "host": "local", "forge": "files", "repository": "acme/shop", "pipeline": "test reports", "job": None,
        "test": "Shard1::t7", "service": None, "environment": None,
    }  # fmt: skip
    assert (found["flaky_tests"]["evidence"]["k"], found["flaky_tests"]["evidence"]["n"]) == (10, 20)
    (coverage,) = report["coverage"]
    assert (coverage["runs"], coverage["jobs"], coverage["test_results"]) == (40, 40, 2_400)
    home = (here / "report" / "wiki" / "Home.md").read_text()
    assert "Shard1::t7 fails and passes on the same commit" in home
    assert "| local | files | ingested |" in home
    assert "]()" not in "".join(page.read_text() for page in (here / "report" / "wiki").iterdir())
    assert 'href=""' not in (here / "report" / "report.html").read_text()


def test_the_screen_says_that_it_was_handed_in(history: Path) -> None:
    ask("ingest", "junit", "--manifest", history.name, "-q")
    code, out, _ = ask("report", "--as-of", "2026-05-25")
    assert code == 0
    assert "as of 2026-05-25 00:00 UTC (reports of tests that were handed in)" in " ".join(out.split())


def test_the_report_follows_in_the_same_run(here: Path) -> None:
    (here / "a.xml").write_text(GOOD)
    (here / "bomb.xml").write_text(BOMB)
    code, out, err = ask(
        "ingest",
        "junit",
        "a.xml",
        "bomb.xml",
        *BELONGING,
        "--report",
        "told",
        "--format",
        "json",
        "--as-of",
        "2030-01-01",
    )
    assert code == 2, "what could not be read is told all the same"
    assert "bomb.xml: XML with a DOCTYPE" in err
    assert "told/report.json" in out
    report = json.loads((here / "told" / "report.json").read_text())
    assert report["window"]["end"].startswith("2030-01-01")
    assert [path.name for path in (here / "told").iterdir()] == ["report.json"]


@pytest.mark.parametrize("option", [("--format", "json"), ("--as-of", "2030-01-01")])
def test_what_a_report_is_like_needs_a_report(here: Path, option: tuple[str, str]) -> None:
    (here / "a.xml").write_text(GOOD)
    code, _, err = ask("ingest", "junit", "a.xml", *BELONGING, *option)
    assert code == 2
    assert "--report" in err
    assert not (here / "pipelinedoctor.duckdb").exists()
