"""The loopback forge in the test's own process: it starts in no time, and lies as near as a forge can."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.blobs import Blobs
from pipelinedoctor.simulate.mishaps import Mishap, Mishaps
from pipelinedoctor.simulate.recording import Recording
from pipelinedoctor.simulate.routes import Api
from pipelinedoctor.simulate.server import ApiSide, BlobSide, Ledger, Server


@dataclass(frozen=True)
class Forge:
    url: str
    ledger: Ledger
    mishaps: Mishaps

    def plant(self, *mishaps: Mishap) -> None:
        self.mishaps.plant(*mishaps)

    def heal(self) -> None:
        self.mishaps.clear()

    def targets(self, part: str) -> list[str]:
        """What was asked for, where it has `part` in it, in order."""
        return [one.target for one in self.ledger.requests if part in one.target]

    def counts(self) -> dict[str, int]:
        return self.ledger.counts()

    def unchanged(self) -> int:
        return self.ledger.statuses().get(304, 0)

    def reset(self) -> None:
        self.ledger.clear()


@contextmanager
def serve(folder: Path, *, token: str | None, rate_limit: int, checks: bool = True) -> Iterator[Forge]:
    """Serve a recording until the `with` ends."""
    ledger, mishaps = Ledger(rate_limit), Mishaps()
    recording = Recording.open(folder)
    with Server(ledger, mishaps) as api, Server(ledger, mishaps) as blobs:
        kept = Blobs(Attachments.of(recording), blobs.url)
        api.side = ApiSide(Api(recording, api.url, kept), ledger, token, checks=checks)
        blobs.side = BlobSide(kept)
        threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in (api, blobs)]
        for thread in threads:
            thread.start()
        try:
            yield Forge(api.url, ledger, mishaps)
        finally:
            for server in (api, blobs):
                server.shutdown()
            for thread in threads:
                thread.join()
