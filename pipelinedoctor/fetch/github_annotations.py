"""What failed jobs said in annotations, many jobs at once, in GraphQL. They outlive logs, and hold the last word of a runner."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelinedoctor.fetch.bounds import bounded, first_line
from pipelinedoctor.fetch.dialects.interface import DETAIL
from pipelinedoctor.fetch.github_client import Client
from pipelinedoctor.fetch.github_rows import number_of
from pipelinedoctor.fetch.interface import Mark, Page
from pipelinedoctor.model import Annotation, Row

BATCH = 50
"""Jobs asked for at once."""
ANNOTATIONS = """query Annotations($jobs: [ID!]!) {
  nodes(ids: $jobs) {
    __typename
    ... on CheckRun {
      databaseId
      annotations(first: 20) { nodes { annotationLevel title message path location { start { line } } } }
    }
  }
}"""


def annotations(client: Client, host: str, wanted: Mapping[str, str]) -> Page:
    """The annotations of some failed jobs; `wanted` are their nodes by the key of their mark, which is taken away.

    Raises `RefusedError`, `BudgetError` and `ForgeError`.
    """
    before = client.spent
    answer = client.graphql(ANNOTATIONS, {"jobs": list(wanted.values())})
    nodes = answer.data.get("nodes")
    rows = [
        row
        for node in (nodes if isinstance(nodes, list) else [])
        if isinstance(node, Mapping) and node.get("__typename") == "CheckRun"
        for row in _rows(host, node)
    ]
    marks = [Mark(kind="annotate", key=key, value=None) for key in wanted]
    return Page(rows=rows, marks=marks, **client.spent.since(before))


def _rows(host: str, node: Mapping[str, Any]) -> Sequence[Row]:
    job_id, listed = number_of(node.get("databaseId")), node.get("annotations")
    bodies = listed.get("nodes") if isinstance(listed, Mapping) else None
    if job_id is None or not isinstance(bodies, list):
        return []
    told = [body for body in bodies if isinstance(body, Mapping)]
    return [_row(host, job_id, ordinal, body) for ordinal, body in enumerate(told)]


def _row(host: str, job_id: int, ordinal: int, body: Mapping[str, Any]) -> Annotation:
    location = body.get("location")
    start = location.get("start") if isinstance(location, Mapping) else None
    return Annotation(
        host=host,
        job_id=job_id,
        ordinal=ordinal,
        level=(bounded(body.get("annotationLevel")) or "unknown").lower(),
        title=first_line(body.get("title")),
        message=bounded(body.get("message"), DETAIL),
        path=bounded(body.get("path")),
        line=number_of(start.get("line")) if isinstance(start, Mapping) else None,
    )
