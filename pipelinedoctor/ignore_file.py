"""`pipelinedoctor-ignore.toml`: which findings a team has decided to leave for a while, who answers for it, until when."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelinedoctor.errors import ConfigError
from pipelinedoctor.findings import Finding
from pipelinedoctor.logs.redact import redact

NAME = "pipelinedoctor-ignore.toml"
LONGEST = timedelta(days=90)
"""How far ahead an entry may end: what is left for longer is no exception any more."""

_PATTERNS = ("repository", "pipeline", "job", "test")
_MOST_TEXT, _MOST_BYTES = 300, 1_000_000


class Entry(BaseModel):
    """One `[[ignore]]`: findings by `fingerprint`, or by patterns of what they are about, in which `*` is any text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    owner: str = Field(min_length=1, max_length=_MOST_TEXT)
    reason: str = Field(min_length=1, max_length=_MOST_TEXT)
    expires: date
    fingerprint: str | None = Field(default=None, pattern="^[0-9a-f]{16}$")
    query: str | None = None
    repository: str | None = None
    pipeline: str | None = None
    job: str | None = None
    test: str | None = None

    @model_validator(mode="after")
    def _of_something(self) -> "Entry":
        if isinstance(self.expires, datetime):
            raise ValueError("expires is a day, as 2026-03-31")  # noqa: TRY004  pydantic wants a ValueError
        if not (self.owner.strip() and self.reason.strip()):
            raise ValueError("owner and reason are needed")
        patterns = [name for name in ("query", *_PATTERNS) if getattr(self, name) is not None]
        if self.fingerprint is not None and patterns:
            raise ValueError(f"has fingerprint and {patterns[0]}; a fingerprint says it all, leave the other out")
        if self.fingerprint is None and not set(patterns) & set(_PATTERNS):
            raise ValueError(f"name a fingerprint, or patterns of what is ignored: {', '.join(_PATTERNS)}")
        return self

    @property
    def what(self) -> str:
        """What the entry names, in one line."""
        named = ((name, getattr(self, name)) for name in ("fingerprint", "query", *_PATTERNS))
        return ", ".join(f"{name} {value}" for name, value in named if value is not None)

    def covers(self, finding: Finding) -> bool:
        """Whether the entry is about the finding."""
        if self.fingerprint is not None:
            return finding.fingerprint == self.fingerprint
        subject = finding.subject
        names: Mapping[str, str | None] = {
            "query": finding.query, "repository": subject.repository, "pipeline": subject.pipeline, "job": subject.job,
            "test": subject.test,
        }  # fmt: skip
        return all(_like(getattr(self, key), name) for key, name in names.items())


def read(path: Path, today: date, *, needed: bool = False) -> tuple[Entry, ...]:
    """The entries of the file, in its order; none where it is not there, unless it is `needed`.

    Raises `ConfigError`, with file and entry, for what is no such file, and for an entry that ends later than 90 days
    after `today`.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        if needed:
            raise ConfigError(f"{path}: no such file; it is named by the key `ignore`") from error
        return ()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(text) > _MOST_BYTES:
        raise ConfigError(f"{path}: is larger than a megabyte; that is no list that someone looks through")
    try:
        whole = tomllib.loads(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    return _entries(path, whole, today)


def _entries(path: Path, whole: dict[str, Any], today: date) -> tuple[Entry, ...]:
    listed = whole.pop("ignore", [])
    if whole:
        raise ConfigError(f"{path}: {redact(next(iter(whole)))[:40]}: no such key; write [[ignore]] for each entry")
    if not isinstance(listed, list):
        raise ConfigError(f"{path}: ignore: write [[ignore]] in double brackets for each entry")
    return tuple(_entry(f"{path}: entry {number}", one, today) for number, one in enumerate(listed, 1))


def _entry(where: str, values: Any, today: date) -> Entry:
    try:
        entry = Entry.model_validate(values)
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        key = f"{'.'.join(map(str, problem['loc']))}: " if problem["loc"] else ""
        raise ConfigError(f"{where}: {redact(key)}{_said(problem)}") from None
    if entry.expires > today + LONGEST:
        last = today + LONGEST
        raise ConfigError(
            f"{where}: expires: {entry.expires} is more than {LONGEST.days} days ahead; {last} is the last"
        )
    return entry


def _said(problem: Any) -> str:
    if problem["type"] == "extra_forbidden":
        return f"no such key; known are: {', '.join(Entry.model_fields)}"
    if problem["type"] == "missing":
        return "is needed"
    said = str(problem["msg"]).removeprefix("Value error, ")
    return said[0].lower() + said[1:]


def _like(pattern: str | None, name: str | None) -> bool:
    if pattern is None:
        return True
    if name is None:
        return False
    return re.fullmatch(".*".join(map(re.escape, re.split(r"\*+", pattern))), name, re.DOTALL) is not None
