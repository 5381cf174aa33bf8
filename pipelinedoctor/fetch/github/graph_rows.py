"""What GitHub's GraphQL tells of a repository's changes, commits, deployments, releases and tags, as rows. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelinedoctor.fetch.bounds import bounded, first_line, instant
from pipelinedoctor.fetch.github.rows import number_of
from pipelinedoctor.model import (
    Change,
    ChangeCommit,
    Commit,
    Deployment,
    DeploymentStatus,
    FetchGap,
    Release,
    Repository,
    Result,
    Row,
    Tag,
)

Node = Mapping[str, Any]

_DEPLOYED: Mapping[str, Result] = {
    "active": Result.SUCCESS,
    "success": Result.SUCCESS,
    # It did succeed once: another deployment has taken its place.
    "inactive": Result.SUCCESS,
    "failure": Result.FAILURE,
    "error": Result.FAILURE,
    "abandoned": Result.CANCELLED,
    "destroyed": Result.CANCELLED,
}
_ENDS = frozenset({"success", "failure", "error"})


def commit_rows(repository: Repository, node: Node) -> list[Row]:
    """A commit of the default branch, with its parents."""
    row = _commit(repository, node)
    return [row] if row else []


def change_rows(repository: Repository, node: Node) -> list[Row]:
    """A pull request: its Change, its Commits and their places; a FetchGap where it has more of them than are told."""
    number, created = number_of(node.get("number")), instant(node.get("createdAt"))
    if number is None or created is None:
        return []
    author = _login(node.get("author"))
    change = Change(
        host=repository.host,
        repository_id=repository.repository_id,
        number=number,
        title=first_line(node.get("title")),
        author=author,
        state=(bounded(node.get("state")) or "unknown").lower(),
        created_at=created,
        merged_at=instant(node.get("mergedAt")),
        closed_at=instant(node.get("closedAt")),
        merge_sha=bounded(_part(node, "mergeCommit").get("oid")),
        base=bounded(node.get("baseRefName")),
        html_url=bounded(node.get("url")) or "",
        updated_at=instant(node.get("updatedAt")),
        first_review_at=_first_review(node, author),
        head_sha=bounded(node.get("headRefOid")),
        head=bounded(node.get("headRefName")),
        draft=node.get("isDraft") is True,
    )
    rows: list[Row] = [change]
    listed = _part(node, "commits")
    shown = nodes_of(listed)
    for position, one in enumerate(shown, 1):
        commit = _commit(repository, _part(one, "commit"))
        if commit is not None:
            place = ChangeCommit(
                host=repository.host,
                repository_id=repository.repository_id,
                number=number,
                sha=commit.sha,
                position=position,
            )
            rows += [commit, place]
    total = number_of(listed.get("totalCount")) or 0
    if total > len(shown):
        reason = f"{total} commits, of which the first {len(shown)} were read"
        rows.append(_gap(repository, "changes", f"change {number}", reason, total - len(shown)))
    return rows


def deployment_rows(repository: Repository, node: Node) -> list[Row]:
    """A deployment with what it went through; a FetchGap where that is more than is told.

    It ends with the first status that is an end.
    """
    number, created = number_of(node.get("databaseId")), instant(node.get("createdAt"))
    if number is None or created is None:
        return []
    listed = _part(node, "statuses")
    shown = nodes_of(listed)
    told = [(instant(one.get("createdAt")), bounded(one.get("state"))) for one in shown]
    statuses = sorted((at, state.lower()) for at, state in told if at is not None and state)
    state = (bounded(node.get("state")) or "").lower()
    ended = [(at, word) for at, word in statuses if word in _ENDS]
    result = _DEPLOYED.get(ended[0][1] if ended else state, Result.UNKNOWN)
    deployment = Deployment(
        host=repository.host,
        deployment_id=number,
        repository_id=repository.repository_id,
        environment=bounded(node.get("environment")) or "",
        commit_sha=bounded(node.get("commitOid")) or "",
        result=result.value,
        forge_result=state or None,
        created_at=created,
        finished_at=ended[0][0] if ended else None,
        ref=bounded(_part(node, "ref").get("name")),
        task=bounded(node.get("task")),
        creator=_login(node.get("creator")),
        updated_at=instant(node.get("updatedAt")),
    )
    places = [
        DeploymentStatus(host=repository.host, deployment_id=number, ordinal=ordinal, state=word, created_at=at)
        for ordinal, (at, word) in enumerate(statuses, 1)
    ]
    total = number_of(listed.get("totalCount")) or 0
    if total <= len(shown):
        return [deployment, *places]
    reason = f"{total} statuses, of which {len(shown)} were read"
    return [deployment, *places, _gap(repository, "deployments", f"deployment {number}", reason, total - len(shown))]


def release_rows(repository: Repository, node: Node) -> list[Row]:
    """A release that is no draft."""
    tag = bounded(node.get("tagName"))
    if tag is None or node.get("isDraft") is True:
        return []
    release = Release(
        host=repository.host,
        repository_id=repository.repository_id,
        tag=tag,
        name=first_line(node.get("name")),
        created_at=instant(node.get("createdAt")),
        published_at=instant(node.get("publishedAt")),
        prerelease=node.get("isPrerelease") is True,
        html_url=bounded(node.get("url")),
    )
    return [release]


def tag_rows(repository: Repository, node: Node) -> list[Row]:
    """A tag with the commit it leads to, be it through an object of its own."""
    name, target = bounded(node.get("name")), _part(node, "target")
    sha = bounded(_part(target, "target").get("oid")) or bounded(target.get("oid"))
    if name is None or sha is None:
        return []
    return [Tag(host=repository.host, repository_id=repository.repository_id, name=name, sha=sha)]


def nodes_of(connection: Node) -> Sequence[Node]:
    """The entries of a connection."""
    nodes = connection.get("nodes")
    return [node for node in nodes if isinstance(node, Mapping)] if isinstance(nodes, list) else []


def _commit(repository: Repository, node: Node) -> Commit | None:
    sha = bounded(node.get("oid"))
    if sha is None:
        return None
    parents = node.get("parents")
    shas = [bounded(parent.get("oid")) or "" for parent in nodes_of(parents)] if isinstance(parents, Mapping) else None
    name = bounded(_part(node, "author").get("name"))
    return Commit(
        host=repository.host,
        repository_id=repository.repository_id,
        sha=sha,
        parents=None if shas is None else ",".join(shas),
        authored_at=instant(node.get("authoredDate")),
        committed_at=instant(node.get("committedDate")),
        # A name that holds an address is none: addresses are never stored.
        author=None if name is None or "@" in name else name,
        subject=first_line(node.get("messageHeadline")),
    )


def _first_review(node: Node, author: str | None) -> Any:
    by_others = [
        at
        for review in nodes_of(_part(node, "reviews"))
        for at in [instant(review.get("submittedAt"))]
        if at is not None and _login(review.get("author")) != author
    ]
    return min(by_others, default=None)


def _login(body: object) -> str | None:
    return bounded(body.get("login")) if isinstance(body, Mapping) else None


def _part(node: Node, key: str) -> Node:
    value = node.get(key)
    return value if isinstance(value, Mapping) else {}


def _gap(repository: Repository, kind: str, subject: str, reason: str, missing: int | None) -> FetchGap:
    return FetchGap(
        host=repository.host,
        repository=repository.full_name,
        kind=kind,
        subject=subject,
        reason=reason,
        rows_missing=missing,
    )
