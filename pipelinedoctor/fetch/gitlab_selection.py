"""Which projects of a GitLab there are to choose from: those in the groups that patterns begin with."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.gitlab_client import Client
from pipelinedoctor.fetch.gitlab_rows import Body, flag, identity

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Found:
    """A project that a pattern may take in."""

    project_id: int
    path: str
    archived: bool | None
    topics: tuple[str, ...]


def found_projects(client: Client, patterns: Iterable[str]) -> Iterator[Found]:
    """The projects, archived ones left out, in the groups that `patterns` begin with and below them, each once.

    A pattern that begins with no group's name stands for all projects that the token's owner is a member of. Raises what the
    client raises, `RefusedError` for a group that is not there.
    """
    seen: set[int] = set()
    for group in sorted({group_of(pattern) for pattern in patterns}):
        path = f"/groups/{quote(group, safe='')}/projects" if group else "/projects"
        asked = {"include_subgroups": "true"} if group else {"membership": "true"}
        asked |= {"archived": "false", "simple": "true", "order_by": "id", "sort": "asc"}
        for page in client.pages(path, asked):
            for found in map(_found, page.entries):
                if found.project_id not in seen:
                    seen.add(found.project_id)
                    yield found


def group_of(pattern: str) -> str:
    """The part of a pattern, whole names only, that holds no wildcard and so names a group: `a/b` of `a/b/c-*`."""
    names = pattern.split("/")
    wild = next((place for place, name in enumerate(names) if not _WILD.isdisjoint(name)), len(names) - 1)
    return "/".join(names[:wild])


def _found(body: Body) -> Found:
    topics = body.get("topics", body.get("tag_list"))
    return Found(
        project_id=identity(body, "project"),
        path=bounded(body.get("path_with_namespace")) or "",
        archived=flag(body.get("archived")),
        topics=tuple(topic for one in topics if (topic := bounded(one))) if isinstance(topics, list) else (),
    )
