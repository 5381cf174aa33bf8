"""Proxies and authorities of the environment, for the API and for the blobs it refers to: real sockets, real TLS."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from pipelinedoctor.cli import app
from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.github.client import Client
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.web import proxy_of
from tests.fetch.scripted import Asked, Said, scripted
from tests.fetch.test_web import PEM, SAID

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing."""
    for name in SAID:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@dataclass
class Tunnels:
    """What a proxy was asked for: hosts with ports, and all that it could read."""

    url: str
    places: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)


@contextmanager
def proxy() -> Iterator[Tunnels]:
    """A proxy that opens tunnels, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            told.places.append(self.path)
            told.read.append(str(self.headers))
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as far:
                self.send_response(200)
                self.end_headers()
                ends = {self.connection: far, far: self.connection}
                while True:
                    for ready in select.select(ends, [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            self.close_connection = True
                            return
                        ends[ready].sendall(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is http.server's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Tunnels(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def sealed() -> ssl.SSLContext:
    """TLS with a certificate that only `PEM` vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


@dataclass
class Forge:
    client: Client
    api: list[Asked]
    blobs: list[Asked]
    url: str
    waits: list[float]


@pytest.fixture
def forge(sealed: ssl.SSLContext) -> Iterator[Forge]:
    """A forge and its store of blobs, both sealed, and a client of it."""
    with ExitStack() as stack:
        store, blobs = stack.enter_context(scripted(lambda _: Said(body=b"log"), sealed))
        url, api = stack.enter_context(
            scripted(lambda _: Said(302, headers={"Location": f"{store}/log?sig=1"}), sealed)
        )
        waits: list[float] = []
        source = Source(forge="github", host="ghe.example", url=url, repositories=(), token=TOKEN, throttle=0)
        client = Client(source, Budget(None, pause=waits.append))
        stack.callback(client.close)
        yield Forge(client, api, blobs, url, waits)


def others() -> bytes:
    """A certificate of an authority that vouches for nothing here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "others")])
    start = datetime(2000, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), start, start.replace(year=2100)
    )
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def log(forge: Forge) -> bytes:
    return forge.client.blob("/repos/a/b/actions/jobs/1/logs", b"".join)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_api_and_blobs_are_trusted_by_the_same_authorities(
    forge: Forge, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(PEM))
    assert log(forge) == b"log"
    assert forge.api[0].headers["authorization"] == f"token {TOKEN}"
    assert "authorization" not in forge.blobs[0].headers


def test_api_and_blobs_come_through_the_proxy_which_reads_nothing(
    forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    with proxy() as tunnels:
        monkeypatch.setenv("HTTPS_PROXY", tunnels.url)
        assert log(forge) == b"log"
        assert len(set(tunnels.places)) == 2
        assert tunnels.places[0] == forge.url.removeprefix("https://")
        assert not any(TOKEN in head or "authorization" in head.lower() for head in tunnels.read)
        forge.client.close()


def test_hosts_that_need_no_proxy_are_asked_straight(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert log(forge) == b"log"


def test_a_forge_that_nobody_vouches_for_is_refused_at_once(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ForgeError, match="REQUESTS_CA_BUNDLE may name a file of others") as raised:
        forge.client.ask("/x")
    assert str(raised.value).startswith(f"{forge.url.removeprefix('https://')}: its certificate was not accepted")
    assert (forge.api, forge.waits) == ([], [])


def test_through_a_proxy_as_well(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy() as tunnels:
        monkeypatch.setenv("HTTPS_PROXY", tunnels.url)
        with pytest.raises(ForgeError, match="its certificate was not accepted"):
            forge.client.ask("/x")
        assert (len(tunnels.places), forge.api, forge.waits) == (1, [], [])


def test_a_store_of_blobs_that_nobody_vouches_for_is_refused_at_once(sealed: ssl.SSLContext) -> None:
    with (
        scripted(lambda _: Said(body=b"log"), sealed) as (store, blobs),
        scripted(lambda _: Said(302, headers={"Location": f"{store}/log?sig=secret"})) as (url, asked),
    ):
        waits: list[float] = []
        source = Source(forge="github", host="ghe.example", url=url, repositories=(), token=TOKEN, throttle=0)
        client = Client(source, Budget(None, pause=waits.append))
        with pytest.raises(ForgeError) as raised:
            client.blob("/log", b"".join)
        client.close()
    assert str(raised.value).startswith(f"{store.removeprefix('https://')}: its certificate was not accepted")
    assert "secret" not in str(raised.value)
    assert (len(asked), blobs, waits) == (1, [], [])


def test_a_fetch_ends_with_one_line_that_names_the_authorities(
    forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "others.pem"
    other.write_bytes(others())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    config = f'[[sources]]\nurl = "{forge.url}"\nrepositories = ["acme/shop"]\n'
    (tmp_path / "pipelinedoctor.toml").write_text(config, encoding="utf-8")
    done = CliRunner().invoke(app, ["fetch", "-q"])
    assert (done.exit_code, done.stderr.count("\n")) == (3, 1)
    assert f"its certificate was not accepted by the authorities in use; SSL_CERT_FILE names {other}" in done.stderr


@pytest.mark.parametrize(
    ("held", "shown"),
    [
        ("http://me:pass@word@proxy.example:3128", "http://proxy.example:3128"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("", None),
    ],
)
def test_a_proxy_is_told_without_who_asks_it(monkeypatch: pytest.MonkeyPatch, held: str, shown: str | None) -> None:
    monkeypatch.setenv("HTTPS_PROXY", held)
    assert proxy_of("https://forge.example/x") == shown
