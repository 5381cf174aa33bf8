"""The loopback forge: a recording served as GitHub serves it, by a process of its own."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipelinedoctor.errors import PipelinedoctorError
from pipelinedoctor.model import FetchGap
from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.blobs import Blobs
from pipelinedoctor.simulate.recording import Recording
from pipelinedoctor.simulate.routes import Api
from pipelinedoctor.simulate.server import ApiSide, BlobSide, Ledger, Request, Server

PLENTY = 1_000_000
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """A running loopback forge: its API at `url`, its logs and artifacts at `blob_url`, and what its recording tells.

    `repositories` are the names of what is recorded, `gaps` what the recording itself lacks.
    """

    url: str
    blob_url: str
    host: str
    origin: str
    as_of: datetime
    repositories: tuple[str, ...]
    gaps: tuple[FetchGap, ...]
    _pipe: Connection = field(repr=False)

    def requests(self) -> list[Request]:
        """All requests since the start or the last `reset`, API and blobs, in the order they were answered."""
        return self._ask("requests")  # type: ignore[no-any-return]  # the pipe carries anything

    def counts(self) -> dict[str, int]:
        """The number of those requests by route; blobs are `blob logs`, `blob artifacts` and the same `… with a token`."""
        return self._ask("counts")  # type: ignore[no-any-return]  # the pipe carries anything

    def reset(self) -> None:
        """Forget the requests made so far."""
        self._ask("reset")

    def _ask(self, what: str) -> Any:
        self._pipe.send(what)
        return self._pipe.recv()


@contextmanager
def serve(folder: Path, *, token: str | None = None, rate_limit: int = PLENTY) -> Iterator[Forge]:
    """Serve a recording until the `with` ends, or the calling process does.

    With a `token`, requests without it are refused; `rate_limit` is how many requests an hour may cost.
    Raises `UsageError` where the folder is no recording.
    """
    with spawned(_github, folder, token, rate_limit) as forge:
        yield forge


@contextmanager
def spawned(run: Callable[..., None], *arguments: Any) -> Iterator[Forge]:
    """The forge that `run(*arguments, pipe)` is in a process of its own, which ends with the `with` or with this process.

    `run` sends what `attend` does, or the error that this raises.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_begun, args=(run, *arguments, theirs), name="loopback-forge", daemon=True)
    with _deaf_to_ctrl_c():
        process.start()
    theirs.close()
    try:
        yield _started(ours)
    finally:
        # The process waits on the pipe, and ends as it closes.
        ours.close()
        process.join(_PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Let a process that is started inside hear nothing of Ctrl-C from its first moment on; it comes to us afterwards.

    Ctrl-C goes to the whole group, and we decide when to end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # would be started with the process, and lets signals in as it does
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _started(pipe: Connection) -> Forge:
    try:
        ready = pipe.recv()
    except EOFError:
        raise PipelinedoctorError(
            "the loopback forge ended before it had started; its own message stands above"
        ) from None
    if isinstance(ready, PipelinedoctorError):
        raise ready
    return Forge(**ready, _pipe=pipe)


def _begun(run: Callable[..., None], *arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where the process could not be started deaf to it
    run(*arguments)


def _github(folder: Path, token: str | None, rate_limit: int, pipe: Connection) -> None:
    ledger = Ledger(rate_limit)
    servers = Server(ledger), Server(ledger)
    try:
        recording = Recording.open(folder)
        blobs = Blobs(Attachments.of(recording), servers[1].url)
        api = Api(recording, servers[0].url, blobs)
    except PipelinedoctorError as error:
        pipe.send(error)
        return
    servers[0].start(ApiSide(api, ledger, token))
    servers[1].start(BlobSide(blobs))
    about = {
        "host": recording.host,
        "origin": recording.origin,
        "as_of": recording.as_of,
        "repositories": tuple(recording.repositories),
        "gaps": tuple(recording.gaps()),
    }
    attend(pipe, servers, about)


def attend(pipe: Connection, servers: tuple[Server, Server], about: Mapping[str, Any]) -> None:
    """Tell of two started servers (API and blobs, one ledger) until the other end of the pipe is closed, be it by the end
    of the parent; `about` are the rest of the fields of a `Forge`.
    """
    ledger = servers[0].ledger
    answers: dict[str, Callable[[], Any]] = {
        "requests": lambda: list(ledger.requests),
        "counts": ledger.counts,
        "reset": ledger.clear,
    }
    with suppress(EOFError, ConnectionError):
        pipe.send({"url": servers[0].url, "blob_url": servers[1].url, **about})
        while True:
            pipe.send(answers[pipe.recv()]())
