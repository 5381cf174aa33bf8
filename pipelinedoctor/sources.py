"""`[[sources]]`: what may stand in one, and the source that it makes with what the environment holds.

Secrets never stand in the file: a source names the environment variable that holds its token or key.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from pipelinedoctor.fetch.interface import AppKey, Level, Source
from pipelinedoctor.fetch.selection import Candidate, Selection, check
from pipelinedoctor.logs.redact import redact

GITHUB_API = "https://api.github.com"
GITLAB = "https://gitlab.com"
JOB_TOKEN = "CI_JOB_TOKEN"  # noqa: S105  the name of a variable, not a token

_DEFAULTS = {
    "github": {"url": GITHUB_API, "token_env": "GITHUB_TOKEN"},
    "gitlab": {"url": GITLAB, "token_env": "GITLAB_TOKEN"},
}
_APP = ("app_id", "installation_id", "private_key_env")
_PEM = "-----BEGIN "
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKENS = ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "glptt-")
"""How tokens begin, also those that were cut short; in capitals they are names as good as any."""
_KEY = 64 * 1024
"""Most characters of a private key's file; the longest keys have a tenth of it."""


class Section(BaseModel):
    """A table of the configuration, in which a key that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSection(Section):
    """One place to fetch from. The host of `url` starts every key in the store.

    `url` and `token_env` have a default for each forge. A GitHub App has its three keys instead of `token_env`.
    """

    forge: Literal["github", "gitlab"] = "github"
    url: str = ""
    repositories: tuple[str, ...] = Field(min_length=1)
    topics: tuple[str, ...] = ()
    detail: Level = Level.SAMPLED
    token_env: str = ""
    app_id: int | None = Field(default=None, ge=1)
    installation_id: int | None = Field(default=None, ge=1)
    private_key_env: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_forge(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        defaults = _DEFAULTS.get(str(given.get("forge", "github")), {})
        return {**{key: value for key, value in defaults.items() if key == "url" or "app_id" not in given}, **given}

    @field_validator("url")
    @classmethod
    def _address(cls, url: str, info: ValidationInfo) -> str:
        parts = urlsplit(url)
        odd = "@" in parts.netloc or parts.query or parts.fragment or not _has_good_port(parts)
        if parts.scheme not in ("https", "http") or not parts.hostname or odd or url.split() != [url]:
            example = "https://gitlab.HOST" if info.data.get("forge") == "gitlab" else "https://HOST/api/v3"
            raise ValueError(f"write it as https://HOST or {example}, with no user name and no query")
        if parts.scheme == "http" and not _loopback(parts.hostname):
            raise ValueError("write https: over http anybody on the way reads the token; only loopback may do without")
        return url.rstrip("/")

    @field_validator("token_env", "private_key_env")
    @classmethod
    def _variable(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is not None and not _is_variable(name):
            held, itself = ("token", "token") if info.field_name == "token_env" else ("private key", "key")
            raise ValueError(f"is the name of the variable that holds the {held}, not the {itself} itself")
        return name

    @field_validator("repositories")
    @classmethod
    def _entries(cls, entries: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for entry in entries:
            check(entry, nested=info.data.get("forge") == "gitlab")
        selection = Selection.of(entries)
        if not selection.names and not selection.patterns:
            raise ValueError("all of them are excluded; name one that is to be fetched, or a pattern as owner/*")
        return entries

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        lacks = [key for key in _APP if getattr(self, key) is None]
        if len(lacks) not in (0, len(_APP)):
            raise ValueError(f"{lacks[0]}: is missing; a GitHub App needs {', '.join(_APP)}")
        if not lacks and self.forge != "github":
            raise ValueError("app_id: only GitHub has Apps; take token_env")
        if not lacks and self.token_env:
            raise ValueError("token_env: an App makes its own tokens; take one of token_env and app_id away")
        if self.topics and not self.selection.patterns:
            raise ValueError("topics: they choose among what a pattern finds, and there is none; add one as owner/*")
        return self

    @property
    def selection(self) -> Selection:
        """The repositories that are meant."""
        return Selection.of(self.repositories, self.topics)

    @property
    def host(self) -> str:
        """The public name of the instance."""
        return "github.com" if self.url == GITHUB_API else urlsplit(self.url).netloc.lower()

    def source(self, environment: Mapping[str, str]) -> Source:
        """The source with its token or key from the environment.

        Raises `ValueError`, which names the key and shows no value, for what can be none.
        """
        token = environment.get(self.token_env, "").strip()
        if any(not one.isascii() or not one.isprintable() or one.isspace() for one in token):
            raise ValueError(f"token_env: {self.token_env} holds characters that no token has; set it again")
        return Source(
            forge=self.forge,
            host=self.host,
            url=self._api(),
            repositories=self.repositories,
            topics=self.topics,
            token=token or None,
            app=self._app(environment),
            job_token=self.forge == "gitlab" and self.token_env == JOB_TOKEN,
        )

    def _api(self) -> str:
        if self.forge == "gitlab":
            return self.url.removesuffix("/api/v4")
        bare = not urlsplit(self.url).path
        return f"{self.url}/api/v3" if bare and self.url != GITHUB_API else self.url

    def _app(self, environment: Mapping[str, str]) -> AppKey | None:
        if self.app_id is None or self.installation_id is None or self.private_key_env is None:
            return None
        key = _private_key(self.private_key_env, environment)
        return AppKey(app_id=self.app_id, installation_id=self.installation_id, private_key=key)


def overlap(sections: Sequence[SourceSection]) -> tuple[int, str, int] | None:
    """The first source, an entry of it, and the other source that means the same repositories of the same host.

    Two patterns that meet only in some names are not found: which those are, only the forge knows.
    """
    for second, section in enumerate(sections):
        for first, other in enumerate(sections[:second]):
            if section.host != other.host:
                continue
            for at, mine, to, theirs in ((second, section, first, other), (first, other, second, section)):
                entry = next((one for one in _meant(mine) if theirs.selection.picks(one)), None)
                if entry is not None:
                    return at, entry.full_name, to
    return None


def _meant(section: SourceSection) -> list[Candidate]:
    """A source's names, and its patterns as if each were a name: what stands for a `*` is left open, and so fits one."""
    chosen = section.selection
    names = [Candidate(repository_id=None, full_name=name) for name in chosen.names]
    return names + [
        Candidate(repository_id=None, full_name=name, topics=section.topics)
        for name in chosen.patterns
        if chosen.picks(Candidate(repository_id=None, full_name=name, topics=section.topics))
    ]


def _is_variable(name: str) -> bool:
    """Whether this may name a variable of the environment, and is not a token that somebody put in its place."""
    if not _VARIABLE.fullmatch(name) or name.startswith(_TOKENS) or redact(name) != name:
        return False
    # Tokens of no shape of their own look drawn. Names that mix capitals and digits so are rare, but in capitals alone.
    return name.isupper() or redact(f"token {name}") == f"token {name}"


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _private_key(variable: str, environment: Mapping[str, str]) -> str:
    """The key in PEM that the variable holds, or the file that it names. The value is in no message: it may be a key."""
    held = environment.get(variable, "").strip()
    if not held:
        raise ValueError(
            f"private_key_env: {variable} is not set; it holds the App's private key or the path of its file"
        )
    if held.startswith(_PEM):
        return held.replace("\\n", "\n")  # as some CIs keep it, on one line
    try:
        with Path(held).open(encoding="ascii") as file:
            key = file.read(_KEY)
    except (OSError, ValueError):
        raise ValueError(
            f"private_key_env: {variable} holds neither a private key in PEM nor the path of a file that can be read"
        ) from None
    if _PEM not in key:
        raise ValueError(f"private_key_env: the file that {variable} names holds no private key in PEM")
    return key
