"""Bodies of users and repositories, in today's full shape of GitHub's API."""

from typing import Any

Body = dict[str, Any]
API = "https://api.github.com"
WEB = "https://github.com"


def user_body(login: str) -> Body:
    """A user, in the short form that other bodies embed."""
    url = f"{API}/users/{login}"
    parts = ("followers", "subscriptions", "repos", "received_events", "organizations")
    return {
        "login": login,
        "id": _number(login),
        "node_id": f"U_{login}",
        "avatar_url": f"{WEB}/{login}.png",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{WEB}/{login}",
        **{f"{part}_url": f"{url}/{part}" for part in parts},
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "events_url": f"{url}/events{{/privacy}}",
        "type": "User",
        "site_admin": False,
    }


_REPOSITORY_LINKS = (
    *("archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare", "contents"),
    *("contributors", "deployments", "downloads", "events", "forks", "git_commits", "git_refs", "git_tags", "hooks"),
    *("issue_comment", "issue_events", "issues", "keys", "labels", "languages", "merges", "milestones"),
    *("notifications", "pulls", "releases", "stargazers", "statuses", "subscribers", "subscription", "tags", "teams"),
    "trees",
)


def minimal_repository_body(full_name: str) -> Body:
    """A repository, in the short form that runs embed."""
    owner, _, name = full_name.partition("/")
    url = f"{API}/repos/{full_name}"
    return {
        "id": _number(full_name),
        "node_id": f"R_{_number(full_name)}",
        "name": name,
        "full_name": full_name,
        "owner": {**user_body(owner), "type": "Organization"},
        "private": False,
        "html_url": f"{WEB}/{full_name}",
        "description": None,
        "fork": False,
        "url": url,
        **{f"{link}_url": f"{url}/{link}" for link in _REPOSITORY_LINKS},
    }


def repository_body(full_name: str) -> Body:
    """A repository in full."""
    web = f"{WEB}/{full_name}"
    counts = ("forks", "forks_count", "open_issues", "open_issues_count", "size", "stargazers_count", "watchers")
    return {
        **minimal_repository_body(full_name),
        **dict.fromkeys((*counts, "watchers_count", "network_count", "subscribers_count"), 0),
        **dict.fromkeys(("has_issues", "has_projects", "has_wiki", "has_pages", "has_downloads"), True),
        **dict.fromkeys(("homepage", "language", "mirror_url", "license")),
        **dict.fromkeys(("created_at", "updated_at", "pushed_at"), "2025-01-01T00:00:00Z"),
        **dict.fromkeys(("clone_url", "git_url", "ssh_url", "svn_url"), f"{web}.git"),
        "has_discussions": False,
        "topics": [],
        "visibility": "public",
        "archived": False,
        "disabled": False,
        "default_branch": "main",
    }


def _number(name: str) -> int:
    """An id that is the same for the same name."""
    return int.from_bytes(name.encode(), "big") % 1_000_003 + 1
