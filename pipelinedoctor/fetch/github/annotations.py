"""What failed jobs said in annotations, many jobs at once, in GraphQL. They outlive logs, and hold the last word of a runner."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelinedoctor.fetch.bounds import bounded, first_line
from pipelinedoctor.fetch.dialects.interface import DETAIL
from pipelinedoctor.fetch.github.client import TOO_MUCH, Client, Cost
from pipelinedoctor.fetch.github.details import in_passing, reason_of
from pipelinedoctor.fetch.github.rows import gap, number_of
from pipelinedoctor.fetch.interface import Closed, Mark, Page
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Annotation, Row

BATCH = 50
"""Jobs asked for at once."""
ANNOTATIONS = """query Annotations($jobs: [ID!]!) {
  nodes(ids: $jobs) {
    __typename
    ... on CheckRun {
      databaseId
      annotations(first: 20) { totalCount nodes { annotationLevel title message path location { start { line } } } }
    }
  }
}"""


def annotations(client: Client, host: str, wanted: Mapping[str, str], names: Mapping[str, str]) -> Iterator[Page]:
    """The annotations of some failed jobs; `wanted` are their nodes by the key of their mark, which is taken away.

    `names` are those of repositories by the first part of the keys. What cannot be had is a gap, of one job where it is only
    one, and is not asked for again. Raises `BudgetError`, `ForgeError`, and `RefusedError` of a token that is not known.
    """
    keys = list(wanted)
    batches = [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
    while batches:
        asked = batches.pop(0)
        before = client.spent
        try:
            answer = client.graphql(ANNOTATIONS, {"jobs": [wanted[key] for key in asked]}, patient=len(asked) == 1)
        except RefusedError as error:
            if error.status == 401:
                raise
            if in_passing(error) and len(asked) > 1:
                batches[:0] = _halves(asked)
                continue
            lacking = {key: reason_of("annotations", error) for key in asked}
            yield _page(host, asked, names, [], lacking, client.spent.since(before))
            continue
        nodes = answer.data.get("nodes")
        found = dict(zip(asked, nodes if isinstance(nodes, list) else [], strict=False))
        told = {key: answer.types.get(f"nodes.{place}", "") for place, key in enumerate(asked)}
        again = [key for key in asked if found.get(key) is None and told[key] in TOO_MUCH and len(asked) > 1]
        batches[:0] = _halves(again)
        done = [key for key in asked if key not in again]
        lacking = {key: _why(told[key]) for key in done if found.get(key) is None}
        lacking |= {key: short for key in done if (short := _short(found.get(key)))}
        rows = [row for key in done if isinstance(node := found.get(key), Mapping) for row in _rows(host, node)]
        yield _page(host, done, names, rows, lacking, client.spent.since(before))


def annotations_lacking(host: str, wanted: Mapping[str, str], names: Mapping[str, str], why: str) -> Page:
    """That annotations cannot be had at all: a gap for each repository that has some of those `wanted`."""
    repositories = sorted({names[key.partition("/")[0]] for key in wanted})
    rows = [gap(host, name, "annotations", "all", why) for name in repositories]
    return Page(rows=rows, marks=[Mark(kind="annotate", key=key, value=None) for key in wanted])


def _page(
    host: str, done: Sequence[str], names: Mapping[str, str], rows: list[Row], lacking: Mapping[str, str], cost: Cost
) -> Page:
    places = {key: (names[key.partition("/")[0]], f"job {key.partition('/')[2]}") for key in done}
    gaps = [gap(host, places[key][0], "annotations", places[key][1], reason) for key, reason in lacking.items()]
    had = [places[key] for key in done if key not in lacking]
    subjects = sorted({*had, *((name, "all") for name, _ in had)})
    closed = [Closed(repository=name, kind="annotations", subject=subject) for name, subject in subjects]
    marks = [Mark(kind="annotate", key=key, value=None) for key in done]
    return Page(rows=[*rows, *gaps], closed=closed, marks=marks, **cost)


def _halves(keys: list[str]) -> list[list[str]]:
    middle = (len(keys) + 1) // 2
    return [half for half in (keys[:middle], keys[middle:]) if half]


def _why(told: str) -> str:
    return "annotations expired" if told in {"", "NOT_FOUND"} else f"annotations refused ({told})"


def _short(node: object) -> str | None:
    """That a job has more annotations than were told, if so."""
    listed = node.get("annotations") if isinstance(node, Mapping) else None
    if not isinstance(listed, Mapping):
        return None
    total, nodes = number_of(listed.get("totalCount")) or 0, listed.get("nodes")
    shown = len(nodes) if isinstance(nodes, list) else 0
    return f"{total} annotations, of which the first {shown} were read" if total > shown else None


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
