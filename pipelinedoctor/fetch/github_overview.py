"""A repository's changes, commits, deployments, releases and tags, all in one GraphQL question a page.

REST would take a request for each change's commits, one for its reviews, one for each deployment's statuses. Each part
is a *walk* from the newest entry back to where an earlier fetch began; the mark `walk` keeps how far it came.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipelinedoctor.fetch import github_graph_rows as graph
from pipelinedoctor.fetch.bounds import instant
from pipelinedoctor.fetch.github_client import Client, RefusedError
from pipelinedoctor.fetch.github_rows import gap
from pipelinedoctor.fetch.interface import Closed, Mark, Page, SyncState
from pipelinedoctor.fetch.windows import Span, stamp
from pipelinedoctor.model import Repository, Row

_PAGE = "pageInfo { hasNextPage endCursor }"
_COMMIT = "oid authoredDate committedDate messageHeadline author { name }"
_NO_RIGHT = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES"})


@dataclass(frozen=True, slots=True)
class Part:
    """One list of a repository: where it stands in the answer, how it is asked for, what a row is made of.

    `dated` names the time that entries are ordered by, newest first: a walk ends `again` before the newest that the last
    one met, for so long entries may still change. Without it, a list is read whole, and if it is `lasting`, only its
    first page from then on.
    """

    kind: str
    path: tuple[str, ...]
    text: str
    rows: Callable[[Repository, graph.Node], list[Row]]
    dated: str | None = None
    again: timedelta = timedelta()
    lasting: bool = True

    @property
    def name(self) -> str:
        """What its variable and its gaps are called."""
        return self.kind.partition(" ")[0]


CHANGES = Part(
    "changes",
    ("pullRequests",),
    f"""pullRequests(first: 50, after: $changes, orderBy: {{field: UPDATED_AT, direction: DESC}}) {{ {_PAGE} nodes {{
      number title state isDraft createdAt updatedAt mergedAt closedAt url baseRefName headRefName headRefOid
      author {{ login }} mergeCommit {{ oid }}
      commits(first: 100) {{ totalCount nodes {{ commit {{ {_COMMIT} }} }} }}
      reviews(first: 20) {{ nodes {{ submittedAt author {{ login }} }} }} }} }}""",
    graph.change_rows,
    "updatedAt",
)
DEPLOYMENTS = Part(
    "deployments",
    ("deployments",),
    f"""deployments(first: 50, after: $deployments, orderBy: {{field: CREATED_AT, direction: DESC}}) {{ {_PAGE} nodes {{
      databaseId environment state commitOid createdAt updatedAt task ref {{ name }} creator {{ login }}
      statuses(first: 30) {{ nodes {{ state createdAt }} }} }} }}""",
    graph.deployment_rows,
    "createdAt",
    timedelta(days=7),
)
RELEASES = Part(
    "releases",
    ("releases",),
    f"""releases(first: 50, after: $releases, orderBy: {{field: CREATED_AT, direction: DESC}}) {{ {_PAGE} nodes {{
      tagName name createdAt publishedAt isPrerelease isDraft url }} }}""",
    graph.release_rows,
    "createdAt",
    timedelta(days=7),
)
TAGS = Part(
    "tags",
    ("refs",),
    f"""refs(refPrefix: "refs/tags/", first: 100, after: $tags, orderBy: {{field: TAG_COMMIT_DATE, direction: DESC}}) {{
      {_PAGE} nodes {{ name target {{ oid ... on Tag {{ target {{ oid }} }} }} }} }}""",
    graph.tag_rows,
)


def commits_in(span: Span) -> Part:
    """The commits of the default branch that were committed in `span`."""
    since, until = stamp(span.since), stamp(span.until)
    return Part(
        f"commits {span}",
        ("defaultBranchRef", "target", "history"),
        f"""defaultBranchRef {{ target {{ ... on Commit {{
          history(first: 100, after: $commits, since: "{since}", until: "{until}") {{ {_PAGE} nodes {{
            {_COMMIT} parents(first: 10) {{ nodes {{ oid }} }} }} }} }} }} }}""",
        graph.commit_rows,
        lasting=False,
    )


def question(parts: list[Part]) -> str:
    """The GraphQL question for a page of each of these parts, of which at most one is of commits."""
    variables = "".join(f", ${part.name}: String" for part in parts)
    text = "\n".join(part.text for part in parts)
    return f"query Overview($owner: String!, $name: String!{variables}) {{ repository(owner: $owner, name: $name) {{ {text} }} }}"


@dataclass(slots=True)
class Walk:
    """How far the walk through a part has come: on to `cursor`, back to `floor`; `top` is the newest it met."""

    part: Part
    key: str
    floor: str
    top: str
    cursor: str | None
    done: bool = False

    @classmethod
    def of(cls, part: Part, repository: Repository, since: datetime, state: SyncState) -> "Walk":
        """The walk to go on with, or a new one that ends where the last one began."""
        key = f"{repository.repository_id}/{part.kind}"
        kept: Mapping[str, Any] = json.loads(state.get("walk", key) or "{}")
        if "cursor" in kept:
            return cls(part, key, kept["floor"], kept["top"], kept["cursor"])
        floor = kept.get("top", "")
        start = instant(floor)
        return cls(part, key, stamp(start - part.again if start else since), floor, None)

    def take(self, connection: graph.Node) -> list[graph.Node]:
        """The entries of a page; the walk is done with the last page, or the first that reaches below the floor."""
        nodes = list(graph.nodes_of(connection))
        info = connection.get("pageInfo")
        more = isinstance(info, Mapping) and info.get("hasNextPage") is True and bool(nodes)
        if self.part.dated:
            times = sorted(stamp(at) for node in nodes if (at := instant(node.get(self.part.dated))) is not None)
            self.top = max([self.top, *times])
            more = more and bool(times) and times[0] >= self.floor
        elif self.top:
            more = False
        self.cursor = info.get("endCursor") if more and isinstance(info, Mapping) else None
        self.done = self.cursor is None
        return nodes

    def mark(self) -> Mark:
        """The mark of how far it came."""
        if not self.done:
            body: Mapping[str, Any] = {"floor": self.floor, "top": self.top, "cursor": self.cursor}
        else:
            body = {"top": self.top or "all"}
        return Mark(kind="walk", key=self.key, value=json.dumps(body) if not self.done or self.part.lasting else None)


def overview(client: Callable[[], Client], repository: Repository, walks: list[Walk]) -> Iterator[Page]:
    """The pages of all walks that are not done, their first pages together.

    A part that the token may not read is a gap, and done. Raises `RefusedError` where GraphQL is refused altogether.
    """
    owner, _, name = repository.full_name.partition("/")
    while True:
        asked = _together([walk for walk in walks if not walk.done])
        if not asked:
            return
        mine = client()
        before = mine.spent
        cursors = {walk.part.name: walk.cursor for walk in asked}
        answer = mine.graphql(question([walk.part for walk in asked]), {"owner": owner, "name": name, **cursors})
        found = answer.data.get("repository")
        if not isinstance(found, Mapping):
            raise RefusedError(f"{repository.host}: its GraphQL knows no {repository.full_name}", 404)
        rows: list[Row] = []
        marks: list[Mark] = []
        closed: list[Closed] = []
        for walk in asked:
            kind = walk.part.name
            connection = _at(found, walk.part.path)
            refused = answer.types.get(f"repository.{walk.part.path[0]}")
            if connection is None and refused is not None:
                walk.done = True
                why = (
                    "not permitted to this token"
                    if refused in _NO_RIGHT
                    else f"refused ({refused or 'no reason given'})"
                )
                rows.append(gap(repository.host, repository.full_name, kind, "all", f"{kind} {why}"))
                continue
            rows += [row for node in walk.take(connection or {}) for row in walk.part.rows(repository, node)]
            marks.append(walk.mark())
            closed.append(Closed(repository=repository.full_name, kind=kind, subject="all"))
        yield Page(rows=rows, marks=marks, closed=closed, **mine.spent.since(before))


def _together(walks: list[Walk]) -> list[Walk]:
    """The walks that fit one question: one of each name."""
    found: dict[str, Walk] = {}
    for walk in walks:
        found.setdefault(walk.part.name, walk)
    return list(found.values())


def _at(body: graph.Node, path: tuple[str, ...]) -> graph.Node | None:
    found: Any = body
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None
