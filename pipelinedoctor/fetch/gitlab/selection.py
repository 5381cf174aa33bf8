"""Which projects of a GitLab a source means: its names as they stand, and what its patterns find in lists of groups."""

from collections.abc import Iterator
from urllib.parse import quote

from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.gitlab.client import Client
from pipelinedoctor.fetch.gitlab.rows import Body, OddError, flag, identity
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.fetch.selection import Candidate, Chosen, Selection, check

_BAD_TOKEN = 401
_GONE = 404
_SLIM = {"archived": "false", "simple": "true", "order_by": "id", "sort": "asc"}


def chosen(client: Client, source: Source) -> Chosen:
    """The projects that `source` means. Costs no request without patterns, else a page for each 100 of a group.

    A group whose list is refused stops no other one; a refused token does. Raises what `client.ask` raises.
    """
    selection = Selection.of(source.repositories, source.topics)
    found: list[Candidate] = []
    refused: dict[str, str] = {}
    for root in selection.roots:
        if source.job_token:
            refused[root] = "CI_JOB_TOKEN may list no group; name the projects"
            continue
        try:
            found += filter(None, map(_candidate, _of_root(client, root)))
        except (RefusedError, OddError) as error:
            if isinstance(error, RefusedError) and error.status == _BAD_TOKEN:
                raise
            refused[root] = str(error)
    return selection.chosen(found, refused)


def _of_root(client: Client, root: str) -> Iterator[Body]:
    """The projects in a group and below it, or those of a user."""
    path = f"/groups/{quote(root, safe='')}/projects"
    try:
        for page in client.pages(path, {**_SLIM, "include_subgroups": "true"}):
            yield from page.entries
    except RefusedError as error:
        if error.status != _GONE or "/" in root:
            raise
    else:
        return
    for page in client.pages(f"/users/{quote(root, safe='')}/projects", _SLIM):
        yield from page.entries


def _candidate(body: Body) -> Candidate | None:
    """A project of a list; None for what has a name that no project can have."""
    name, topics = bounded(body.get("path_with_namespace")), body.get("topics", body.get("tag_list"))
    try:
        check(name or "", nested=True)
    except ValueError:
        return None
    return Candidate(
        repository_id=identity(body, "project"),
        full_name=name or "",
        archived=flag(body.get("archived")) is True,
        topics=tuple(topic for one in topics if (topic := bounded(one))) if isinstance(topics, list) else (),
    )
