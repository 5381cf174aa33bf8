"""Which repositories of a GitHub a source means: its names as they stand, and what its patterns find in lists of owners."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.github.client import Client
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.fetch.selection import Candidate, Chosen, Selection, check

_BAD_TOKEN = 401
_GONE = 404


def chosen(client: Client, source: Source) -> Chosen:
    """The repositories that `source` means. Costs no request without patterns, else a page for each 100 of an owner.

    An owner whose list is refused stops no other one; a refused token does. Raises what `client.ask` raises.
    """
    selection = Selection.of(source.repositories, source.topics)
    found: list[Candidate] = []
    refused: dict[str, str] = {}
    for owners, bodies in _lists(client, source, selection.roots):
        try:
            found += filter(None, map(_candidate, bodies))
        except RefusedError as error:
            if error.status == _BAD_TOKEN:
                raise
            refused |= dict.fromkeys(owners, str(error))
    return selection.chosen(found, refused)


def _lists(client: Client, source: Source, owners: tuple[str, ...]) -> Iterator[tuple[Iterable[str], Iterator[Any]]]:
    """The lists to read, each with the owners that it is for."""
    if source.app and owners:
        yield owners, client.pages("/installation/repositories", "repositories")
        return
    for owner in owners:
        yield [owner], _of_owner(client, source, owner)


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
