"""Asking the loopback GitLab's routes without a socket."""

import json
import re
from pathlib import Path
from typing import Any

from pipelinedoctor.simulate.gitlab.asked import Answer
from pipelinedoctor.simulate.gitlab.attachments import Archives
from pipelinedoctor.simulate.gitlab.context import Who
from pipelinedoctor.simulate.gitlab.recording import GitLabRecording
from pipelinedoctor.simulate.gitlab.routes import ROOT, GitLabApi

SHOP = "/projects/acme%2Fshop"


def api_of(folder: Path, *, public: bool = True) -> GitLabApi:
    """The routes over a recording, as of a server at `http://forge`."""
    recording = GitLabRecording.open(folder)
    return GitLabApi(recording, "http://forge", Archives(recording.attachments.archives, "http://blobs"), public=public)


def answered(api: GitLabApi, target: str, who: Who = Who.USER) -> Answer:
    """The answer to a path behind `/api/v4`, with its query."""
    path, _, query = target.partition("?")
    return api.answer(ROOT + path, query, who)[1]


def body(api: GitLabApi, target: str) -> Any:
    """The JSON of an answer that must be a good one."""
    answer = answered(api, target)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def ids(api: GitLabApi, target: str, key: str = "id") -> list[Any]:
    """What a list holds, by one key of its bodies."""
    return [one[key] for one in body(api, target)]


def links(answer: Answer) -> dict[str, str]:
    """The URLs of the `Link` header by their relation."""
    return {relation: url for url, relation in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers.get("Link", ""))}
