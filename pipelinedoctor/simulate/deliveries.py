"""Pull requests, deployments, releases and tags of a recording: its optional files, a JSON object a line.

- `pulls.jsonl`: `{"repository": full name, "pull": body, "commits": [bodies], "reviews": [bodies]}`
- `deployments.jsonl`: `{"repository": full name, "deployment": body, "statuses": [bodies, newest first]}`
- `releases.jsonl`: `{"repository": full name, "release": body}`
- `tags.jsonl`: `{"repository": full name, "tag": body, "object"?: sha}`; with `object`, the id of its own, a tag is annotated

A body is as the list of its kind shows it; commits and reviews as those of the pull request, statuses as those of the deployment.
"""

import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pipelinedoctor.simulate.commits import RecordedCommit, recorded_commit
from pipelinedoctor.simulate.lines import Line, lines
from pipelinedoctor.simulate.recording import Recording

Body = dict[str, Any]
_FAST = 1


@dataclass(frozen=True, slots=True)
class RecordedPull:
    """A pull request, and what lists select it by; `state` is `OPEN`, `CLOSED` or `MERGED`; `commits` are oldest first."""

    number: int
    created_at: datetime
    updated_at: datetime
    state: str
    base: str
    head: str
    node: str
    commits: tuple[RecordedCommit, ...]
    packed: bytes

    def entry(self) -> Body:
        """Its line: its body under `pull`, its `reviews` oldest first."""
        return json.loads(zlib.decompress(self.packed))  # type: ignore[no-any-return]  # it was an object when it was packed


@dataclass(frozen=True, slots=True)
class RecordedDeployment:
    """A deployment with its statuses, newest first."""

    deployment_id: int
    created_at: datetime
    body: Body
    statuses: tuple[Body, ...]


@dataclass(frozen=True, slots=True)
class RecordedRelease:
    """A release of a tag."""

    tag: str
    created_at: datetime
    body: Body


@dataclass(frozen=True, slots=True)
class RecordedTag:
    """A tag: the commit it leads to, and the id of its own object where it is an annotated one."""

    name: str
    sha: str
    annotation: str | None
    body: Body


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What one repository has, each oldest first; tags by name."""

    pulls: Sequence[RecordedPull] = ()
    deployments: Sequence[RecordedDeployment] = ()
    releases: Sequence[RecordedRelease] = ()
    tags: Mapping[str, RecordedTag] = field(default_factory=dict)


NONE = Deliveries()
_Entry = TypeVar("_Entry")


def read_deliveries(recording: Recording) -> dict[str, Deliveries]:
    """By full name of a repository; raises `UsageError` that names file and line where they are odd."""
    pulls = _read(recording, "pulls", _pull)
    deployments = _read(recording, "deployments", _deployment)
    releases = _read(recording, "releases", _release)
    tags = _read(recording, "tags", _tag)
    shown = recording.shows
    return {
        name: Deliveries(
            sorted((one for one in pulls[name] if shown(one.created_at)), key=lambda one: (one.created_at, one.number)),
            sorted(
                (one for one in deployments[name] if shown(one.created_at)),
                key=lambda one: (one.created_at, one.deployment_id),
            ),
            sorted((one for one in releases[name] if shown(one.created_at)), key=lambda one: (one.created_at, one.tag)),
            {tag.name: tag for tag in tags[name]},
        )
        for name in {*pulls, *deployments, *releases, *tags}
    }


def _read(
    recording: Recording, kind: str, made: Callable[[Line, Mapping[str, Any]], _Entry]
) -> Mapping[str, list[_Entry]]:
    found: dict[str, list[_Entry]] = defaultdict(list)
    for line in lines(recording.folder, f"{kind}.jsonl"):
        entry = line.load()
        repository = recording.named(line.string(entry, "repository"))
        if repository is None:
            raise line.wrong(f"{entry['repository']} is not recorded")
        found[repository.full_name].append(made(line, entry))
    return found


def _pull(line: Line, entry: Mapping[str, Any]) -> RecordedPull:
    body = line.mapping(entry, "pull")
    _bodies(line, entry, "reviews")
    return RecordedPull(
        number=line.whole(body, "number"),
        created_at=line.time(body, "created_at"),
        updated_at=line.time(body, "updated_at"),
        state="MERGED" if body.get("merged_at") else line.string(body, "state").upper(),
        base=line.string(line.mapping(body, "base"), "ref"),
        head=line.string(line.mapping(body, "head"), "ref"),
        node=line.string(body, "node_id"),
        commits=tuple(recorded_commit(line, one, _dump(one)) for one in _bodies(line, entry, "commits")),
        packed=zlib.compress(line.text.encode("utf-8", "replace"), _FAST),
    )


def _deployment(line: Line, entry: Mapping[str, Any]) -> RecordedDeployment:
    body = line.mapping(entry, "deployment")
    statuses = _bodies(line, entry, "statuses")
    return RecordedDeployment(line.whole(body, "id"), line.time(body, "created_at"), body, statuses)


def _release(line: Line, entry: Mapping[str, Any]) -> RecordedRelease:
    body = line.mapping(entry, "release")
    return RecordedRelease(line.string(body, "tag_name"), line.time(body, "created_at"), body)


def _tag(line: Line, entry: Mapping[str, Any]) -> RecordedTag:
    body = line.mapping(entry, "tag")
    sha = line.string(line.mapping(body, "commit"), "sha")
    annotation = line.string(entry, "object") if "object" in entry else None
    return RecordedTag(line.string(body, "name"), sha, annotation, body)


def _bodies(line: Line, entry: Mapping[str, Any], key: str) -> tuple[Body, ...]:
    found = entry.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise line.wrong(f"`{key}` is no list of objects")
    return tuple(found)


def _dump(body: Body) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
