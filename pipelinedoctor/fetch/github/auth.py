"""Who asks GitHub: a plain token, or a GitHub App with a token of its installation, which lasts an hour.

PyGithub signs for the App. It would fetch the installation's token over connections of its own, which heed neither our
proxies, certificates and timeouts nor redirects to other hosts: so that is done here, over `web`.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from github import Auth
from jwt import PyJWTError

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.bounds import bounded, first_line, instant
from pipelinedoctor.fetch.interface import AppKey, Source
from pipelinedoctor.fetch.limits import is_limit, when
from pipelinedoctor.fetch.patience import PassingError
from pipelinedoctor.fetch.web import TroubleError, Web
from pipelinedoctor.logs.redact import redact

LIFE_S = 3600.0
"""How long a token of an installation lasts where the forge does not say."""
EARLY_S = 300.0
"""How long before its end a token is renewed: longer than any request that was sent with it takes."""
_LEAST_S = 60.0
_REASONS = {
    401: "check that app_id and the private key belong together",
    403: "the App or its installation is suspended",
    404: "it has no such installation; check installation_id, and that the App is still installed",
}


class InstallationAuth(Auth.Auth):
    """The installation of a GitHub App. Threads may share it: they share its token.

    The token is asked for when it is first needed, and renewed before it ends; that request counts in no budget, as it
    counts in none of the installation's limits.
    """

    def __init__(self, key: AppKey, source: Source, user_agent: str, *, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._url = f"{source.url.rstrip('/')}/app/installations/{key.installation_id}/access_tokens"
        self._who = f"{source.host}: GitHub App {key.app_id}, installation {key.installation_id}"
        self._agent = user_agent
        self._clock = clock
        self._lock = threading.Lock()
        self._renewal = 0.0
        self._token = ""
        self.permissions: Mapping[str, str] = {}
        """What the installation may do, by area: `read` or `write`; empty until there is a token."""

    @property
    def token_type(self) -> str:
        """The word before the token in the header."""
        return "token"

    @property
    def token(self) -> str:
        """A token that lasts for some minutes more at the least.

        Raises `ForgeError` where the forge grants none, `BudgetError` at a limit, `PassingError` for a passing fault.
        """
        with self._lock:
            if self._clock() >= self._renewal:
                self._renew()
            return self._token

    def _renew(self) -> None:
        headers = {"Authorization": f"Bearer {self._signed()}", "Accept": "application/vnd.github+json"}
        web = Web(self._agent)
        try:
            answer = web.post(self._url, headers, None)
        except TroubleError as error:
            raise PassingError(str(error), absent=error.absent) from None
        finally:
            web.close()
        body = _parsed(answer.data)
        told = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status >= 300:
            raise self._refused(answer.status, told, redact(first_line(body.get("message"), 200) or ""))
        token = body.get("token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise ForgeError(f"{self._who}: the forge answered without a token; is `url` the address of a GitHub API?")
        self._token = token
        self._renewal = self._clock() + max(_LEAST_S, _life(told, body) - EARLY_S)
        granted = body.get("permissions")
        pairs = granted.items() if isinstance(granted, Mapping) else ()
        self.permissions = {area: right for area, one in pairs if (right := bounded(one)) is not None}

    def _signed(self) -> str:
        try:
            return Auth.AppAuth(self._key.app_id, self._key.private_key).create_jwt()
        except (PyJWTError, ValueError, TypeError):
            raise ForgeError(f"{self._who}: its private key cannot sign; it has to be an RSA key in PEM") from None

    def _refused(self, status: int, headers: Mapping[str, str], message: str) -> Exception:
        if status >= 500:
            return PassingError(f"answered {status}", status)
        if status in {403, 429} and is_limit(status, headers, message):
            return BudgetError(f"{self._who}: its rate limit is met; the next fetch goes on from here{when(headers)}")
        if status < 400:
            return ForgeError(f"{self._who}: asking for a token was sent on to another address; check `url`")
        said = f" ({message})" if message else ""
        return ForgeError(f"{self._who}: no token, answered {status}{said}; {_REASONS.get(status, 'check the App')}")


def auth_of(source: Source, user_agent: str) -> Auth.Auth | None:
    """What the source's requests are signed with, for all threads together; None for a source without token and App."""
    if source.app is not None:
        return InstallationAuth(source.app, source, user_agent)
    return Auth.Token(source.token) if source.token else None


def _parsed(data: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, Mapping) else {}


def _life(headers: Mapping[str, str], body: Mapping[str, Any]) -> float:
    """How many seconds a token lasts, by the forge's own clock: ours may be wrong."""
    end = instant(body.get("expires_at"))
    try:
        now: datetime = parsedate_to_datetime(headers.get("date", ""))
        return LIFE_S if end is None else min(LIFE_S, (end - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return LIFE_S
