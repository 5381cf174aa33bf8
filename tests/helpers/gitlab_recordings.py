"""Small recordings of a GitLab from a compact description, in today's full shape of its bodies.

    write_gitlab(folder, [pipeline(1, jobs=[job("build", "failed", trace="boom"), job("build")])])

Jobs of one name in a pipeline are retries: the last counts.
Import it as `from tests.helpers.gitlab_recordings import job, pipeline, write_gitlab`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelinedoctor.simulate.gitlab import bodies
from pipelinedoctor.simulate.gitlab.bodies import Body, Site

HOST = "gitlab.com"
QUEUE = timedelta(seconds=5)
RETRY = timedelta(minutes=10)
UNSTARTED = frozenset({"created", "pending", "skipped", "manual"})


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a pipeline; `body` overrides keys of its API body, where a value of `...` takes the key out."""

    name: str
    status: str
    id: int | None
    minutes: float
    trace: str | None
    files: Mapping[str, str] | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline of a project with its jobs, retried ones included, in the order in which they began; `body` as a job's.

    `children` are its child pipelines: a bridge `child-<id>` starts each.
    """

    id: int
    jobs: Sequence[Job]
    created: datetime
    project: str
    ref: str
    source: str
    sha: str
    report: Mapping[str, Sequence[Body]] | None
    children: Sequence["Pipeline"]
    body: Mapping[str, Any] = field(default_factory=dict)


def job(
    name: str = "build",
    status: str = "success",
    *,
    id: int | None = None,  # noqa: A002  the API's own word
    minutes: float = 2,
    trace: str | None = None,
    files: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Job:
    """A job. Without an `id` it gets `pipeline id * 1000 + position`. `files` are those of its archive of artifacts.

    A job starts 5 s after its pipeline was made, and 10 minutes later for each of its name before it.
    """
    return Job(name, status, id, minutes, trace, files, body or {})


def pipeline(
    id: int = 1,  # noqa: A002  the API's own word
    *,
    jobs: Iterable[Job] = (),
    created: str | datetime = "2026-01-05T12:00:00Z",
    project: str = "acme/shop",
    ref: str = "main",
    source: str = "push",
    sha: str | None = None,
    report: Mapping[str, Sequence[Body]] | None = None,
    children: Iterable[Pipeline] = (),
    body: Mapping[str, Any] | None = None,
) -> Pipeline:
    """A pipeline. Without a `sha` it has one of its own. It failed where the last job of a name did; `report`: see `case`."""
    time = datetime.fromisoformat(created) if isinstance(created, str) else created
    return Pipeline(
        id, tuple(jobs), time, project, ref, source, sha or f"{id:040x}", report, tuple(children), body or {}
    )


def case(name: str, status: str = "success", *, classname: str = "tests.unit", output: str | None = None) -> Body:
    """A test of a suite of a pipeline's `report`."""
    return bodies.case_body(classname, name, 0.5, {"status": status, "system_output": output})


def change(
    iid: int = 1,
    *,
    project: str = "acme/shop",
    state: str = "merged",
    created: str = "2026-01-04T09:00:00Z",
    merged: str | None = "2026-01-05T11:59:00Z",
    commits: Sequence[str] = (),
    notes: Sequence[Mapping[str, Any]] = (),
    body: Mapping[str, Any] | None = None,
) -> Body:
    """A line of `merge_requests.jsonl`; `commits` are their ids, `notes` at least their `body` and `created_at`."""
    site, author = site_of(project), bodies.user_body(HOST, "Ada")
    facts = {
        "id": site.id * 1000 + iid, "iid": iid, "title": f"Change {iid}", "state": state, "author": author,
        "created_at": zulu(created), "updated_at": zulu(merged or created), "source_branch": f"topic-{iid}",
        "sha": commits[0] if commits else f"{iid:040x}", "user_notes_count": len(notes),
    }  # fmt: skip
    if merged is not None:
        facts |= {"merged_at": zulu(merged), "merge_user": author, "merge_commit_sha": f"{iid + 0xFF00:040x}"}
    whole = _overridden(bodies.change_body(site, facts), body or {})
    said = [
        bodies.note_body(whole, {"id": iid * 100 + place, "author": bodies.user_body(HOST, "Bob"), **note})
        for place, note in enumerate(notes)
    ]
    return {
        "merge_request": whole,
        "commits": [_commit(site, sha, whole["created_at"]) for sha in commits],
        "notes": said,
        "approvals": bodies.approvals_body(whole, [bodies.user_body(HOST, "Bob")] if merged else []),
    }


def deployment(
    number: int = 1,
    status: str = "success",
    *,
    project: str = "acme/shop",
    environment: str = "production",
    created: str = "2026-01-05T12:30:00Z",
    updated: str = "2026-01-05T12:40:00Z",
    sha: str = "a" * 40,
    changes: Sequence[int] = (),
) -> Body:
    """A line of `deployments.jsonl`; `changes` are the merge requests it ships, by their iid."""
    site = site_of(project)
    facts = {
        "id": site.id * 1000 + number, "iid": number, "ref": "main", "sha": sha, "created_at": zulu(created),
        "updated_at": zulu(updated), "status": status, "user": bodies.user_body(HOST, "Ada"),
    }  # fmt: skip
    place = bodies.environment_body(site, len(environment), environment)
    body = bodies.deployment_body(place, None, facts)
    return {"project_id": site.id, "deployment": body, "merge_requests": list(changes)}


def site_of(project: str) -> Site:
    """The site of a project: its id follows from its path."""
    return Site(HOST, sum(project.encode()), project)


def write_gitlab(
    folder: Path,
    pipelines: Iterable[Pipeline] = (),
    *,
    changes: Iterable[Body] = (),
    deployments: Iterable[Body] = (),
    tags: Mapping[str, str] | None = None,
    commits: Sequence[str] = (),
    projects: Mapping[str, Mapping[str, Any]] | None = None,
    about: Mapping[str, str] | None = None,
) -> Path:
    """Write a recording folder and return it.

    `projects` are bodies' keys by path, for projects beside those of the pipelines too; `former_paths` may be one of the keys.
    `commits` (newest first, each the parent of the one before) and `tags` (of commits; each is a release) are of `acme/shop`.
    """
    top = list(pipelines)
    kept = [*top, *(child for one in top for child in one.children)]
    paths = sorted({one.project for one in kept} | set(projects or {}))
    site = site_of("acme/shop")
    times = [zulu(f"2026-01-0{9 - place}T10:00:00Z") for place in range(len(commits))]
    line = [
        _commit(site, sha, at, [*commits[place + 1 : place + 2]])
        for place, (sha, at) in enumerate(zip(commits, times, strict=True))
    ]
    known = {one["id"]: one for one in line}
    shipped = list(deployments)
    files: dict[str, Iterable[Body]] = {
        "projects": [_project(path, (projects or {}).get(path, {})) for path in paths],
        "pipelines": [{"pipeline": pipeline_body(one)} for one in kept],
        "jobs": [{"jobs": job_bodies(one), "bridges": _bridges(one)} for one in kept],
        "traces": [
            {"job_id": _job_id(one, place), "trace": each.trace}
            for one in kept
            for place, each in enumerate(one.jobs)
            if each.trace is not None
        ],
        "artifacts": [
            {"job_id": _job_id(one, place), "files": dict(each.files)}
            for one in kept
            for place, each in enumerate(one.jobs)
            if each.files is not None
        ],
        "test_reports": [
            {"pipeline_id": one.id, "test_report": bodies.report_body(one.report)} for one in kept if one.report
        ],
        "merge_requests": changes,
        "deployments": shipped,
        "environments": _environments(shipped),
        "commits": [{"project_id": site.id, "commit": one} for one in line],
        "tags": [
            {"project_id": site.id, "tag": bodies.tag_body(name, known[sha])} for name, sha in (tags or {}).items()
        ],
        "releases": [
            {
                "project_id": site.id,
                "release": bodies.release_body(site, name, known[sha], bodies.user_body(HOST, "Ada")),
            }
            for name, sha in (tags or {}).items()
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in files.items():
        text = "".join(json.dumps(one) + "\n" for one in found)
        if text:
            (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (folder / "recording.json").write_text(json.dumps({"forge": "gitlab", **(about or {})}), encoding="utf-8")
    return folder


def pipeline_body(one: Pipeline) -> Body:
    """The body of a pipeline."""
    last = {each.name: each.status for each in one.jobs}
    states = set(last.values())
    status = next((each for each in ("running", "failed", "canceled") if each in states), "success")
    ended = max((_times(one, place)[1] for place in range(len(one.jobs))), default=one.created)
    facts = {
        "id": one.id, "iid": one.id, "sha": one.sha, "ref": one.ref, "status": status, "source": one.source,
        "created_at": zulu(one.created), "updated_at": zulu(ended), "started_at": zulu(one.created + QUEUE),
        "finished_at": None if status == "running" else zulu(ended), "user": bodies.user_body(HOST, "Ada"),
        "duration": None if status == "running" else int((ended - one.created - QUEUE).total_seconds()),
        "queued_duration": int(QUEUE.total_seconds()),
    }  # fmt: skip
    return _overridden(bodies.pipeline_body(site_of(one.project), facts), one.body)


def job_bodies(one: Pipeline) -> list[Body]:
    """The bodies of a pipeline's jobs, retried ones included."""
    site, whole = site_of(one.project), pipeline_body(one)
    commit = _commit(site, one.sha, whole["created_at"])
    found = []
    for place, each in enumerate(one.jobs):
        started, ended = _times(one, place)
        facts: dict[str, Any] = {
            "id": _job_id(one, place),
            "name": each.name,
            "status": each.status,
            "created_at": zulu(started - QUEUE),
        }
        if each.status not in UNSTARTED:
            over = each.status != "running"
            facts |= {
                "started_at": zulu(started),
                "finished_at": zulu(ended) if over else None,
                "duration": each.minutes * 60 if over else None,
                "queued_duration": QUEUE.total_seconds(),
                "runner": bodies.runner_body(7),
                **bodies.artifact_bodies(
                    None if each.trace is None else len(each.trace), None if each.files is None else 100, None
                ),
            }
        found.append(_overridden(bodies.job_body(site, whole, commit, facts), each.body))
    return found


def zulu(time: str | datetime) -> str:
    """A time as GitLab writes it."""
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _project(path: str, facts: Mapping[str, Any]) -> Body:
    rest = {name: value for name, value in facts.items() if name != "former_paths"}
    return {"project": bodies.project_body(site_of(path), rest), "former_paths": facts.get("former_paths", [])}


def _bridges(one: Pipeline) -> list[Body]:
    site, whole = site_of(one.project), pipeline_body(one)
    commit = _commit(site, one.sha, whole["created_at"])
    return [
        bodies.bridge_body(
            site,
            whole,
            commit,
            {
                "id": one.id * 1000 + 900 + place,
                "name": f"child-{child.id}",
                "status": "success",
                "downstream_pipeline": pipeline_body(child),
            },
        )
        for place, child in enumerate(one.children)
    ]


def _environments(deployments: Iterable[Body]) -> list[Body]:
    found = {(one["project_id"], one["deployment"]["environment"]["name"]): one for one in deployments}
    return [
        {
            "project_id": project,
            "environment": bodies.environment_body(
                Site(HOST, project, "acme/shop"), one["deployment"]["environment"]["id"], name
            ),
        }
        for (project, name), one in found.items()
    ]


def _commit(site: Site, sha: str, at: str, parents: Sequence[str] = ()) -> Body:
    facts = {
        "message": f"Change {sha[:4]}\n\nIn detail.",
        "author_name": "Ada",
        "committed_date": at,
        "parent_ids": list(parents),
    }
    return bodies.commit_body(site, sha, facts)


def _job_id(one: Pipeline, place: int) -> int:
    return one.jobs[place].id or one.id * 1000 + place


def _times(one: Pipeline, place: int) -> tuple[datetime, datetime]:
    each = one.jobs[place]
    before = sum(other.name == each.name for other in one.jobs[:place])
    started = one.created + QUEUE + before * RETRY
    return started, started + timedelta(minutes=each.minutes)


def _overridden(body: Body, over: Mapping[str, Any]) -> Body:
    return {key: value for key, value in {**body, **over}.items() if value is not ...}
