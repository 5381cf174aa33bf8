"""GitHub's REST routes over a recording: a path and a query in, an answer out. No sockets here.

Recorded bodies go out as they are, with the URLs of the host they were recorded from; only `Link` and `Location`
name this server. What GitHub would answer but nobody recorded (the body of an earlier attempt) is a 404.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlencode

from pipelinedoctor.simulate.answers import Answer, Asked, Listing, dump, refusal, there
from pipelinedoctor.simulate.attachments import Artifact
from pipelinedoctor.simulate.blobs import Blobs
from pipelinedoctor.simulate.holdings import Holdings
from pipelinedoctor.simulate.joblists import JobList
from pipelinedoctor.simulate.paging import Page, RefusedError, moment
from pipelinedoctor.simulate.recorded import RecordedRepository, RecordedRun
from pipelinedoctor.simulate.recording import Recording
from pipelinedoctor.simulate.routes_deliveries import DELIVERY_ROUTES
from pipelinedoctor.simulate.routes_owners import Owners
from pipelinedoctor.simulate.selection import SEARCH_CAP, is_search, select_runs

_LISTING_CAP = 40_000
_KEPT = timedelta(days=90)
ENTERPRISE = "/api/v3"
"""Where an Enterprise server has the same routes; a bare `url` in a configuration means that place."""

_REPOSITORY = re.compile(r"(?:/repos/([^/]+/[^/]+)|/repositories/([0-9]{1,18}))((?:/[^/]+)*)")


class Api:
    """The API of one recording at `url`, with links to the blobs of another server."""

    def __init__(self, recording: Recording, url: str, blobs: Blobs) -> None:
        self._recording = recording
        self._url = url
        self._blobs = blobs
        self.holdings = Holdings.of(recording, blobs.attachments)
        self._owners = Owners(recording)

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[str, Answer]:
        """The route, as GitHub's API description writes it, or `moved` or `unknown`; and the answer."""
        path = path.removeprefix(ENTERPRISE)
        owned = self._owners.answer(path, Listing(query, self._url + path))
        if owned is not None:
            return owned
        found = _REPOSITORY.fullmatch(path)
        name, number, rest = found.groups() if found else (None, None, "")
        repository = self._repository(unquote(name) if name else None, number)
        if repository is None:
            return "unknown", refusal(404, "Not Found")
        lasting = f"{self._url}/repositories/{repository.repository_id}{rest}"
        if name and unquote(name).lower() != repository.full_name.lower():
            return "moved", _moved(f"{lasting}?{urlencode(query)}" if query else lasting)
        for route, pattern, handler in _ROUTES:
            match = pattern.fullmatch(rest)
            if match:
                asked = Asked(query, lasting, repository, [int(text) for text in match.groups()])
                return "/repos/{owner}/{repo}" + route, self._tried(handler, asked)
        return "unknown", refusal(404, "Not Found")

    def repository(self, asked: Asked) -> Answer:
        """A repository, in full."""
        return Answer(200, asked.repository.body)

    def runs(self, asked: Asked) -> Answer:
        """The runs a query selects, newest first, under GitHub's two caps."""
        found = select_runs(asked.repository.runs, asked.query)
        page = Page.asked(asked.query)
        search = is_search(asked.query)
        if not search and page.number * page.size > _LISTING_CAP:
            raise RefusedError(
                422, "In order to keep the API fast for everyone, pagination is limited for this resource."
            )
        reachable = found[:SEARCH_CAP] if search else found
        bodies = [run.body for run in page.of(reachable)]
        if asked.query.get("exclude_pull_requests") in ("true", "1"):
            bodies = [dump({**json.loads(body), "pull_requests": []}) for body in bodies]
        return asked.shown("workflow_runs", bodies, len(found), len(reachable))

    def run(self, asked: Asked) -> Answer:
        """A run as its newest attempt left it."""
        return Answer(200, self._run(asked).body)

    def attempt(self, asked: Asked) -> Answer:
        """One attempt of a run, where its body was recorded."""
        kept = self._recording.attempts[self._run(asked).run_id].get(asked.numbers[1])
        return Answer(200, there(kept).body)

    def jobs(self, asked: Asked) -> Answer:
        """The jobs of a run: of its newest attempt, or of all."""
        run = self._run(asked)
        wanted = asked.query.get("filter", "latest")
        if wanted not in ("latest", "all"):
            raise RefusedError(422, "`filter` is neither `latest` nor `all`")
        return self._job_page(asked, run, None if wanted == "all" else run.attempt)

    def attempt_jobs(self, asked: Asked) -> Answer:
        """The jobs of one attempt."""
        run = self._run(asked)
        if not 1 <= asked.numbers[1] <= run.attempt:
            raise RefusedError(404, "Not Found")
        return self._job_page(asked, run, asked.numbers[1])

    def job(self, asked: Asked) -> Answer:
        """A job."""
        listed, position = self._job(asked)
        return Answer(200, listed.bodies([position])[0])

    def log(self, asked: Asked) -> Answer:
        """A link to the log of a job."""
        self._job(asked)
        if asked.numbers[0] not in self._blobs.attachments.logs:
            raise RefusedError(410, "Server Error: the logs of this job have expired and are no longer available")
        return Answer(302, location=self._blobs.link("logs", asked.numbers[0]))

    def artifacts(self, asked: Asked) -> Answer:
        """The artifacts of a run."""
        found = self._blobs.attachments.by_run.get(self._run(asked).run_id, ())
        return asked.page("artifacts", [dump(self._artifact(asked.repository, artifact)) for artifact in found])

    def artifact_zip(self, asked: Asked) -> Answer:
        """A link to the content of an artifact."""
        artifact = there(self._blobs.attachments.artifacts.get(asked.numbers[0]))
        if artifact.run.repository_id != asked.repository.repository_id:
            raise RefusedError(404, "Not Found")
        return Answer(302, location=self._blobs.link("artifacts", artifact.artifact_id))

    def commits(self, asked: Asked) -> Answer:
        """The commits of the default branch, or those a sha or a tag leads to."""
        commits = self.holdings.commits(asked.repository)
        start = asked.query.get("sha") or asked.repository.default_branch
        found = commits.default if start == asked.repository.default_branch else there(commits.behind(start))
        if asked.query.get("since"):
            since = moment(asked.query["since"])
            found = [commit for commit in found if commit.committed_at >= since]
        if asked.query.get("until"):
            until = moment(asked.query["until"])
            found = [commit for commit in found if commit.committed_at <= until]
        return asked.page(None, [commit.body for commit in found])

    def _repository(self, name: str | None, number: str | None) -> RecordedRepository | None:
        if name:
            return self._recording.named(name)
        known = self._recording.repositories.values()
        return next((one for one in known if number and one.repository_id == int(number)), None)

    def _tried(self, handler: "_Handler", asked: Asked) -> Answer:
        try:
            return handler(self, asked)
        except RefusedError as error:
            return refusal(error.status, error.message)

    def _run(self, asked: Asked) -> RecordedRun:
        run = self._recording.run(asked.numbers[0])
        if run is None or run.repository_id != asked.repository.repository_id:
            raise RefusedError(404, "Not Found")
        return run

    def _job(self, asked: Asked) -> tuple[JobList, int]:
        listed, position = there(self.holdings.jobs.get(asked.numbers[0]))
        if there(self._recording.run(listed.run_id)).repository_id != asked.repository.repository_id:
            raise RefusedError(404, "Not Found")
        return listed, position

    def _job_page(self, asked: Asked, run: RecordedRun, attempt: int | None) -> Answer:
        """Jobs of one attempt, or of all. A body that tells no attempt is of the newest."""
        listed = self._recording.job_lists.get(run.run_id)
        jobs = listed.jobs if listed else ()
        found = [at for at, job in enumerate(jobs) if attempt in (None, job.attempt or run.attempt)]
        chosen = Page.asked(asked.query).of(found)
        return asked.shown("jobs", listed.bodies(chosen) if listed else [], len(found), len(found))

    def _artifact(self, repository: RecordedRepository, artifact: Artifact) -> dict[str, Any]:
        url = f"{self.holdings.api_of(repository)}/actions/artifacts/{artifact.artifact_id}"
        run, times = artifact.run, {"created_at": artifact.created_at, "updated_at": artifact.created_at}
        return {
            "id": artifact.artifact_id,
            "node_id": f"A_{artifact.artifact_id}",
            "name": artifact.name,
            "size_in_bytes": artifact.size,
            "url": url,
            "archive_download_url": f"{url}/zip",
            "expired": False,
            **{key: _zulu(time) for key, time in {**times, "expires_at": artifact.created_at + _KEPT}.items()},
            "workflow_run": {
                "id": run.run_id,
                "repository_id": run.repository_id,
                "head_repository_id": run.repository_id,
                "head_branch": run.branch,
                "head_sha": run.head_sha,
            },
        }


_Handler = Callable[[Api, Asked], Answer]


def _delivered(handler: Callable[[Holdings, Asked], Answer]) -> _Handler:
    return lambda api, asked: handler(api.holdings, asked)


_TEMPLATES: tuple[tuple[str, _Handler], ...] = (
    ("", Api.repository),
    ("/actions/runs", Api.runs),
    ("/actions/runs/{run_id}", Api.run),
    ("/actions/runs/{run_id}/attempts/{attempt_number}", Api.attempt),
    ("/actions/runs/{run_id}/attempts/{attempt_number}/jobs", Api.attempt_jobs),
    ("/actions/runs/{run_id}/jobs", Api.jobs),
    ("/actions/runs/{run_id}/artifacts", Api.artifacts),
    ("/actions/jobs/{job_id}", Api.job),
    ("/actions/jobs/{job_id}/logs", Api.log),
    ("/actions/artifacts/{artifact_id}/{archive_format}", Api.artifact_zip),
    ("/commits", Api.commits),
    *((route, _delivered(handler)) for route, handler in DELIVERY_ROUTES),
)
_ROUTES = [
    (route, re.compile(re.sub(r"\{\w+\}", "([0-9]{1,18})", route.replace("{archive_format}", "zip"))), handler)
    for route, handler in _TEMPLATES
]


def _moved(location: str) -> Answer:
    body = {"message": "Moved Permanently", "url": location, "documentation_url": "https://docs.github.com/rest"}
    return Answer(301, dump(body), location=location)


def _zulu(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
