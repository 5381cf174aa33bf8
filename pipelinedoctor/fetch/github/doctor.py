"""A look at a GitHub: whether it can be read, by whom, and what will be absent. A few requests, and one for a page of a list."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.diagnosis import (
    AGENT,
    Asking,
    Diagnosis,
    Heard,
    Limit,
    LookError,
    Right,
    count,
    moment,
    nameless,
    readable,
)
from pipelinedoctor.fetch.found import PAGE, Found, entries, found
from pipelinedoctor.fetch.github.auth import InstallationAuth, auth_of
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.patience import PassingError
from pipelinedoctor.fetch.selection import Candidate, Selection

_KINDS = {
    "ghp_": "a classic token",
    "github_pat_": "a fine-grained token",
    "ghs_": "a token of an App's installation, as GITHUB_TOKEN is",
    "gho_": "a token of an OAuth app",
    "ghu_": "a token of an App's user",
}
RIGHTS = {
    "actions": ("Actions: read", "nothing can be read"),
    "checks": ("Checks: read", "outcomes of jobs cost a request a run, and annotations will be absent"),
    "contents": ("Contents: read", "commits, releases and tags will be absent"),
    "pull_requests": ("Pull requests: read", "changes with their commits and reviews will be absent"),
    "deployments": ("Deployments: read", "deployments will be absent"),
}
"""By the name of the permission: what it is called, and what lacks without it."""
_ASKED = {
    "defaultBranchRef": "contents",
    "pullRequests": "pull_requests",
    "deployments": "deployments",
    "suite": "checks",
}
"""By the field of the question below, the permission that it needs."""
_NAMED = 2
_GONE = 404
QUESTION = """query Doctor($owner: String!, $name: String!, $suite: ID!, $tried: Boolean!) {
  repository(owner: $owner, name: $name) {
    defaultBranchRef { name }
    pullRequests(first: 1) { nodes { number } }
    deployments(first: 1) { nodes { databaseId } }
  }
  suite: node(id: $suite) @include(if: $tried) { ... on CheckSuite { checkRuns(first: 1) { nodes { databaseId } } } }
}"""


def look(source: Source) -> Diagnosis:
    """Ask the source a few questions. Nothing is raised: what goes wrong is what is told."""
    token = _kind(source)
    requests = 0
    try:
        auth = auth_of(source, AGENT)
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if auth is not None:
            auth.authentication(headers)
        granted = auth.permissions if isinstance(auth, InstallationAuth) else {}
        with Asking(source, headers) as asking:
            try:
                return _looked(source, asking, token, granted)
            finally:
                requests = asking.requests
    except (ForgeError, PassingError) as error:
        said = str(error).removeprefix(f"{source.host}: ")
        lacks = isinstance(error, LookError) and nameless(source, error.status)
        return Diagnosis(host=source.host, url=source.url, token=token, trouble=said, nameless=lacks, requests=requests)


def _looked(source: Source, asking: Asking, token: str, granted: Mapping[str, str]) -> Diagnosis:
    limits = asking.get("/rate_limit")
    if limits.status == 401:
        if nameless(source, limits.status):
            raise LookError(f"it lets nobody in without a token ({limits.said()})", limits.status)
        raise LookError(f"the token is refused ({limits.said()}); make a new one", limits.status)
    selection = Selection.of(source.repositories, source.topics)
    matched = found(selection, lambda owner, number: _page(source, asking, owner, number))
    absent: list[str] = []
    for name in _candidates(selection, matched):
        runs = asking.get(f"/repos/{name}/actions/runs?per_page=1")
        trouble = _why(source, name, runs)
        if trouble is None or runs.status != 404:
            break
        absent.append(trouble)
    held = {"actions": trouble is None}
    if granted:
        held = {area: area in granted for area in RIGHTS} | held
    elif trouble is None and source.token:
        held |= _probed(source, asking, name, runs)
    return Diagnosis(
        host=source.host,
        url=source.url,
        token=token,
        trouble=trouble or matched.trouble,
        nameless=nameless(source, runs.status if trouble else _GONE) and (trouble or matched.trouble) is not None,
        seen=name,
        rights=tuple(Right(title, held.get(area), without) for area, (title, without) in RIGHTS.items()),
        limits=tuple(_limits(limits, runs)),
        notes=(*matched.notes, *_notes(source, limits, runs), *(absent if trouble is None else absent[:-1])),
        requests=asking.requests,
    )


def _kind(source: Source) -> str:
    if source.app is not None:
        return f"GitHub App {source.app.app_id}, installation {source.app.installation_id}"
    if source.token is None:
        return "none"
    return next((kind for prefix, kind in _KINDS.items() if source.token.startswith(prefix)), "a token of unknown kind")


def _candidates(selection: Selection, matched: Found) -> Iterator[str]:
    """The repositories to try: the first few that are named, then the first that a pattern means."""
    yield from selection.names[:_NAMED]
    if matched.first is not None:
        yield matched.first
    elif not selection.names:
        raise LookError(f"{matched.trouble} ({'; '.join(matched.notes)})", _GONE)


def _page(source: Source, asking: Asking, owner: str, number: int) -> Sequence[Candidate | None]:
    """A page of an owner's repositories, out of the list that a fetch reads."""
    asked = f"per_page={PAGE}&page={number}"
    if source.app:
        heard = asking.get(f"/installation/repositories?{asked}")
    else:
        heard = asking.get(f"/orgs/{owner}/repos?type=all&{asked}")
        if heard.status == _GONE:
            own = source.token and str(asking.get("/user").fields.get("login")).casefold() == owner.casefold()
            heard = asking.get(f"/user/repos?affiliation=owner&{asked}" if own else f"/users/{owner}/repos?{asked}")
    if heard.status >= 300:
        raise LookError(f"the repositories of {owner} cannot be listed: {heard.said()}", heard.status)
    return entries(heard.fields.get("repositories") if source.app else heard.body, "full_name", nested=False)


def _why(source: Source, name: str, runs: Heard) -> str | None:
    """Why the runs of a repository cannot be read, if so; GitHub names the permission that lacks in a header."""
    if runs.status < 300:
        listed = isinstance(runs.fields.get("workflow_runs"), list)
        return None if listed else f"{name}: answered without a list of runs; is `url` the address of a GitHub API?"
    wanted = bounded(runs.headers.get("x-accepted-github-permissions"), 200)
    if runs.status == 404:
        return f"{name}: no such repository, or none that {readable(source)}"
    return f"{name}: {runs.said()}{f'; it wants the permission {wanted}' if wanted else ''}"


def _probed(source: Source, asking: Asking, name: str, runs: Heard) -> dict[str, bool]:
    """What one GraphQL question may read, by permission; of those that it tells nothing of, nothing."""
    owner, _, short = name.partition("/")
    suite = _suite(runs)
    variables = {"owner": owner, "name": short, "suite": suite or "", "tried": suite is not None}
    heard = asking.post(_graphql(source.url), {"query": QUESTION, "variables": variables})
    if heard.status in {401, 403, 404}:
        return dict.fromkeys(_ASKED.values(), False)
    data, errors = heard.fields.get("data"), heard.fields.get("errors")
    if not isinstance(data, Mapping):
        return {}
    refused = (
        {word for error in errors if isinstance(error, Mapping) for word in _path(error)}
        if isinstance(errors, list)
        else set()
    )
    repository = data.get("repository")
    told = {**(repository if isinstance(repository, Mapping) else {}), "suite": data.get("suite")}
    if suite is None:
        del told["suite"]
    return {area: field not in refused for field, area in _ASKED.items() if field in told or field in refused}


def _path(error: Mapping[str, Any]) -> list[str]:
    path = error.get("path")
    return [word for word in path[:2] if isinstance(word, str)] if isinstance(path, list) else []


def _suite(runs: Heard) -> str | None:
    listed = runs.fields.get("workflow_runs")
    first = listed[0] if isinstance(listed, list) and listed else None
    return bounded(first.get("check_suite_node_id")) if isinstance(first, Mapping) else None


def _graphql(url: str) -> str:
    root = url.rstrip("/")
    return f"{root.removesuffix('/v3')}/graphql"


def _limits(limits: Heard, runs: Heard) -> Iterator[Limit]:
    """What is left, as the list of all allowances tells it; else what the answer to a request told of its own."""
    resources = limits.fields.get("resources")
    for name, what in (("core", "requests"), ("graphql", "points of GraphQL")):
        told = resources.get(name) if isinstance(resources, Mapping) else None
        if not isinstance(told, Mapping) and name == "core":
            told = {key: runs.headers.get(f"x-ratelimit-{key}") for key in ("remaining", "limit", "reset")}
        if isinstance(told, Mapping):
            remaining, limit = count(told.get("remaining")), count(told.get("limit"))
            if remaining is not None and limit is not None:
                yield Limit(what, remaining, limit, moment(told.get("reset")))


def _notes(source: Source, limits: Heard, runs: Heard) -> Iterator[str]:
    told = limits.headers.get("x-oauth-scopes", runs.headers.get("x-oauth-scopes"))
    if told is not None:  # only classic tokens have scopes
        scopes = (bounded(told, 300) or "").replace(" ", "").split(",")
        yield f"scopes: {', '.join(filter(None, scopes)) or 'none'}"
        if "repo" not in scopes:
            yield "without the scope repo it reads public repositories only"
    if source.token is None and source.app is None:
        yield "without a token there are few requests an hour, no logs, no artifacts and no GraphQL"
    if not any(_limits(limits, runs)):
        yield "it tells of no rate limit"
