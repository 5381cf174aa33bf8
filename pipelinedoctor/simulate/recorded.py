"""Runs and repositories as a recording holds them."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelinedoctor.errors import UsageError


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One recorded body of a run, and what requests select it by; `node` and `suite_node` are its and its check suite's."""

    run_id: int
    repository_id: int
    full_name: str
    attempt: int
    created_at: datetime
    updated_at: datetime
    archive_dir: str | None
    host: str | None
    branch: str | None
    event: str | None
    status: str | None
    conclusion: str | None
    head_sha: str | None
    actor: str | None
    node: str | None
    suite_node: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class RecordedRepository:
    """A repository by its newest name; `aliases` are the names it had before, `runs` are newest first."""

    repository_id: int
    full_name: str
    default_branch: str
    aliases: tuple[str, ...]
    body: bytes
    runs: tuple[RecordedRun, ...]


def recorded_repositories(
    runs: Sequence[RecordedRun], bodies: Mapping[int, tuple[dict[str, Any], bytes]]
) -> list[RecordedRepository]:
    """The repositories of `runs` (oldest first), by name."""
    by_id: dict[int, list[RecordedRun]] = defaultdict(list)
    for run in runs:
        by_id[run.repository_id].append(run)
    found = [_repository(theirs, bodies.get(identity)) for identity, theirs in by_id.items()]
    found += [_bare(*recorded) for identity, recorded in bodies.items() if identity not in by_id]
    names = Counter(repository.full_name.lower() for repository in found)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise UsageError(f"two repositories of different ids are both named {twice[0]}")
    return sorted(found, key=lambda repository: repository.full_name)


def _repository(runs: Sequence[RecordedRun], recorded: tuple[dict[str, Any], bytes] | None) -> RecordedRepository:
    body, raw = recorded or (json.loads(runs[-1].body)["repository"], b"")
    branch = text_of(body, "default_branch") or _usual_branch(runs)
    if text_of(body, "default_branch") is None:
        # What runs embed is the short form of a repository, which does not tell its default branch.
        raw = json.dumps({**body, "default_branch": branch}, separators=(",", ":")).encode()
    name = str(body["full_name"])
    former = {run.full_name: None for run in runs if run.full_name != name}
    return RecordedRepository(runs[-1].repository_id, name, branch, tuple(former), raw, tuple(reversed(runs)))


def _bare(body: Mapping[str, Any], raw: bytes) -> RecordedRepository:
    """A repository without runs."""
    return RecordedRepository(body["id"], body["full_name"], text_of(body, "default_branch") or "main", (), raw, ())


def _usual_branch(runs: Sequence[RecordedRun]) -> str:
    pushed = Counter(run.branch for run in runs if run.event == "push" and run.branch)
    some = pushed or Counter(run.branch for run in runs if run.branch)
    return min(some, key=lambda branch: (-some[branch], branch), default="main")


def text_of(body: Mapping[str, Any], key: str) -> str | None:
    """The text under `key`, if there is one."""
    value = body.get(key)
    return value if isinstance(value, str) else None
