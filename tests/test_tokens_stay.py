"""A token goes only to the host it was configured for: not along a redirect, not to the other source."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelinedoctor.cli import app
from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.blobs import Blobs
from pipelinedoctor.simulate.recording import Recording
from pipelinedoctor.simulate.routes import Api
from pipelinedoctor.simulate.sent import Sent
from pipelinedoctor.simulate.server import ApiSide, Asked, BlobSide, Ledger, Server
from tests.helpers.recordings import job, run, write_recording

SECRET_HEADERS = ("authorization", "private-token", "job-token", "cookie", "proxy-authorization")
TOKENS = ("token-of-one", "token-of-two")
Side = Callable[[Asked], tuple[str, Sent]]
Heard = list[tuple[str, dict[str, str]]]
"""Path and headers of each request."""


def heard_by(side: Side, heard: Heard) -> Side:
    """The side, which notes what it is asked."""

    def noting(asked: Asked) -> tuple[str, Sent]:
        heard.append((asked.path, {name.lower(): value for name, value in asked.headers.items()}))
        return side(asked)

    return noting


@contextmanager
def serving(*servers: Server) -> Iterator[None]:
    """Let these answer until the `with` ends."""
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


@contextmanager
def forge(folder: Path, token: str) -> Iterator[tuple[str, Heard, Heard]]:
    """A forge with its blobs on another port: its URL, and what either of the two is asked."""
    recording = Recording.open(folder)
    of_api: Heard = []
    of_blobs: Heard = []
    api, blobs = Server(Ledger(1_000_000)), Server(Ledger(1))
    kept = Blobs(Attachments.of(recording), blobs.url)
    api.side = heard_by(ApiSide(Api(recording, api.url, kept), api.ledger, token), of_api)
    blobs.side = heard_by(BlobSide(kept), of_blobs)
    with serving(api, blobs):
        yield api.url, of_api, of_blobs


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a log and a report, so that both are downloaded."""
    jobs = [job("test", "failure", log="Error: boom\n", junit="<testsuite><testcase name='a'/></testsuite>")]
    return write_recording(tmp_path_factory.mktemp("recording"), [run(1, jobs=jobs), run(2, jobs=jobs)])


@pytest.fixture(params=["github"])
def kind(request: pytest.FixtureRequest) -> str:
    """The forge under test."""
    name: str = request.param
    return name


@pytest.fixture
def fetch(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Fetch from these URLs, each with a token of its own: the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pipelinedoctor.fetch.patience.BACKOFF_S", (0.0,))
    for at, token in enumerate(TOKENS):
        monkeypatch.setenv(f"TOKEN_{at}", token)

    def fetched(*urls: str) -> int:
        sections = (
            f'[[sources]]\nforge = "{kind}"\nurl = "{url}/"\ntoken_env = "TOKEN_{at}"\nrepositories = ["acme/shop"]\n'
            for at, url in enumerate(urls)
        )
        (tmp_path / "pipelinedoctor.toml").write_text("".join(sections), encoding="utf-8")
        for command in ("fetch --since 2026-01-01 -q", "doctor"):
            code = CliRunner().invoke(app, command.split()).exit_code
        return code

    return fetched


def told(heard: Heard) -> list[str]:
    """What is secret in what was asked."""
    return [headers[name] for _, headers in heard for name in SECRET_HEADERS if name in headers]


def test_a_download_on_another_port_brings_no_token(recording: Path, fetch: Callable[..., int]) -> None:
    with forge(recording, TOKENS[0]) as (url, of_api, of_blobs):
        assert fetch(url) == 0
    assert {path.split("/")[1] for path, _ in of_blobs} == {"logs", "artifacts"}
    assert told(of_blobs) == []
    assert not [path for path, headers in of_blobs if TOKENS[0] in str((path, headers))]
    assert len(told(of_api)) == len(of_api)


def test_a_download_that_is_sent_on_brings_no_token_back(recording: Path, fetch: Callable[..., int]) -> None:
    """Not even where the place of blobs sends it back to the API's own host."""
    with forge(recording, TOKENS[0]) as (url, of_api, _):
        between = Server(Ledger(1))
        between.side = lambda asked: ("blob", Sent(302, b"", {"Location": f"{url}/blobs{asked.path}"}))
        blobs = Recording.open(recording)
        api = Server(Ledger(1_000_000))
        side = ApiSide(Api(blobs, api.url, Blobs(Attachments.of(blobs), between.url)), api.ledger, TOKENS[0])
        api.side = side
        with serving(between, api):
            fetch(api.url)
    assert [path for path, _ in of_api if path.startswith("/blobs/")]
    assert told(of_api) == []


@pytest.mark.parametrize("status", [301, 302, 307])
@pytest.mark.parametrize("asked_for", ["", "/runs", "/graphql", "/logs", "/zip"])
def test_an_api_that_sends_on_to_another_port_gets_nobody_to_bring_it_a_token(
    recording: Path, fetch: Callable[..., int], status: int, asked_for: str
) -> None:
    with forge(recording, TOKENS[0]) as (elsewhere, of_elsewhere, _), forge(recording, TOKENS[0]) as (home, of_home, _):
        moving = Server(Ledger(1_000_000))
        moved = []

        def side(asked: Asked) -> tuple[str, Sent]:
            if asked.path.endswith(asked_for):
                moved.append(asked.path)
                return "moved", Sent(status, b"{}", {"Location": elsewhere + asked.path})
            return homely(asked)

        held = Recording.open(recording)
        homely = ApiSide(Api(held, moving.url, Blobs(Attachments.of(held), home)), moving.ledger, TOKENS[0])
        moving.side = side
        with serving(moving):
            fetch(moving.url)
    assert moved
    assert told(of_elsewhere) == []
    assert told(of_home) == []


def test_each_source_gets_its_own_token_and_no_other(recording: Path, fetch: Callable[..., int]) -> None:
    with forge(recording, TOKENS[0]) as (one, of_one, _), forge(recording, TOKENS[1]) as (two, of_two, _):
        assert fetch(one, two) == 0
    for heard, own, other in ((of_one, TOKENS[0], TOKENS[1]), (of_two, TOKENS[1], TOKENS[0])):
        assert len(told(heard)) == len(heard) > 5
        assert all(own in header for header in told(heard))
        assert not [one for one in heard if other in str(one)]
