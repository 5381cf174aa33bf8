"""A fleet as a recording: the bodies that a forge would have answered with, and the truth beside them.

For small fleets: each body is put together by itself. What `docs/recordings.md` names is written; annotations, releases and tags a
fleet has not. Chosen here: a log has a few lines that speak of trouble and mean none before the one that explains the failure.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from xml.sax.saxutils import quoteattr

import polars as pl

from pipelinedoctor.simulate import bodies
from pipelinedoctor.simulate.bodies import text
from pipelinedoctor.simulate.causes import Failure
from pipelinedoctor.simulate.changes import Commit, Trigger
from pipelinedoctor.simulate.clock import AS_OF, stamp
from pipelinedoctor.simulate.delivery_bodies import Deployment, Pull, deployment_body, pull_body, status_bodies
from pipelinedoctor.simulate.execution import Attempt, Execution, Run
from pipelinedoctor.simulate.fleet.fleet import Fleet
from pipelinedoctor.simulate.logtext import decoys
from pipelinedoctor.simulate.plan import JobPlan, PipelinePlan, RepositoryPlan

TRUTH = "truth"
"""The folder in a recording that has each frame of `Truth` as `<name>.parquet`."""

_Row = dict[str, Any]


def write_recording(folder: Path, fleet: Fleet) -> None:
    """Write the recording of a fleet, and its truth, into `folder`, which is made if it is not there."""
    (folder / TRUTH).mkdir(parents=True, exist_ok=True)
    told = _Told(fleet)
    files: Mapping[str, Iterator[str]] = {
        "repositories": told.repositories(),
        "commits": told.commits(),
        "runs": (f'{{"run":{bodies.run_body(run)}}}' for run in told.runs.values()),
        "jobs": told.job_lists(),
        "logs": told.logs(),
        "artifacts": told.artifacts(),
        "pulls": told.pulls(),
        "deployments": told.deployments(),
    }
    for name, entries in files.items():
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{entry}\n" for entry in entries)
    about = {"origin": "simulated", "host": fleet.host, "as_of": stamp(AS_OF)}
    (folder / "recording.json").write_text(text(about) + "\n", encoding="utf-8")
    for field in fields(fleet.truth):
        frame: pl.DataFrame = getattr(fleet.truth, field.name)
        frame.write_parquet(folder / TRUTH / f"{field.name}.parquet")


class _Told:
    """The fleet's rows as what the writers of bodies take."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._plans = {
            one.repository.repository_id: RepositoryPlan(
                one.repository.repository_id,
                one.repository.name,
                "python",
                1.0,
                tuple(PipelinePlan(each.path, each.name, (), ()) for each in one.repository.pipelines),
                (),
            )
            for one in fleet.happened
        }
        self._commits = {(row["repository_id"], row["sha"]): _commit(row) for row in _rows(fleet, "commits")}
        self._jobs: dict[int, list[_Row]] = {}
        for row in _rows(fleet, "jobs"):
            self._jobs.setdefault(row["run_id"], []).append(row)
        began = {(row["run_id"], row["attempt"]): _seconds(row["started_at"]) for row in _rows(fleet, "run_attempts")}
        self._main: dict[int, list[Commit]] = {}
        for (repository, _), commit in self._commits.items():
            self._main.setdefault(repository, [])
            if commit.parent is not None:
                self._main[repository].append(commit)
        self.runs = {row["run_id"]: self._run(row, began) for row in _rows(fleet, "runs")}

    def repositories(self) -> Iterator[str]:
        for plan in self._plans.values():
            yield f'{{"repository":{bodies.repository_body(plan)}}}'

    def commits(self) -> Iterator[str]:
        """Those of the default branch, the only ones that the forge lists."""
        for repository, main in self._main.items():
            plan = self._plans[repository]
            for commit in main:
                known = commit if commit.parent else _with_parent(commit, None)
                yield f'{{"repository":"{plan.full_name}","commit":{bodies.commit_body(plan, known)}}}'

    def job_lists(self) -> Iterator[str]:
        for run_id, run in self.runs.items():
            listed = json.loads(bodies.job_bodies(run))
            for body, row in zip(listed, self._jobs[run_id], strict=True):
                body["runner_name"] = row["runner"]
            yield text({"total_count": len(listed), "jobs": listed})

    def logs(self) -> Iterator[str]:
        for row in _rows(self._fleet, "failures"):
            random = Random(f"{row['job_id']}/log")
            run = self.runs[row["run_id"]]
            job = next(job for one in run.attempts for job in one.jobs if job.id == row["job_id"])
            lines = [f"##[group]{row['step']}", "shell: /usr/bin/bash -e {0}", "##[endgroup]", *decoys(random)]
            lines += [row["line"], "##[error]Process completed with exit code 1.", "Post job cleanup."]
            at = stamp(job.completed or AS_OF, "")
            log = "".join(f"{at}.{place:07}Z {line}\n" for place, line in enumerate(lines))
            yield text({"job_id": row["job_id"], "log": log})

    def artifacts(self) -> Iterator[str]:
        names = {row["job_id"]: row["name"] for rows in self._jobs.values() for row in rows}
        for results in self._fleet.results():
            for (run_id, job_id, attempt), cases in results.group_by(
                "run_id", "job_id", "attempt", maintain_order=True
            ):
                entry = {
                    "run_id": run_id,
                    "attempt": attempt,
                    "name": f"report {names[job_id]}",
                    "files": {"junit.xml": _junit(cases)},
                }
                yield text(entry)

    def pulls(self) -> Iterator[str]:
        heads: dict[tuple[int, int], list[Commit]] = {}
        for row in _rows(self._fleet, "change_commits"):
            commit = self._commits[row["repository_id"], row["sha"]]
            heads.setdefault((row["repository_id"], row["number"]), []).append(commit)
        for row in _rows(self._fleet, "changes"):
            plan, mine = self._plans[row["repository_id"]], heads.get((row["repository_id"], row["number"]), [])
            if mine:
                listed = [bodies.commit_of(plan, _with_parent(one, self._base(plan.id, one.at).sha)) for one in mine]
                pull = pull_body(bodies.place(plan), self._pull(row, mine[-1]))
                yield text({"repository": plan.full_name, "pull": pull, "commits": listed, "reviews": []})

    def deployments(self) -> Iterator[str]:
        for row in _rows(self._fleet, "deployments"):
            plan = self._plans[row["repository_id"]]
            place = bodies.place(plan)
            made, over, last = (stamp(_seconds(row[name])) for name in ("created_at", "finished_at", "updated_at"))
            retired = [("inactive", last)] if row["forge_result"] == "inactive" else []
            one = Deployment(
                id=row["deployment_id"],
                sha=row["commit_sha"],
                ref=row["ref"],
                environment=row["environment"],
                creator=row["creator"],
                created=made,
                statuses=[("in_progress", made), (row["result"], over), *retired],
            )
            found = {"deployment": deployment_body(place, one), "statuses": status_bodies(place, one)}
            yield text({"repository": plan.full_name, **found})

    def _pull(self, row: _Row, last: Commit) -> Pull:
        times = {name: row[name] and stamp(_seconds(row[name])) for name in ("created_at", "updated_at", "merged_at")}
        return Pull(
            id=row["repository_id"] * 1_000 + row["number"],
            number=row["number"],
            title=row["title"],
            author=row["author"],
            branch=row["head"],
            head_sha=row["head_sha"],
            base_sha=self._base(row["repository_id"], last.at).sha,
            created=times["created_at"],
            updated=times["updated_at"],
            closed=times["merged_at"],
            merged=times["merged_at"],
            merge_sha=row["merge_sha"],
        )

    def _base(self, repository: int, at: int) -> Commit:
        """The newest commit of the default branch at that time, or the oldest there is."""
        main = self._main[repository]
        return main[max(bisect_right(main, at, key=lambda commit: commit.at) - 1, 0)]

    def _run(self, row: _Row, began: Mapping[tuple[int, int], int]) -> Run:
        plan = self._plans[row["repository_id"]]
        at = _seconds(row["created_at"])
        trigger = Trigger(
            repository=plan,
            pipeline=plan.pipeline(row["pipeline"]),
            event=row["event"],
            at=at,
            commit=self._commits[row["repository_id"], row["commit_sha"]],
            branch=row["branch"],
            number=row["change_number"],
            base=0,
            base_sha=self._base(plan.id, at).sha,
        )
        attempts = [
            Attempt(
                began[row["run_id"], number],
                [_execution(job) for job in self._jobs[row["run_id"]] if job["attempt"] == number],
            )
            for number in range(1, row["attempt"] + 1)
        ]
        updated = _seconds(row["updated_at"])
        return Run(trigger, attempts, row["status"], row["forge_result"], updated, row["run_id"], row["run_number"])


def _rows(fleet: Fleet, table: str) -> Iterator[_Row]:
    return fleet.frames[table].iter_rows(named=True)


def _seconds(time: datetime) -> int:
    return int(time.replace(tzinfo=UTC).timestamp())


def _commit(row: _Row) -> Commit:
    """A commit; that of a head has no parent yet, which the first of the default branch has as an empty text."""
    at = _seconds(row["committed_at"])
    authored = _seconds(row["authored_at"]) if row["authored_at"] else at
    return Commit(row["sha"], row["parents"], at, authored, row["author"], row["subject"])


def _with_parent(one: Commit, parent: str | None) -> Commit:
    return Commit(one.sha, parent, one.at, one.authored, one.author, one.message)


def _execution(row: _Row) -> Execution:
    created, started, completed = (_seconds(row[name]) for name in ("created_at", "started_at", "completed_at"))
    plan = JobPlan(row["name"], 0, row["name"].partition(" ")[0], label=row["labels"])
    failure = None if row["result"] == "success" else Failure("", None, "")
    return Execution(
        plan, row["name"], created, started, completed, row["status"], row["forge_result"], failure, row["job_id"]
    )


def _junit(cases: pl.DataFrame) -> str:
    lines = [_case(*row) for row in cases.select("test", "duration_s", "message").iter_rows()]
    failures = cases["message"].count()
    head = f'name="{cases["suite"][0]}" tests="{len(lines)}" failures="{failures}" errors="0" skipped="0"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites><testsuite {head}>\n{"".join(lines)}</testsuite></testsuites>\n'


def _case(test: str, seconds: float, message: str | None) -> str:
    place, _, name = test.partition("::")
    head = f'<testcase classname="{place}" name="{name}" time="{seconds:.3f}"'
    return f"{head}/>\n" if message is None else f"{head}><failure message={quoteattr(message)}/></testcase>\n"
