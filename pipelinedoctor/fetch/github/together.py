"""Questions in GraphQL that many repositories share: on most nights there is little to tell of each of them.

What a shared question does not tell is asked for repository by repository, as if there were none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.github.client import Client, GraphAnswer
from pipelinedoctor.fetch.github.overview import Part, Walk
from pipelinedoctor.fetch.github.rows import number_of
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Repository

NAMES = 50
"""Repositories that are asked for at once what they are."""
ENOUGH = 5
"""So many of them make it worth a question. Of fewer each is asked by REST, where the answer "unchanged" costs nothing."""
HOLDINGS = 10
"""Repositories that are asked for at once what is new of their changes and deployments."""
FEW = 10
"""Changes, deployments and releases of each that such a question asks for."""


def repositories_question(count: int) -> str:
    """The question what so many repositories are."""
    asked = "databaseId nameWithOwner url isArchived defaultBranchRef { name }"
    return _shared("Repositories", [asked] * count)


def repositories(client: Client, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The bodies of repositories as REST has them, in short, by the names they were asked by; of some there may be none.

    Raises `BudgetError` at a limit, `ForgeError` where the forge is gone, and `RefusedError` where the token is no good.
    """
    answer = _answered(client, repositories_question(len(names)), names)
    found: dict[str, Mapping[str, Any]] = {}
    for place, name in enumerate(names):
        body = answer.data.get(f"r{place}") if answer else None
        told = _body(body) if isinstance(body, Mapping) else None
        if told:
            found[name] = told
    return found


def _body(told: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A repository as REST tells it; None where something lacks: an empty one has a default branch only there."""
    branch = told.get("defaultBranchRef")
    name = branch.get("name") if isinstance(branch, Mapping) else None
    if not number_of(told.get("databaseId")) or not bounded(told.get("nameWithOwner")) or not name:
        return None
    return {
        "id": told["databaseId"],
        "full_name": told["nameWithOwner"],
        "html_url": told.get("url"),
        "archived": told.get("isArchived"),
        "default_branch": name,
    }


def holdings_question(parts: Sequence[Sequence[Part]]) -> str:
    """The question for the newest entries of parts of several repositories."""
    return _shared("Overview", ["\n".join(map(_newest, some)) for some in parts])


def holdings(client: Client, asked: Sequence[tuple[Repository, Sequence[Walk]]]) -> list[GraphAnswer | None]:
    """What `overview` would be answered first for each repository and its walks, with fewer entries; None of some.

    Raises as `repositories` does.
    """
    text = holdings_question([[walk.part for walk in walks] for _, walks in asked])
    answer = _answered(client, text, [repository.full_name for repository, _ in asked])
    return [_of_one(answer, f"r{place}") if answer else None for place in range(len(asked))]


def _newest(part: Part) -> str:
    """The text of a part for its first page, and a short one."""
    return part.text.replace(f"after: ${part.name}, ", "").replace("(first: 50,", f"(first: {FEW},")


def _shared(name: str, asked: Sequence[str]) -> str:
    variables = ", ".join(f"$o{place}: String!, $n{place}: String!" for place in range(len(asked)))
    parts = (f"r{place}: repository(owner: $o{place}, name: $n{place}) {{ {one} }}" for place, one in enumerate(asked))
    return f"query {name}({variables}) {{ {' '.join(parts)} }}"


def _answered(client: Client, text: str, names: Sequence[str]) -> GraphAnswer | None:
    """The answer; None where the question is refused, or was too large."""
    variables = {}
    for place, name in enumerate(names):
        variables[f"o{place}"], _, variables[f"n{place}"] = name.partition("/")
    try:
        return client.graphql(text, variables, patient=False)
    except RefusedError as error:
        if error.status == 401:
            raise
        return None


def _of_one(answer: GraphAnswer, alias: str) -> GraphAnswer | None:
    """One repository's part of an answer, as if it had been asked for alone."""
    body = answer.data.get(alias)
    if not isinstance(body, Mapping):
        return None
    types = {path.removeprefix(alias): kind for path, kind in answer.types.items() if path.startswith(f"{alias}.")}
    return GraphAnswer({"repository": body}, {f"repository{path}": kind for path, kind in types.items()})
