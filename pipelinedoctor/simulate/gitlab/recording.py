"""A recording of a GitLab: a folder of bodies of its REST API, opened for serving.

Files, each plain or gzip; all but the first two are optional. `docs/recordings.md` has them with an example each.

- `recording.json`: `{"forge": "gitlab", "origin": "simulated", "host": text, "as_of": time}`, all but the first optional
- `projects.jsonl`: `{"project": body, "former_paths"?: [path]}`
- `pipelines.jsonl`: `{"pipeline": body}`, a pipeline as it is answered alone; lists show a part of it
- `jobs.jsonl`: see `jobs`
- `traces.jsonl`, `artifacts.jsonl`, `test_reports.jsonl`: see `attachments`
- `merge_requests.jsonl`, `deployments.jsonl`, `environments.jsonl`, `releases.jsonl`, `tags.jsonl`, `commits.jsonl`: see `rows`
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelinedoctor.errors import UsageError
from pipelinedoctor.simulate.gitlab.asked import dump
from pipelinedoctor.simulate.gitlab.attachments import Attachments
from pipelinedoctor.simulate.gitlab.jobs import Jobs, read_jobs
from pipelinedoctor.simulate.gitlab.rows import Change, Row, read_changes, read_rows, row
from pipelinedoctor.simulate.lines import Line, instant, lines
from pipelinedoctor.simulate.recording import read_about

_LISTED = (
    "id", "iid", "project_id", "sha", "ref", "status", "source", "created_at", "updated_at", "web_url", "name",
)  # fmt: skip
"""What a list shows of a pipeline."""
_OTHERS = ("deployments", "environments", "releases", "tags", "commits")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline: what lists select it by, its body in lists, and its body alone."""

    row: Row
    listed: bytes


@dataclass(frozen=True, slots=True)
class Project:
    """A project by its present path, with all that was recorded of it; changes are its merge requests by their iid."""

    project_id: int
    path: str
    former_paths: tuple[str, ...]
    body: Mapping[str, Any]
    pipelines: Mapping[int, Pipeline]
    jobs: Jobs
    changes: Mapping[int, Change]
    rows: Mapping[str, Sequence[Row]]

    @property
    def namespace(self) -> str:
        """The path of the group it is in."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class GitLabRecording:
    """What is in a recording folder; `projects` are by id."""

    host: str
    origin: str
    as_of: datetime
    projects: Mapping[int, Project]
    attachments: Attachments

    @classmethod
    def open(cls, folder: Path, until: datetime | None = None) -> "GitLabRecording":
        """Read it; raises `UsageError` that names file and line where something is odd.

        What was made after `until` is left out; what was made before it is there as it was recorded, in its last state.
        """
        about = read_about(folder)
        if about.get("forge") != "gitlab":
            raise UsageError(f"{folder}: no recording of a GitLab: its recording.json does not say `forge: gitlab`")
        heads = dict(_heads(folder))
        if not heads:
            raise UsageError(f"{folder}: no recording: no projects in projects.jsonl or projects.jsonl.gz")
        pipelines = _pipelines(folder, heads)
        jobs = read_jobs(folder, {one: project for project, found in pipelines.items() for one in found})
        changes = read_changes(folder, heads)
        rows = {name: read_rows(folder, name, heads) for name in _OTHERS}
        projects = {
            project: Project(
                project,
                *head,
                pipelines=pipelines.get(project, {}),
                jobs=jobs.get(project) or Jobs.of({}, {}),
                changes=changes.get(project, {}),
                rows={name: found.get(project, ()) for name, found in rows.items()},
            )
            for project, head in heads.items()
        }
        made = frozenset(one for project in projects.values() for one in project.pipelines)
        executed = frozenset(one for project in projects.values() for one in project.jobs.ids)
        attachments = Attachments.of(folder, made, executed)
        as_of = instant(about.get("as_of")) or max(_times(projects))
        if until is not None:
            projects, as_of = {one: _until(project, until) for one, project in projects.items()}, min(as_of, until)
        origin = "simulated" if about.get("origin") == "simulated" else "recording"
        return cls(about.get("host") or _host(projects), origin, as_of, projects, attachments)

    def named(self, path: str) -> Project | None:
        """The project of this path, present or former, in any case of letters."""
        asked = path.lower()
        present = (one for one in self.projects.values() if one.path.lower() == asked)
        former = (one for one in self.projects.values() if asked in (path.lower() for path in one.former_paths))
        return next(present, None) or next(former, None)


_Head = tuple[str, tuple[str, ...], dict[str, Any]]


def _heads(folder: Path) -> Iterator[tuple[int, _Head]]:
    """Of each project its path, its former ones and its body, by its id."""
    ids: set[int] = set()
    paths: set[str] = set()
    for line in lines(folder, "projects.jsonl"):
        entry = line.load()
        body = line.mapping(entry, "project")
        project, path = line.whole(body, "id"), _path(line, body.get("path_with_namespace"))
        if project in ids or path.lower() in paths:
            raise line.wrong(f"a second project {project} or {path}")
        former = entry.get("former_paths", [])
        if not isinstance(former, list):
            raise line.wrong("`former_paths` is no list")
        line.time(body, "created_at")
        ids.add(project)
        paths.add(path.lower())
        yield project, (path, tuple(_path(line, one) for one in former), body)


def _path(line: Line, path: object) -> str:
    if not isinstance(path, str) or not path.isprintable() or len(path.split("/")) < 2 or not all(path.split("/")):
        raise line.wrong("a path of a project is group/name")
    return path


def _pipelines(folder: Path, heads: Mapping[int, _Head]) -> dict[int, dict[int, Pipeline]]:
    """The pipelines of each project; of two bodies of one the later line counts."""
    found: dict[int, dict[int, Pipeline]] = defaultdict(dict)
    for line in lines(folder, "pipelines.jsonl"):
        body = line.mapping(line.load(), "pipeline")
        project = line.whole(body, "project_id")
        if project not in heads:
            raise line.wrong(f"a pipeline of project {project}, which is not recorded")
        for name in ("sha", "ref", "status", "source"):
            line.string(body, name)
        line.time(body, "created_at")
        one = row(body, line.whole(body, "id"))
        found[project][one.id] = Pipeline(one, dump({name: body[name] for name in _LISTED if name in body}))
    return found


def _until(project: Project, until: datetime) -> Project:
    """A project with what was made of it up to a moment."""

    def made(one: Row) -> bool:
        names = ("created_at", "released_at", "committed_date")
        return all(time is None or time <= until for time in map(one.time, names))

    pipelines = {number: one for number, one in project.pipelines.items() if made(one.row)}
    return replace(
        project,
        pipelines=pipelines,
        jobs=project.jobs.within(pipelines),
        changes={iid: change for iid, change in project.changes.items() if made(change.row)},
        rows={name: [one for one in rows if made(one)] for name, rows in project.rows.items()},
    )


def _times(projects: Mapping[int, Project]) -> Iterator[datetime]:
    """When something happened of which a body tells, and at least when each project was made."""
    for project in projects.values():
        rows = [pipeline.row for pipeline in project.pipelines.values()]
        times = (one.time(name) for one in rows for name in ("created_at", "updated_at"))
        yield from (time for time in (instant(project.body["created_at"]), *times) if time)


def _host(projects: Mapping[int, Project]) -> str:
    for project in projects.values():
        try:
            host = urlsplit(str(project.body.get("web_url"))).hostname
        except ValueError:
            continue
        if host:
            return host
    return "gitlab.com"
