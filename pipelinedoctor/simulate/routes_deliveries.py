"""GitHub's REST routes of pull requests, deployments, releases, tags, environments and annotations over a recording."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from pipelinedoctor.simulate.answers import Answer, Asked, dump, there
from pipelinedoctor.simulate.deliveries import RecordedPull
from pipelinedoctor.simulate.delivery_bodies import tag_body
from pipelinedoctor.simulate.holdings import Holdings
from pipelinedoctor.simulate.paging import Page

_STATES = ("open", "closed", "all")
_SORTS = ("created", "updated", "popularity", "long-running")


def pulls(held: Holdings, asked: Asked) -> Answer:
    """The pull requests a query selects: the open ones, newest first, unless it says otherwise."""
    state, sort = asked.one_of("state", _STATES), asked.one_of("sort", _SORTS)
    usual = "desc" if sort == "created" else "asc"
    direction = asked.one_of("direction", (usual, "asc", "desc"))
    head = asked.query.get("head", "").rpartition(":")[2]
    found = [
        pull
        for pull in held.deliveries(asked.repository).pulls
        if state in ("all", "open" if pull.state == "OPEN" else "closed")
        and asked.query.get("base") in (None, "", pull.base)
        and head in ("", pull.head)
    ]
    if sort == "updated":
        found.sort(key=lambda pull: pull.updated_at)
    if direction == "desc":
        found.reverse()
    shown = [dump(pull.entry()["pull"]) for pull in Page.asked(asked.query).of(found)]
    return asked.shown(None, shown, len(found), len(found))


def pull_commits(held: Holdings, asked: Asked) -> Answer:
    """The commits of a pull request, oldest first."""
    return asked.page(None, [commit.body for commit in _pull(held, asked).commits])


def pull_reviews(held: Holdings, asked: Asked) -> Answer:
    """The reviews of a pull request, oldest first."""
    return asked.page(None, [dump(body) for body in _pull(held, asked).entry().get("reviews", [])])


def deployments(held: Holdings, asked: Asked) -> Answer:
    """The deployments a query selects, newest first."""
    wanted = {key: asked.query[key] for key in ("sha", "ref", "task", "environment") if asked.query.get(key)}
    found = (one.body for one in reversed(held.deliveries(asked.repository).deployments))
    return asked.page(
        None, [dump(body) for body in found if all(body.get(key) == value for key, value in wanted.items())]
    )


def deployment_statuses(held: Holdings, asked: Asked) -> Answer:
    """The statuses of a deployment, newest first."""
    known = held.deliveries(asked.repository).deployments
    found = there(next((one for one in known if one.deployment_id == asked.numbers[0]), None))
    return asked.page(None, [dump(body) for body in found.statuses])


def environments(held: Holdings, asked: Asked) -> Answer:
    """The environments that were deployed to, by name."""
    found: dict[str, dict[str, Any]] = {}
    for one in held.deliveries(asked.repository).deployments:
        name = str(one.body.get("environment"))
        made = found.setdefault(name, _environment(held.api_of(asked.repository), one.body, len(found) + 1))
        made["updated_at"] = one.body.get("updated_at")
    return asked.page("environments", [dump(found[name]) for name in sorted(found)])


def releases(held: Holdings, asked: Asked) -> Answer:
    """The releases, newest first."""
    return asked.page(None, [dump(one.body) for one in reversed(held.deliveries(asked.repository).releases)])


def tags(held: Holdings, asked: Asked) -> Answer:
    """The tags, by name, last first."""
    known, named = held.deliveries(asked.repository).tags, held.commits(asked.repository).tags
    api = held.api_of(asked.repository)
    bodies = [
        known[name].body if name in known else tag_body(api, name, named[name]) for name in sorted(named, reverse=True)
    ]
    return asked.page(None, [dump(body) for body in bodies])


def annotations(held: Holdings, asked: Asked) -> Answer:
    """The annotations of a check run, which is a job."""
    listed, _ = there(held.jobs.get(asked.numbers[0]))
    run = there(held.recording.run(listed.run_id))
    there(run if run.repository_id == asked.repository.repository_id else None)
    return asked.page(None, held.attachments.annotations.get(asked.numbers[0], ()))


def _pull(held: Holdings, asked: Asked) -> RecordedPull:
    known = held.deliveries(asked.repository).pulls
    return there(next((pull for pull in known if pull.number == asked.numbers[0]), None))


def _environment(api: str, deployment: Mapping[str, Any], number: int) -> dict[str, Any]:
    name = str(deployment.get("environment"))
    return {
        "id": number,
        "node_id": f"EN_{number}",
        "name": name,
        "url": f"{api}/environments/{quote(name, safe='')}",
        "html_url": f"{api}/environments/{quote(name, safe='')}",
        "created_at": deployment.get("created_at"),
        "updated_at": deployment.get("updated_at"),
        "protection_rules": [],
        "deployment_branch_policy": None,
    }


DELIVERY_ROUTES: tuple[tuple[str, Callable[[Holdings, Asked], Answer]], ...] = (
    ("/pulls", pulls),
    ("/pulls/{pull_number}/commits", pull_commits),
    ("/pulls/{pull_number}/reviews", pull_reviews),
    ("/deployments", deployments),
    ("/deployments/{deployment_id}/statuses", deployment_statuses),
    ("/environments", environments),
    ("/releases", releases),
    ("/tags", tags),
    ("/check-runs/{check_run_id}/annotations", annotations),
)
"""By route, below that of a repository."""
