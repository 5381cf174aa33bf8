"""A simulated organisation: a recording of its CI, as the forge would tell it, and the truth about it.

Everything follows from the seed and the scale: the same two give the same bytes. The calendar is fixed. What is simulated, and how
often, was set after published figures on flaky tests, reruns and outages; `truth` says what is known of the outcome.
"""

import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO

from pipelinedoctor.simulate import bodies, logtext
from pipelinedoctor.simulate.bodies import text
from pipelinedoctor.simulate.changes import Past, past
from pipelinedoctor.simulate.clock import AS_OF, DAY, stamp
from pipelinedoctor.simulate.execution import Execution, Executor, Run
from pipelinedoctor.simulate.faults import Faults
from pipelinedoctor.simulate.gitlab.organisation import Extent, write_projects
from pipelinedoctor.simulate.ledger import Ledger
from pipelinedoctor.simulate.plan import DEPLOY, HOST, repositories
from pipelinedoctor.simulate.planting import plant
from pipelinedoctor.simulate.proposals import proposals
from pipelinedoctor.simulate.releasing import annotations, deployments, releases
from pipelinedoctor.simulate.reports import Reports
from pipelinedoctor.simulate.results import broken_tests, reported
from pipelinedoctor.simulate.truth import Truth, joined

_FILES = ("runs", "jobs", "logs", "annotations", "artifacts", "commits", "repositories", "releases", "tags")
_PACKED = ("pulls", "deployments")
"""Each of their lines has the whole repository twice."""
_FIRST_RUN = 15_200_000_000
_FIRST_JOB = 43_100_000_000


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is simulated: repositories (at most 12), weeks, pull requests a working day and average repository."""

    repositories: int = 12
    weeks: int = 14
    changes_a_day: float = 1.4


FULL = Scale()
SMALL = Scale(repositories=4, weeks=6, changes_a_day=0.5)


def write_organisation(folder: Path, *, seed: int, scale: Scale = FULL) -> Truth:
    """Write the recording of an organisation, and `truth.json`, into `folder`, which is made if it is not there.

    What it has on GitLab (at most three projects) is a recording of its own, in `folder / "gitlab"`. One truth is of both.
    Artifacts are written for the runs that failed or were rerun only: nothing else is read of them.
    """
    start = AS_OF - scale.weeks * 7 * DAY
    plans = repositories(Random(f"{seed}/plan"), scale.repositories)
    pasts = [past(Random(f"{seed}/{one.name}/past"), one, start, scale.changes_a_day) for one in plans]
    faults = plant(Random(f"{seed}/faults"), pasts)
    runs = _runs(seed, pasts, faults)
    ledger = Ledger(seed, start, pasts, faults)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files: dict[str, IO[str]] = {
            name: stack.enter_context((folder / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n"))
            for name in _FILES
        }
        files |= {name: stack.enter_context(_packed(folder / f"{name}.jsonl.gz")) for name in _PACKED}
        _write_repositories(files, pasts)
        writers = {one.name: Reports(Random(f"{seed}/{one.name}/reports"), one) for one in plans}
        for run in runs:
            _write_run(files, run, writers[run.trigger.repository.name], ledger)
        _write_deliveries(files, seed, pasts, runs)
    about = {"origin": "simulated", "host": HOST, "as_of": stamp(AS_OF)}
    (folder / "recording.json").write_text(text(about) + "\n", encoding="utf-8")
    extent = Extent(min(scale.repositories, 3), start, scale.changes_a_day)
    truth = joined(ledger.truth(), write_projects(folder / "gitlab", seed, extent, faults.outages))
    (folder / "truth.json").write_text(truth.json(), encoding="utf-8")
    return truth


@contextmanager
def _packed(path: Path) -> Iterator[IO[str]]:
    """A gzip file to write, the same bytes for the same text."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", 1, raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as file,
    ):
        yield file


def _runs(seed: int, pasts: Sequence[Past], faults: Faults) -> list[Run]:
    """All runs, oldest first, numbered."""
    runs: list[Run] = []
    for one in pasts:
        executor = Executor(Random(f"{seed}/{one.repository.name}/runs"), one, faults)
        numbers: dict[str, int] = {}
        for trigger in one.triggers:
            run = executor.run(trigger)
            numbers[trigger.pipeline.path] = run.number = numbers.get(trigger.pipeline.path, 0) + 1
            runs.append(run)
    runs.sort(
        key=lambda run: (run.trigger.at, run.trigger.repository.id, run.trigger.pipeline.path, run.trigger.branch)
    )
    job_id = _FIRST_JOB
    for position, run in enumerate(runs):
        run.id = _FIRST_RUN + 1_013 * position
        for attempt in run.attempts:
            for job in attempt.jobs:
                job_id += 211
                job.id = job_id
    return runs


def _write_repositories(files: Mapping[str, IO[str]], pasts: Sequence[Past]) -> None:
    for one in pasts:
        files["repositories"].write(f'{{"repository":{bodies.repository_body(one.repository)}}}\n')
        for commit in one.main:
            body = bodies.commit_body(one.repository, commit)
            files["commits"].write(f'{{"repository":"{one.repository.full_name}","commit":{body}}}\n')


def _write_run(files: Mapping[str, IO[str]], run: Run, reports: Reports, ledger: Ledger) -> None:
    files["runs"].write(f'{{"run":{bodies.run_body(run)}}}\n')
    count = sum(len(attempt.jobs) for attempt in run.attempts)
    files["jobs"].write(f'{{"total_count":{count},"jobs":{bodies.job_bodies(run)}}}\n')
    ledger.add_run(run)
    if not run.red:
        return
    for number, job in _executions(run):
        broken = broken_tests(run.trigger.repository, job)
        if job.failure is not None:
            tests = [(run.trigger.repository.tests[i], said) for i, said in broken.items()]
            log = logtext.log(run, job, job.failure, tests)
            files["logs"].write(f'{{"job_id":{job.id},"log":{text(log)}}}\n')
            found = annotations(run, log)
            files["annotations"].write(f'{{"job_id":{job.id},"annotations":{text(found)}}}\n')
        if reported(job):
            entry = {
                "run_id": run.id,
                "attempt": number,
                "name": _artifact(job, number),
                "files": reports.files(Random(f"{job.id}/report"), job.completed or AS_OF, broken),
            }
            files["artifacts"].write(text(entry) + "\n")
            ledger.add_report(run, job)


def _write_deliveries(files: Mapping[str, IO[str]], seed: int, pasts: Sequence[Past], runs: Sequence[Run]) -> None:
    """Write what is delivered; its chances have generators of their own, so that they move nothing else."""
    for one in pasts:
        repository = one.repository
        place = bodies.place(repository)
        mine = [run for run in runs if run.trigger.repository is repository and run.trigger.pipeline.path == DEPLOY]
        found = {
            "pulls": proposals(Random(f"{seed}/{repository.name}/pulls"), one, place),
            "deployments": deployments(Random(f"{seed}/{repository.name}/deployments"), mine, place),
            **releases(Random(f"{seed}/{repository.name}/releases"), one, place),
        }
        for name, entries in found.items():
            for entry in entries:
                files[name].write(text({"repository": repository.full_name, **entry}) + "\n")


def _executions(run: Run) -> Iterator[tuple[int, Execution]]:
    for number, attempt in enumerate(run.attempts, 1):
        for job in attempt.jobs:
            yield number, job


def _artifact(job: Execution, attempt: int) -> str:
    values = job.name.partition("(")[2].rstrip(")").replace(", ", "-").replace(" ", "-")
    return f"test-results-{values}-attempt-{attempt}"
