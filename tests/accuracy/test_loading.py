"""A fleet in a store is what was drawn."""

from pathlib import Path

import polars as pl
import pytest

from pipelinedoctor.accuracy.loading import fill
from pipelinedoctor.errors import StoreError
from pipelinedoctor.simulate.fleet.fleet import draw
from pipelinedoctor.simulate.fleet.settings import Settings
from pipelinedoctor.store.connection import Store

SMALL = Settings(repositories=2, days=5, tests=30)


def test_all_rows_are_in_the_store(tmp_path: Path) -> None:
    fleet = draw(1, SMALL)
    results = pl.concat(fleet.results())
    with Store.open(tmp_path / "history.duckdb") as store:
        written = fill(store, fleet)
        assert written == sum(map(len, fleet.frames.values())) + len(results)
        for table, frame in {**fleet.frames, "test_results": results}.items():
            columns = ", ".join(frame.columns)
            rows = store.connection.sql(f"SELECT {columns} FROM {table}").fetchall()
            assert rows == frame.rows()
        source = store.connection.sql("SELECT host, forge, origin, outcome FROM sources").fetchall()
        assert source == [(fleet.host, "github", "simulated", "complete")]


def test_a_store_with_runs_is_left_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path / "history.duckdb") as store:
        fill(store, draw(1, SMALL))
        with pytest.raises(StoreError, match="holds runs"):
            fill(store, draw(2, SMALL))
