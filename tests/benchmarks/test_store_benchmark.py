"""How fast the store takes rows, takes them again, and answers. Run by hand: `pytest tests/benchmarks`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelinedoctor.model import Job, Run
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window
from tests.store.rows import HOST, at, job, repository, run

RUNS = 10_000
JOBS = 100_000
BATCH = 5_000
JOB_NAMES = 10
BROKEN_EVERY = 23
SHA_EVERY = 2


@pytest.fixture(scope="module")
def jobs() -> list[Job]:
    """Ten jobs a run; one in 23 fails."""
    return [
        job(
            n,
            n // JOB_NAMES,
            name=f"test (python 3.{n % JOB_NAMES})",
            result="success" if n % BROKEN_EVERY else "failure",
        )
        for n in range(JOBS)
    ]


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """Two runs a commit."""
    return [run(n, commit_sha=f"{n // SHA_EVERY:040x}") for n in range(RUNS)]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens a new, empty store; the one before is closed."""
    opened: list[Store] = []

    def open_one() -> Store:
        for store in opened:
            store.close()
        opened.append(Store.open(tmp_path / f"{len(opened)}.duckdb"))
        return opened[-1]

    yield open_one
    opened[-1].close()


def write_all(store: Store, jobs: list[Job]) -> tuple[int, int]:
    """Rows added and rows changed."""
    written = [store.write(HOST, jobs[start : start + BATCH]) for start in range(0, len(jobs), BATCH)]
    return sum(batch.new["jobs"] for batch in written), sum(batch.changed["jobs"] for batch in written)


def test_write_jobs(benchmark: Any, fresh: Callable[[], Store], jobs: list[Job]) -> None:
    done = benchmark.pedantic(write_all, setup=lambda: ((fresh(), jobs), {}), rounds=5)
    assert done == (JOBS, 0)


def test_write_the_same_jobs_again(benchmark: Any, fresh: Callable[[], Store], jobs: list[Job]) -> None:
    store = fresh()
    write_all(store, jobs)
    assert benchmark.pedantic(write_all, (store, jobs), rounds=5) == (0, 0)


@pytest.mark.parametrize("question", ["jobs", "same_commit", "totals", "job_names"])
def test_ask(benchmark: Any, fresh: Callable[[], Store], runs: list[Run], jobs: list[Job], question: str) -> None:
    store = fresh()
    store.write(HOST, [repository(), *runs])
    write_all(store, jobs)
    window = Window(at(0), at(RUNS))
    ready = store.history(window, window)
    ready.job_names()
    asked: dict[str, Callable[[], int]] = {
        "jobs": lambda: ready.jobs().collect().height,
        "same_commit": lambda: ready.same_commit().height,
        "totals": lambda: ready.totals().jobs,
        "job_names": lambda: store.history(window, window).job_names().height,
    }
    assert benchmark(asked[question]) > 0
