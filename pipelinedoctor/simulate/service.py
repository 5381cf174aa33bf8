"""The loopback forge within a process: its two servers, and the recording they serve, which may change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelinedoctor.model import FetchGap
from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.blobs import Blobs
from pipelinedoctor.simulate.mishaps import Mishap, Mishaps
from pipelinedoctor.simulate.recording import Recording
from pipelinedoctor.simulate.routes import Api
from pipelinedoctor.simulate.server import ApiSide, BlobSide, Ledger, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a recording is served; see `forge.serve`."""

    token: str | None
    rate_limit: int
    points: int
    checks: bool
    mishaps: tuple[Mishap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is served: where, and what its recording tells of itself. `gaps` are what it lacks."""

    url: str
    blob_url: str
    host: str
    origin: str
    as_of: datetime
    repositories: tuple[str, ...]
    gaps: tuple[FetchGap, ...]


class Service:
    """Serves a recording from the moment of its first `load`; `calls` are what may be asked of it from outside."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._mishaps = Mishaps()
        self._mishaps.plant(*terms.mishaps)
        self._ledger = Ledger(terms.rate_limit, terms.points)
        self._servers = Server(self._ledger, self._mishaps), Server(self._ledger, self._mishaps)
        self._folder: Path | None = None
        self.calls: dict[str, Callable[..., Any]] = {
            "advance": self.advance,
            "counts": self._ledger.counts,
            "heal": self._mishaps.clear,
            "load": self.load,
            "plant": self._mishaps.plant,
            "requests": lambda: list(self._ledger.requests),
            "reset": self._ledger.clear,
            "statuses": self._ledger.statuses,
        }

    def load(self, folder: Path, until: datetime | None = None) -> Told:
        """Serve a recording, or what there was of it `until` a moment, in place of what was served.

        Raises `UsageError` where the folder is no recording; then what was served still is.
        """
        recording = Recording.open(folder, until)
        api, blobs = self._servers
        kept = Blobs(Attachments.of(recording), blobs.url)
        sides = ApiSide(Api(recording, api.url, kept), self._ledger, self._terms.token, checks=self._terms.checks)
        first, self._folder = self._folder is None, folder
        api.side, blobs.side = sides, BlobSide(kept)
        if first:
            for server in self._servers:
                server.start()
        return Told(
            url=api.url,
            blob_url=blobs.url,
            host=recording.host,
            origin=recording.origin,
            as_of=recording.as_of,
            repositories=tuple(recording.repositories),
            gaps=tuple(recording.gaps()),
        )

    def advance(self, to: datetime | None) -> Told:
        """Serve what there was of the same recording up to another moment; `None`: all of it."""
        assert self._folder is not None, "nothing is served yet"
        return self.load(self._folder, to)
