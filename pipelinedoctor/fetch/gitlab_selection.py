"""Which projects of a GitLab a source means: its names as they stand, and what its patterns find in lists of groups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.gitlab_client import Body, Client
from pipelinedoctor.fetch.gitlab_rows import number
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.fetch.selection import Candidate, Selection, check

_LISTED = {"archived": "false", "simple": "true", "order_by": "id", "sort": "asc"}
_NO_GROUP = 404
_BAD_TOKEN = 401


@dataclass(frozen=True, slots=True)
class Chosen:
    """The projects of a source: those it names, in its order, then those its patterns found, by path.

    `lacking` has, by pattern, why it found none. `requests` is what the lists took.
    """

    names: tuple[str, ...]
    lacking: Mapping[str, str]
    requests: int


def chosen(client: Client, source: Source) -> Chosen:
    """The projects that `source` means. Costs no request without patterns, else a page for each 100 of a group.

    A group whose list is refused stops no other one; a refused token does. Raises what `client.page` raises.
    """
    selection, made = Selection.of(source.repositories, source.topics), client.made
    found: dict[str, Candidate] = {}
    refused: dict[str, str] = {}
    for root in selection.roots:
        try:
            for candidate in _below(client, root):
                found[candidate.full_name.casefold()] = candidate
        except RefusedError as error:
            if error.status == _BAD_TOKEN:
                raise
            refused[root] = str(error)
    picked = {key: one.full_name for key, one in sorted(found.items()) if selection.picks(one)}
    first = tuple(picked.pop(name.casefold(), name) for name in selection.names)
    topical = f", with a topic of {', '.join(source.topics)}" if source.topics else ""
    nothing = f"no such project that the token may read and that is not archived{topical}"
    lacking = {one: _why(one, refused) or nothing for one in selection.idle(found.values())}
    return Chosen((*first, *picked.values()), lacking, client.made - made)


def _below(client: Client, root: str) -> Iterator[Candidate]:
    """The projects in a group and in all groups within, or those of a user; archived ones are left out."""
    path = quote(root, safe="")
    try:
        yield from _candidates(client, f"/groups/{path}/projects", {"include_subgroups": "true"})
    except RefusedError as error:
        if error.status != _NO_GROUP or "/" in root:
            raise
    else:
        return
    yield from _candidates(client, f"/users/{path}/projects", {})


def _candidates(client: Client, path: str, parameters: Mapping[str, str]) -> Iterator[Candidate]:
    for page in client.pages(path, {**_LISTED, **parameters}):
        yield from filter(None, map(_candidate, page.entries))


def _candidate(body: Body) -> Candidate | None:
    """A project of a list; None for what is none, or has a path that no project can have."""
    path, topics = bounded(body.get("path_with_namespace")), body.get("topics", body.get("tag_list"))
    try:
        check(path or "", nested=True)
    except ValueError:
        return None
    return Candidate(
        repository_id=number(body.get("id")),
        full_name=path or "",
        archived=body.get("archived") is True,
        topics=tuple(topic for one in topics if (topic := bounded(one))) if isinstance(topics, list) else (),
    )


def _why(pattern: str, refused: Mapping[str, str]) -> str | None:
    """Why the list of the group that a pattern begins with was refused, if it was."""
    return next((why for root, why in refused.items() if pattern.casefold().startswith(f"{root.casefold()}/")), None)
