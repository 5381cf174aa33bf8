"""The loopback GitLab in the test's own process: it starts in no time, and lies as near as a forge can."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelinedoctor.simulate.gitlab.attachments import Archives
from pipelinedoctor.simulate.gitlab.recording import GitLabRecording
from pipelinedoctor.simulate.gitlab.routes import GitLabApi
from pipelinedoctor.simulate.gitlab.server import MINUTE, GitLabSide
from pipelinedoctor.simulate.mishaps import Mishaps
from pipelinedoctor.simulate.sent import Sent
from pipelinedoctor.simulate.server import Asked, BlobSide, Ledger, Server
from tests.fetch.nearby import Forge

Fault = Callable[[int, str], Sent | None]
"""What goes wrong with the n-th request (from 0) to a path; None where nothing does."""


@contextmanager
def serve(
    folder: Path,
    *,
    token: str | None = None,
    job_token: bool = False,
    rate_limit: int = 10**9,
    fault: Fault | None = None,
) -> Iterator[Forge]:
    """Serve a recording until the `with` ends."""
    ledger, mishaps = Ledger(rate_limit, period=MINUTE), Mishaps()
    recording = GitLabRecording.open(folder)
    count = iter(range(10**9))
    with Server(ledger, mishaps) as api, Server(ledger, mishaps) as blobs:
        archives = Archives(recording.attachments.archives, blobs.url)
        side = GitLabSide(
            GitLabApi(recording, api.url, archives, public=token is None), ledger, token, job_token=job_token
        )

        def answered(asked: Asked) -> tuple[str, Sent]:
            wrong = fault(next(count), asked.path) if fault else None
            return ("fault", wrong) if wrong is not None else side(asked)

        api.side, blobs.side = answered, BlobSide(archives)
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
