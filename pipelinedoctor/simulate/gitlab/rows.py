"""What lists of GitLab hold apart from jobs: each body with what it is selected and sorted by.

- `merge_requests.jsonl`: `{"merge_request": body, "commits"?: [body], "notes"?: [body], "approvals"?: body}`
- `deployments.jsonl`: `{"project_id": number, "deployment": body, "merge_requests"?: [iid]}`
- `environments.jsonl`, `releases.jsonl`, `tags.jsonl`, `commits.jsonl`: `{"project_id": number, "environment": body}` and so on;
  the commits are those of the default branch
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelinedoctor.simulate.gitlab.asked import Query, dump
from pipelinedoctor.simulate.lines import Line, instant, lines

_FACTS = (
    "sha", "ref", "status", "source", "state", "name", "tag", "tag_name", "source_branch", "target_branch", "iid",
    "created_at", "updated_at", "released_at", "merged_at", "committed_date",
)  # fmt: skip
"""Whatever some list is selected or sorted by."""


@dataclass(frozen=True, slots=True)
class Row:
    """A body, its id (its place, where it has none) and what it is selected by; `merge_requests` ship with a deployment."""

    id: int
    facts: Mapping[str, Any]
    body: bytes
    merge_requests: tuple[int, ...] = ()

    def time(self, name: str) -> datetime | None:
        """A fact that is a time."""
        found: datetime | None = self.facts.get(name)
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """A merge request with its commits (newest first) and its notes; `approvals` where they were recorded."""

    row: Row
    commits: Sequence[bytes]
    notes: Sequence[Row]
    approvals: bytes | None


def row(body: Mapping[str, Any], number: int) -> Row:
    """A body as a row."""
    facts = {name: instant(body[name]) if _is_time(name) else body[name] for name in _FACTS if name in body}
    return Row(number, facts, dump(body))


def read_rows(folder: Path, name: str, projects: Collection[int]) -> dict[int, list[Row]]:
    """The rows of `deployments`, `environments`, `releases`, `tags` or `commits`, by project."""
    found: dict[int, list[Row]] = defaultdict(list)
    for line in lines(folder, f"{name}.jsonl"):
        entry = line.load()
        project = line.whole(entry, "project_id")
        if project not in projects:
            raise line.wrong(f"of project {project}, which is not recorded")
        body = line.mapping(entry, name.removesuffix("s"))
        found[project].append(_CHECKS[name](line, entry, body, len(found[project])))
    return found


def _deployment(line: Line, entry: Mapping[str, Any], body: Mapping[str, Any], _: int) -> Row:
    line.time(body, "created_at")
    line.string(body, "status")
    environment = line.string(line.mapping(body, "environment"), "name")
    changes = entry.get("merge_requests", [])
    if not isinstance(changes, list) or not all(isinstance(one, int) for one in changes):
        raise line.wrong("`merge_requests` is no list of numbers")
    plain = row(body, line.whole(body, "id"))
    return Row(plain.id, {**plain.facts, "environment": environment}, plain.body, tuple(changes))


def _environment(line: Line, _: Mapping[str, Any], body: Mapping[str, Any], __: int) -> Row:
    line.string(body, "name")
    return row(body, line.whole(body, "id"))


def _release(line: Line, _: Mapping[str, Any], body: Mapping[str, Any], place: int) -> Row:
    line.string(body, "tag_name")
    line.time(body, "released_at")
    return row(body, place)


def _tag(line: Line, _: Mapping[str, Any], body: Mapping[str, Any], place: int) -> Row:
    line.string(body, "name")
    commit = line.mapping(body, "commit")
    plain = row(body, place)
    return Row(
        place,
        {**plain.facts, "sha": line.string(commit, "id"), "committed_date": instant(commit.get("committed_date"))},
        plain.body,
    )


def _commit(line: Line, _: Mapping[str, Any], body: Mapping[str, Any], place: int) -> Row:
    parents = body.get("parent_ids", [])
    if not isinstance(parents, list):
        raise line.wrong("`parent_ids` is no list")
    line.time(body, "committed_date")
    return Row(place, {**row(body, place).facts, "sha": line.string(body, "id"), "parents": parents}, dump(body))


_CHECKS = {
    "deployments": _deployment,
    "environments": _environment,
    "releases": _release,
    "tags": _tag,
    "commits": _commit,
}


def read_changes(folder: Path, projects: Collection[int]) -> dict[int, dict[int, Change]]:
    """The merge requests by project and iid; of two bodies of one the later line counts."""
    found: dict[int, dict[int, Change]] = defaultdict(dict)
    for line in lines(folder, "merge_requests.jsonl"):
        entry = line.load()
        body = line.mapping(entry, "merge_request")
        project = line.whole(body, "project_id")
        if project not in projects:
            raise line.wrong(f"a merge request of project {project}, which is not recorded")
        line.string(body, "state")
        line.time(body, "created_at")
        notes = [row(note, line.whole(note, "id")) for note in _bodies(line, entry, "notes")]
        found[project][line.whole(body, "iid")] = Change(
            row(body, line.whole(body, "id")),
            [dump(commit) for commit in _bodies(line, entry, "commits")],
            notes,
            dump(line.mapping(entry, "approvals")) if "approvals" in entry else None,
        )
    return found


def _bodies(line: Line, entry: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    bodies = entry.get(key, [])
    if not isinstance(bodies, list) or not all(isinstance(body, dict) for body in bodies):
        raise line.wrong(f"`{key}` is no list of JSON objects")
    return bodies


def in_times(rows: Iterable[Row], query: Query, *names: str) -> list[Row]:
    """The rows whose times, such as `updated` (then `updated_at`), lie from `updated_after` to `updated_before`."""
    kept = list(rows)
    for name in names:
        after, before = query.time(f"{name}_after"), query.time(f"{name}_before")
        if after is not None:
            kept = [one for one in kept if (time := one.time(f"{name}_at")) is not None and time >= after]
        if before is not None:
            kept = [one for one in kept if (time := one.time(f"{name}_at")) is not None and time <= before]
    return kept


def in_order(rows: Iterable[Row], by: str, *, rising: bool) -> list[Row]:
    """The rows by a fact or by `id`; those that are equal in it by their id."""
    return sorted(rows, key=lambda one: (_key(one, by), one.id), reverse=not rising)


def _key(one: Row, by: str) -> tuple[bool, Any]:
    """Something to sort by; what is not known comes last of what rises."""
    if by == "id":
        return False, one.id
    value = one.facts.get(by)
    return (True, 0) if value is None else (False, value)


def _is_time(name: str) -> bool:
    return name.endswith(("_at", "_date"))
