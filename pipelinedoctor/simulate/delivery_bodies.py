"""Bodies of pull requests, deployments, releases, tags and annotations as GitHub's REST API lists them.

The fields are those that GitHub's API description requires, and the few others that are read. Times are ISO 8601.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A repository: its body, and how a body of a user is made from a login. Its URLs are taken from the body."""

    repository: Mapping[str, Any]
    user: Callable[[str], Body]

    @property
    def api(self) -> str:
        """The URL of the repository in the API."""
        return str(self.repository["url"])

    @property
    def web(self) -> str:
        """The URL of its page."""
        return str(self.repository["html_url"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """What is told of a pull request."""

    id: int
    number: int
    title: str
    author: str
    branch: str
    head_sha: str
    base_sha: str
    created: str
    updated: str
    closed: str | None = None
    merged: str | None = None
    merge_sha: str | None = None
    draft: bool = False


def pull_body(place: Place, pull: Pull) -> Body:
    """A pull request as `GET …/pulls` lists it."""
    url, web = f"{place.api}/pulls/{pull.number}", f"{place.web}/pull/{pull.number}"
    issue = f"{place.api}/issues/{pull.number}"
    owner = str(place.repository["full_name"]).partition("/")[0]
    links = {
        "self": url, "html": web, "issue": issue, "comments": f"{issue}/comments", "commits": f"{url}/commits",
        "review_comments": f"{url}/comments", "review_comment": f"{place.api}/pulls/comments{{/number}}",
        "statuses": f"{place.api}/statuses/{pull.head_sha}",
    }  # fmt: skip
    default = str(place.repository.get("default_branch", "main"))
    heads = {"head": (pull.branch, pull.head_sha), "base": (default, pull.base_sha)}
    return {
        "url": url, "id": pull.id, "node_id": f"PR_{pull.id}", "html_url": web, "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch", "issue_url": issue, "commits_url": links["commits"],
        "review_comments_url": links["review_comments"], "review_comment_url": links["review_comment"],
        "comments_url": links["comments"], "statuses_url": links["statuses"], "number": pull.number,
        "state": "closed" if pull.closed else "open", "locked": False, "title": pull.title,
        "user": place.user(pull.author), "body": None, "labels": [], "milestone": None, "active_lock_reason": None,
        "created_at": pull.created, "updated_at": pull.updated, "closed_at": pull.closed, "merged_at": pull.merged,
        "merge_commit_sha": pull.merge_sha, "assignee": None, "assignees": [], "requested_reviewers": [],
        "requested_teams": [],
        **{
            side: {"label": f"{owner}:{ref}", "ref": ref, "sha": sha, "user": place.user(owner), "repo": place.repository}
            for side, (ref, sha) in heads.items()
        },
        "_links": {name: {"href": link} for name, link in links.items()}, "author_association": "MEMBER",
        "auto_merge": None, "draft": pull.draft,
    }  # fmt: skip


def review_body(place: Place, number: int, review_id: int, author: str, state: str, submitted: str, sha: str) -> Body:
    """A review as `GET …/pulls/{number}/reviews` lists it; `state` is APPROVED, CHANGES_REQUESTED, COMMENTED and so on."""
    web = f"{place.web}/pull/{number}#pullrequestreview-{review_id}"
    url = f"{place.api}/pulls/{number}"
    return {
        "id": review_id, "node_id": f"PRR_{review_id}", "user": place.user(author), "body": "", "state": state,
        "html_url": web, "pull_request_url": url, "author_association": "MEMBER", "submitted_at": submitted,
        "_links": {"html": {"href": web}, "pull_request": {"href": url}}, "commit_id": sha,
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What is told of a deployment; `statuses` are pairs of a state and its time, oldest first, `log_url` is their job's."""

    id: int
    sha: str
    ref: str
    environment: str
    creator: str
    created: str
    task: str = "deploy"
    statuses: Sequence[tuple[str, str]] = ()
    log_url: str = ""


def deployment_body(place: Place, deployment: Deployment) -> Body:
    """A deployment as `GET …/deployments` lists it; it is updated with each of its statuses."""
    url = f"{place.api}/deployments/{deployment.id}"
    return {
        "url": url, "id": deployment.id, "node_id": f"DE_{deployment.id}", "sha": deployment.sha,
        "ref": deployment.ref, "task": deployment.task, "payload": {}, "environment": deployment.environment,
        "original_environment": deployment.environment, "description": None,
        "creator": place.user(deployment.creator), "created_at": deployment.created,
        "updated_at": max([deployment.created, *(at for _, at in deployment.statuses)]),
        "statuses_url": f"{url}/statuses", "repository_url": place.api, "transient_environment": False,
        "production_environment": deployment.environment == "production",
    }  # fmt: skip


def status_bodies(place: Place, deployment: Deployment) -> list[Body]:
    """The statuses of a deployment as `GET …/deployments/{id}/statuses` lists them: newest first."""
    url = f"{place.api}/deployments/{deployment.id}"
    return [
        {
            "url": f"{url}/statuses/{deployment.id * 10 + at}", "id": deployment.id * 10 + at,
            "node_id": f"DES_{deployment.id * 10 + at}", "state": state, "creator": place.user(deployment.creator),
            "description": "", "environment": deployment.environment, "target_url": deployment.log_url, "created_at": time,
            "updated_at": time, "deployment_url": url, "repository_url": place.api,
            "environment_url": f"https://{deployment.environment}.invalid/", "log_url": deployment.log_url,
        }
        for at, (state, time) in reversed(list(enumerate(deployment.statuses, 1)))
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is told of a release."""

    id: int
    tag: str
    author: str
    created: str
    published: str | None
    draft: bool = False
    prerelease: bool = False


def release_body(place: Place, release: Release) -> Body:
    """A release as `GET …/releases` lists it."""
    url = f"{place.api}/releases/{release.id}"
    return {
        "url": url, "html_url": f"{place.web}/releases/tag/{release.tag}", "assets_url": f"{url}/assets",
        "upload_url": f"{url}/assets{{?name,label}}", "tarball_url": f"{place.api}/tarball/{release.tag}",
        "zipball_url": f"{place.api}/zipball/{release.tag}", "id": release.id, "node_id": f"RE_{release.id}",
        "tag_name": release.tag, "target_commitish": str(place.repository.get("default_branch", "main")),
        "name": release.tag, "body": None, "draft": release.draft, "prerelease": release.prerelease,
        "created_at": release.created, "published_at": release.published, "author": place.user(release.author),
        "assets": [],
    }  # fmt: skip


def tag_body(api: str, name: str, sha: str) -> Body:
    """A tag as `GET …/tags` lists it, of the repository whose URL in the API is `api`."""
    return {
        "name": name, "zipball_url": f"{api}/zipball/refs/tags/{quote(name)}",
        "tarball_url": f"{api}/tarball/refs/tags/{quote(name)}",
        "commit": {"sha": sha, "url": f"{api}/commits/{sha}"}, "node_id": f"REF_{sha[:12]}",
    }  # fmt: skip


def annotation_body(place: Place, sha: str, path: str, line: int, level: str, message: str) -> Body:
    """An annotation as `GET …/check-runs/{id}/annotations` lists it; `level` is notice, warning or failure."""
    return {
        "path": path, "blob_href": f"{place.web}/blob/{sha}/{path}", "start_line": line, "start_column": None,
        "end_line": line, "end_column": None, "annotation_level": level, "title": "", "message": message,
        "raw_details": "",
    }  # fmt: skip
