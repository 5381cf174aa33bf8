"""The loopback forge: a recording served as GitHub serves it, by a process of its own.

Time passes on demand: `serve(folder, until=…)` shows what there was up to a moment, `Forge.advance` moves it on, `Forge.load` brings
another recording to the same place, in which a run may have been rerun meanwhile. Faults strike on demand: see `mishaps`.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipelinedoctor.errors import PipelinedoctorError
from pipelinedoctor.model import FetchGap
from pipelinedoctor.simulate.mishaps import Mishap
from pipelinedoctor.simulate.server import PLENTY, Request
from pipelinedoctor.simulate.service import Service, Terms, Told, github_service

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

    def statuses(self) -> dict[int, int]:
        """The number of those requests by the status they were answered with: 304 are those that cost nothing."""
        return self._ask("statuses")  # type: ignore[no-any-return]  # the pipe carries anything

    def reset(self) -> None:
        """Forget the requests made so far."""
        self._ask("reset")

    def load(self, folder: Path, *, until: datetime | None = None) -> "Forge":
        """Serve another recording at the same URLs from now on; the forge as it is now.

        Raises `UsageError` where the folder is no recording; then the one before is still served.
        """
        return _told(self._ask("load", folder, until), self._pipe)

    def advance(self, to: datetime | None) -> "Forge":
        """Serve what there was of the recording up to another moment, or (`None`) all of it; the forge as it is now."""
        return _told(self._ask("advance", to), self._pipe)

    def plant(self, *mishaps: Mishap) -> None:
        """Let these faults strike from now on, beside those that are there."""
        self._ask("plant", *mishaps)

    def heal(self) -> None:
        """Let no fault strike any more."""
        self._ask("heal")

    def _ask(self, what: str, *arguments: object) -> Any:
        self._pipe.send((what, arguments))
        answer = self._pipe.recv()
        if isinstance(answer, PipelinedoctorError):
            raise answer
        return answer


@contextmanager
def serve(
    folder: Path,
    *,
    token: str | None = None,
    rate_limit: int = PLENTY,
    points: int = PLENTY,
    checks: bool = True,
    until: datetime | None = None,
    mishaps: Sequence[Mishap] = (),
) -> Iterator[Forge]:
    """Serve a recording until the `with` ends, or the calling process does.

    With a `token`, requests without it are refused; an hour has `rate_limit` requests and `points` of GraphQL. Without
    `checks` the token may not read checks. What was made after `until` is not there yet: see `Forge.advance`. `mishaps`
    are faults to answer with. Raises `UsageError` where the folder is no recording.
    """
    terms = Terms(token=token, rate_limit=rate_limit, points=points, checks=checks, mishaps=tuple(mishaps))
    with spawned(github_service, terms, folder, until) as forge:
        yield forge


@contextmanager
def spawned(make: Callable[[Any], Service], terms: object, folder: Path, until: datetime | None) -> Iterator[Forge]:
    """The forge that `make(terms)` is, in a process of its own that ends with the `with` or with this process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_run, args=(make, terms, (folder, until), theirs), name="loopback-forge", daemon=True
    )
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
    return _told(ready, pipe)


def _told(told: Told, pipe: Connection) -> Forge:
    return Forge(**{one.name: getattr(told, one.name) for one in fields(told)}, _pipe=pipe)


def _run(make: Callable[[Any], Service], terms: object, first: tuple[Path, datetime | None], pipe: Connection) -> None:
    """The life of the process: serve until the other end of the pipe is closed, be it by the end of the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be started deaf to it
    service = make(terms)
    what: str = "load"
    arguments: Sequence[object] = first
    with suppress(EOFError, ConnectionError):
        while True:
            pipe.send(_tried(service.calls[what], arguments))
            what, arguments = pipe.recv()


def _tried(call: Callable[..., Any], arguments: Sequence[object]) -> Any:
    """What a call comes to, or the error that it raised."""
    try:
        return call(*arguments)
    except PipelinedoctorError as error:
        return error
