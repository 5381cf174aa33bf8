"""Reading the files of a recording: line by line, gzip or plain, each complaint with its file and line."""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelinedoctor.errors import UsageError

_space = re.compile(r"[ \t\n\r]*").match
_scan = json.JSONDecoder().raw_decode
_BIGGEST_ID = 2**63
_YEARS = range(1990, 9900)
_UNREADABLE = (OSError, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, or a whole one (`number` 0)."""

    path: Path
    number: int
    text: str

    def wrong(self, what: str) -> UsageError:
        """The error to raise for something odd in this line."""
        return UsageError(f"{self.path}{f':{self.number}' if self.number else ''}: {what}")

    def load(self) -> dict[str, Any]:
        """The JSON object of the line."""
        return self.cut("")[0]

    def cut(self, key: str) -> tuple[dict[str, Any], list[tuple[dict[str, Any], bytes]]]:
        """The line's JSON object without `key`; and the object, or the list of them, under `key`: each with its own bytes.

        One pass, and the bytes are those of the file: nothing is lost or reordered by writing them anew.
        """
        try:
            rest, parts = _cut(self.text, key)
        except (ValueError, IndexError, RecursionError):
            raise self.wrong("not a JSON object") from None
        objects = [(value, text.encode("utf-8", "replace")) for value, text in parts if isinstance(value, dict)]
        if len(objects) < len(parts):
            raise self.wrong(f"`{key}` holds something that is no JSON object")
        return rest, objects

    def whole(self, body: Mapping[str, Any], key: str) -> int:
        """An id or a count under `key`: a whole number that fits 63 bits."""
        value = body.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _BIGGEST_ID:
            return value
        raise self.wrong(f"`{key}` is no whole number from 0 up")

    def string(self, body: Mapping[str, Any], key: str) -> str:
        """A text under `key`."""
        value = body.get(key)
        if isinstance(value, str):
            return value
        raise self.wrong(f"`{key}` is no text")

    def repository(self, body: Mapping[str, Any]) -> str:
        """The name of a repository under `full_name`: `owner/name`, as it can stand in a path."""
        name = self.string(body, "full_name")
        if not name.isprintable() or name.count("/") != 1 or not all(name.split("/")):
            raise self.wrong("`full_name` is no owner/name")
        return name

    def time(self, body: Mapping[str, Any], key: str) -> datetime:
        """A time with its zone under `key`, in UTC."""
        time = instant(body.get(key))
        if time is None:
            raise self.wrong(f"`{key}` is no time with a zone, such as 2026-01-31T12:00:00Z")
        return time

    def mapping(self, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        """An object under `key`."""
        value = body.get(key)
        if isinstance(value, dict):
            return value
        raise self.wrong(f"`{key}` is no JSON object")


def instant(value: object) -> datetime | None:
    """An ISO 8601 time of this age with a zone, in UTC; `None` for anything else."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo and time.year in _YEARS else None
    except (ValueError, OverflowError):
        return None


def find(folder: Path, name: str) -> Path | None:
    """The file `name` of the folder, or its gzip form."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def lines(folder: Path, name: str) -> Iterator[Line]:
    """The lines of `name` or `name.gz` that are not empty; none where there is no such file."""
    path = find(folder, name)
    if path is None:
        return
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if raw.strip():
                    yield Line(path, number, raw.decode())
    except UnicodeDecodeError:
        raise Line(path, number, "").wrong("not UTF-8") from None
    except _UNREADABLE as error:
        raise Line(path, number + 1, "").wrong(f"cannot be read: {error}") from None


def table(folder: Path, name: str, columns: tuple[str, ...]) -> Iterator[tuple[Line, dict[str, str]]]:
    """The rows of a CSV file with (at least) these columns; none where there is no such file."""
    source = lines(folder, name)
    head = next(source, None)
    if head is None:
        return
    names = next(csv.reader([head.text]))
    missing = [column for column in columns if column not in names]
    if missing:
        raise head.wrong(f"no column `{missing[0]}`")
    for line in source:
        cells = next(csv.reader([line.text]))
        if len(cells) != len(names):
            raise line.wrong(f"{len(cells)} cells, {len(names)} columns")
        yield line, dict(zip(names, cells, strict=True))


def _cut(text: str, name: str) -> tuple[dict[str, Any], list[tuple[Any, str]]]:
    rest: dict[str, Any] = {}
    parts: list[tuple[Any, str]] = []
    at = _past(text, _past(text, 0), "{")
    while text[at] != "}":
        if text[at] != '"':
            raise ValueError
        key, at = _scan(text, at)
        at = _past(text, _past(text, at), ":")
        if key == name:
            at = _take(text, at, parts)
        else:
            rest[key], at = _scan(text, at)
        at = _past(text, at)
        if text[at] != "}":
            at = _past(text, at, ",")
    if _past(text, at + 1) != len(text):
        raise ValueError
    return rest, parts


def _take(text: str, at: int, parts: list[tuple[Any, str]]) -> int:
    """Take the object at `at`, or each of the list there; the place behind."""
    if text[at] != "[":
        value, end = _scan(text, at)
        parts.append((value, text[at:end]))
        return end
    at = _past(text, at, "[")
    while text[at] != "]":
        value, end = _scan(text, at)
        parts.append((value, text[at:end]))
        at = _past(text, end)
        if text[at] != "]":
            at = _past(text, at, ",")
    return at + 1


def _past(text: str, at: int, sign: str = "") -> int:
    """The place behind `sign` and the space after it."""
    if not text.startswith(sign, at):
        raise ValueError
    found = _space(text, at + len(sign))
    return found.end() if found else at
