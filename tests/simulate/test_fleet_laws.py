"""What holds for any fleet, however small or odd its settings."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor import model
from pipelinedoctor.simulate.fleet.executions import schema
from pipelinedoctor.simulate.fleet.fleet import draw
from pipelinedoctor.simulate.fleet.settings import Settings

SHARES = st.sampled_from([0.0, 0.25, 1.0])
SETTINGS = st.builds(
    Settings,
    repositories=st.integers(1, 3),
    days=st.integers(1, 9),
    commits=st.sampled_from([0.01, 1.0, 4.0]),
    tests=st.sampled_from([2.0, 5.0, 30.0]),
    jobs=st.sampled_from([1.0, 3.0, 12.0]),
    flaky_share=SHARES,
    tended=st.booleans(),
    attributes=st.booleans(),
    reruns=SHARES,
    duplicates=SHARES,
    outages=st.booleans(),
    healthy=st.booleans(),
    reports=st.sampled_from(["red", "all"]),
)
SEEDS = st.integers(0, 10**6)
TABLES = {table.table: table for table in model.TABLES}


@given(SEEDS, SETTINGS)
@settings(max_examples=25, deadline=None)
def test_rows_and_truth_agree(seed: int, asked: Settings) -> None:
    fleet = draw(seed, asked)
    assert all(frame.schema == schema(TABLES[name]) for name, frame in fleet.frames.items())
    failed = sum(int((frame["result"] == "failure").sum()) for frame in fleet.results())
    assert failed == len(fleet.truth.causes)
    jobs = fleet.frames["jobs"]
    assert len(jobs.filter(pl.col("result") != "success", ~pl.col("carried_over"))) == len(fleet.truth.job_causes)
    red = jobs.filter(pl.col("result") != "success").select("run_id", "attempt").unique()
    told = fleet.frames["run_attempts"].filter(pl.col("result") == "failure").select("run_id", "attempt")
    assert red.sort("run_id", "attempt").equals(told.sort("run_id", "attempt"))
    assert fleet.frames["run_attempts"]["attempt"].max() in ({None, 1} if not asked.reruns else {None, 1, 2, 3})
    assert (jobs["started_at"] >= jobs["created_at"]).all()
    assert (jobs["completed_at"] >= jobs["started_at"]).all()


@given(SEEDS, SETTINGS)
@settings(max_examples=15, deadline=None)
def test_a_healthy_fleet_never_fails(seed: int, asked: Settings) -> None:
    well = Settings(
        repositories=asked.repositories, days=asked.days, commits=asked.commits, tests=asked.tests, healthy=True
    )
    fleet = draw(seed, well)
    assert set(fleet.frames["jobs"]["result"]) <= {"success"}
    assert fleet.truth.causes.is_empty()
    assert fleet.truth.flaky.is_empty()
