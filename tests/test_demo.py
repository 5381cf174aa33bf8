"""The demo as a whole; what its command prints is told by `test_cli`."""

import json
from pathlib import Path

import pytest

from pipelinedoctor import commands
from pipelinedoctor.demo import STORE, demo
from pipelinedoctor.errors import PackError, UsageError
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.produce import Asked
from pipelinedoctor.store.connection import Store
from tests.helpers.recordings import job, run, write_recording


class Told(Silent):
    """The tasks that were begun."""

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        self.tasks.append(task)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    folder = tmp_path / "recording"
    write_recording(folder, [run(1, jobs=[job("build")]), run(2, jobs=[job("build", "failure", log="boom\n")])])
    lines = (folder / "jobs.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "jobs.jsonl").write_text(lines[0] + "\n", encoding="utf-8")
    return folder


def asked(*queries: Path) -> Asked:
    return commands.asked(None, "json", None, None, list(queries), None)


def test_a_recording_is_fetched_and_reported_on_with_what_it_lacks(recording: Path, tmp_path: Path) -> None:
    outcome = demo(recording, 1, tmp_path / "out", asked(), Silent())
    assert outcome.score is None
    (fetched,) = outcome.fetched
    assert (fetched.new["runs"], fetched.new["jobs"], fetched.gaps) == (2, 1, 1)
    assert outcome.produced.report.origin == "recording"
    with Store.open(tmp_path / "out" / STORE, read_only=True) as store:
        gaps = store.connection.sql("SELECT repository, kind, subject FROM fetch_gaps").fetchall()
    assert gaps == [("acme/shop", "jobs", "1 run without a job list")]
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["findings"] == []


def test_a_question_that_does_not_load_is_told_before_anything_is_fetched(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "broken.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    told = Told()
    with pytest.raises(PackError, match="does not import"):
        demo(recording, 1, tmp_path / "out", asked(tmp_path / "mine"), told)
    assert told.tasks == []


def test_a_folder_that_is_no_recording_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no recording"):
        demo(tmp_path / "empty", 1, tmp_path / "out", asked(), Silent())
