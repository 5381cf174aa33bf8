"""The loopback GitLab: a recording served as GitLab serves it, by a process of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from pipelinedoctor.errors import PipelinedoctorError
from pipelinedoctor.simulate.forge import PLENTY, Forge, attend, spawned
from pipelinedoctor.simulate.gitlab.attachments import Archives
from pipelinedoctor.simulate.gitlab.recording import GitLabRecording
from pipelinedoctor.simulate.gitlab.routes import GitLabApi
from pipelinedoctor.simulate.gitlab.server import MINUTE, GitLabSide
from pipelinedoctor.simulate.server import BlobSide, Ledger, Server


@contextmanager
def serve_gitlab(
    folder: Path, *, token: str | None = None, rate_limit: int = PLENTY, job_token: bool = False
) -> Iterator[Forge]:
    """Serve a recording of a GitLab until the `with` ends, or the calling process does.

    With a `token`, which is a user's or with `job_token` that of a job, all is private. Without one all is public, and any
    token will do where GitLab wants one. `rate_limit` is how many requests a minute are answered.
    Raises `UsageError` where the folder is no recording of a GitLab.
    """
    with spawned(_gitlab, folder, token, rate_limit, job_token) as forge:
        yield forge


def _gitlab(folder: Path, token: str | None, rate_limit: int, job_token: bool, pipe: Connection) -> None:  # noqa: FBT001
    ledger = Ledger(rate_limit, MINUTE)
    servers = Server(ledger), Server(ledger)
    try:
        recording = GitLabRecording.open(folder)
    except PipelinedoctorError as error:
        pipe.send(error)
        return
    archives = Archives(recording.attachments.archives, servers[1].url)
    api = GitLabApi(recording, servers[0].url, archives, public=token is None)
    servers[0].start(GitLabSide(api, ledger, token, job_token=job_token))
    servers[1].start(BlobSide(archives))
    about = {
        "host": recording.host,
        "origin": recording.origin,
        "as_of": recording.as_of,
        "repositories": tuple(sorted(project.path for project in recording.projects.values())),
        "gaps": (),  # what a recording lacks, its answers tell
    }
    attend(pipe, servers, about)
