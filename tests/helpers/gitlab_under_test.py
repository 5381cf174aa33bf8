"""GitLab as a forge under test."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipelinedoctor.simulate.forge import Forge
from pipelinedoctor.simulate.gitlab.forge import serve_gitlab
from tests.helpers.gitlab_recordings import Job, Pipeline, case, change, deployment, job, pipeline, write_gitlab, zulu
from tests.helpers.under_test import FIRST, REPOSITORIES, SECOND, START, UnderTest

_LATE = 90_000_000
"""Ids of jobs that were retried on the second day: higher than all of the first."""


def _pipelines(count: int, *, later: bool) -> list[Pipeline]:
    """Pipelines of three projects; some fail, of which some are retried, and some of these only on the second day."""
    made = []
    step = (SECOND - timedelta(hours=3) - START) / (3 * count)
    for at in range(3 * count):
        created = START + at * step
        if created > (SECOND if later else FIRST) - timedelta(hours=3):
            break
        failing, flaky = at % 7 == 3, at % 5 == 2
        project = REPOSITORIES[at % 3]
        jobs = [
            job("build"),
            *(job(f"test: [{one}]") for one in ("linux", "macos")[: 1 + at % 2]),
            job(f"lint {at % 4}"),
        ]
        if failing or flaky:
            jobs.append(_broken(at))
        if flaky and at % 2:
            jobs.append(job("test: [broken]"))
        retried = flaky and later and not at % 2
        if retried:
            jobs.append(_again(at))
        passed = flaky and (retried or at % 2)
        # Every second one leaves its report in an archive only.
        report = {"test: [broken]": [case("bad", "success" if passed else "failed", output="no")]}
        made.append(
            pipeline(
                2 * at + 2,
                jobs=jobs,
                created=created,
                project=project,
                ref=("main", "topic")[at % 2],
                source=("push", "schedule")[at % 6 == 1],
                report=report if (failing or flaky) and at % 3 else None,
                children=[_child(2 * at + 3, project, created)] if at % 8 == 5 else [],
                body={"updated_at": zulu(SECOND - timedelta(hours=2))} if retried else {},
            )
        )
    return made


def _broken(at: int) -> Job:
    xml = f"<testsuite name='s'><testcase classname='c' name='bad {at}'><failure message='no'/></testcase></testsuite>"
    return job("test: [broken]", "failed", trace=f"Error: boom {at}\n", files={"junit.xml": xml})


def _again(at: int) -> Job:
    began = SECOND - timedelta(hours=3) + at * timedelta(seconds=10)
    times = {"created_at": zulu(began), "started_at": zulu(began), "finished_at": zulu(began + timedelta(minutes=2))}
    return job("test: [broken]", id=_LATE + at, body=times)


def _child(number: int, project: str, created: datetime) -> Pipeline:
    return pipeline(number, jobs=[job("unit")], created=created, project=project, source="parent_pipeline")


def _nights(folder: Path, count: int) -> tuple[Path, Path]:
    first, second = (_night(folder / name, count, later=later) for name, later in (("1", False), ("2", True)))
    return first, second


def _night(folder: Path, count: int, *, later: bool) -> Path:
    moment = SECOND if later else FIRST
    every = timedelta(hours=9)
    times = [zulu(START + at * every) for at in range((moment - START) // every)]
    note: list[dict[str, Any]] = [{"body": "Nice", "created_at": times[-1]}]
    changes = [
        change(
            number,
            project=REPOSITORIES[number % 3],
            created=at,
            merged=at if number % 2 else None,
            commits=[f"{number:039x}a", f"{number:039x}b"],
            notes=note if number % 4 else [],
            body={"updated_at": zulu(moment - timedelta(hours=1)) if number % 9 == 0 else at},
        )
        for number, at in enumerate(times, 1)
    ]
    deployments = [
        deployment(
            number,
            project=REPOSITORIES[number % 3],
            environment=f"stage {number // 13}",
            created=at,
            updated=at,
            changes=[number],
        )
        for number, at in enumerate(times[::2], 1)
    ]
    commits = [f"{number:040x}" for number in range(8 + later, 0, -1)]
    tags = {f"v{number}": sha for number, sha in enumerate(commits[1 - later :][::-1][: 7 + later])}
    return write_gitlab(
        folder,
        _pipelines(count, later=later),
        changes=changes,
        deployments=deployments,
        commits=commits,
        tags=tags,
    )


@contextmanager
def _serve(folder: Path) -> Iterator[Forge]:
    with serve_gitlab(folder) as forge:
        yield forge


_PROJECT = "/projects/:id"
_LISTS = (_PROJECT, f"{_PROJECT}/pipelines", f"{_PROJECT}/jobs")
_API = (_PROJECT, f"{_PROJECT}/*")
_ALL = (*_API, "blob *")

GITLAB = UnderTest(
    forge="gitlab",
    host="gitlab.com",
    repositories=REPOSITORIES,
    nights=_nights,
    serve=_serve,
    faults={
        **dict.fromkeys(("429", "500", "502", "503", "cut", "dropped", "stalled", "wrong type", "HTML"), _ALL),
        "429 with Retry-After": _API,
        "broken JSON": _LISTS,
        "401": _LISTS,
        "404": (_PROJECT,),
        "422": _LISTS,
    },
    unfilled=frozenset({"steps", "annotations", "deployment_statuses"}),
    anew=rf"{_PROJECT}(/(pipelines|jobs|merge_requests|deployments|releases|repository/(tags|commits)))? "
    r"(?!.*[?&](cursor|updated_before|page=([2-9]|\d\d))).*",
)
