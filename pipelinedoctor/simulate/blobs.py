"""The server of logs and artifacts: another host than the API's, as at GitHub, so that a token must not travel there."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Protocol

from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.paging import RefusedError

_FAST = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BlobStore(Protocol):
    """What a server of blobs asks."""

    def content(self, path: str, query: Mapping[str, str]) -> tuple[str, bytes]:
        """Content type and content of a link; raises `RefusedError` for one that was never given out."""


class Blobs:
    """Links to logs and artifacts, each good for itself only, and what lies behind them."""

    def __init__(self, attachments: Attachments, url: str) -> None:
        self.attachments = attachments
        self._url = url

    def link(self, kind: str, number: int) -> str:
        """The link to a log (`logs`, by job id) or an artifact (`artifacts`, by its id)."""
        path = f"/{kind}/{number}"
        return f"{self._url}{path}?sig={signature(path)}"

    def content(self, path: str, query: Mapping[str, str]) -> tuple[str, bytes]:
        """Content type and content of a link; raises `RefusedError` for one that was never given out."""
        if query.get("sig") != signature(path):
            raise RefusedError(403, "Server failed to authenticate the request.")
        _, kind, number = path.split("/")
        if kind == "logs":
            return "text/plain; charset=utf-8", zlib.decompress(self.attachments.logs[int(number)])
        return "application/zip", zipped(self.attachments.artifacts[int(number)].files)


def signature(path: str) -> str:
    """What a link to `path` must bring along."""
    return hashlib.sha256(f"loopback{path}".encode()).hexdigest()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """An archive of zlib-compressed files by their path, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, packed in files.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), zlib.decompress(packed), zipfile.ZIP_DEFLATED, _FAST)
    return buffer.getvalue()
