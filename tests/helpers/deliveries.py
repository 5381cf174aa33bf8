"""Lines of a recording's pulls, deployments, releases, tags and annotations, from a compact description.

write_recording(folder, runs, delivered={"pulls": [pull(1, merged="2026-01-05T11:00:00Z")]})
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pipelinedoctor.simulate.delivery_bodies import (
    Deployment,
    Place,
    Pull,
    Release,
    annotation_body,
    deployment_body,
    pull_body,
    release_body,
    review_body,
    status_bodies,
    tag_body,
)
from tests.helpers.bodies import Body, repository_body, user_body
from tests.helpers.recordings import commit

SHOP = "acme/shop"


def _place(repository: str) -> Place:
    return Place(repository_body(repository), user_body)


def pull(
    number: int,
    *,
    created: str = "2026-01-05T10:00:00Z",
    updated: str | None = None,
    merged: str | None = None,
    closed: str | None = None,
    commits: Sequence[str] = (),
    reviews: Iterable[tuple[str, str, str]] = (),
    repository: str = SHOP,
    body: Body | None = None,
) -> Body:
    """A line of `pulls.jsonl`; `reviews` are login, state and time. It is merged as the commit `m<number>`, padded."""
    shas = list(commits) or [f"{number:040x}"]
    place = _place(repository)
    facts = Pull(
        id=9_000_000_000 + number,
        number=number,
        title=f"Change {number}",
        author="ada",
        branch=f"topic-{number}",
        head_sha=shas[-1],
        base_sha="0" * 40,
        created=created,
        updated=updated or merged or closed or created,
        closed=merged or closed,
        merged=merged,
        merge_sha=f"{number:x}".rjust(40, "e") if merged else None,
    )
    return {
        "repository": repository,
        "pull": {**pull_body(place, facts), **(body or {})},
        "commits": [commit(sha, created, repository=repository)["commit"] for sha in shas],
        "reviews": [
            review_body(place, number, number * 100 + at, login, state, time, shas[-1])
            for at, (login, state, time) in enumerate(reviews)
        ],
    }


def deployment(
    id: int,  # noqa: A002  the API's own word
    environment: str = "production",
    *,
    created: str = "2026-01-05T12:00:00Z",
    sha: str = "a" * 40,
    ref: str = "main",
    statuses: Sequence[tuple[str, str]] = (),
    repository: str = SHOP,
) -> Body:
    """A line of `deployments.jsonl`; `statuses` are state and time, oldest first."""
    place = _place(repository)
    facts = Deployment(
        id=id,
        sha=sha,
        ref=ref,
        environment=environment,
        creator="ada",
        created=created,
        statuses=statuses,
        log_url=f"{place.web}/actions/runs/1/job/1000",
    )
    return {
        "repository": repository,
        "deployment": deployment_body(place, facts),
        "statuses": status_bodies(place, facts),
    }


def release(tag: str, published: str | None = "2026-01-05T13:00:00Z", *, repository: str = SHOP, **more: Any) -> Body:
    """A line of `releases.jsonl`; without a time of publication it is a draft."""
    number = int.from_bytes(tag.encode(), "big") % 1_000_003
    created = published or "2026-01-05T13:00:00Z"
    facts = Release(
        id=number, tag=tag, author="ada", created=created, published=published, draft=published is None, **more
    )
    return {"repository": repository, "release": release_body(_place(repository), facts)}


def tag(name: str, sha: str, *, annotation: str | None = None, repository: str = SHOP) -> Body:
    """A line of `tags.jsonl`; `annotation` is the id of an annotated tag's own object."""
    line = {"repository": repository, "tag": tag_body(_place(repository).api, name, sha)}
    return line if annotation is None else {**line, "object": annotation}


def annotations(job_id: int, *messages: str, level: str = "failure", repository: str = SHOP) -> Body:
    """A line of `annotations.jsonl`: one annotation a message, each a line further down."""
    place = _place(repository)
    found = [annotation_body(place, "a" * 40, "src/x.py", at, level, text) for at, text in enumerate(messages, 1)]
    return {"job_id": job_id, "annotations": found}
