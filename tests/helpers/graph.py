"""Asking the loopback forge's GraphQL without a socket."""

import json
from pathlib import Path
from typing import Any

from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.graph import Allowance, Graph
from pipelinedoctor.simulate.holdings import Holdings
from pipelinedoctor.simulate.recording import Recording

STATE = {"limit": 5000, "remaining": 4999, "used": 1, "reset": 1_780_272_000}


def graph_of(folder: Path, *, checks: bool = True) -> Graph:
    """The GraphQL API over a recording."""
    recording = Recording.open(folder)
    return Graph(Holdings.of(recording, Attachments.of(recording)), checks=checks)


def asked(graph: Graph, query: str, *, spent: list[int] | None = None, **variables: Any) -> Any:
    """The answer to a query; what it costs is added to `spent`."""

    def spend(points: int) -> bool:
        if spent is not None:
            spent.append(points)
        return True

    allowance = Allowance(spend, lambda: STATE)
    status, body = graph.answer(json.dumps({"query": query, "variables": variables}).encode(), allowance)
    assert status == 200
    return json.loads(body)


def data(graph: Graph, query: str, **variables: Any) -> Any:
    """The data of an answer that must be a good one."""
    answer = asked(graph, query, **variables)
    assert "errors" not in answer, answer["errors"]
    return answer["data"]
