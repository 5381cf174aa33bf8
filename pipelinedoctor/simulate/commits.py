"""Commits and tags of a recording, as GitHub lists them.

Two shapes are read:

- `commits.jsonl`: `{"repository": full name, "commit": body}`; all of them are on the default branch
- an archive of one repository: `git_commits.csv` (`sha, authored_at, committed_at, subject`: the default branch),
  `git_graph.csv` (`sha, parents, committed_at, authored_at`: these and others) and `git_tags.csv` (`tag, commit, created_at`)
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelinedoctor.errors import UsageError
from pipelinedoctor.simulate.lines import Line, find, lines, table
from pipelinedoctor.simulate.recorded import RecordedRepository
from pipelinedoctor.simulate.recording import Recording

_CSV = ("git_commits.csv", "git_graph.csv", "git_tags.csv")


@dataclass(frozen=True, slots=True)
class RecordedCommit:
    """A commit and its body."""

    sha: str
    parents: tuple[str, ...]
    committed_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Commits:
    """The commits of one repository by sha; `default` is its default branch, newest first; `tags` name commits."""

    known: Mapping[str, RecordedCommit]
    default: Sequence[RecordedCommit]
    tags: Mapping[str, str]

    def until(self, moment: datetime) -> "Commits":
        """Those committed up to a moment, and the tags that do not name a later one."""
        later = {sha for sha, commit in self.known.items() if commit.committed_at > moment}
        return Commits(
            {sha: commit for sha, commit in self.known.items() if sha not in later},
            [commit for commit in self.default if commit.sha not in later],
            {name: sha for name, sha in self.tags.items() if sha not in later},
        )

    def behind(self, start: str) -> list[RecordedCommit] | None:
        """The commits that a sha or a tag leads to, newest first; `None` where it leads nowhere."""
        first = self.tags.get(start, start)
        if first not in self.known:
            return None
        seen, ahead = {first}, [first]
        while ahead:
            parents = {sha for sha in self.known[ahead.pop()].parents if sha in self.known}
            ahead += sorted(parents - seen)
            seen |= parents
        return newest_first([self.known[sha] for sha in seen])


def newest_first(commits: Sequence[RecordedCommit]) -> list[RecordedCommit]:
    """By the committer's time; commits of one second by sha."""
    return sorted(commits, key=lambda commit: (-commit.committed_at.timestamp(), commit.sha))


def read_commits(recording: Recording) -> dict[str, Commits]:
    """The commits of each repository that has some, by full name; raises `UsageError` where a file is odd."""
    found: dict[str, dict[str, RecordedCommit]] = defaultdict(dict)
    for line in lines(recording.folder, "commits.jsonl"):
        rest, parts = line.cut("commit")
        repository = recording.named(line.string(rest, "repository"))
        if repository is None or len(parts) != 1:
            raise line.wrong(
                "no `commit`" if repository else f"a commit of {rest['repository']}, which is not recorded"
            )
        commit = recorded_commit(line, *parts[0])
        found[repository.full_name][commit.sha] = commit
    commits = {name: Commits(known, newest_first(list(known.values())), {}) for name, known in found.items()}
    if any(find(recording.folder, name) for name in _CSV):
        repository = _only(recording)
        commits[repository.full_name] = _archived(recording.folder, repository, found[repository.full_name])
    return commits


def _only(recording: Recording) -> RecordedRepository:
    if len(recording.repositories) > 1:
        raise UsageError(f"{recording.folder}: {_CSV[0]} does not tell which of the recorded repositories it is of")
    return next(iter(recording.repositories.values()))


def recorded_commit(line: Line, body: Mapping[str, Any], raw: bytes) -> RecordedCommit:
    """A commit by its body; raises `UsageError` where that is odd."""
    parents = body.get("parents", [])
    if not isinstance(parents, list) or not all(isinstance(parent, dict) for parent in parents):
        raise line.wrong("`parents` is no list of objects")
    return RecordedCommit(
        sha=line.string(body, "sha"),
        parents=tuple(line.string(parent, "sha") for parent in parents),
        committed_at=line.time(line.mapping(line.mapping(body, "commit"), "committer"), "date"),
        body=raw,
    )


def _archived(folder: Path, repository: RecordedRepository, known: Mapping[str, RecordedCommit]) -> Commits:
    graph = dict(_graph(folder))
    subjects = {}
    for line, row in table(folder, "git_commits.csv", ("sha", "authored_at", "committed_at", "subject")):
        subjects[row["sha"]] = row["subject"]
        if row["sha"] not in graph:
            graph[row["sha"]] = (line, {**row, "parents": ""})
    commits = {sha: _built(repository, line, row, subjects.get(sha, "")) for sha, (line, row) in graph.items()}
    everything = {**commits, **known}
    default = [everything[sha] for sha in {**subjects, **known}]
    tags = {row["tag"]: row["commit"] for _, row in table(folder, "git_tags.csv", ("tag", "commit"))}
    return Commits(everything, newest_first(default), tags)


def _graph(folder: Path) -> Iterator[tuple[str, tuple[Line, dict[str, str]]]]:
    for line, row in table(folder, "git_graph.csv", ("sha", "parents", "committed_at", "authored_at")):
        yield row["sha"], (line, row)


def _built(repository: RecordedRepository, line: Line, row: Mapping[str, str], subject: str) -> RecordedCommit:
    committed, authored = (line.time(row, key) for key in ("committed_at", "authored_at"))
    api = f"https://api.github.com/repos/{repository.full_name}"
    parents = tuple(row["parents"].split())
    body = {
        "sha": row["sha"],
        "url": f"{api}/commits/{row['sha']}",
        "commit": {"author": {"date": _zulu(authored)}, "committer": {"date": _zulu(committed)}, "message": subject},
        "author": None,
        "committer": None,
        "parents": [{"sha": sha, "url": f"{api}/commits/{sha}"} for sha in parents],
    }
    return RecordedCommit(row["sha"], parents, committed, json.dumps(body, separators=(",", ":")).encode())


def _zulu(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
