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
from pipelinedoctor.simulate.server import ApiSide, BlobSide, Ledger, Server, Side


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
    """Serves a recording from the moment of its first `load`; `calls` are what may be asked of it from outside.

    Which forge it is, `opened` decides: for a folder and a moment it makes what answers at two URLs, and tells of it.
    """

    def __init__(
        self,
        ledger: Ledger,
        mishaps: tuple[Mishap, ...],
        opened: Callable[[Path, datetime | None, str, str], tuple[Told, Side, Side]],
    ) -> None:
        self._mishaps = Mishaps()
        self._mishaps.plant(*mishaps)
        self._opened = opened
        self._servers = Server(ledger, self._mishaps), Server(ledger, self._mishaps)
        self._folder: Path | None = None
        self.calls: dict[str, Callable[..., Any]] = {
            "advance": self.advance,
            "counts": ledger.counts,
            "heal": self._mishaps.clear,
            "load": self.load,
            "plant": self._mishaps.plant,
            "requests": lambda: list(ledger.requests),
            "reset": ledger.clear,
            "statuses": ledger.statuses,
        }

    def load(self, folder: Path, until: datetime | None = None) -> Told:
        """Serve a recording, or what there was of it `until` a moment, in place of what was served.

        Raises `UsageError` where the folder is no recording; then what was served still is.
        """
        api, blobs = self._servers
        told, *sides = self._opened(folder, until, api.url, blobs.url)
        first, self._folder = self._folder is None, folder
        api.side, blobs.side = sides
        if first:
            for server in self._servers:
                server.start()
        return told

    def advance(self, to: datetime | None) -> Told:
        """Serve what there was of the same recording up to another moment; `None`: all of it."""
        assert self._folder is not None, "nothing is served yet"
        return self.load(self._folder, to)


def github_service(terms: Terms) -> Service:
    """A loopback GitHub."""
    ledger = Ledger(terms.rate_limit, terms.points)

    def opened(folder: Path, until: datetime | None, url: str, blob_url: str) -> tuple[Told, Side, Side]:
        recording = Recording.open(folder, until)
        kept = Blobs(Attachments.of(recording), blob_url)
        told = Told(
            url=url,
            blob_url=blob_url,
            host=recording.host,
            origin=recording.origin,
            as_of=recording.as_of,
            repositories=tuple(recording.repositories),
            gaps=tuple(recording.gaps()),
        )
        api = ApiSide(Api(recording, url, kept), ledger, terms.token, checks=terms.checks)
        return told, api, BlobSide(kept)

    return Service(ledger, terms.mishaps, opened)
