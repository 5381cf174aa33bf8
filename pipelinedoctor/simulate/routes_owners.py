"""GitHub's REST routes that list repositories: of an organisation, of a user, of the token, of an installation."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelinedoctor.simulate.answers import Answer, Listing, refusal
from pipelinedoctor.simulate.paging import RefusedError
from pipelinedoctor.simulate.recorded import RecordedRepository
from pipelinedoctor.simulate.recording import Recording

_SORTS = ("full_name", "created", "updated", "pushed")
_KINDS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "all": lambda _: True,
    "public": lambda body: not body.get("private"),
    "private": lambda body: bool(body.get("private")),
    "forks": lambda body: bool(body.get("fork")),
    "sources": lambda body: not body.get("fork"),
    "owner": lambda _: True,
    "member": lambda _: False,
}


class Owners:
    """The lists of a recording's repositories."""

    def __init__(self, recording: Recording) -> None:
        self._repositories = tuple(recording.repositories.values())

    def answer(self, path: str, asked: Listing) -> tuple[str, Answer] | None:
        """The route and the answer, where the path is one of these."""
        for route, pattern, usual in _ROUTES:
            match = pattern.fullmatch(path)
            if match:
                return route, self._tried(route, match.groupdict().get("owner"), usual, asked)
        return None

    def _tried(self, route: str, owner: str | None, usual: str, asked: Listing) -> Answer:
        if owner is not None and not self._known(owner, organisation=route.startswith("/orgs/")):
            return refusal(404, "Not Found")
        try:
            key = "repositories" if route.startswith("/installation") else None
            return asked.page(key, self._listed(owner, usual, asked))
        except RefusedError as error:
            return refusal(error.status, error.message)

    def _listed(self, owner: str | None, usual: str, asked: Listing) -> Sequence[bytes]:
        """The repositories a query selects; `usual` is how they are sorted where it does not say."""
        wanted = _KINDS[asked.one_of("type", ("all", *_KINDS))]
        sort = asked.one_of("sort", (usual, *_SORTS))
        direction = asked.one_of("direction", ("asc" if sort == "full_name" else "desc", "asc", "desc"))
        bodies = [(one, json.loads(one.body)) for one in self._repositories if owner is None or _owned(one, owner)]
        found = [(one, body) for one, body in bodies if wanted(body)]
        key = "full_name" if sort == "full_name" else f"{sort}_at"
        found.sort(key=lambda pair: (str(pair[1].get(key) or ""), pair[0].full_name), reverse=direction == "desc")
        return [one.body for one, _ in found]

    def _known(self, owner: str, *, organisation: bool) -> bool:
        """Whether there is such an owner; of an organisation's route, whether that is what it is."""
        owners = [json.loads(one.body).get("owner") or {} for one in self._repositories if _owned(one, owner)]
        return any(not organisation or one.get("type") == "Organization" for one in owners)


def _owned(repository: RecordedRepository, owner: str) -> bool:
    return repository.full_name.partition("/")[0].lower() == owner.lower()


_ROUTES = tuple(
    (route, re.compile(re.sub(r"\{\w+\}", "(?P<owner>[^/]+)", route)), usual)
    for route, usual in (
        ("/orgs/{org}/repos", "created"),
        ("/users/{username}/repos", "full_name"),
        ("/user/repos", "full_name"),
        ("/installation/repositories", "full_name"),
    )
)
