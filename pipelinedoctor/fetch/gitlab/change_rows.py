"""Bodies of GitLab's merge requests, deployments, environments, releases and tags as rows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pipelinedoctor.fetch.bounds import bounded, first_line, instant
from pipelinedoctor.fetch.gitlab.rows import Body, commit_row, flag, identity, lacking, mapping, number
from pipelinedoctor.model import Change, ChangeCommit, Commit, Deployment, Environment, Release, Result, Tag

_STATES = {"opened": "open", "locked": "open"}
_RESULTS: Mapping[str, Result] = {
    "success": Result.SUCCESS,
    "failed": Result.FAILURE,
    "canceled": Result.CANCELLED,
    "skipped": Result.SKIPPED,
}
_APPROVED = "approved this merge request"


def change_row(host: str, body: Body, repository_id: int, review: datetime | None) -> Change:
    """The body of a merge request as its Change; `review` is its first review, as far as it was read."""
    merged = instant(body.get("merged_at"))
    became = next((sha for key in ("merge_commit_sha", "squash_commit_sha") if (sha := bounded(body.get(key)))), None)
    head = bounded(body.get("sha"))
    draft = body.get("draft", body.get("work_in_progress"))
    state = bounded(body.get("state")) or "unknown"
    return Change(
        host=host,
        repository_id=repository_id,
        number=change_number(body),
        title=first_line(body.get("title")),
        author=bounded(mapping(body, "author").get("username")),
        state=_STATES.get(state, state),
        created_at=instant(body.get("created_at")) or lacking("merge request", "created_at"),
        merged_at=merged,
        closed_at=instant(body.get("closed_at")) or merged,
        # A fast-forward leaves the head itself on the branch.
        merge_sha=became or (head if merged else None),
        base=bounded(body.get("target_branch")),
        html_url=bounded(body.get("web_url")) or "",
        updated_at=instant(body.get("updated_at")),
        first_review_at=review,
        head_sha=head,
        head=bounded(body.get("source_branch")),
        draft=flag(draft),
    )


def change_number(body: Body) -> int:
    """The number of a merge request within its project."""
    found = number(body.get("iid"))
    return lacking("merge request", "iid") if found is None else found


def commits_of_change(host: str, bodies: Sequence[Body], repository_id: int, change: int) -> list[Commit | ChangeCommit]:  # fmt: skip
    """The commits of a merge request, which GitLab tells newest first; their parents are not told."""
    commits = [
        commit_row(host, {**body, "parent_ids": body.get("parent_ids") or None}, repository_id) for body in bodies
    ]
    places = [
        ChangeCommit(host=host, repository_id=repository_id, number=change, sha=commit.sha, position=place)
        for place, commit in enumerate(reversed(commits), 1)
    ]
    return [*commits, *places]


def first_review(author: str | None, notes: Iterable[Body]) -> datetime | None:
    """When somebody else than the author first said something of a merge request, or approved it; `notes` oldest first."""
    times = (
        instant(note.get("created_at"))
        for note in notes
        if bounded(mapping(note, "author").get("username")) not in {author, None}
        and (not note.get("system") or str(note.get("body")).startswith(_APPROVED))
    )
    return min((time for time in times if time is not None), default=None)


def deployment_row(host: str, body: Body, repository_id: int) -> Deployment:
    """The body of a deployment as its row. It ends when its job does; one without a job, at its last update."""
    job, status = mapping(body, "deployable"), bounded(body.get("status")) or "unknown"
    created, updated = instant(body.get("created_at")), instant(body.get("updated_at"))
    result = _RESULTS.get(status, Result.UNKNOWN)
    ended = instant(job.get("finished_at")) if job else updated
    return Deployment(
        host=host,
        deployment_id=identity(body, "deployment"),
        repository_id=repository_id,
        environment=bounded(mapping(body, "environment").get("name")) or "",
        commit_sha=bounded(body.get("sha")) or "",
        result=result.value,
        forge_result=status,
        created_at=created or lacking("deployment", "created_at"),
        finished_at=ended if result is not Result.UNKNOWN else None,
        ref=bounded(body.get("ref")),
        task=None,
        creator=bounded(mapping(body, "user").get("username")),
        updated_at=updated,
        job_id=number(job.get("id")),
    )


def environment_row(host: str, body: Body, repository_id: int) -> Environment:
    """The body of an environment as its row."""
    return Environment(
        host=host,
        repository_id=repository_id,
        name=bounded(body.get("name")) or lacking("environment", "name"),
        state=bounded(body.get("state")),
        tier=bounded(body.get("tier")),
        url=bounded(body.get("external_url")),
    )


def release_row(host: str, body: Body, repository_id: int) -> Release:
    """The body of a release as its row. One that lies ahead was not published yet."""
    return Release(
        host=host,
        repository_id=repository_id,
        tag=bounded(body.get("tag_name")) or lacking("release", "tag_name"),
        name=first_line(body.get("name")),
        created_at=instant(body.get("created_at")),
        published_at=None if body.get("upcoming_release") is True else instant(body.get("released_at")),
        prerelease=None,
        html_url=bounded(mapping(body, "_links").get("self")),
    )


def tag_row(host: str, body: Body, repository_id: int) -> Tag:
    """The body of a tag as its row; `sha` is that of the commit, also for a tag that is an object of its own."""
    sha = bounded(mapping(body, "commit").get("id")) or bounded(body.get("target"))
    return Tag(
        host=host,
        repository_id=repository_id,
        name=bounded(body.get("name")) or lacking("tag", "name"),
        sha=sha or lacking("tag", "commit"),
    )
