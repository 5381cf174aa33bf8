"""What a GitLab's server does with a request: who asks, are they not too many, is the answer new to them."""

import hashlib
from email.message import Message
from email.utils import formatdate
from http import HTTPStatus

from pipelinedoctor.simulate.gitlab.asked import TEXT, Answer
from pipelinedoctor.simulate.gitlab.context import Who
from pipelinedoctor.simulate.gitlab.routes import GitLabApi
from pipelinedoctor.simulate.sent import Sent
from pipelinedoctor.simulate.server import Asked, Ledger

MINUTE = 60
_BEARER = "Bearer "


class GitLabSide:
    """The API's side. Without a `token` any will do; with `job_token` it is that of a job, else that of a user."""

    def __init__(self, api: GitLabApi, ledger: Ledger, token: str | None, *, job_token: bool) -> None:
        self._api = api
        self._ledger = ledger
        self._token = token
        self._job_token = job_token

    def __call__(self, asked: Asked) -> tuple[str, Sent]:
        """The route and what to send."""
        if self._ledger.core.spend():
            route, answer = self._api.answer(asked.path, asked.text, self._who(asked.headers))
        else:
            route, answer = "refused", Answer(429, b"Retry later\n", {}, TEXT)
        return route, _sent(answer, asked.headers.get("If-None-Match"), self._allowance(answer.status))

    def _who(self, headers: Message) -> Who:
        """A user's token goes before a job's, and both before none."""
        bearer = headers.get("Authorization", "")
        given = headers.get("PRIVATE-TOKEN") or (bearer.removeprefix(_BEARER) if bearer.startswith(_BEARER) else None)
        job = headers.get("JOB-TOKEN")
        if given is not None:
            return Who.USER if self._token is None or (given == self._token and not self._job_token) else Who.STRANGER
        if job is not None:
            return Who.JOB if self._token is None or (job == self._token and self._job_token) else Who.STRANGER
        return Who.NOBODY

    def _allowance(self, status: int) -> dict[str, str]:
        state = self._ledger.core.state()
        headers = {
            "RateLimit-Limit": str(state["limit"]),
            "RateLimit-Name": "throttle_authenticated_api",
            "RateLimit-Observed": str(state["used"]),
            "RateLimit-Remaining": str(state["remaining"]),
            "RateLimit-Reset": str(state["reset"]),
            "RateLimit-ResetTime": formatdate(state["reset"], usegmt=True),
        }
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            headers["Retry-After"] = str(self._ledger.core.wait())
        return headers


def _sent(answer: Answer, known: str | None, allowance: dict[str, str]) -> Sent:
    """The answer with its tag, and without its body where that is `known`. A 304 counts as a request like any other."""
    headers = {**answer.headers, **allowance}
    if answer.status != HTTPStatus.OK:
        return Sent(answer.status, answer.body, {"Content-Type": answer.content_type, **headers})
    tag = f'W/"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    headers |= {"ETag": tag, "Cache-Control": "max-age=0, private, must-revalidate"}
    if known == tag:
        return Sent(HTTPStatus.NOT_MODIFIED, b"", headers)
    return Sent(answer.status, answer.body, {"Content-Type": answer.content_type, **headers})
