"""What is handed in to be ingested: files, each with the run and job that it belongs to."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from pipelinedoctor import timespan
from pipelinedoctor.errors import UsageError
from pipelinedoctor.fetch.bounds import NAME
from pipelinedoctor.fetch.download import REPORTS

JOB = "tests"
"""The job where none is named."""
_ENDINGS = (*REPORTS, *(f"{ending}.gz" for ending in REPORTS))
_BIGGEST_ID = 2**63
_OPTIONS = {"run_id": "run", "started_at": "at", "default_branch": "default-branch"}
"""Options that are not named as the keys are."""

_PLAIN = r"^[^\x00]*$"
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME, pattern=_PLAIN)]


class Belonging(BaseModel):
    """The job that reports belong to: of which run, at which commit of which repository.

    The field names are those of a manifest. `attempt` counts from 1; `started_at` is a time, in UTC where it names no
    zone, and None where it is not known. A run of `branch` tests the default branch where it bears its name: a build of a
    change has another one, or none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: _Text
    run_id: _Text
    commit: _Text
    job: _Text = JOB
    branch: _Text | None = None
    default_branch: _Text | None = None
    attempt: Annotated[int, Field(ge=1, lt=_BIGGEST_ID)] = 1
    started_at: datetime | None = None

    @field_validator("run_id", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("started_at", mode="before")
    @classmethod
    def _moment(cls, value: object) -> object:
        if value is None or isinstance(value, datetime):
            return value
        if not isinstance(value, str):
            raise ValueError("write it as text, for example 2026-05-01T12:00Z")  # noqa: TRY004  pydantic tells of no other
        try:
            return timespan.moment(value)
        except UsageError as error:
            raise ValueError(str(error)) from error


class _Line(Belonging):
    file: Annotated[str, StringConstraints(min_length=1, pattern=_PLAIN)]


@dataclass(frozen=True, slots=True)
class Handed:
    """A file, or a directory of files, and what it belongs to; not `named` where it was found in a directory."""

    path: Path
    belonging: Belonging
    named: bool = True


def belonging(values: dict[str, Any]) -> Belonging:
    """What options say, by the names of a manifest's keys. Raises `UsageError`."""
    try:
        return Belonging.model_validate(values)
    except ValidationError as error:
        key, said = _first(error)
        raise UsageError(f"--{_OPTIONS.get(key, key)}: {said}") from error


def read(manifest: Path) -> list[Handed]:
    """The lines of a manifest, each a JSON object; `file` is relative to the manifest. Raises `UsageError`."""
    handed: list[Handed] = []
    try:
        if special(manifest):
            raise UsageError(f"{manifest}: no regular file")
        with manifest.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    handed.append(_handed(f"{manifest}: line {number}", line, manifest.parent))
    except OSError as error:
        raise UsageError(f"{manifest}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{manifest}: is not UTF-8") from error
    if not handed:
        raise UsageError(f"{manifest}: names no file")
    return handed


def files(paths: Sequence[Handed]) -> Iterator[Handed]:
    """Every file that is meant: a path as it is, or all that may be reports in and below a directory, in order.

    A directory without any stays what it is. A file that one job is handed twice is meant once.
    """
    seen: set[tuple[str, Belonging]] = set()
    for handed in paths:
        found = _below(handed.path) if os.path.isdir(handed.path) else []  # noqa: PTH112  never raises, unlike Path's
        for path in found or [handed.path]:
            key = (os.path.realpath(path), handed.belonging)  # of links in a circle too, unlike Path's
            if key not in seen:
                seen.add(key)
                yield Handed(path, handed.belonging, named=not found)


def special(path: Path) -> bool:
    """Whether it is there and neither a file nor a directory: a pipe would keep its reader waiting. Raises `OSError`."""
    mode = path.stat().st_mode
    return not (S_ISREG(mode) or S_ISDIR(mode))


def _below(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.name.lower().endswith(_ENDINGS) and path.is_file())


def _handed(where: str, line: str, folder: Path) -> Handed:
    try:
        values = _Line.model_validate_json(line)
    except ValidationError as error:
        key, said = _first(error)
        raise UsageError(f"{where}: {key}: {said}" if key else f"{where}: {said}") from error
    return Handed(folder / values.file, Belonging(**values.model_dump(exclude={"file"})))


def _first(error: ValidationError) -> tuple[str, str]:
    """The first thing that is wrong: its key, if it has one, and what."""
    problem = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(map(str, problem["loc"]))[:40]
    if problem["type"] == "extra_forbidden":
        return key, f"no such key; known are: {', '.join(_Line.model_fields)}"
    if problem["type"] == "missing":
        return key, "is missing"
    return key, problem["msg"].removeprefix("Value error, ")
