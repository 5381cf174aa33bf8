"""Asking the loopback forge's routes without a socket."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from pipelinedoctor.simulate.answers import Answer
from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.blobs import Blobs
from pipelinedoctor.simulate.recording import Recording
from pipelinedoctor.simulate.routes import Api

RUNS = "/repos/acme/shop/actions/runs"


def api_of(folder: Path) -> Api:
    """The routes over a recording, as of a server at `http://forge`."""
    recording = Recording.open(folder)
    return Api(recording, "http://forge", Blobs(Attachments.of(recording), "http://blobs"))


def answered(api: Api, target: str, **query: str | int) -> Answer:
    """The answer to a path, whose query may be in the path or in `query`."""
    path, _, asked = target.partition("?")
    return api.answer(path, {**dict(parse_qsl(asked)), **{key: str(value) for key, value in query.items()}})[1]


def body(api: Api, target: str, **query: str | int) -> Any:
    """The JSON of an answer that must be a good one."""
    answer = answered(api, target, **query)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def links(answer: Answer) -> dict[str, str]:
    """The URLs of the `Link` header by their relation."""
    return {relation: url for url, relation in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.link or "")}
