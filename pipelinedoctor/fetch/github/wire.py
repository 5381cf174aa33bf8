"""What PyGithub asks GitHub through: connections of our own, one request of ours at a time, and the faults of an answer."""

from collections.abc import ItemsView
from typing import Any
from urllib.parse import urlsplit

from github.Requester import HTTPRequestsConnectionClass, RequestsResponse

from pipelinedoctor.fetch.patience import PassingError
from pipelinedoctor.fetch.web import Answer, Web


class Connection(HTTPRequestsConnectionClass):
    """What PyGithub asks through."""

    def __init__(self, web: Web, url: str) -> None:
        parts = urlsplit(url)
        self._web = web
        self.left = 0
        """Requests that PyGithub may still make for the one that it was asked for."""
        self._root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def request(self, verb: str, url: str, input: Any, headers: dict[str, str], stream: bool = False) -> None:  # noqa: A002, ARG002, FBT001, FBT002  PyGithub's own words
        """Keep in mind what is asked, as PyGithub hands it on."""
        if self.left == 0:
            raise RuntimeError("redirects without end")
        self.left -= 1
        self._asked = (verb, url, headers, input)

    def getresponse(self) -> RequestsResponse:
        """Ask, and hand on the answer. Raises `TroubleError` and `PassingError`."""
        verb, path, headers, content = self._asked
        url = self._root + path
        answer = self._web.post(url, headers, content) if verb == "POST" else self._web.get(url, headers)
        if answer.status == 202:
            # "Not ready yet": PyGithub would ask again for as long as the forge says so.
            raise PassingError("answered 202", 202)
        return _Response(answer)


class _Response(RequestsResponse):
    """What PyGithub reads of an answer."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self._answer = answer

    def getheaders(self) -> ItemsView[str, str]:
        return dict(self._answer.headers).items()

    def read(self) -> str:
        return self._answer.data.decode("utf-8", errors="replace")
