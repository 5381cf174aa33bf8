import os
from pathlib import Path

import pytest

from pipelinedoctor.errors import UsageError
from pipelinedoctor.report import files


def test_makes_directories_and_writes(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "report.html"
    assert files.write(path, "töxt\n") == path
    assert path.read_bytes() == "töxt\n".encode()
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]


def test_a_file_that_has_not_changed_is_not_touched(tmp_path: Path) -> None:
    path = files.write(tmp_path / "page.md", "same")
    os.utime(path, (1, 1))
    inode = path.stat().st_ino
    files.write(path, "same")
    assert (path.stat().st_mtime, path.stat().st_ino) == (1, inode)
    files.write(path, "other")
    assert path.read_text() == "other"
    assert path.stat().st_mtime != 1


def test_where_writing_breaks_off_the_old_file_stands_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(tmp_path / "report.html", "old and whole")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match=r"report\.html: cannot be written \(No space left on device\)"):
        files.write(path, "new and half")
    assert path.read_text() == "old and whole"
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_what_is_no_text_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        files.write(tmp_path / "report.html", "\ud800")
    assert [one.name for one in tmp_path.iterdir()] == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a directory")
    with pytest.raises(UsageError, match="name another place"):
        files.write(tmp_path / "out" / "report.html", "x")
