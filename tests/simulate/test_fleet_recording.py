"""One rig for fetch and verdict: a small fleet as a recording, fetched as from the forge, is the fleet that goes in by columns."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelinedoctor.accuracy.loading import fill
from pipelinedoctor.analyse import analyse
from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.interface import Level, Order, Silent, Source
from pipelinedoctor.findings import Finding
from pipelinedoctor.query import load
from pipelinedoctor.resources import shipped
from pipelinedoctor.simulate.fleet.fleet import Fleet, draw
from pipelinedoctor.simulate.fleet.recording import TRUTH, write_recording
from pipelinedoctor.simulate.fleet.settings import Settings
from pipelinedoctor.simulate.forge import Forge, serve
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window
from pipelinedoctor.sync import sync

SEED = 6
SMALL = Settings(repositories=2, days=7, commits=2, tests=40, flaky_share=0.15, reruns=0.7)


class Rig:
    """The same fleet twice: `filled` by columns, `fetched` from the forge that serves its recording."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.fleet: Fleet = draw(SEED, SMALL)
        self.folder = folder / "recording"
        self.filled = stack.enter_context(Store.open(folder / "filled.duckdb"))
        self.fetched = stack.enter_context(Store.open(folder / "fetched.duckdb"))
        fill(self.filled, self.fleet)
        write_recording(self.folder, self.fleet)
        with serve(self.folder) as forge:
            self.summary = sync(
                GitHubFetcher(_source(forge)),
                self.fetched,
                Order(since=self.fleet.since, until=self.fleet.until + timedelta(seconds=1), level=Level.FULL),
                Silent(),
                origin="simulated",
            )


def _source(forge: Forge) -> Source:
    return Source(
        forge="github", host=forge.host, url=forge.url, repositories=forge.repositories, token="loopback", throttle=0
    )


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield Rig(tmp_path_factory.mktemp("fleet"), stack)


@pytest.mark.parametrize(
    "table", ["repositories", "runs", "run_attempts", "jobs", "test_results", "changes", "change_commits"]
)
def test_the_forge_tells_the_same_rows(rig: Rig, table: str) -> None:
    filled, fetched = (
        store.connection.sql(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for store in (rig.filled, rig.fetched)
    )
    assert filled
    assert filled == fetched


def test_only_logs_are_lacking(rig: Rig) -> None:
    """Of one in ten; nothing else is told as a gap."""
    assert rig.summary.outcome == "complete"
    lacking = rig.fetched.connection.sql("SELECT DISTINCT kind, reason FROM fetch_gaps").fetchall()
    assert lacking == [("log", "log expired")]
    jobs = rig.filled.connection.sql("SELECT job_id FROM failures ORDER BY ALL").fetchall()
    assert jobs == rig.fetched.connection.sql("SELECT job_id FROM failures ORDER BY ALL").fetchall()


def test_what_explains_a_failure_is_found_in_its_log(rig: Rig) -> None:
    """Not in all: among the lines are some that no rule knows, or that a rule takes for something else."""
    told, read = (
        dict(store.connection.sql("SELECT job_id, category || ' ' || fingerprint FROM failures").fetchall())
        for store in (rig.filled, rig.fetched)
    )
    same = sum(told[job] == read[job] for job in told)
    assert same / len(told) > 0.8


def test_both_are_judged_alike(rig: Rig) -> None:
    """But for what logs say: a fleet's failures name no rule, so there is no remedy of one."""
    filled, fetched = (_findings(store, rig.fleet) for store in (rig.filled, rig.fetched))
    assert {one.query for one in filled} >= {"flaky_jobs", "flaky_tests"}
    assert [_without_logs(one) for one in filled] == [_without_logs(one) for one in fetched]


def _findings(store: Store, fleet: Fleet) -> Sequence[Finding]:
    known = load([shipped("queries")])
    asked = {name: known[name] for name in ("flaky_jobs", "flaky_tests", "pipeline_health")}
    window = Window(fleet.since, fleet.until)
    report = analyse(store, asked, {}, window=window, trend=window, generated_at=fleet.until, progress=Silent())
    return report.findings


def _without_logs(one: Finding) -> Finding:
    details = tuple((name, said) for name, said in one.evidence.details if "logs" not in name)
    return replace(one, next_step="", evidence=replace(one.evidence, details=details, excerpt=None))


def test_the_truth_stands_beside_the_recording(rig: Rig) -> None:
    for name in ("flaky", "regressions", "causes", "job_causes", "outages", "series", "minutes", "renames"):
        assert_frame_equal(pl.read_parquet(rig.folder / TRUTH / f"{name}.parquet"), getattr(rig.fleet.truth, name))


def test_a_fleet_is_recorded_with_the_same_bytes_twice(rig: Rig, tmp_path: Path) -> None:
    write_recording(tmp_path, draw(SEED, SMALL))
    for path in sorted(rig.folder.glob("*.json*")):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()
