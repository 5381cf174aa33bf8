"""Requests through what the environment says of proxies and certificates, on real sockets."""

import base64
import errno
import gzip
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.web import TroubleError, Web, chunks
from tests.fetch.scripted import Said, scripted

PEM = Path(__file__).parent / "loopback.pem"
DEAD = "http://127.0.0.1:9"
SAID = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing."""
    for name in SAID:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web("pipelinedoctor/test")
    yield made
    made.close()


def test_an_answer_is_read_whole_and_unpacked(web: Web) -> None:
    with scripted(lambda _: Said(404, gzip.compress(b"gone"), {"Content-Encoding": "gzip", "X-One": "1"})) as (
        url,
        asked,
    ):
        answer = web.get(f"{url}/x?y=1", {"Authorization": "token t"})
    assert (answer.status, answer.data, answer.headers["x-one"]) == (404, b"gone", "1")
    assert (asked[0].path, asked[0].headers["authorization"]) == ("/x?y=1", "token t")
    assert (asked[0].headers["user-agent"], asked[0].headers["accept-encoding"]) == (
        "pipelinedoctor/test",
        "gzip,deflate",
    )


def test_a_redirect_is_an_answer_to_get_and_a_way_to_open(web: Web) -> None:
    with scripted(lambda _: Said(body=gzip.compress(b"file" * 50_000), headers={"Content-Encoding": "gzip"})) as (
        to,
        _,
    ):
        answers = {"/a": f"{to}/b", "/r": "/a"}
        with scripted(lambda one: Said(302, headers={"Location": answers[one.path]})) as (url, asked):
            assert web.get(f"{url}/a").headers["location"] == f"{to}/b"
            with web.open(f"{url}/r") as answer:
                assert b"".join(chunks(answer)) == b"file" * 50_000
    assert [one.path for one in asked] == ["/a", "/r", "/a"]


def test_a_ring_of_redirects_ends(web: Web) -> None:
    with scripted(lambda _: Said(307, headers={"Location": "/again"})) as (url, asked), pytest.raises(TroubleError):
        web.open(url)
    assert len(asked) < 10


def test_connections_are_kept(web: Web) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        answers = []

        def ask() -> None:
            answers.append(web.get(url).data)
            with web.open(url) as answer:
                answers.append(b"".join(chunks(answer)))

        thread = threading.Thread(target=ask)
        thread.start()
        with server.accept()[0] as connection:
            for _ in range(2):
                assert connection.recv(4096).startswith(b"GET / HTTP/1.1\r\n")
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            thread.join()
    assert answers == [b"ok", b"ok"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(200, b"x", promised=9), "the answer broke off"),
        (Said(200, b"plain, and not packed", {"Content-Encoding": "gzip"}), "the answer cannot be decoded"),
    ],
)
def test_trouble_is_told_in_words_of_our_own(web: Web, said: Said, words: str) -> None:
    with scripted(lambda _: said) as (url, _):
        with pytest.raises(TroubleError, match=words) as whole:
            web.get(url)
        with pytest.raises(TroubleError, match=words), web.open(url) as answer:
            list(chunks(answer))
    assert not whole.value.absent


@pytest.mark.parametrize(("url", "why"), [(DEAD, "refused"), ("http://forge.invalid/", "its name is not known")])
def test_a_place_that_is_not_there_is_told_apart_with_the_reason(web: Web, url: str, why: str) -> None:
    with pytest.raises(TroubleError, match=rf"^no connection \({why}\)$") as told:
        web.get(url)
    assert told.value.absent


def test_other_reasons_for_no_connection_are_told_in_the_words_of_the_system() -> None:
    fault = NewConnectionError(HTTPConnection("forge.invalid"), "with an address")
    assert str(TroubleError(fault)) == "no connection"
    fault.__cause__ = OSError(errno.ENETUNREACH, "with an address")
    assert str(TroubleError(fault)) == "no connection (network is unreachable)"
    late = TroubleError(ConnectTimeoutError("with an address"))
    assert (str(late), late.absent) == ("no connection (timed out)", False)
    assert str(TroubleError(ProxyError("with an address", ConnectTimeoutError()))) == (
        "no connection to the proxy (timed out)"
    )


def test_a_proxy_of_the_environment_is_asked(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(lambda _: Said(body=b"through")) as (proxy, asked):
        monkeypatch.setenv("HTTP_PROXY", proxy.replace("//", "//me:pass%20word@"))
        assert web.get("http://forge.invalid/x").data == b"through"
        with web.open("http://blobs.invalid/y") as answer:
            assert b"".join(chunks(answer)) == b"through"
    assert [one.path for one in asked] == ["http://forge.invalid/x", "http://blobs.invalid/y"]
    assert asked[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(b"me:pass word").decode()


def test_a_proxy_is_asked_for_a_tunnel(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{server.getsockname()[1]}")
        said: list[bytes] = []

        def refuse() -> None:
            with server.accept()[0] as connection:
                said.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(TroubleError, match="no connection through the proxy") as told:
            web.get("https://forge.invalid/x", {"Authorization": "token t"})
        thread.join()
    assert said[0].startswith(b"CONNECT forge.invalid:443 HTTP/1.")
    assert b"token t" not in said[0]
    assert not told.value.absent


def test_a_proxy_that_is_not_there_is_as_no_forge(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", DEAD)
    with pytest.raises(TroubleError, match=r"^no connection to the proxy \(refused\)$") as told:
        web.get("http://forge.invalid/x")
    assert told.value.absent


def test_some_hosts_need_no_proxy(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", DEAD)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,forge.invalid")
    with scripted(lambda _: Said(body=b"straight")) as (url, _):
        assert web.get(url).data == b"straight"


def test_a_socks_proxy_without_its_package_is_told(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib3.contrib.socks", None)
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:9")
    with pytest.raises(ForgeError, match="needs the package pysocks"):
        web.get("http://forge.invalid/x")


def test_the_environment_is_read_once_for_a_host(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(lambda _: Said(body=b"ok")) as (url, _):
        web.get(url)
        monkeypatch.setenv("HTTP_PROXY", DEAD)
        assert web.get(url).data == b"ok"


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_of_the_environment_are_held_to(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    with scripted(lambda _: Said(body=b"sealed"), context) as (url, _):
        with pytest.raises(ForgeError, match=r"127\.0\.0\.1:\d+: its certificate was not accepted.*_BUNDLE may name"):
            Web("test").get(url)
        monkeypatch.setenv(variable, str(PEM))
        trusting = Web("test")
        assert trusting.get(url).data == b"sealed"
        trusting.close()


def test_certificates_that_are_not_there_are_told_with_their_variable(
    web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(ForgeError, match=r"none\.pem: no such file .*; REQUESTS_CA_BUNDLE names it"):
        web.get("https://forge.invalid/x")
