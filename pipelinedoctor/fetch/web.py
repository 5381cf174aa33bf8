"""Requests over connections that are kept open, for one thread.

What the environment says of proxies and certificates holds, as it does for `requests`, and is read once for each host:
`requests` reads it at every request, which costs more than the request. No password is looked up in .netrc.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from ssl import CertificateError
from typing import Any
from urllib.parse import urljoin, urlsplit

from certifi import where
from requests.utils import get_auth_from_url, get_environ_proxies, prepend_scheme_if_needed, select_proxy
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout, make_headers
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
    TimeoutError,  # noqa: A004  the library's own, told apart from Python's
)

from pipelinedoctor.errors import ForgeError

TIMEOUT_S = 30
MOST = 64 * 2**20
"""Bytes of an answer that is kept whole; the largest page of a forge's list is a tenth of it."""
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_CHUNK = 64 * 1024
_LONGEST = 300
"""Most characters of a host in a message; names of hosts have fewer."""
_REDIRECTS = 5
MOVED = frozenset({301, 302, 303, 307, 308})
_TROUBLES: tuple[tuple[type[Exception], str], ...] = (
    (SSLError, "no secure connection"),
    (ConnectTimeoutError, "no connection"),
    (TimeoutError, f"no answer within {TIMEOUT_S} s"),
    (ProxyError, "no connection through the proxy"),
    (ProtocolError, "the answer broke off"),
    (DecodeError, "the answer cannot be decoded"),
    (OverflowError, f"the answer is larger than {MOST // 2**20} MiB"),
    (LocationValueError, "an address that cannot be used"),
)
_FAULTS = (HTTPError, OSError, ValueError)


class TroubleError(Exception):
    """No whole answer came; the words are our own, for those of the libraries may quote a header or an address.

    `absent`: there was not even a connection, for nobody listens at that address or its name is not known.
    `lasting`: another try would come to the same, for it lies in the address or in what stands there.
    """

    def __init__(self, fault: Exception) -> None:
        words = next((words for kind, words in _TROUBLES if isinstance(fault, kind)), "the request failed")
        met = fault.original_error if isinstance(fault, ProxyError) else fault
        why = _why(met)
        if why and met is not fault:
            words = "no connection to the proxy"
        super().__init__(f"{words} ({why})" if why else words)
        self.lasting = isinstance(fault, LocationValueError | OverflowError | DecodeError)
        self.absent = isinstance(met, NewConnectionError)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and its whole content, unpacked."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Web:
    """The connections of one thread."""

    def __init__(self, user_agent: str) -> None:
        self._headers = {"User-Agent": user_agent, "Accept": "*/*", **make_headers(accept_encoding="gzip,deflate")}
        self._managers: dict[str | None, PoolManager] = {}
        self._ways: dict[tuple[str, str], PoolManager] = {}

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """The whole answer to a request; a redirect is an answer.

        Raises `TroubleError` where there is none, or one of more than 64 MiB, and `ForgeError` where proxy or certificates
        do not allow any.
        """
        return self._whole("GET", url, headers or {}, None)

    def post(self, url: str, headers: Mapping[str, str], body: str | None) -> Answer:
        """The whole answer to a request that sends a body; raises as `get` does."""
        return self._whole("POST", url, headers, body)

    def _whole(self, verb: str, url: str, headers: Mapping[str, str], body: str | None) -> Answer:
        with self._ask(verb, url, headers, body) as answer:
            data = bytearray()
            for chunk in chunks(answer):
                data += chunk
                if len(data) > MOST:
                    raise TroubleError(OverflowError())
            return Answer(answer.status, answer.headers, bytes(data))

    def open(self, url: str, headers: Mapping[str, str] | None = None) -> BaseHTTPResponse:
        """The answer of the place that `url` leads to, its content yet to be read by `chunks`; use it in a `with`.

        `headers` are for the host of `url` alone: once a redirect has led to another one, they are sent no more.
        Raises what `get` raises.
        """
        first, held = place_of(url), headers or {}
        for _ in range(_REDIRECTS):
            answer = self._ask("GET", url, held, None)
            location = answer.headers.get("location") if answer.status in MOVED else None
            if location is None:
                return answer
            answer.close()
            url = joined(url, location)
            if place_of(url) != first:
                held = {}
        raise TroubleError(LocationValueError())

    def close(self) -> None:
        """Close all connections."""
        for manager in self._managers.values():
            manager.clear()

    def _ask(self, verb: str, url: str, headers: Mapping[str, str], body: str | None) -> BaseHTTPResponse:
        try:
            return self._way(url).urlopen(
                verb,
                url,
                body=body,
                headers={**self._headers, **headers},
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except _FAULTS as fault:
            _trusted(url, fault)
            raise TroubleError(fault) from None

    def _way(self, url: str) -> PoolManager:
        place = place_of(url)
        if place not in self._ways:
            proxy = select_proxy(url, get_environ_proxies(url))
            if proxy not in self._managers:
                self._managers[proxy] = _manager(proxy)
            self._ways[place] = self._managers[proxy]
        return self._ways[place]


def place_of(url: str) -> tuple[str, str]:
    """Scheme, host and port of an address. Raises `TroubleError` where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise TroubleError(LocationValueError()) from None
    return parts.scheme, parts.netloc


def joined(base: str, location: str) -> str:
    """The address that `location` means at `base`. Raises `TroubleError` where it is none."""
    try:
        return urljoin(base, location)
    except ValueError:
        raise TroubleError(LocationValueError()) from None


def chunks(answer: BaseHTTPResponse) -> Iterator[bytes]:
    """The content of an opened answer. Raises `TroubleError` where it breaks off."""
    try:
        yield from answer.stream(_CHUNK)
    except _FAULTS as fault:
        raise TroubleError(fault) from None


def _why(fault: Exception) -> str | None:
    """Why there is no connection; None where there is one, or no more is known. A new one that fails has its cause."""
    if isinstance(fault, NameResolutionError):
        return "its name is not known"
    if isinstance(fault, NewConnectionError):
        cause = fault.__cause__
        if isinstance(cause, ConnectionRefusedError):
            return "refused"
        return os.strerror(cause.errno).lower() if isinstance(cause, OSError) and cause.errno else None
    return "timed out" if isinstance(fault, ConnectTimeoutError) else None


def _trusted(url: str, fault: Exception) -> None:
    """Raise `ForgeError` where nobody vouches for the certificate: no other try and no other request would fare better."""
    if not isinstance(fault, SSLError) or not any(isinstance(one, CertificateError) for one in fault.args):
        return
    variable, path = authorities()
    place = urlsplit(url).netloc.rpartition("@")[2][:_LONGEST]
    named = f"{variable} names {path}" if variable else f"{_CERTIFICATES[0]} may name a file of others"
    raise ForgeError(f"{place}: its certificate was not accepted by the authorities in use; {named}")


def _manager(proxy: str | None) -> PoolManager:
    settings: dict[str, Any] = {"timeout": Timeout(TIMEOUT_S, TIMEOUT_S), **_certificates()}
    if not proxy:
        return PoolManager(**settings)
    if proxy.lower().startswith("socks"):
        try:
            from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415  its library is no dependency of ours
        except ImportError:
            raise ForgeError("a SOCKS proxy is set in the environment; it needs the package pysocks") from None
        return SOCKSProxyManager(proxy, **settings)
    user, password = get_auth_from_url(proxy)
    authorization = make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
    return ProxyManager(prepend_scheme_if_needed(proxy, "http"), proxy_headers=authorization, **settings)


def _certificates() -> dict[str, str]:
    variable, path = authorities()
    if not Path(path).exists():
        raise ForgeError(f"{path}: no such file or directory of certificates; {variable} names it")
    return {"cert_reqs": "CERT_REQUIRED", "ca_cert_dir" if Path(path).is_dir() else "ca_certs": path}


def authorities() -> tuple[str, str]:
    """Whose word is taken for certificates: a variable of the environment and the path it holds, else `""` and certifi's."""
    named = ((name, os.environ[name]) for name in _CERTIFICATES if os.environ.get(name))
    return next(named, ("", where()))


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for an address, without user and password; None where there is none."""
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    head, _, rest = prepend_scheme_if_needed(proxy, "http").partition("://")
    return f"{head}://{rest.rpartition('@')[2]}"
