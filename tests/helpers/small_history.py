"""Ten weeks of two repositories in which each question finds something; small, and the same on every day.

`acme/shop` has a job `test` that fails and passes on the same commits and takes longer from week to week; `acme/tools` has
a build that broke and was not mended. Machines are lost under two jobs, one log has expired, one list of jobs has no run.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.helpers.recordings import Job, Run, commit, job, job_bodies, run, write_recording

MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
WEEKS = 10
BROKEN_FROM = 26

_FAILED_TEST = (
    "E   AssertionError: assert 12 == 13\nFAILED tests/test_pay.py::test_round - AssertionError: assert 12 == 13\n"
)
_REPORT = (
    '<testsuites><testsuite name="pytest"><testcase classname="tests.test_pay" name="test_round" time="0.1">'
    '<failure message="assert 12 == 13">E assert 12 == 13</failure></testcase>'
    '<testcase classname="tests.test_pay" name="test_sum" time="0.1"/></testsuite></testsuites>'
)
_NOT_BUILT = (
    "src/main.c:7:10: fatal error: pay.h: No such file or directory\n##[error]Process completed with exit code 1.\n"
)
_LOST = "##[error]The runner has received a shutdown signal. This can happen when the runner service is stopped.\n"


def write(folder: Path) -> Path:
    """Write the recording, and return its folder."""
    runs = [*_shop(), *_tools()]
    commits = [
        commit(one.sha, (one.created - timedelta(minutes=20)).isoformat(), repository=one.repository)
        for one in reversed(runs)
        if one.event == "push"
    ]
    write_recording(folder, runs, commits=commits)
    orphan = {"run_id": 999_999, "jobs": job_bodies(run(999_999, jobs=[job("test"), job("lint")])), "total_count": 2}
    with (folder / "jobs.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(orphan) + "\n")
    return folder


def _shop() -> Iterator[Run]:
    for number in range(WEEKS * 5):
        week, day = divmod(number, 5)
        created = MONDAY + timedelta(weeks=week, days=day)
        yield run(100 + number, jobs=_shop_jobs(week, day), created=created, sha=_sha("shop", number))
        if day == 4:
            topic = [job("lint"), job("test", minutes=3 + week)]
            yield run(
                200 + week,
                jobs=topic,
                created=created + timedelta(hours=3),
                sha=_sha("topic", number),
                event="pull_request",
                branch="topic",
            )


def _shop_jobs(week: int, day: int) -> list[Job]:
    minutes = 3.0 + week
    if day == 2 and week >= 5:
        # The oldest of the failures has lost its log.
        log = None if week == 5 else _FAILED_TEST
        return [
            job("lint"),
            job("test", "failure", minutes=minutes, log=log, junit=_REPORT),
            job("test", attempt=2, minutes=minutes),
        ]
    if week >= 7 and day == 3:
        lost = [job(name, "failure", minutes=9, log=_LOST) for name in ("lint", "test")]
        return [*lost, job("lint", attempt=2), job("test", attempt=2, minutes=minutes)]
    return [job("lint"), job("test", minutes=minutes)]


def _tools() -> Iterator[Run]:
    for number in range(WEEKS * 3):
        week, day = divmod(number, 3)
        broken = number >= BROKEN_FROM
        jobs = [job("build", "failure" if broken else "success", log=_NOT_BUILT if broken else None), job("docs")]
        yield run(
            300 + number,
            jobs=jobs,
            created=MONDAY + timedelta(weeks=week, days=2 * day, hours=1),
            sha=_sha("tools", number),
            repository="acme/tools",
        )


def _sha(kind: str, number: int) -> str:
    return hashlib.sha1(f"{kind} {number}".encode(), usedforsecurity=False).hexdigest()
