"""What tests of any forge need of it: two nights of one history, who serves it, and the faults that it may have.

A forge is a value of `UnderTest`, so that a test takes it as a parameter and holds for the next forge as it does for GitHub.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from pipelinedoctor.simulate.forge import Forge, serve
from pipelinedoctor.simulate.mishaps import Mishap
from tests.helpers.deliveries import annotations, deployment, pull, release, tag
from tests.helpers.recordings import Run, commit, job, run, write_recording

START = datetime(2026, 1, 2, tzinfo=UTC)
FIRST = datetime(2026, 1, 20, 3, tzinfo=UTC)
"""When the first night's fetch begins; the second's does a day later."""
SECOND = FIRST + timedelta(days=1)
REPOSITORIES = ("acme/shop", "acme/site", "acme/tools")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderTest:
    """A forge under test. `faults` are what passes: routes by the kind of mishap that may strike them.

    `nights` writes the recordings of two nights into a folder, of so many runs a repository. `unfilled` are tables that it has
    nothing for. `anew` matches what each fetch looks at anew, for the forge has no answer to it that is free: route and target.
    """

    forge: str
    host: str
    repositories: Sequence[str]
    nights: Callable[[Path, int], tuple[Path, Path]]
    serve: Callable[[Path], AbstractContextManager[Forge]]
    faults: Mapping[str, Sequence[str]]
    unfilled: frozenset[str] = frozenset()
    anew: str = "(?!)"

    def mishaps(self, random: Random, share: float) -> list[Mishap]:
        """Faults for a `share` of all requests, of every kind that there is."""
        places = [(kind, route) for kind, routes in self.faults.items() for route in routes]
        random.shuffle(places)
        # A limit that is over soon is waited for, one that is not ends the fetch.
        waits = (2, 7_200)
        each = share / len(self.faults)
        return [
            Mishap(
                kind,
                route,
                share=each,
                seed=random.getrandbits(32),
                seconds=0 if kind == "stalled" else random.choice(waits),
            )
            for kind, route in places
        ]


def _runs(count: int, *, later: bool) -> list[Run]:
    """Runs of three repositories, which name their jobs differently; some fail, of which `later` some are rerun."""
    made = []
    step = (SECOND - timedelta(hours=3) - START) / (3 * count)
    for at in range(3 * count):
        if START + at * step > (SECOND if later else FIRST) - timedelta(hours=3):
            break
        repository, number = REPOSITORIES[at % 3], at + 1
        failing, flaky = at % 7 == 3, at % 5 == 2
        jobs = [
            job("build"),
            *(job(f"test ({one})") for one in ("ubuntu", "macos")[: 1 + at % 2]),
            job(f"{repository[5:]} lint {at % 4}"),
        ]
        if failing or flaky:
            jobs.append(job("test (broken)", "failure", log=f"Error: boom {at}\n", junit=_report(at)))
        # What fails twice is rerun twice: its first rerun is there on the first night.
        if flaky and (later or at % 2):
            jobs += [job("test (broken)", "failure" if at % 3 == 0 else "success", attempt=2, log="Error: again\n")]
        if flaky and later and at % 3 == 0:
            jobs += [job("test (broken)", attempt=3)]
        made.append(
            run(
                number,
                jobs=jobs,
                created=START + at * step,
                repository=repository,
                workflow="Nightly" if at % 6 == 1 else "CI",
                artifacts={"coverage": {"coverage.txt": "90"}} if failing else {},
            )
        )
    return made


def _report(at: int) -> str:
    cases = "".join(f"<testcase classname='c' name='t{n}' time='0.1'/>" for n in range(at % 4))
    return (
        f"<testsuite name='s'>{cases}<testcase classname='c' name='bad'><failure message='no'/></testcase></testsuite>"
    )


def _github_nights(folder: Path, count: int) -> tuple[Path, Path]:
    first, second = (_github_night(folder / name, count, later=later) for name, later in (("1", False), ("2", True)))
    return first, second


def _github_night(folder: Path, count: int, *, later: bool) -> Path:
    moment = SECOND if later else FIRST
    runs = _runs(count, later=later)
    every = timedelta(hours=7)
    times = [START + at * every for at in range((moment - START) // every)]
    stamps = [time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in times]
    changed = moment.strftime("%Y-%m-%dT01:00:00Z")
    delivered: dict[str, list[dict[str, Any]]] = {
        "pulls": [
            pull(
                number,
                created=at,
                merged=changed if number % 9 == 0 else at if number % 2 else None,
                reviews=[("bob", "APPROVED", at)],
                repository=REPOSITORIES[number % 3],
            )
            for number, at in enumerate(stamps, 1)
        ],
        "deployments": [
            deployment(
                number,
                created=at,
                statuses=[("in_progress", at), ("success", at)],
                repository=REPOSITORIES[number % 3],
            )
            for number, at in enumerate(stamps[::2], 1)
        ],
        "releases": [release(f"v{number}", at) for number, at in enumerate(stamps[::5])],
        "tags": [tag(f"v{number}", f"{number:040x}") for number, _ in enumerate(stamps[::5])],
        "annotations": [
            annotations(one.id * 1000 + at, f"boom {one.id}", repository=one.repository)
            for one in runs
            for at, each in enumerate(one.jobs)
            if each.conclusion == "failure"
        ],
    }
    commits = [
        commit(f"c{number:039x}", at, repository=REPOSITORIES[number % 3]) for number, at in enumerate(stamps * 4)
    ]
    return write_recording(folder, runs, commits=commits, delivered=delivered)


_API = ("/repos/{owner}/{repo}", "/repos/{owner}/{repo}/*", "/graphql")
_LISTS = (
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/actions/runs",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs",
)
_ALL = (*_API, "blob *")

GITHUB = UnderTest(
    forge="github",
    host="github.com",
    repositories=REPOSITORIES,
    nights=_github_nights,
    serve=serve,
    faults={
        **dict.fromkeys(("429", "500", "502", "503", "cut", "dropped", "stalled", "wrong type", "HTML"), _ALL),
        **dict.fromkeys(("429 with Retry-After", "primary limit", "secondary limit", "broken JSON"), _API),
        **dict.fromkeys(("query failed", "query limited", "query halved"), ("/graphql",)),
        "401": (*_LISTS, "/graphql"),
        "404": ("/repos/{owner}/{repo}",),
        "422": _LISTS,
    },
)
