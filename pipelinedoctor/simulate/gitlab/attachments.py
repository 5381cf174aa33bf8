"""What is asked for beside bodies: logs, archives of artifacts, test reports. Kept compressed.

- `traces.jsonl`: `{"job_id": number, "trace": text}`
- `artifacts.jsonl`: `{"job_id": number, "files": {path: text}}`
- `test_reports.jsonl`: `{"pipeline_id": number, "test_report": body}`
"""

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelinedoctor.simulate.blobs import signature, zipped
from pipelinedoctor.simulate.gitlab.asked import dump
from pipelinedoctor.simulate.lines import Line, lines
from pipelinedoctor.simulate.paging import RefusedError

_FAST = 1


@dataclass(frozen=True, slots=True)
class Attachments:
    """Logs and files of archives by job, test reports by pipeline; all zlib-compressed."""

    traces: Mapping[int, bytes]
    archives: Mapping[int, Mapping[str, bytes]]
    reports: Mapping[int, bytes]

    @classmethod
    def of(cls, folder: Path, pipelines: Collection[int], jobs: Collection[int]) -> "Attachments":
        """Read them; raises `UsageError` that names file and line where they are odd."""
        return cls(
            traces=dict(_read(folder, "traces", ("job_id", jobs), _trace)),
            archives=dict(_read(folder, "artifacts", ("job_id", jobs), _archive)),
            reports=dict(_read(folder, "test_reports", ("pipeline_id", pipelines), _report)),
        )


def _read(
    folder: Path, name: str, of: tuple[str, Collection[int]], take: Callable[[Line, dict[str, Any]], Any]
) -> Iterator[tuple[int, Any]]:
    key, known = of
    for line in lines(folder, f"{name}.jsonl"):
        entry = line.load()
        number = line.whole(entry, key)
        if number not in known:
            raise line.wrong(f"of {key.removesuffix('_id')} {number}, which is not recorded")
        yield number, take(line, entry)


def _trace(line: Line, entry: dict[str, Any]) -> bytes:
    return _pack(line.string(entry, "trace").encode("utf-8", "replace"))


def _archive(line: Line, entry: dict[str, Any]) -> dict[str, bytes]:
    files = line.mapping(entry, "files")
    return {path: _pack(line.string(files, path).encode("utf-8", "replace")) for path in files}


def _report(line: Line, entry: dict[str, Any]) -> bytes:
    report = line.mapping(entry, "test_report")
    suites = report.get("test_suites")
    if not isinstance(suites, list) or not all(isinstance(suite, dict) for suite in suites):
        raise line.wrong("`test_suites` is no list of JSON objects")
    return _pack(dump(report))


def _pack(text: bytes) -> bytes:
    return zlib.compress(text, _FAST)


class Archives:
    """Links to archives, each good for itself only, and what lies behind them: the object storage beside a GitLab."""

    def __init__(self, archives: Mapping[int, Mapping[str, bytes]], url: str) -> None:
        self._archives = archives
        self._url = url

    def link(self, job_id: int) -> str:
        """The link to the archive of a job that has one."""
        path = f"/artifacts/{job_id}/artifacts.zip"
        return f"{self._url}{path}?X-Amz-Signature={signature(path)}"

    def content(self, path: str, query: Mapping[str, str]) -> tuple[str, bytes]:
        """Content type and content of a link; raises `RefusedError` for one that was never given out."""
        if query.get("X-Amz-Signature") != signature(path):
            raise RefusedError(403, "The request signature we calculated does not match the signature you provided.")
        return "application/zip", zipped(self._archives[int(path.split("/")[2])])
