"""The part of the simulated organisation that is on GitLab: its recording, and the truth about it."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO

from pipelinedoctor.simulate.bodies import text
from pipelinedoctor.simulate.changes import Past, past
from pipelinedoctor.simulate.clock import AS_OF, stamp
from pipelinedoctor.simulate.execution import Execution, Executor
from pipelinedoctor.simulate.faults import Faults, Outage
from pipelinedoctor.simulate.gitlab import bodies, logtext
from pipelinedoctor.simulate.gitlab.bodies import Body, Site
from pipelinedoctor.simulate.gitlab.plan import HOST, projects
from pipelinedoctor.simulate.gitlab.planting import plant
from pipelinedoctor.simulate.gitlab.proposals import change_lines, deployment_lines, environment_line, releases
from pipelinedoctor.simulate.gitlab.render import (
    Made,
    bridge_bodies,
    commit_body,
    job_bodies,
    pipeline_body,
    time,
    with_children,
)
from pipelinedoctor.simulate.gitlab.sources import in_words
from pipelinedoctor.simulate.ledger import Ledger
from pipelinedoctor.simulate.reports import Reports
from pipelinedoctor.simulate.results import broken_tests, reported
from pipelinedoctor.simulate.truth import Truth

_FILES = (
    "projects", "pipelines", "jobs", "traces", "artifacts", "test_reports", "merge_requests", "deployments",
    "environments", "releases", "tags", "commits",
)  # fmt: skip
_FIRST_PIPELINE = 880_000
_FIRST_JOB = 5_400_000
_Files = Mapping[str, IO[str]]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is simulated: at most so many projects, from when on, how many merge requests a working day."""

    projects: int
    start: int
    changes_a_day: float


def write_projects(folder: Path, seed: int, extent: Extent, outages: Sequence[Outage]) -> Truth:
    """Write the recording of the organisation's GitLab into `folder`, which is made; the outages are those of all.

    Artifacts and test reports are written of pipelines that failed or in which a job was retried.
    """
    plans = projects(Random(f"{seed}/gitlab/plan"), extent.projects)
    pasts = [past(Random(f"{seed}/{one.name}/past"), one, extent.start, extent.changes_a_day) for one in plans]
    faults = plant(Random(f"{seed}/gitlab/faults"), pasts, outages)
    ledger = Ledger(seed, extent.start, pasts, faults)
    pipelines = _pipelines(seed, pasts, faults)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = {
            name: stack.enter_context((folder / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n"))
            for name in _FILES
        }
        for one in pasts:
            mine = [made for made in pipelines if made.run.trigger.repository is one.repository]
            _write_project(files, seed, one, mine, ledger)
    about = {"forge": "gitlab", "origin": "simulated", "host": HOST, "as_of": stamp(AS_OF)}
    (folder / "recording.json").write_text(text(about) + "\n", encoding="utf-8")
    return in_words(ledger.truth())


def _pipelines(seed: int, pasts: Sequence[Past], faults: Faults) -> list[Made]:
    """All pipelines, oldest first, numbered: jobs in the order in which GitLab makes them, bridges among them."""
    made: list[Made] = []
    for one in pasts:
        executor = Executor(Random(f"{seed}/{one.repository.name}/runs"), one, faults)
        made += [Made.of(executor.run(trigger), iid) for iid, trigger in enumerate(one.triggers, 1)]
    made.sort(key=lambda one: (one.run.trigger.at, one.run.trigger.repository.id, one.iid))
    for position, pipeline in enumerate(made):
        pipeline.run.id = _FIRST_PIPELINE + 7 * position
    with_children(made)
    every = [(made.created[place], made.run.id, place, job) for made in made for place, job in enumerate(made.jobs)]
    for position, (_, _, _, job) in enumerate(sorted(every, key=lambda one: one[:3])):
        job.id = _FIRST_JOB + 20 * position
    return made


def _write_project(files: _Files, seed: int, one: Past, pipelines: Sequence[Made], ledger: Ledger) -> None:
    repository = one.repository
    site = Site(HOST, repository.id, repository.full_name)
    facts = {"topics": [repository.language], "last_activity_at": time(AS_OF), "tag_list": [repository.language]}
    _write(files, "projects", [{"project": bodies.project_body(site, facts)}])
    _write(files, "commits", ({"project_id": site.id, "commit": commit_body(site, commit)} for commit in one.main))
    _write(files, "merge_requests", change_lines(Random(f"{seed}/{repository.name}/changes"), site, one))
    reports = Reports(Random(f"{seed}/{repository.name}/reports"), repository)
    jobs = [(made, _write_pipeline(files, made, reports, ledger)) for made in pipelines]
    deployments = list(deployment_lines(site, one, jobs))
    _write(files, "deployments", deployments)
    _write(files, "environments", [environment_line(site)] if deployments else [])
    for tag, release in releases(site, one):
        _write(files, "tags", [tag])
        _write(files, "releases", [release])


def _write_pipeline(files: _Files, made: Made, reports: Reports, ledger: Ledger) -> list[Body]:
    """Write a pipeline and what belongs to it; its jobs."""
    pipeline = pipeline_body(made)
    sizes: dict[int, dict[str, int]] = {job.id: {} for job in made.jobs}
    ledger.add_run(made.run)
    if made.run.red:
        _write_logs(files, made, sizes)
        _write_reports(files, made, reports, (sizes, ledger))
    jobs = job_bodies(made, pipeline, sizes)
    number = max((job.id for job in made.jobs), default=0) + 10
    _write(files, "pipelines", [{"pipeline": pipeline}])
    _write(files, "jobs", [{"jobs": jobs, "bridges": bridge_bodies(made, pipeline, number)}])
    return jobs


def _write_logs(files: _Files, made: Made, sizes: dict[int, dict[str, int]]) -> None:
    tests = made.run.trigger.repository.tests
    for job in made.jobs:
        if job.failure is None or job.failure.kind in logtext.UNSTARTED:
            continue
        broken = [(tests[number], said) for number, said in broken_tests(made.run.trigger.repository, job).items()]
        log = logtext.log(made.run, job, job.failure, broken)
        sizes[job.id]["log"] = len(log.encode())
        _write(files, "traces", [{"job_id": job.id, "trace": log}])


def _write_reports(files: _Files, made: Made, reports: Reports, told: tuple[dict[int, dict[str, int]], Ledger]) -> None:
    sizes, ledger = told
    suites: dict[str, list[Body]] = {}
    latest = {id(job) for job in made.newest()}
    for job in made.jobs:
        if not reported(job):
            continue
        found = _files(made, job, reports)
        size = sum(map(len, found.values()))
        sizes[job.id] |= {"files": size, "report": size}
        _write(files, "artifacts", [{"job_id": job.id, "files": found}])
        ledger.add_report(made.run, job)
        if id(job) in latest:
            suites[job.name] = list(_cases(found.values()))
    if suites:
        _write(files, "test_reports", [{"pipeline_id": made.run.id, "test_report": bodies.report_body(suites)}])


def _files(made: Made, job: Execution, reports: Reports) -> dict[str, str]:
    broken = broken_tests(made.run.trigger.repository, job)
    return reports.files(Random(f"{job.id}/report"), job.completed or AS_OF, broken)


def _cases(texts: Iterable[str]) -> Iterator[Body]:
    """The tests of JUnit files, as GitLab reads them: of a failure it shows the text."""
    for one in texts:
        for case in ET.fromstring(one).iter("testcase"):  # noqa: S314  written a moment ago by this program
            failure = case.find("failure")
            facts: Body = {}
            if failure is not None:
                facts = {"status": "failed", "system_output": failure.text or failure.get("message")}
            elif case.find("skipped") is not None:
                facts = {"status": "skipped"}
            name, classname = str(case.get("name")), str(case.get("classname"))
            yield bodies.case_body(classname, name, float(case.get("time") or 0), facts)


def _write(files: _Files, name: str, lines: Iterable[Body]) -> None:
    files[name].writelines(f"{text(line)}\n" for line in lines)
