"""Pull requests, deployments and releases of a recording as GitHub's GraphQL objects."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pipelinedoctor.simulate.commits import RecordedCommit
from pipelinedoctor.simulate.deliveries import Deliveries, RecordedDeployment, RecordedPull, RecordedRelease
from pipelinedoctor.simulate.graph_commits import HEADS, TAGS, CommitGraph
from pipelinedoctor.simulate.graph_paging import GraphRefusedError, connection
from pipelinedoctor.simulate.graph_thing import Thing, actor, word

_DEPLOYED = {"SUCCESS": "ACTIVE"}


class DeliveryGraph:
    """What happened in one repository; `shown` shows it."""

    def __init__(self, delivered: Deliveries, commits: CommitGraph, shown: Callable[[], Thing]) -> None:
        self._delivered = delivered
        self._commits = commits
        self._shown = shown

    def nodes(self) -> Iterator[tuple[str, Callable[[], Thing]]]:
        """The node ids of all, and how to show each."""
        for pull in self._delivered.pulls:
            yield pull.node, partial(self.pull, pull)
        for deployment in self._delivered.deployments:
            yield str(deployment.body.get("node_id")), partial(self.deployment, deployment)
        for release in self._delivered.releases:
            yield str(release.body.get("node_id")), partial(self.release, release)

    def pulls(self, _: object, **asked: Any) -> Thing:
        """The pull requests a query selects."""
        found = [
            pull
            for pull in self._delivered.pulls
            if (not asked.get("states") or pull.state in asked["states"])
            and asked.get("baseRefName") in (None, pull.base)
            and asked.get("headRefName") in (None, pull.head)
        ]
        order = asked.get("orderBy") or {}
        if order.get("field") == "UPDATED_AT":
            found.sort(key=lambda pull: pull.updated_at)
        return connection("pullRequests", _turned(found, order), asked, self.pull)

    def numbered_pull(self, _: object, number: int) -> Thing:
        """The pull request of a number."""
        found = next((pull for pull in self._delivered.pulls if pull.number == number), None)
        if found is None:
            raise GraphRefusedError("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")
        return self.pull(found)

    def pull(self, pull: RecordedPull) -> Thing:
        """A pull request."""
        entry = pull.entry()
        body = entry["pull"]
        reviews = entry.get("reviews", [])
        return {
            "__typename": "PullRequest",
            "id": pull.node,
            "fullDatabaseId": body.get("id"),
            "number": pull.number,
            "title": body.get("title"),
            "state": pull.state,
            "isDraft": bool(body.get("draft")),
            "closed": pull.state != "OPEN",
            "merged": pull.state == "MERGED",
            "createdAt": body.get("created_at"),
            "updatedAt": body.get("updated_at"),
            "mergedAt": body.get("merged_at"),
            "closedAt": body.get("closed_at"),
            "url": body.get("html_url"),
            "baseRefName": pull.base,
            "baseRefOid": body["base"].get("sha"),
            "headRefName": pull.head,
            "headRefOid": body["head"].get("sha"),
            "author": actor(body.get("user")),
            "mergeCommit": lambda *_: (
                self._commits.commit(body.get("merge_commit_sha")) if pull.state == "MERGED" else None
            ),
            "repository": lambda *_: self._shown(),
            "commits": lambda _, **asked: connection("commits", pull.commits, asked, self._pull_commit),
            "reviews": partial(_reviews, reviews),
        }

    def _pull_commit(self, commit: RecordedCommit) -> Thing:
        return {"id": f"PURC_{commit.sha}", "commit": self._commits.commit_of(json.loads(commit.body))}

    def deployments(self, _: object, **asked: Any) -> Thing:
        """The deployments a query selects."""
        wanted = asked.get("environments")
        found = [one for one in self._delivered.deployments if not wanted or one.body.get("environment") in wanted]
        return connection("deployments", _turned(found, asked.get("orderBy") or {}), asked, self.deployment)

    def deployment(self, deployment: RecordedDeployment) -> Thing:
        """A deployment."""
        body, statuses = deployment.body, deployment.statuses
        latest = _status(statuses[0]) if statuses else None
        ref = body.get("ref") or ""
        return {
            "__typename": "Deployment",
            "id": body.get("node_id"),
            "databaseId": deployment.deployment_id,
            "environment": body.get("environment"),
            "latestEnvironment": body.get("environment"),
            "originalEnvironment": body.get("original_environment"),
            "commitOid": body.get("sha"),
            "commit": lambda *_: self._commits.commit(body.get("sha")),
            "ref": lambda *_: self._commits.ref(f"{HEADS}{ref}") or self._commits.ref(f"{TAGS}{ref}"),
            "task": body.get("task"),
            "description": body.get("description"),
            "creator": actor(body.get("creator")),
            "createdAt": body.get("created_at"),
            "updatedAt": body.get("updated_at"),
            "state": _DEPLOYED.get(latest["state"], latest["state"]) if latest else "PENDING",
            "latestStatus": latest,
            "repository": lambda *_: self._shown(),
            "statuses": lambda _, **asked: connection("statuses", statuses, asked, _status),
        }

    def releases(self, _: object, **asked: Any) -> Thing:
        """The releases, by name or by time."""
        order = asked.get("orderBy") or {}
        found = list(self._delivered.releases)
        if order.get("field") == "NAME":
            found.sort(key=lambda one: str(one.body.get("name")))
        return connection("releases", _turned(found, order), asked, self.release)

    def tagged_release(self, _: object, **asked: Any) -> Thing | None:
        """The release of a tag."""
        found = (one for one in self._delivered.releases if one.tag == asked["tagName"])
        return next(map(self.release, found), None)

    def release(self, release: RecordedRelease) -> Thing:
        """A release."""
        body = release.body
        tag = release.tag
        published = [one for one in self._delivered.releases if not (one.body["draft"] or one.body["prerelease"])]
        return {
            "__typename": "Release",
            "id": body.get("node_id"),
            "databaseId": body.get("id"),
            "tagName": tag,
            "name": body.get("name"),
            "isDraft": bool(body.get("draft")),
            "isPrerelease": bool(body.get("prerelease")),
            "isLatest": bool(published) and published[-1] is release,
            "createdAt": body.get("created_at"),
            "publishedAt": body.get("published_at"),
            "updatedAt": body.get("updated_at") or body.get("created_at"),
            "url": body.get("html_url"),
            "author": actor(body.get("author")),
            "tag": lambda *_: self._commits.ref(f"{TAGS}{tag}"),
            "tagCommit": lambda *_: self._commits.tagged(tag),
            "repository": lambda *_: self._shown(),
        }


def _reviews(reviews: Sequence[Thing], _: object, **asked: Any) -> Thing:
    states, author = asked.get("states"), asked.get("author")
    found = [
        one
        for one in reviews
        if (not states or one.get("state") in states) and author in (None, (one.get("user") or {}).get("login"))
    ]
    return connection("reviews", found, asked, _review)


def _review(body: Thing) -> Thing:
    return {
        "id": body.get("node_id"),
        "fullDatabaseId": body.get("id"),
        "state": body.get("state"),
        "submittedAt": body.get("submitted_at"),
        "author": actor(body.get("user")),
        "url": body.get("html_url"),
    }


def _status(body: Thing) -> Thing:
    return {
        "__typename": "DeploymentStatus",
        "id": body.get("node_id"),
        "state": word(body.get("state")),
        "description": body.get("description"),
        "environment": body.get("environment"),
        "environmentUrl": body.get("environment_url") or None,
        "logUrl": body.get("log_url") or None,
        "createdAt": body.get("created_at"),
        "updatedAt": body.get("updated_at"),
        "creator": actor(body.get("creator")),
    }


def _turned(found: list[Any], order: Mapping[str, Any]) -> list[Any]:
    return found[::-1] if order.get("direction") == "DESC" else found
