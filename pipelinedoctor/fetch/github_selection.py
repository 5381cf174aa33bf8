"""Which repositories of a GitHub a source means: its names as they stand, and what its patterns find in lists of owners."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.github_client import Client, RefusedError
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.selection import Candidate, Selection, check

_BAD_TOKEN = 401
_GONE = 404


@dataclass(frozen=True, slots=True)
class Chosen:
    """The repositories of a source: those it names, in its order, then those its patterns found, by name.

    `lacking` has, by pattern, why it found none.
    """

    repositories: tuple[Candidate, ...]
    lacking: Mapping[str, str]


def chosen(client: Client, source: Source) -> Chosen:
    """The repositories that `source` means. Costs no request without patterns, else a page for each 100 of an owner.

    An owner whose list is refused stops no other one; a refused token does. Raises what `client.ask` raises.
    """
    selection = Selection.of(source.repositories, source.topics)
    named = [Candidate(repository_id=None, full_name=name) for name in selection.names]
    found: dict[str, Candidate] = {}
    refused: dict[str, str] = {}
    for owners, bodies in _lists(client, source, selection.roots):
        try:
            for candidate in filter(None, map(_candidate, bodies)):
                found[candidate.full_name.casefold()] = candidate
        except RefusedError as error:
            if error.status == _BAD_TOKEN:
                raise
            refused |= dict.fromkeys(owners, str(error))
    picked = {key: one for key, one in sorted(found.items()) if selection.picks(one)}
    first = tuple(picked.pop(one.full_name.casefold(), one) for one in named)
    idle = selection.idle(found.values())
    nothing = f"no such repository that the token may read and that is not archived{_topical(source)}"
    return Chosen((*first, *picked.values()), {one: refused.get(_owner(one), nothing) for one in idle})


def _lists(client: Client, source: Source, owners: tuple[str, ...]) -> Iterator[tuple[list[str], Iterator[Any]]]:
    """The lists to read, each with the owners that it is for, as `_owner` writes them."""
    if source.app and owners:
        yield [owner.casefold() for owner in owners], client.pages("/installation/repositories", "repositories")
        return
    for owner in owners:
        yield [owner.casefold()], _of_owner(client, source, owner)


def _of_owner(client: Client, source: Source, owner: str) -> Iterator[Mapping[str, Any]]:
    try:
        yield from client.pages(f"/orgs/{owner}/repos", "", {"type": "all"})
    except RefusedError as error:
        if error.status != _GONE:
            raise
    else:
        return
    # A list of another user's repositories holds the public ones; only one's own list holds all.
    if source.token and _login(client).casefold() == owner.casefold():
        yield from client.pages("/user/repos", "", {"affiliation": "owner"})
    else:
        yield from client.pages(f"/users/{owner}/repos", "")


def _login(client: Client) -> str:
    """Whose token it is; empty where it is nobody's, as a CI's own."""
    try:
        body = client.ask("/user")
    except RefusedError as error:
        if error.status == _BAD_TOKEN:
            raise
        return ""
    return (bounded(body.get("login")) if isinstance(body, Mapping) else None) or ""


def _candidate(body: Mapping[str, Any]) -> Candidate | None:
    """A repository of a list; None for what is none, or has a name that no repository can have."""
    number, name, topics = body.get("id"), bounded(body.get("full_name")), body.get("topics")
    try:
        check(name or "", nested=False)
    except ValueError:
        return None
    return Candidate(
        repository_id=number if isinstance(number, int) else None,
        full_name=name or "",
        archived=body.get("archived") is True,
        topics=tuple(one for one in topics if isinstance(one, str)) if isinstance(topics, list) else (),
    )


def _owner(pattern: str) -> str:
    return pattern.partition("/")[0].casefold()


def _topical(source: Source) -> str:
    return f", with a topic of {', '.join(source.topics)}" if source.topics else ""
