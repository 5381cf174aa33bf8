"""What fetches cost in requests, counted by the loopback forges: 1,000 runs of 10 jobs over 20 days, and the nights after.

    pytest tests/benchmarks/test_requests_benchmark.py -o addopts=--import-mode=importlib -s

prints the table of `docs/requests.md`. Nothing is timed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelinedoctor.fetch.github import GitHubFetcher
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync
from tests.fetch.nearby import serve
from tests.helpers.recordings import Job, Run, commit, job, run, write_recording

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + 20 * DAY
ROUTE = "/repos/{owner}/{repo}"
LINES: Mapping[str, tuple[str, ...]] = {
    "runs and outcomes": (ROUTE, f"{ROUTE}/actions/runs", "graphql Outcomes", f"{ROUTE}/actions/runs/{{run_id}}/jobs"),
    "failed and rerun runs": ("details",),
    "changes, commits, deployments": ("graphql Overview", f"{ROUTE}/commits"),
    "annotations": ("graphql Annotations",),
    "samples": ("samples",),
}


def green(number: int, at: datetime) -> Run:
    return run(number, jobs=[job(f"job {place}") for place in range(10)], created=at)


def red(number: int, at: datetime) -> Run:
    jobs: list[Job] = [job("job 0", "failure", log="Error: boom\n"), *(job(f"job {place}") for place in range(1, 10))]
    return run(number, jobs=jobs, created=at)


def history(count: int = 1_000, failed: int = 0) -> list[Run]:
    """So many runs, evenly over 20 days; every so many of them failed."""
    step = 20 * DAY / count
    made = (START + number * step for number in range(count))
    return [
        red(number, at) if failed and number % failed == 0 else green(number, at) for number, at in enumerate(made, 1)
    ]


class Rig:
    """Nights of fetching, each from a recording of its own, into one store."""

    def __init__(self, folder: Path, stack: ExitStack, *, checks: bool) -> None:
        self._folder, self._stack, self._checks = folder, stack, checks
        self._night = 0
        self.store = stack.enter_context(Store.open(folder / "history.duckdb"))

    def night(self, runs: list[Run], until: datetime) -> tuple[Summary, Counter[str], int]:
        """What a fetch came to, its requests by route without those that were free, and how many were."""
        self._night += 1
        commits = [commit(f"{number:040x}", "2026-01-02T00:00:00Z") for number in range(50)]
        folder = write_recording(self._folder / f"night {self._night}", runs, commits=commits)
        with serve(folder, token="t", rate_limit=10**6, checks=self._checks) as forge:
            source = Source(
                forge="github", host="github.com", url=forge.url, repositories=("acme/shop",), token="t", throttle=0
            )
            done = sync(GitHubFetcher(source), self.store, Order(since=START, until=until), Silent())
            paid = Counter(one.route for one in forge.ledger.requests if one.status != 304)
            return done, paid, forge.unchanged()


@pytest.fixture(params=[True, False], ids=["checks", "no checks"])
def rig(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rig]:
    with ExitStack() as stack:
        rig = Rig(tmp_path, stack, checks=request.param)
        rig.checks = request.param
        yield rig


def test_github(rig: Rig) -> None:
    runs = history()
    for name, more, until in (
        ("cold", [], END + DAY / 2),
        ("next night, nothing new", [], END + 3 * DAY / 2),
        ("20 new green runs", [green(2_000 + n, END + 2 * DAY + n * DAY / 100) for n in range(20)], END + 5 * DAY / 2),
        (
            "20 new runs, 2 failed",
            [
                red(3_000 + n, END + 3 * DAY + n * DAY / 100)
                if n < 2
                else green(3_000 + n, END + 3 * DAY + n * DAY / 100)
                for n in range(20)
            ],
            END + 7 * DAY / 2,
        ),
    ):
        runs = [*runs, *more]
        done, paid, free = rig.night(runs, until)
        print(
            name,
            dict(paid),
            "free",
            free,
            {k: v for k, v in done.new.items() if v},
            {k: v for k, v in done.changed.items() if v},
        )
