"""Logs, annotations and JUnit artifacts of a recording, kept compressed.

Two shapes are read:

- `logs.jsonl`: `{"job_id": number, "log": text}`; `artifacts.jsonl`: `{"run_id": number, "attempt": number, "name": text,
  "files": {path: XML text}}`; `annotations.jsonl`: `{"job_id": number, "annotations": [bodies]}`
- an archive by directory: `failed_jobs.jsonl`: `{"job_dir": "<archive_dir>/<artifact name>", "output_log_tail": [line]}`;
  `junit_testcases.jsonl`: a line a test case, `file` being `<archive_dir>/<artifact name>/<path>`; and
  `junit_raw_small.tar.gz`: some of these files as they were, which then stand before what the cases tell
"""

import re
import tarfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pipelinedoctor.errors import UsageError
from pipelinedoctor.fetch.artifacts import assign
from pipelinedoctor.simulate.lines import Line, find, lines
from pipelinedoctor.simulate.recorded import RecordedRun
from pipelinedoctor.simulate.recording import Recording

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FAST = 1
_KINDS = frozenset({"failure", "error", "skipped"})


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact of a run; `files` are zlib-compressed, by their path in the zip, `size` is theirs before that."""

    artifact_id: int
    run: RecordedRun
    name: str
    created_at: datetime
    size: int
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Attachments:
    """Logs by job id (zlib-compressed), annotations by job id, artifacts by id and by run."""

    logs: Mapping[int, bytes]
    annotations: Mapping[int, tuple[bytes, ...]]
    artifacts: Mapping[int, Artifact]
    by_run: Mapping[int, tuple[Artifact, ...]]

    @classmethod
    def of(cls, recording: Recording) -> "Attachments":
        """Read them; raises `UsageError` that names file and line where they are odd."""
        files: dict[tuple[int, int, str], dict[str, bytes]] = defaultdict(dict)
        for key, path, text in (*_cases(recording), *_raw(recording), *_artifact_files(recording)):
            files[key][path] = text
        artifacts = [_artifact(recording, number, key, files[key]) for number, key in enumerate(sorted(files), 1)]
        by_run: dict[int, list[Artifact]] = defaultdict(list)
        for artifact in artifacts:
            by_run[artifact.run.run_id].append(artifact)
        return cls(
            logs=dict((*_archived_logs(recording), *_logs(recording))),
            annotations=dict(_annotations(recording)),
            artifacts={artifact.artifact_id: artifact for artifact in artifacts},
            by_run={run_id: tuple(found) for run_id, found in by_run.items()},
        )


def _logs(recording: Recording) -> Iterator[tuple[int, bytes]]:
    for line in lines(recording.folder, "logs.jsonl"):
        entry = line.load()
        yield line.whole(entry, "job_id"), _pack(line.string(entry, "log"))


def _annotations(recording: Recording) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    for line in lines(recording.folder, "annotations.jsonl"):
        rest, parts = line.cut("annotations")
        yield line.whole(rest, "job_id"), tuple(body for _, body in parts)


def _archived_logs(recording: Recording) -> Iterator[tuple[int, bytes]]:
    """The logs whose directory is one of a known run and of one of its failed jobs; the others nobody can ask for."""
    archives = recording.archives()
    for line in lines(recording.folder, "failed_jobs.jsonl"):
        entry = line.load()
        tail = entry.get("output_log_tail")
        if tail is None:
            continue
        if not isinstance(tail, list) or not all(isinstance(text, str) for text in tail):
            raise line.wrong("`output_log_tail` is no list of texts")
        found = _located(line.string(entry, "job_dir"), archives)
        listed = recording.job_lists.get(found[0].run_id) if found else None
        if found is None or listed is None:
            continue
        failed = {job.name: job.job_id for job in listed.jobs if job.failed}
        name = assign(found[1], list(failed))
        if name is not None:
            yield failed[name], _pack("\n".join(tail) + "\n")


_Key = tuple[int, int, str]


def _artifact_files(recording: Recording) -> Iterator[tuple[_Key, str, bytes]]:
    for line in lines(recording.folder, "artifacts.jsonl"):
        entry = line.load()
        key = line.whole(entry, "run_id"), line.whole(entry, "attempt"), line.string(entry, "name")
        if key[0] in recording.later:
            continue
        if key[0] not in recording.attempts:
            raise line.wrong(f"an artifact of run {key[0]}, which is not recorded")
        files = line.mapping(entry, "files")
        for path in files:
            yield key, path, _pack(line.string(files, path))


def _raw(recording: Recording) -> Iterator[tuple[_Key, str, bytes]]:
    path = find(recording.folder, "junit_raw_small.tar.gz")
    if path is None:
        return
    archives = recording.archives()
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                found = _located(member.name, archives)
                content = archive.extractfile(member) if found and member.isfile() else None
                if found and content:
                    yield _key(found), found[2], zlib.compress(content.read(), _FAST)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None


def _cases(recording: Recording) -> Iterator[tuple[_Key, str, bytes]]:
    archives = recording.archives()
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines(recording.folder, "junit_testcases.jsonl"):
        entry = line.load()
        files[line.string(entry, "file")].append(entry if "parse_error" in entry else _checked(line, entry))
    for path, cases in files.items():
        found = _located(path, archives)
        if found:
            yield _key(found), found[2], _pack(_junit(cases))


def _checked(line: Line, entry: dict[str, Any]) -> dict[str, Any]:
    for key in ("suite", "classname", "name", "time", "status", "type", "message", "text"):
        line.string(entry, key)
    return entry


def _key(found: tuple[RecordedRun, str, str]) -> _Key:
    return found[0].run_id, found[0].attempt, found[1]


def _located(path: str, archives: Mapping[str, RecordedRun]) -> tuple[RecordedRun, str, str] | None:
    """The run whose archive directory holds `path`, the directory below that, and the rest."""
    parts = path.split("/")
    for depth in range(len(parts) - 1, 0, -1):
        run = archives.get("/".join(parts[:depth]))
        if run is not None:
            return run, parts[depth], "/".join(parts[depth + 1 :])
    return None


def _artifact(recording: Recording, number: int, key: _Key, files: Mapping[str, bytes]) -> Artifact:
    run_id, attempt, name = key
    run = recording.attempts[run_id].get(attempt) or recording.attempts[run_id][max(recording.attempts[run_id])]
    listed = recording.job_lists.get(run_id)
    ends = (job.completed_at for job in (listed.jobs if listed else ()) if (job.attempt or run.attempt) == attempt)
    return Artifact(
        artifact_id=number,
        run=run,
        name=name,
        # An artifact tells no attempt. Its time does: it was written while the jobs of its attempt ran.
        created_at=max((end for end in ends if end), default=run.updated_at),
        size=sum(len(zlib.decompress(text)) for text in files.values()),
        files=files,
    )


def _junit(cases: Iterable[Mapping[str, Any]]) -> str:
    """A report that holds these cases. What a parser gave up on has no cases, and becomes a file it gives up on again."""
    known = [case for case in cases if "parse_error" not in case]
    if not known:
        return ""
    body = "\n".join(_case(case) for case in known)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name={_attribute(known[0]["suite"])}>\n{body}\n</testsuite>\n'


def _case(case: Mapping[str, Any]) -> str:
    head = f"<testcase classname={_attribute(case['classname'])} name={_attribute(case['name'])} time={_attribute(case['time'])}"
    kind = case["status"]
    if kind not in _KINDS:
        return f"{head}/>"
    said = f"message={_attribute(case['message'])} type={_attribute(case['type'])}"
    return f"{head}><{kind} {said}>{escape(_plain(case['text']))}</{kind}></testcase>"


def _attribute(text: str) -> str:
    return quoteattr(_plain(text))


def _plain(text: str) -> str:
    """`text` without the characters that no XML file may hold."""
    return _NOT_IN_XML.sub("\ufffd", text)


def _pack(text: str) -> bytes:
    return zlib.compress(text.encode("utf-8", "replace"), _FAST)
