"""A recording: a folder of raw bodies of GitHub's API, opened for serving.

Files, each plain or gzip, all but the first two optional:

- `runs.jsonl`: `{"run": body, "archive_dir"?: text}`, one line an attempt that was recorded (at least the newest)
- `jobs.jsonl`: `{"jobs": [bodies of all attempts of one run], "run_id"?: number, "archive_dir"?: text}`; of a list that is
  empty, these two tell the run
- `repositories.jsonl`: `{"repository": body}`
- `logs.jsonl`, `annotations.jsonl`, `artifacts.jsonl`: see `attachments`; `commits.jsonl`: see `commits`; `pulls.jsonl`,
  `deployments.jsonl`, `releases.jsonl`, `tags.jsonl`: see `deliveries`
- `recording.json`: `{"origin": "simulated", "host": text, "as_of": time}`

Bodies are served with the bytes they were recorded with, so their URLs keep the host they were recorded from.
"""

from collections import defaultdict
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
from pipelinedoctor.simulate.recorded import RecordedRepository, RecordedRun, recorded_repositories, text_of

_IDS_TOLD = 20


@dataclass(frozen=True, slots=True)
class Recording:
    """What is in a recording folder. `repositories` are by full name; `attempts` by run and attempt.

    With `until`, `later` are the runs that were made after it and are left out.
    """

    folder: Path
    host: str
    origin: str
    as_of: datetime
    repositories: Mapping[str, RecordedRepository]
    attempts: Mapping[int, Mapping[int, RecordedRun]]
    job_lists: Mapping[int, JobList]
    orphans: Sequence[JobList]
    until: datetime | None
    later: frozenset[int]

    @classmethod
    def open(cls, folder: Path, until: datetime | None = None) -> "Recording":
        """Read runs, jobs and repositories; raises `UsageError` that names file and line where they are odd.

        What was made after `until` is left out; what was made before it is there as it was recorded, in its last state.
        """
        about = read_about(folder)
        everything = _attempts(folder)
        attempts = {
            run_id: kept for run_id, kept in everything.items() if until is None or _newest(kept).created_at <= until
        }
        newest = sorted((_newest(kept) for kept in attempts.values()), key=lambda run: (run.created_at, run.run_id))
        archives = {run.archive_dir: run.run_id for run in newest if run.archive_dir is not None}
        found = read_job_lists(folder, archives)
        repositories = recorded_repositories(newest, _repository_bodies(folder))
        return cls(
            folder=folder,
            host=about.get("host") or next((run.host for run in reversed(newest) if run.host), "github.com"),
            origin="simulated" if about.get("origin") == "simulated" else "recording",
            as_of=until or instant(about.get("as_of")) or max(max(run.created_at, run.updated_at) for run in newest),
            repositories={repository.full_name: repository for repository in repositories},
            attempts=attempts,
            job_lists={listed.run_id: listed for listed in found if listed.run_id in attempts},
            orphans=[listed for listed in found if listed.run_id not in everything],
            until=until,
            later=frozenset(everything.keys() - attempts.keys()),
        )

    def shows(self, time: datetime) -> bool:
        """Whether something made at `time` is there yet."""
        return self.until is None or time <= self.until

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
        archive_dir=text_of(rest, "archive_dir"),
        host=_host(text_of(run, "html_url")),
        branch=text_of(run, "head_branch"),
        event=text_of(run, "event"),
        status=text_of(run, "status"),
        conclusion=text_of(run, "conclusion"),
        head_sha=text_of(run, "head_sha"),
        actor=text_of(actor, "login") if isinstance(actor, dict) else None,
        node=text_of(run, "node_id"),
        suite_node=text_of(run, "check_suite_node_id"),
        body=body,
    )


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


def _count(found: Sequence[object], one: str, many: str) -> str:
    return f"{len(found)} {one if len(found) == 1 else many}"


def _told(ids: Iterable[int]) -> str:
    known = sorted(ids)
    more = f" and {len(known) - _IDS_TOLD} more" if len(known) > _IDS_TOLD else ""
    return ", ".join(map(str, known[:_IDS_TOLD])) + more
