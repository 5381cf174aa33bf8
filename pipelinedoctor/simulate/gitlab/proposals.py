"""The merge requests, deployments and releases of a project on the simulated GitLab, drawn from what was pushed and run."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from pipelinedoctor.simulate.changes import Commit, Past, Trigger
from pipelinedoctor.simulate.clock import AS_OF, DAY, HOUR, MINUTE
from pipelinedoctor.simulate.gitlab import bodies
from pipelinedoctor.simulate.gitlab.bodies import Body, Site
from pipelinedoctor.simulate.gitlab.plan import CHILD, DEPLOYS, ENVIRONMENT, HOST
from pipelinedoctor.simulate.gitlab.render import Made, commit_body, time

_FORGOTTEN = 14 * DAY
_REVIEWERS = ("Aspen", "Hawthorn", "Linden")
_RELEASES_EVERY = 14 * DAY
_DEPLOYED = {"success": "success", "failure": "failed", "timed_out": "failed", "cancelled": "canceled"}


def change_lines(random: Random, site: Site, past: Past) -> Iterator[Body]:
    """The lines of `merge_requests.jsonl`, in the order of their numbers."""
    heads: dict[int, list[Trigger]] = defaultdict(list)
    for trigger in past.triggers:
        if trigger.number is not None:
            heads[trigger.number].append(trigger)
    for number in sorted(heads):
        yield _change(random, site, past, heads[number])


def _change(random: Random, site: Site, past: Past, heads: Sequence[Trigger]) -> Body:
    first, last = heads[0], heads[-1]
    iid = first.number or 0
    merged = None if last.merged_as is None else past.main[last.merged_as]
    created, touched = first.commit.at - 5 * MINUTE, last.at if merged is None else merged.at
    closed = merged is None and touched < AS_OF - _FORGOTTEN
    author = bodies.user_body(HOST, first.commit.author)
    reviewer = bodies.user_body(HOST, random.choice(_REVIEWERS))
    reviewed = created + int(random.uniform(0.2, 0.9) * max(touched - created, HOUR))
    facts: dict[str, Any] = {
        "id": site.id * 1_000 + iid, "iid": iid, "title": first.commit.message, "author": author,
        "state": "merged" if merged else "closed" if closed else "opened", "created_at": time(created),
        "source_branch": first.branch, "sha": last.commit.sha, "reviewers": [reviewer], "user_notes_count": 1,
    }  # fmt: skip
    if merged:
        facts |= {"merged_at": time(merged.at), "merge_user": reviewer, "merged_by": reviewer}
        facts |= {"squash_commit_sha": merged.sha, "squash": True}
    if closed:
        touched += 3 * DAY
        facts |= {"closed_at": time(touched), "closed_by": author}
    touched = max(touched, reviewed) if reviewed <= AS_OF else touched
    change = bodies.change_body(site, {**facts, "updated_at": time(min(touched, AS_OF))})
    return {
        "merge_request": change,
        "commits": [commit_body(site, head.commit) for head in reversed(heads)],
        "notes": _notes(change, reviewer, created, reviewed),
        "approvals": bodies.approvals_body(change, [reviewer] if merged else []),
    }


def _notes(change: Body, reviewer: Body, created: int, reviewed: int) -> list[Body]:
    """GitLab's own note, and the review where it was before the history ends."""
    asked = {"body": f"requested review from @{reviewer['username']}", "author": change["author"], "system": True}
    said = {
        "body": "Looks right to me, one question below.",
        "author": reviewer,
        "type": "DiscussionNote",
        "resolvable": True,
    }
    first = change["id"] * 10
    notes = [{**asked, "id": first + 1, "created_at": time(created + 1)}]
    if reviewed <= AS_OF:
        notes.append({**said, "id": first + 2, "created_at": time(reviewed)})
    return [bodies.note_body(change, note) for note in notes]


def deployment_lines(site: Site, past: Past, pipelines: Sequence[tuple[Made, Sequence[Body]]]) -> Iterator[Body]:
    """The lines of `deployments.jsonl`, oldest first: one for each time that a job deployed, with what it was first to ship."""
    environment = bodies.environment_body(site, site.id * 10, ENVIRONMENT)
    iid = shipped = 0
    for made, jobs in pipelines:
        trigger = made.run.trigger
        for job, body in zip(made.jobs, jobs, strict=True):
            if trigger.pipeline.path != CHILD or job.plan.name != DEPLOYS or body["started_at"] is None:
                continue
            iid += 1
            status = _DEPLOYED[job.conclusion] if job.conclusion else "running"
            new = past.main[shipped + 1 : trigger.base + 1]
            shipped = max(shipped, trigger.base) if status == "success" else shipped
            facts = {
                "id": site.id * 10_000 + iid, "iid": iid, "ref": "main", "sha": trigger.commit.sha,
                "created_at": body["created_at"], "updated_at": body["finished_at"] or body["started_at"],
                "status": status, "user": bodies.user_body(HOST, trigger.commit.author),
            }  # fmt: skip
            line = bodies.deployment_body(environment, body, facts)
            yield {"project_id": site.id, "deployment": line, "merge_requests": [_number(one) for one in new]}


def environment_line(site: Site) -> Body:
    """The line of `environments.jsonl`."""
    return {"project_id": site.id, "environment": bodies.environment_body(site, site.id * 10, ENVIRONMENT)}


def releases(site: Site, past: Past) -> Iterator[tuple[Body, Body]]:
    """The lines of `tags.jsonl` and of `releases.jsonl`: a release every two weeks, of what is newest then."""
    for number, at in enumerate(range(past.main[0].at + _RELEASES_EVERY, AS_OF, _RELEASES_EVERY), 1):
        commit = [one for one in past.main if one.at <= at][-1]
        body = commit_body(site, commit)
        author = bodies.user_body(HOST, commit.author)
        name = f"v1.{number}.0"
        yield (
            {"project_id": site.id, "tag": bodies.tag_body(name, body)},
            {"project_id": site.id, "release": bodies.release_body(site, name, body, author)},
        )


def _number(commit: Commit) -> int:
    """The merge request that a commit of the default branch came from."""
    return int(commit.message.removesuffix(")").rpartition("#")[2])
