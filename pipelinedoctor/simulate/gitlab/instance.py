"""GitLab's routes of the instance, its users and its projects over a recording."""

from collections.abc import Sequence
from typing import Any

from pipelinedoctor.simulate.gitlab.asked import Answer, dump, missing
from pipelinedoctor.simulate.gitlab.context import Asked, array
from pipelinedoctor.simulate.gitlab.paging import by_id, page
from pipelinedoctor.simulate.gitlab.recording import Project
from pipelinedoctor.simulate.lines import instant

_SIMPLE = (
    "id", "description", "name", "name_with_namespace", "path", "path_with_namespace", "created_at", "default_branch",
    "tag_list", "topics", "ssh_url_to_repo", "http_url_to_repo", "web_url", "readme_url", "forks_count", "avatar_url",
    "star_count", "last_activity_at", "visibility", "namespace",
)  # fmt: skip
_LONG_AGO = "2026-01-01T00:00:00.000Z"


def version(_: Asked) -> Answer:
    """Which GitLab this would be."""
    return Answer(200, dump({"version": "18.5.0", "revision": "0000000", "enterprise": False}))


def user(asked: Asked) -> Answer:
    """Who asks."""
    here, _, _ = asked.place.url.rpartition("/api/")
    body = {
        "id": 1, "username": "doctor", "name": "Doctor", "state": "active", "locked": False, "avatar_url": None,
        "web_url": f"{here}/doctor", "created_at": _LONG_AGO, "bot": False,
    }  # fmt: skip
    return Answer(200, dump(body))


def token(_: Asked) -> Answer:
    """What the token that came along may do: read."""
    body = {
        "id": 1, "name": "loopback", "revoked": False, "created_at": _LONG_AGO, "description": None,
        "scopes": ["read_api"], "user_id": 1, "last_used_at": None, "active": True, "expires_at": None,
    }  # fmt: skip
    return Answer(200, dump(body))


def projects(asked: Asked) -> Answer:
    """The projects a query selects; whoever asks is a member of all."""
    return _listed(asked, asked.projects)


def group(name: str, visible: Sequence[Project]) -> list[Project]:
    """The projects in a group, by its path or id, and below it; refuses a group that is not there."""
    below = [
        one
        for one in visible
        if f"{one.namespace}/".lower().startswith(f"{name}/".lower()) or str(_namespace(one).get("id")) == name
    ]
    if not below:
        raise missing("Group")
    return below


def group_projects(asked: Asked) -> Answer:
    """The projects in a group; those of its subgroups only where the query asks for them."""
    deep = asked.query.flag("include_subgroups") or False
    name = asked.place.id.lower()
    mine = [one for one in asked.projects if deep or name in (one.namespace.lower(), str(_namespace(one).get("id")))]
    return _listed(asked, mine)


def project(asked: Asked) -> Answer:
    """A project."""
    return Answer(200, dump(asked.project.body))


def _namespace(one: Project) -> dict[str, Any]:
    found = one.body.get("namespace")
    return found if isinstance(found, dict) else {}


def _listed(asked: Asked, found: Sequence[Project]) -> Answer:
    query = asked.query
    archived, simple = query.flag("archived"), query.flag("simple") or False
    topics = {topic for topic in (query.get("topic") or "").split(",") if topic}
    kept = [
        one
        for one in found
        if archived in (None, bool(one.body.get("archived"))) and topics <= set(one.body.get("topics", []))
    ]
    for name, keep in (("id_after", int.__gt__), ("id_before", int.__lt__)):
        if query.get(name) is not None:
            kept = [one for one in kept if keep(one.project_id, query.number(name, 0))]
    if query.get("pagination") == "keyset":
        shown, headers = by_id(asked.place, {one.project_id: one for one in kept})
        return array([_body(one, simple=simple) for one in shown], headers)
    some, headers = page(asked.place, _ordered(asked, kept))
    return array([_body(one, simple=simple) for one in some], headers)


def _ordered(asked: Asked, found: Sequence[Project]) -> list[Project]:
    by = asked.query.choice(
        "order_by", ("id", "name", "path", "created_at", "updated_at", "last_activity_at"), "created_at"
    )
    falling = asked.query.choice("sort", ("asc", "desc"), "desc") == "desc"
    return sorted(found, key=lambda one: (_key(one, by), one.project_id), reverse=falling)


def _key(one: Project, by: str) -> Any:
    value = one.body.get(by) or one.body["created_at"] if by.endswith("_at") else one.body.get(by)
    return instant(value) if by.endswith("_at") else value


def _body(one: Project, *, simple: bool) -> bytes:
    return dump({name: one.body[name] for name in _SIMPLE if name in one.body} if simple else one.body)
