"""The loopback GitLab: a recording served as GitLab serves it, by a process of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipelinedoctor.simulate.forge import Forge, spawned
from pipelinedoctor.simulate.gitlab.attachments import Archives
from pipelinedoctor.simulate.gitlab.recording import GitLabRecording
from pipelinedoctor.simulate.gitlab.routes import GitLabApi
from pipelinedoctor.simulate.gitlab.server import MINUTE, GitLabSide
from pipelinedoctor.simulate.mishaps import Mishap
from pipelinedoctor.simulate.server import PLENTY, BlobSide, Ledger, Side
from pipelinedoctor.simulate.service import Service, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    token: str | None
    rate_limit: int
    job_token: bool
    mishaps: tuple[Mishap, ...]


@contextmanager
def serve_gitlab(
    folder: Path,
    *,
    token: str | None = None,
    rate_limit: int = PLENTY,
    job_token: bool = False,
    until: datetime | None = None,
    mishaps: Sequence[Mishap] = (),
) -> Iterator[Forge]:
    """Serve a recording of a GitLab until the `with` ends, or the calling process does.

    With a `token`, which is a user's or with `job_token` that of a job, all is private. Without one all is public, and any
    token will do where GitLab wants one. `rate_limit` is how many requests a minute are answered. What was made after
    `until` is not there yet: see `Forge.advance`. `mishaps` are faults to answer with.
    Raises `UsageError` where the folder is no recording of a GitLab.
    """
    terms = _Terms(token=token, rate_limit=rate_limit, job_token=job_token, mishaps=tuple(mishaps))
    with spawned(_service, terms, folder, until) as forge:
        yield forge


def _service(terms: _Terms) -> Service:
    ledger = Ledger(terms.rate_limit, period=MINUTE)

    def opened(folder: Path, until: datetime | None, url: str, blob_url: str) -> tuple[Told, Side, Side]:
        recording = GitLabRecording.open(folder, until)
        archives = Archives(recording.attachments.archives, blob_url)
        api = GitLabApi(recording, url, archives, public=terms.token is None)
        told = Told(
            url=url,
            blob_url=blob_url,
            host=recording.host,
            origin=recording.origin,
            as_of=recording.as_of,
            repositories=tuple(sorted(project.path for project in recording.projects.values())),
            gaps=(),  # what a recording lacks, its answers tell
        )
        return told, GitLabSide(api, ledger, terms.token, job_token=terms.job_token), BlobSide(archives)

    return Service(ledger, terms.mishaps, opened)
