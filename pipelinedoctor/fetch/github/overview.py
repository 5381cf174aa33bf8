"""A repository's changes, commits, deployments, releases and tags, all in one GraphQL question a page.

REST would take a request for each change's commits, one for its reviews, one for each deployment's statuses. Each part
is a *walk* from the newest entry back to where an earlier fetch began; the mark `walk` keeps how far it came.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipelinedoctor.fetch.bounds import instant
from pipelinedoctor.fetch.github import graph_rows as graph
from pipelinedoctor.fetch.github.client import Client, GraphAnswer
from pipelinedoctor.fetch.github.details import in_passing, reason_of
from pipelinedoctor.fetch.github.rows import gap
from pipelinedoctor.fetch.github.windows import Span, stamp
from pipelinedoctor.fetch.interface import Closed, Mark, Page, SyncState
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Repository, Row

_PAGE = "pageInfo { hasNextPage endCursor }"
_COMMIT = "oid authoredDate committedDate messageHeadline author { name }"
_ALL = "all"
"""The newest that a walk met of a list without times."""
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
      statuses(first: 30) {{ totalCount nodes {{ state createdAt }} }} }} }}""",
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
    """How far the walk through a part has come: on to `cursor`, back to `floor`; `top` is the newest it met.

    `since` is how far back this walk and those before it come together. One that is `done` may have `failed`. `seen` are
    the cursors that were told.
    """

    part: Part
    key: str
    floor: str
    top: str
    since: str
    cursor: str | None
    done: bool = False
    failed: bool = False
    seen: set[object] = field(default_factory=set)

    @classmethod
    def of(cls, part: Part, repository: Repository, since: datetime, state: SyncState) -> "Walk":
        """The walk to go on with, or a new one that ends where the last one began, or at `since` where none came so far."""
        key = f"{repository.repository_id}/{part.kind}"
        kept: Mapping[str, Any] = json.loads(state.get("walk", key) or "{}")
        if "cursor" in kept:
            return cls(part, key, kept["floor"], kept["top"], kept["since"], kept["cursor"])
        top, reached, wanted = kept.get("top", ""), kept.get("since", ""), stamp(since)
        newest = instant(top)
        if newest is None or reached > wanted:
            return cls(part, key, wanted, top, wanted, None)
        return cls(part, key, stamp(newest - part.again), top, reached, None)

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
        at = info.get("endCursor") if more and isinstance(info, Mapping) else None
        # A forge that leads back to where the walk is would be asked for ever.
        self.cursor = at if isinstance(at, str) and at not in self.seen else None
        self.seen.add(at)
        self.done = self.cursor is None
        return nodes

    def begun_anew(self) -> list[Mark]:
        """What lets the next walk begin at the newest again: where one was refused midway, its cursor may be why."""
        if self.cursor is None:
            return []
        kept = json.dumps({"top": self.floor, "since": self.since}) if self.part.dated else None
        return [Mark(kind="walk", key=self.key, value=kept)]

    def mark(self) -> Mark:
        """The mark of how far it came."""
        if not self.done:
            body = {"floor": self.floor, "top": self.top, "since": self.since, "cursor": self.cursor}
        elif self.part.dated:
            body = {"top": self.top, "since": self.since}
        else:
            body = {"top": self.top or _ALL}
        return Mark(kind="walk", key=self.key, value=json.dumps(body) if not self.done or self.part.lasting else None)


def overview(
    client: Callable[[], Client], repository: Repository, walks: list[Walk], first: GraphAnswer | None = None
) -> Iterator[Page]:
    """The pages of all walks that are not done, their first pages together, and each by itself where that is too much.

    `first` is the answer to the first of these questions, where it was had otherwise.
    A part that the token may not read, or that fails by itself, is a gap, and done; commits only are `failed`. Raises
    `RefusedError` where GraphQL is refused altogether.
    """
    apart = False
    while left := first_of(walks):
        for asked in [[walk] for walk in left] if apart else [left]:
            try:
                yield _page(client(), repository, asked, first)
                first = None
            except RefusedError as error:
                if not in_passing(error):
                    raise
                if len(asked) > 1:
                    apart = True
                else:
                    yield _failed(repository, asked[0], reason_of(asked[0].part.name, error))


def _failed(repository: Repository, walk: Walk, reason: str) -> Page:
    """A part that cannot be had; commits are no gap yet, for REST has them, too."""
    walk.done = walk.failed = True
    rows = [gap(repository.host, repository.full_name, walk.part.name, "all", reason)] if walk.part.lasting else []
    return Page(rows=rows)


def _page(client: Client, repository: Repository, asked: list[Walk], answer: GraphAnswer | None) -> Page:
    before = client.spent
    if answer is None:
        owner, _, name = repository.full_name.partition("/")
        cursors = {walk.part.name: walk.cursor for walk in asked}
        variables = {"owner": owner, "name": name, **cursors}
        answer = client.graphql(question([walk.part for walk in asked]), variables, patient=len(asked) == 1)
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
            why = "not permitted to this token" if refused in _NO_RIGHT else f"refused ({refused or 'no reason given'})"
            rows += _failed(repository, walk, f"{kind} {why}").rows
            marks += walk.begun_anew() if refused not in _NO_RIGHT else []
            continue
        rows += [row for node in walk.take(connection or {}) for row in walk.part.rows(repository, node)]
        if refused is not None:
            reason = f"some {kind} or parts of them were refused ({refused or 'no reason given'})"
            rows.append(gap(repository.host, repository.full_name, kind, "in part", reason))
        marks.append(walk.mark())
        closed.append(Closed(repository=repository.full_name, kind=kind, subject="all"))
    return Page(rows=rows, marks=marks, closed=closed, **client.spent.since(before))


def first_of(walks: list[Walk]) -> list[Walk]:
    """The walks that are not done and fit one question, the next to be asked: one of each name."""
    found: dict[str, Walk] = {}
    for walk in walks:
        if not walk.done:
            found.setdefault(walk.part.name, walk)
    return list(found.values())


def _at(body: graph.Node, path: tuple[str, ...]) -> graph.Node | None:
    found: Any = body
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None
