"""What may stand in a manifest, and what is said where it may not."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelinedoctor.errors import UsageError
from pipelinedoctor.manifest import Belonging, Handed, belonging, files, read

LEAST = {"file": "a.xml", "repository": "acme/app", "run_id": 17, "commit": "c0ffee"}
BELONGING = Belonging(repository="acme/app", run_id="17", commit="c0ffee")


def manifest(folder: Path, *lines: Any) -> Path:
    path = folder / "reports.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_a_line_says_what_a_file_belongs_to(tmp_path: Path) -> None:
    full: dict[str, Any] = {"job": "unit", "branch": "main", "attempt": 2, "started_at": "2026-05-01T12:00:00+02:00"}
    absolute = tmp_path / "elsewhere" / "b.xml"
    path = manifest(tmp_path, LEAST, "", LEAST | full | {"file": str(absolute), "run_id": "v 17"})
    at = datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert read(path) == [
        Handed(tmp_path / "a.xml", BELONGING),
        Handed(absolute, Belonging(**{"repository": "acme/app", "run_id": "v 17", "commit": "c0ffee"} | full | {"started_at": at})),
    ]  # fmt: skip
    assert (BELONGING.job, BELONGING.branch, BELONGING.attempt, BELONGING.started_at) == ("tests", None, 1, None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ({**LEAST, "runid": 1}, "runid: no such key; known are: repository, run_id, commit, job, branch, default_branch, attempt, started_at, file"),
        ({key: LEAST[key] for key in ("file", "repository", "run_id")}, "commit: is missing"),
        ({**LEAST, "run_id": True}, "run_id: Input should be a valid string"),
        ({**LEAST, "run_id": 1.5}, "run_id: Input should be a valid string"),
        ({**LEAST, "run_id": " "}, "run_id: String should have at least 1 character"),
        ({**LEAST, "repository": "a\0b"}, "repository: String should match"),
        ({**LEAST, "file": "a\0b"}, "file: String should match"),
        ({**LEAST, "job": "j" * 1_001}, "job: String should have at most 1000 characters"),
        ({**LEAST, "attempt": 0}, "attempt: Input should be greater than or equal to 1"),
        ({**LEAST, "attempt": 2**63}, "attempt: Input should be less than"),
        ({**LEAST, "started_at": "yesterday"}, "started_at: 'yesterday' is no time; write it as 2026-05-01"),
        ({**LEAST, "started_at": "0001-01-01"}, "started_at: '0001-01-01' is no time of this age"),
        ({**LEAST, "started_at": 17}, "started_at: write it as text"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_meant_is_named(line: Any, said: str, tmp_path: Path) -> None:
    path = manifest(tmp_path, LEAST, line)
    with pytest.raises(UsageError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: line 2: {said}")
    assert "\n" not in str(error.value)


def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read(tmp_path / "no.jsonl")
    with pytest.raises(UsageError, match="names no file"):
        read(manifest(tmp_path, "", " "))
    (tmp_path / "utf16.jsonl").write_bytes("{}".encode("utf-16"))
    with pytest.raises(UsageError, match="is not UTF-8"):
        read(tmp_path / "utf16.jsonl")


def test_a_mark_of_byte_order_is_no_part_of_a_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps(LEAST), encoding="utf-8-sig")
    assert read(path) == [Handed(tmp_path / "a.xml", BELONGING)]


def test_a_manifest_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(UsageError, match=r"pipe\.jsonl: no regular file"):
        read(tmp_path / "pipe.jsonl")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"repository": "a/b", "commit": "c"}, "--run: is missing"),
        ({"repository": "a/b", "run_id": "1", "commit": "c", "started_at": "?"}, "--at: '?' is no time; write it as"),
        ({"repository": "", "run_id": "1", "commit": "c"}, "--repository: String should have at least 1 character"),
    ],
)
def test_options_are_named_as_they_are_typed(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        belonging(values)
    assert str(error.value).startswith(said)


def test_directories_are_looked_through_in_order_and_not_by_links(tmp_path: Path) -> None:
    for name in ("b/2.xml", "b/1.TRX", "a.xml.gz", "c.xml", "d.zip", "e.xmlx", "dir.xml/f.trx.gz"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "in" / "pipe.xml")
    found = list(files([Handed(tmp_path / "in", BELONGING), Handed(tmp_path / "in" / "c.xml", BELONGING)]))
    names = [str(one.path.relative_to(tmp_path / "in")) for one in found]
    assert names == ["a.xml.gz", "b/1.TRX", "b/2.xml", "c.xml", "dir.xml/f.trx.gz"]
    assert not any(one.named for one in found)
    assert list(files([Handed(tmp_path / "no.xml", BELONGING)])) == [Handed(tmp_path / "no.xml", BELONGING)]
