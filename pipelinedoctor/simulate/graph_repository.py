"""Repositories of a recording as GitHub's GraphQL objects."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from pipelinedoctor.simulate.graph_commits import HEADS, CommitGraph
from pipelinedoctor.simulate.graph_deliveries import DeliveryGraph
from pipelinedoctor.simulate.graph_paging import GraphRefusedError, connection
from pipelinedoctor.simulate.graph_thing import Thing, actor
from pipelinedoctor.simulate.holdings import Holdings
from pipelinedoctor.simulate.recorded import RecordedRepository


class Repositories:
    """The repositories of a recording."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._by_id = {one.repository_id: one for one in holdings.recording.repositories.values()}

    def nodes(self) -> Iterator[tuple[str, Callable[[], Thing]]]:
        """The node ids of repositories, pull requests, deployments and releases, and how to show each."""
        for repository in self._by_id.values():
            yield str(json.loads(repository.body).get("node_id")), partial(self._shown, repository)
            yield from self._parts(repository)[1].nodes()

    def numbered(self, repository_id: int) -> Thing:
        """The repository of an id, which must be there."""
        return self._shown(self._by_id[repository_id])

    def commit(self, repository_id: int, sha: str | None) -> Thing | None:
        """A commit of the repository of an id."""
        return self._parts(self._by_id[repository_id])[0].commit(sha)

    def named(self, owner: str, name: str, *, renamed: bool) -> Thing:
        """The repository of a name, or, where `renamed` ones are followed, of a former name."""
        found = self._holdings.recording.named(f"{owner}/{name}")
        if found is None or not (renamed or found.full_name.lower() == f"{owner}/{name}".lower()):
            raise GraphRefusedError(
                "NOT_FOUND", f"Could not resolve to a Repository with the name '{owner[:40]}/{name[:100]}'."
            )
        return self._shown(found)

    def _shown(self, repository: RecordedRepository) -> Thing:
        body = json.loads(repository.body)
        commits, delivered = self._parts(repository)
        owner, _, name = repository.full_name.partition("/")
        default = f"{HEADS}{repository.default_branch}"
        return {
            "__typename": "Repository",
            "id": body.get("node_id"),
            "databaseId": repository.repository_id,
            "name": name,
            "nameWithOwner": repository.full_name,
            "owner": actor(body.get("owner") or {"login": owner}),
            "isArchived": bool(body.get("archived")),
            "isDisabled": bool(body.get("disabled")),
            "isFork": bool(body.get("fork")),
            "isPrivate": bool(body.get("private")),
            "isEmpty": False,
            "url": body.get("html_url"),
            "createdAt": body.get("created_at"),
            "updatedAt": body.get("updated_at"),
            "pushedAt": body.get("pushed_at"),
            "defaultBranchRef": lambda *_: commits.ref(default),
            "ref": lambda _, **asked: commits.ref(asked["qualifiedName"]),
            "refs": commits.refs,
            "pullRequest": delivered.numbered_pull,
            "pullRequests": delivered.pulls,
            "deployments": delivered.deployments,
            "release": delivered.tagged_release,
            "releases": delivered.releases,
            "repositoryTopics": partial(_topics, body.get("topics") or []),
        }

    def _parts(self, repository: RecordedRepository) -> tuple[CommitGraph, DeliveryGraph]:
        shown = partial(self._shown, repository)
        commits = CommitGraph(self._holdings, repository, shown)
        return commits, DeliveryGraph(self._holdings.deliveries(repository), commits, shown)


def _topics(names: Sequence[str], _: object, **asked: Any) -> Thing:
    return connection(
        "repositoryTopics", names, asked, lambda name: {"id": f"RT_{name}", "topic": {"id": f"T_{name}", "name": name}}
    )
