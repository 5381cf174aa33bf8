"""What python-gitlab asks GitLab through: connections of our own, which carry a token to no other host.

python-gitlab's own follow redirects and take `PRIVATE-TOKEN` and `JOB-TOKEN` along; these follow none but within the host.
"""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from urllib3 import BaseHTTPResponse

from pipelinedoctor.fetch.web import MOVED, Answer, Web, joined, place_of

_HOPS = 5
"""Redirects of one request that are followed, to where a renamed project now is."""


class AstrayError(Exception):
    """The forge sent a request on to another host, or on and on."""


class Heard:
    """An answer as python-gitlab reads it. Of a stream, `content` is empty and the rest stands in `stream`."""

    history = ()

    def __init__(
        self, status: int, headers: Mapping[str, str], content: bytes, stream: BaseHTTPResponse | None
    ) -> None:
        self.status_code = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.content = content
        self.stream = stream
        self.reason = ""
        self.response = self

    def json(self) -> Any:
        """The content as JSON; raises `ValueError`."""
        try:
            return json.loads(self.content)
        except RecursionError:
            raise ValueError("the answer is nested too deep") from None


class Wire:
    """What python-gitlab calls a backend. `heard` is the last answer, an error's too."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self.client = web
        self.heard: Heard | None = None

    @staticmethod
    def prepare_send_data(*_: object) -> SimpleNamespace:
        """Nothing is ever sent."""
        return SimpleNamespace(json=None, data=None, content_type="application/json")

    def http_request(
        self,
        *,
        method: str,
        url: str,
        params: Mapping[str, Any],
        headers: dict[str, str],
        auth: Any,
        stream: bool,
        **_: object,
    ) -> Heard:
        """Ask, and hand on the answer. Raises `TroubleError` and `AstrayError`."""
        assert method == "get"
        del headers["Content-type"]
        if auth is not None:
            auth(SimpleNamespace(headers=headers))
        target = f"{url}?{urlencode(params, doseq=True)}" if params else url
        self.heard = self._streamed(target, headers) if stream else self._whole(target, headers)
        return self.heard

    def _streamed(self, url: str, headers: Mapping[str, str]) -> Heard:
        answer = self._web.open(url, headers)
        return Heard(answer.status, answer.headers, b"", answer)

    def _whole(self, url: str, headers: Mapping[str, str]) -> Heard:
        place = place_of(url)
        for _ in range(1 + _HOPS):
            answer: Answer = self._web.get(url, headers)
            location = answer.headers.get("location")
            if answer.status not in MOVED or location is None:
                return Heard(answer.status, answer.headers, answer.data, None)
            url = joined(url, location)
            if place_of(url) != place:
                break
        raise AstrayError
