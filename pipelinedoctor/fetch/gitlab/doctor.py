"""A look at a GitLab: whether it can be read, by whom, and what will be absent. A few requests, and one for a page of a list."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.diagnosis import (
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
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.fetch.selection import Candidate, Selection

_GONE = 404
_READING = frozenset({"api", "read_api"})
_REPORTER = 20
_API = "/api/v4"
_LACKS = (
    "with CI_JOB_TOKEN lists of jobs and deployments are read: logs, test reports, commits, merge requests, releases and what "
    "pipelines tell of themselves will be absent; a project access token with read_api reads them all"
)


def look(source: Source) -> Diagnosis:
    """Ask the source a few questions. Nothing is raised: what goes wrong is what is told."""
    headers = {"Accept": "application/json"}
    if source.token is not None:
        headers |= {"JOB-TOKEN": source.token} if source.job_token else {"Authorization": f"Bearer {source.token}"}
    requests = 0
    try:
        with Asking(source, headers) as asking:
            try:
                return _looked(source, asking)
            finally:
                requests = asking.requests
    except ForgeError as error:
        said = str(error).removeprefix(f"{source.host}: ")
        lacks = isinstance(error, LookError) and nameless(source, error.status)
        return Diagnosis(
            host=source.host,
            url=source.url,
            token=_kind(source, {}),
            trouble=said,
            nameless=lacks,
            requests=requests,
        )


def _looked(source: Source, asking: Asking) -> Diagnosis:
    own = _own(asking) if source.token and not source.job_token else {}
    selection = Selection.of(source.repositories, source.topics)
    matched = _matched(source, asking, selection)
    name = _first(selection, matched)
    place = f"{_API}/projects/{quote(name, safe='')}"
    project = None if source.job_token else asking.get(place)
    jobs = asking.get(f"{place}/jobs?per_page=1")
    scopes = _scopes(own)
    trouble = _why(source, name, project, jobs)
    rights = [Right("jobs", trouble is None, "nothing can be read")]
    if scopes:
        rights.insert(0, Right("read_api", bool(_READING & set(scopes)), "nothing can be read"))
    if project is not None and (level := _level(project)) is not None:
        rights.append(Right("role Reporter", level >= _REPORTER, "logs and test reports may be absent"))
    return Diagnosis(
        host=source.host,
        url=source.url,
        token=_kind(source, own),
        trouble=trouble or matched.trouble,
        nameless=nameless(source, jobs.status if trouble else _GONE) and (trouble or matched.trouble) is not None,
        seen=name,
        rights=tuple(rights),
        limits=tuple(_limits(jobs)),
        notes=(*matched.notes, *_notes(source, own, scopes)),
        requests=asking.requests,
    )


def _own(asking: Asking) -> Mapping[str, Any]:
    """What GitLab tells of a token; nothing where it knows of it otherwise, as of one of OAuth."""
    heard = asking.get(f"{_API}/personal_access_tokens/self")
    if heard.status == 401:
        raise LookError(f"the token is refused ({heard.said()}); it may have ended, or be another server's", 401)
    return heard.fields if heard.status < 300 else {}


def _kind(source: Source, own: Mapping[str, Any]) -> str:
    if source.token is None:
        return "none"
    if source.job_token:
        return "a CI job's own token"
    name = bounded(own.get("name"), 100)
    return f"an access token named {name!r}" if name else "a token of unknown kind"


def _matched(source: Source, asking: Asking, selection: Selection) -> Found:
    if selection.roots and source.job_token:
        return Found(None, (), "CI_JOB_TOKEN may list no group; name the projects")
    return found(selection, lambda root, number: _page(asking, root, number))


def _first(selection: Selection, matched: Found) -> str:
    """The project to try: the first that is named, else the first that a pattern means."""
    if selection.names:
        return selection.names[0]
    if matched.first is None:
        told = f" ({'; '.join(matched.notes)})" if matched.notes else ""
        raise LookError(f"{matched.trouble}{told}", _GONE)
    return matched.first


def _page(asking: Asking, root: str, number: int) -> Sequence[Candidate | None]:
    """A page of the projects in a group and below it, or of a user's, as a fetch lists them."""
    asked = f"archived=false&simple=true&order_by=id&sort=asc&per_page={PAGE}&page={number}"
    heard = asking.get(f"{_API}/groups/{quote(root, safe='')}/projects?include_subgroups=true&{asked}")
    if heard.status == _GONE and "/" not in root:
        heard = asking.get(f"{_API}/users/{quote(root)}/projects?{asked}")
    if heard.status >= 300:
        raise LookError(f"the projects of {root} cannot be listed: {heard.said()}", heard.status)
    return entries(heard.body, "path_with_namespace", nested=True)


def _why(source: Source, name: str, project: Heard | None, jobs: Heard) -> str | None:
    if jobs.status < 300:
        listed = isinstance(jobs.body, list)
        return None if listed else f"{name}: answered without a list of jobs; is `url` the address of a GitLab?"
    if jobs.status == 404 or (project is not None and project.status == 404):
        return f"{name}: no such project, or none that {readable(source)}"
    return f"{name}: {jobs.said()}"


def _level(project: Heard) -> int | None:
    """The token's role in the project as GitLab numbers roles; None where that is not told."""
    permissions = project.fields.get("permissions")
    if not isinstance(permissions, Mapping):
        return None
    access = [permissions.get(kind) for kind in ("project_access", "group_access")]
    levels = [one.get("access_level") for one in access if isinstance(one, Mapping)]
    return max((level for level in levels if isinstance(level, int)), default=None)


def _scopes(own: Mapping[str, Any]) -> list[str]:
    scopes = own.get("scopes")
    return [one for one in (bounded(scope, 50) for scope in scopes) if one] if isinstance(scopes, list) else []


def _limits(heard: Heard) -> Iterator[Limit]:
    remaining, limit = count(heard.headers.get("ratelimit-remaining")), count(heard.headers.get("ratelimit-limit"))
    if remaining is not None and limit is not None:
        yield Limit("requests", remaining, limit, moment(heard.headers.get("ratelimit-reset")))


def _notes(source: Source, own: Mapping[str, Any], scopes: list[str]) -> Iterator[str]:
    if scopes:
        yield f"scopes: {', '.join(scopes)}"
    end = bounded(own.get("expires_at"), 20)
    if end is not None:
        yield f"the token ends on {end}"
    if source.job_token:
        yield _LACKS
    elif source.token is None:
        yield "without a token only public projects can be read, with fewer requests a minute"
