"""The command line where it is not at home: odd terminals, odd paths, odd environments, and names that mean harm."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.recordings import job, run, write_recording

HARMFUL = "\x1b]8;;http://evil\x07t\x1b[2J\u202e\u200b\ud800ö→"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of a job with a name that a terminal would obey."""
    jobs = [job(HARMFUL, "failure"), job(HARMFUL, attempt=2)]
    runs = [run(day, jobs=jobs, created=f"2026-01-{day:02d}T12:00:00Z") for day in range(1, 15)]
    return write_recording(tmp_path_factory.mktemp("recording"), runs)


def call(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run the command in a process of its own: exit code, stdout, stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelinedoctor", *arguments],
        cwd=folder,
        env={**os.environ, "CI": "true", **environment},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_name_commands_the_terminal_or_breaks_it(tmp_path: Path, recording: Path, encoding: str) -> None:
    code, out, err = call(tmp_path, "demo", "--recording", str(recording), "--verbose", PYTHONIOENCODING=encoding)
    assert code == 0, err
    assert "fails and passes on the same commit" in out
    for text in (out, err):
        assert not [one for one in text if not one.isprintable() and one != "\n"]


def test_a_level_of_logging_that_is_none_is_told(tmp_path: Path) -> None:
    code, _, err = call(tmp_path, "queries", PIPELINEDOCTOR_LOGLEVEL="loud")
    assert code == 2
    assert err == (
        "pipelinedoctor: PIPELINEDOCTOR_LOGLEVEL=LOUD: no such level;"
        " known are: DEBUG, INFO, WARNING, ERROR, CRITICAL\n"
    )


@pytest.mark.parametrize("out", ["taken", "taken/below"])
def test_a_place_that_cannot_be_used_is_told_and_no_internal_error(tmp_path: Path, recording: Path, out: str) -> None:
    (tmp_path / "taken").touch()
    code, _, err = call(tmp_path, "demo", "--recording", str(recording), "--out", out)
    assert code == 2
    assert err.splitlines()[-1].startswith(f"pipelinedoctor: {out}: cannot be used: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_no_internal_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelinedoctor", "queries"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("pipelinedoctor: cannot be used: No space left on device\n")


def test_nothing_is_missed_where_there_is_no_stderr(tmp_path: Path, recording: Path) -> None:
    command = f'"{sys.executable}" -m pipelinedoctor demo --recording "{recording}" 2>&-'
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert json.loads((tmp_path / "pipelinedoctor-demo" / "report.json").read_text(encoding="utf-8"))["findings"]
