"""A recording: a folder of raw bodies of GitHub's API, opened for serving.

Files, each plain or gzip, all but the first two optional:

- `runs.jsonl`: `{"run": body, "archive_dir"?: text}`, one line an attempt that was recorded (at least the newest)
- `jobs.jsonl`: `{"jobs": [bodies of all attempts of one run], "run_id"?: number, "archive_dir"?: text}`; of a list that is
  empty, these two tell the run
- `repositories.jsonl`: `{"repository": body}`
- `logs.jsonl`, `artifacts.jsonl`, `commits.jsonl`: see `attachments` and `commits`
- `recording.json`: `{"origin": "simulated", "host": text, "as_of": time}`

Bodies are served with the bytes they were recorded with, so their URLs keep the host they were recorded from.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelinedoctor.errors import UsageError
from pipelinedoctor.model import FetchGap
from pipelinedoctor.simulate.joblists import JobList, read_job_lists
from pipelinedoctor.simulate.lines import Line, instant, lines

_IDS_TOLD = 20


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One recorded body of a run, and what requests select it by."""

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


@dataclass(frozen=True, slots=True)
class Recording:
    """What is in a recording folder. `repositories` are by full name; `attempts` by run and attempt."""

    folder: Path
    host: str
    origin: str
    as_of: datetime
    repositories: Mapping[str, RecordedRepository]
    attempts: Mapping[int, Mapping[int, RecordedRun]]
    job_lists: Mapping[int, JobList]
    orphans: Sequence[JobList]

    @classmethod
    def open(cls, folder: Path) -> "Recording":
        """Read runs, jobs and repositories; raises `UsageError` that names file and line where they are odd."""
        about = read_about(folder)
        attempts = _attempts(folder)
        newest = sorted((_newest(kept) for kept in attempts.values()), key=lambda run: (run.created_at, run.run_id))
        archives = {run.archive_dir: run.run_id for run in newest if run.archive_dir is not None}
        found = read_job_lists(folder, archives)
        repositories = _repositories(newest, _repository_bodies(folder))
        return cls(
            folder=folder,
            host=about.get("host") or newest[-1].host or "github.com",
            origin="simulated" if about.get("origin") == "simulated" else "recording",
            as_of=instant(about.get("as_of")) or max(max(run.created_at, run.updated_at) for run in newest),
            repositories={repository.full_name: repository for repository in repositories},
            attempts=attempts,
            job_lists={listed.run_id: listed for listed in found if listed.run_id in attempts},
            orphans=[listed for listed in found if listed.run_id not in attempts],
        )

    def run(self, run_id: int) -> RecordedRun | None:
        """The newest recorded body of a run."""
        kept = self.attempts.get(run_id)
        return _newest(kept) if kept else None

    def archives(self) -> dict[str, RecordedRun]:
        """The runs by the directory they were archived in."""
        newest = (_newest(kept) for kept in self.attempts.values())
        return {run.archive_dir: run for run in newest if run.archive_dir is not None}

    def named(self, full_name: str) -> RecordedRepository | None:
        """The repository of this name, present or former, in any case of letters, as GitHub looks it up."""
        asked = full_name.lower()
        present = (r for r in self.repositories.values() if r.full_name.lower() == asked)
        former = (r for r in self.repositories.values() if asked in (name.lower() for name in r.aliases))
        return next(present, None) or next(former, None)

    def gaps(self) -> list[FetchGap]:
        """What the recording itself lacks and no request will show: a row a repository and kind of lack."""
        orphans: dict[str, list[JobList]] = defaultdict(list)
        for listed in self.orphans:
            repository = self.named(listed.full_name)
            orphans[repository.full_name if repository else listed.full_name].append(listed)
        without = {
            name: ids
            for name, repository in self.repositories.items()
            if (ids := [run.run_id for run in repository.runs if self._lacks_jobs(run)])
        }
        return [
            *(
                self._gap(
                    name,
                    _count(found, "job list without a run", "job lists without a run"),
                    f"the bodies of these runs were not recorded: {_told(listed.run_id for listed in found)}",
                    sum(len(listed.jobs) for listed in found),
                )
                for name, found in sorted(orphans.items())
            ),
            *(
                self._gap(
                    name,
                    _count(ids, "run without a job list", "runs without a job list"),
                    f"the jobs of these runs were not recorded: {_told(ids)}",
                    None,
                )
                for name, ids in sorted(without.items())
            ),
        ]

    def _lacks_jobs(self, run: RecordedRun) -> bool:
        """Whether the jobs of a run were not recorded. A run that could not start has none."""
        return run.run_id not in self.job_lists and run.conclusion != "startup_failure"

    def _gap(self, repository: str, subject: str, reason: str, rows_missing: int | None) -> FetchGap:
        return FetchGap(
            host=self.host,
            repository=repository,
            kind="jobs",
            subject=subject,
            reason=reason,
            rows_missing=rows_missing,
        )


def read_about(folder: Path) -> dict[str, Any]:
    """What `recording.json` says, checked; empty where there is no such file."""
    path = folder / "recording.json"
    if not path.is_file():
        return {}
    line = Line(path, 0, path.read_text(encoding="utf-8", errors="replace"))
    about = line.load()
    for key in set(about) & {"forge", "host", "origin", "as_of"}:
        line.string(about, key)
    if "as_of" in about:
        line.time(about, "as_of")
    if not about.get("host", "").isprintable():
        raise line.wrong("`host` is no name of a host")
    return about


def _attempts(folder: Path) -> dict[int, dict[int, RecordedRun]]:
    attempts: dict[int, dict[int, RecordedRun]] = defaultdict(dict)
    for line in lines(folder, "runs.jsonl"):
        run = _run(line)
        kept = attempts[run.run_id].get(run.attempt)
        if kept is None or kept.updated_at <= run.updated_at:
            attempts[run.run_id][run.attempt] = run
    if not attempts:
        raise UsageError(f"{folder}: no recording: no runs in runs.jsonl or runs.jsonl.gz")
    return dict(attempts)


def _run(line: Line) -> RecordedRun:
    rest, parts = line.cut("run")
    if len(parts) != 1:
        raise line.wrong("no `run`")
    run, body = parts[0]
    repository = line.mapping(run, "repository")
    created = line.time(run, "created_at")
    actor = run.get("actor")
    return RecordedRun(
        run_id=line.whole(run, "id"),
        repository_id=line.whole(repository, "id"),
        full_name=line.repository(repository),
        attempt=line.whole(run, "run_attempt") if run.get("run_attempt") is not None else 1,
        created_at=created,
        updated_at=instant(run.get("updated_at")) or created,
        archive_dir=_text(rest, "archive_dir"),
        host=_host(_text(run, "html_url")),
        branch=_text(run, "head_branch"),
        event=_text(run, "event"),
        status=_text(run, "status"),
        conclusion=_text(run, "conclusion"),
        head_sha=_text(run, "head_sha"),
        actor=_text(actor, "login") if isinstance(actor, dict) else None,
        body=body,
    )


def _text(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) else None


def _host(url: str | None) -> str | None:
    try:
        return urlsplit(url or "").hostname
    except ValueError:
        return None


def _newest(kept: Mapping[int, RecordedRun]) -> RecordedRun:
    return kept[max(kept)]


def _repository_bodies(folder: Path) -> dict[int, tuple[dict[str, Any], bytes]]:
    bodies = {}
    for line in lines(folder, "repositories.jsonl"):
        _, parts = line.cut("repository")
        if len(parts) != 1:
            raise line.wrong("no `repository`")
        line.repository(parts[0][0])
        bodies[line.whole(parts[0][0], "id")] = parts[0]
    return bodies


def _repositories(
    runs: Sequence[RecordedRun], bodies: Mapping[int, tuple[dict[str, Any], bytes]]
) -> list[RecordedRepository]:
    """The repositories of `runs` (oldest first), by name."""
    by_id: dict[int, list[RecordedRun]] = defaultdict(list)
    for run in runs:
        by_id[run.repository_id].append(run)
    found = [_repository(theirs, bodies.get(identity)) for identity, theirs in by_id.items()]
    names = Counter(repository.full_name.lower() for repository in found)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise UsageError(f"two repositories of different ids are both named {twice[0]}")
    return sorted(found, key=lambda repository: repository.full_name)


def _repository(runs: Sequence[RecordedRun], recorded: tuple[dict[str, Any], bytes] | None) -> RecordedRepository:
    body, raw = recorded or (json.loads(runs[-1].body)["repository"], b"")
    branch = _text(body, "default_branch") or _usual_branch(runs)
    if _text(body, "default_branch") is None:
        # What runs embed is the short form of a repository, which does not tell its default branch.
        raw = json.dumps({**body, "default_branch": branch}, separators=(",", ":")).encode()
    name = str(body["full_name"])
    former = {run.full_name: None for run in runs if run.full_name != name}
    return RecordedRepository(runs[-1].repository_id, name, branch, tuple(former), raw, tuple(reversed(runs)))


def _usual_branch(runs: Sequence[RecordedRun]) -> str:
    pushed = Counter(run.branch for run in runs if run.event == "push" and run.branch)
    some = pushed or Counter(run.branch for run in runs if run.branch)
    return min(some, key=lambda branch: (-some[branch], branch), default="main")


def _count(found: Sequence[object], one: str, many: str) -> str:
    return f"{len(found)} {one if len(found) == 1 else many}"


def _told(ids: Iterable[int]) -> str:
    known = sorted(ids)
    more = f" and {len(known) - _IDS_TOLD} more" if len(known) > _IDS_TOLD else ""
    return ", ".join(map(str, known[:_IDS_TOLD])) + more
