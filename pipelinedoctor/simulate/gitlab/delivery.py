"""GitLab's routes of merge requests, deployments and the repository over a recording."""

from collections.abc import Sequence

from pipelinedoctor.simulate.gitlab.asked import Answer, missing
from pipelinedoctor.simulate.gitlab.context import Asked
from pipelinedoctor.simulate.gitlab.recording import Project
from pipelinedoctor.simulate.gitlab.rows import Change, Row, in_order, in_times

_RISING = ("asc", "desc")
_STATES = ("opened", "closed", "locked", "merged", "all")
_DEPLOYMENT_STATUSES = ("created", "running", "success", "failed", "canceled", "skipped", "blocked")
_ORDERS = ("created_at", "updated_at", "merged_at", "label_priority", "priority", "title")


def merge_requests(asked: Asked) -> Answer:
    """The merge requests a query selects."""
    query = asked.query
    # Within a project everybody's are shown, unless the query asks for one's own: nobody here has any.
    scope = query.choice("scope", ("created_by_me", "assigned_to_me", "created-by-me", "assigned-to-me", "all"), "all")
    rows = [one.row for one in asked.project.changes.values()] if scope == "all" else []
    return asked.listed(_selected(asked, rows))


def merge_request(asked: Asked) -> Answer:
    """A merge request."""
    return Answer(200, _change(asked).row.body)


def commits_of_change(asked: Asked) -> Answer:
    """The commits of a merge request, newest first."""
    return asked.listed(_change(asked).commits)


def notes(asked: Asked) -> Answer:
    """What was said of a merge request, by people and by GitLab itself."""
    query = asked.query
    by = query.choice("order_by", ("created_at", "updated_at"), "created_at")
    rising = query.choice("sort", _RISING, "desc") == "asc"
    return asked.listed([one.body for one in in_order(_change(asked).notes, by, rising=rising)])


def approvals(asked: Asked) -> Answer:
    """Who approved a merge request."""
    found = _change(asked).approvals
    if found is None:
        raise missing("")
    return Answer(200, found)


def deployments(asked: Asked) -> Answer:
    """The deployments a query selects."""
    query = asked.query
    status = query.choice("status", _DEPLOYMENT_STATUSES, "")
    by = query.choice("order_by", ("id", "iid", "created_at", "updated_at", "finished_at", "ref"), "id")
    if query.time("updated_after") or query.time("updated_before"):
        by = "updated_at"  # whatever was asked: GitLab insists, for the sake of its database
    rows = [
        one
        for one in in_times(asked.project.rows["deployments"], query, "updated")
        if status in ("", one.facts["status"]) and query.get("environment") in (None, one.facts["environment"])
    ]
    by = {"iid": "id", "created_at": "id"}.get(by, by)
    rising = query.choice("sort", _RISING, "asc") == "asc"
    return asked.listed([one.body for one in in_order(rows, by, rising=rising)])


def deployment(asked: Asked) -> Answer:
    """A deployment."""
    return Answer(200, _deployment(asked).body)


def deployed(asked: Asked) -> Answer:
    """The merge requests that a deployment ships."""
    changes = asked.project.changes
    rows = [changes[iid].row for iid in _deployment(asked).merge_requests if iid in changes]
    return asked.listed(_selected(asked, rows))


def environments(asked: Asked) -> Answer:
    """The environments."""
    query = asked.query
    state = query.choice("states", ("available", "stopping", "stopped"), "")
    rows = [
        one
        for one in asked.project.rows["environments"]
        if state in ("", one.facts.get("state")) and query.get("name") in (None, one.facts["name"])
    ]
    return asked.listed([one.body for one in in_order(rows, "id", rising=True)])


def releases(asked: Asked) -> Answer:
    """The releases."""
    by = asked.query.choice("order_by", ("released_at", "created_at"), "released_at")
    rising = asked.query.choice("sort", _RISING, "desc") == "asc"
    rows = in_times(asked.project.rows["releases"], asked.query, "updated")
    return asked.listed([one.body for one in in_order(rows, by, rising=rising)])


def tags(asked: Asked) -> Answer:
    """The tags."""
    by = asked.query.choice("order_by", ("name", "updated", "version"), "updated")
    rising = asked.query.choice("sort", _RISING, "desc") == "asc"
    rows = in_order(asked.project.rows["tags"], "committed_date" if by == "updated" else "name", rising=rising)
    return asked.listed([one.body for one in rows])


def commits(asked: Asked) -> Answer:
    """The commits of the default branch, or those that a tag or a sha leads to; GitLab does not count them."""
    project, query = asked.project, asked.query
    ref = query.get("ref_name")
    every = in_order(project.rows["commits"], "committed_date", rising=False)
    found = every if ref in (None, project.body.get("default_branch")) else _behind(project, every, str(ref))
    since, until = query.time("since"), query.time("until")
    times = [(one, one.time("committed_date")) for one in found]
    kept = [one for one, at in times if at and (not since or at >= since) and (not until or at <= until)]
    return asked.listed([one.body for one in kept], counted=False)


def _behind(project: Project, commits: Sequence[Row], start: str) -> list[Row]:
    tags = {one.facts["name"]: one.facts["sha"] for one in project.rows["tags"]}
    known = {one.facts["sha"]: one for one in commits}
    ahead, seen = [tags.get(start, start)], set()
    while ahead:
        sha = ahead.pop()
        if sha in known and sha not in seen:
            seen.add(sha)
            ahead += known[sha].facts["parents"]
    return [one for one in commits if one.facts["sha"] in seen]


def _change(asked: Asked) -> Change:
    found = asked.project.changes.get(asked.numbers[0])
    if found is None:
        raise missing("")
    return found


def _deployment(asked: Asked) -> Row:
    found = next((one for one in asked.project.rows["deployments"] if one.id == asked.numbers[0]), None)
    if found is None:
        raise missing("")
    return found


def _selected(asked: Asked, rows: Sequence[Row]) -> list[bytes]:
    query = asked.query
    state = query.choice("state", _STATES, "all")
    names = ("source_branch", "target_branch")
    kept = [
        one
        for one in in_times(rows, query, "updated", "created", "merged")
        if state in ("all", one.facts["state"])
        and all(query.get(name) in (None, one.facts.get(name)) for name in names)
    ]
    by = query.choice("order_by", _ORDERS, "created_at")
    rising = query.choice("sort", _RISING, "desc") == "asc"
    return [one.body for one in in_order(kept, by, rising=rising)]
