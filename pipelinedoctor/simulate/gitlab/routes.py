"""GitLab's REST routes over a recording: a path, a query and who asks in, an answer out. No sockets here.

Recorded bodies go out with the URLs of the host they were recorded from; only `Link` and `Location` name this server.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlencode

from pipelinedoctor.simulate.gitlab import ci, delivery, instance
from pipelinedoctor.simulate.gitlab.asked import TEXT, Answer, DeniedError, Query, missing
from pipelinedoctor.simulate.gitlab.attachments import Archives
from pipelinedoctor.simulate.gitlab.context import Asked, Who
from pipelinedoctor.simulate.gitlab.paging import Place
from pipelinedoctor.simulate.gitlab.recording import GitLabRecording, Project

ROOT = "/api/v4"
_Handler = Callable[[Asked], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A route as GitLab's documentation writes it; is it for those only who say who they are, does it take a job's token?"""

    template: str
    handler: _Handler
    signed: bool = False
    for_jobs: bool = False

    def match(self, path: str) -> re.Match[str] | None:
        """The parameters in a path."""
        pattern = self.template.replace(":id", "([^/]+)", 1) if self.template.startswith(_OF_ONE) else self.template
        return re.fullmatch(re.sub(r":\w+", "([0-9]{1,18})", pattern), path)


_OF_ONE = ("/projects/:id", "/groups/:id")
_PROJECT, _PIPELINE, _JOB = "/projects/:id", "/projects/:id/pipelines/:pipeline_id", "/projects/:id/jobs/:job_id"
_CHANGE, _DEPLOYMENT = "/projects/:id/merge_requests/:merge_request_iid", "/projects/:id/deployments/:deployment_id"
ROUTES = (
    Route("/version", instance.version, signed=True),
    Route("/user", instance.user, signed=True),
    Route("/personal_access_tokens/self", instance.token, signed=True),
    Route("/projects", instance.projects),
    Route("/groups/:id/projects", instance.group_projects),
    Route(_PROJECT, instance.project),
    Route(f"{_PROJECT}/pipelines", ci.pipelines),
    Route(_PIPELINE, ci.pipeline),
    Route(f"{_PIPELINE}/jobs", ci.pipeline_jobs, for_jobs=True),
    Route(f"{_PIPELINE}/bridges", ci.bridges),
    Route(f"{_PIPELINE}/test_report", ci.test_report),
    Route(f"{_PIPELINE}/test_report_summary", ci.test_report_summary),
    Route(f"{_PROJECT}/jobs", ci.jobs, signed=True, for_jobs=True),
    Route(_JOB, ci.job, signed=True),
    Route(f"{_JOB}/trace", ci.trace, signed=True),
    Route(f"{_JOB}/artifacts", ci.artifacts, for_jobs=True),
    Route(f"{_PROJECT}/merge_requests", delivery.merge_requests),
    Route(_CHANGE, delivery.merge_request),
    Route(f"{_CHANGE}/commits", delivery.commits_of_change),
    Route(f"{_CHANGE}/notes", delivery.notes, signed=True),
    Route(f"{_CHANGE}/approvals", delivery.approvals, signed=True),
    Route(f"{_PROJECT}/deployments", delivery.deployments, signed=True, for_jobs=True),
    Route(_DEPLOYMENT, delivery.deployment, signed=True, for_jobs=True),
    Route(f"{_DEPLOYMENT}/merge_requests", delivery.deployed, signed=True, for_jobs=True),
    Route(f"{_PROJECT}/environments", delivery.environments, signed=True, for_jobs=True),
    Route(f"{_PROJECT}/releases", delivery.releases),
    Route(f"{_PROJECT}/repository/tags", delivery.tags),
    Route(f"{_PROJECT}/repository/commits", delivery.commits),
)


class GitLabApi:
    """The API of one recording at `url`; where it is not `public`, nobody in particular sees nothing."""

    def __init__(self, recording: GitLabRecording, url: str, archives: Archives, *, public: bool) -> None:
        self._recording = recording
        self._url = url
        self._archives = archives
        self._public = public

    def answer(self, path: str, query: str, who: Who) -> tuple[str, Answer]:
        """The route, as GitLab's documentation writes it, or `moved` or `unknown`; and the answer."""
        for route in ROUTES:
            match = route.match(path.removeprefix(ROOT)) if path.startswith(ROOT) else None
            if match:
                try:
                    return self._answered(route, match, Place(self._url + path, "", Query(query)), who)
                except DeniedError as error:
                    return route.template, error.answer
        return "unknown", DeniedError(404, "404 Not Found", "error").answer

    def _answered(self, route: Route, match: re.Match[str], place: Place, who: Who) -> tuple[str, Answer]:
        who = _allowed(route, who)
        visible = list(self._recording.projects.values()) if self._public or who is not Who.NOBODY else []
        names = list(match.groups())
        if route.template.startswith(_OF_ONE):
            place = replace(place, id=unquote(names.pop(0)))
        if route.template.startswith(_PROJECT):
            visible = [self._project(place.id, visible)]
            if place.id.lower() not in (str(visible[0].project_id), visible[0].path.lower()):
                return "moved", self._moved(visible[0], place)
        elif place.id:
            visible = instance.group(place.id, visible)
        asked = Asked(self._recording, self._archives, visible, [int(name) for name in names], place)
        return route.template, route.handler(asked)

    def _project(self, name: str, visible: Sequence[Project]) -> Project:
        number = re.fullmatch("[0-9]{1,18}", name)
        found = self._recording.projects.get(int(name)) if number else self._recording.named(name)
        if found is None or found not in visible:
            raise missing("Project")
        return found

    def _moved(self, project: Project, place: Place) -> Answer:
        """To the same route by the project's id, which no move changes."""
        _, _, rest = place.url.removeprefix(f"{self._url}{ROOT}/projects/").partition("/")
        query = urlencode(place.query.pairs)
        there = f"{self._url}{ROOT}/projects/{project.project_id}{rest and f'/{rest}'}{query and f'?{query}'}"
        return Answer(301, f"This resource has been moved permanently to {there}".encode(), {"Location": there}, TEXT)


def _allowed(route: Route, who: Who) -> Who:
    """Who asks, as far as the route cares; refuses a token that is none, and nobody where somebody is needed."""
    if who is Who.STRANGER:
        raise _unauthorized()
    if who is Who.JOB and not route.for_jobs:
        who = Who.NOBODY
    if who is Who.NOBODY and route.signed:
        raise _unauthorized()
    return who


def _unauthorized() -> DeniedError:
    return DeniedError(401, "401 Unauthorized")
