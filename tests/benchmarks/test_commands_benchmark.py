"""How fast commands answer, and how long all questions take on whole ozone. Run by hand: `pytest tests/benchmarks`."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from pipelinedoctor import cli
from pipelinedoctor.accuracy.ozone import fill
from pipelinedoctor.analyse import analyse
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.query import load
from pipelinedoctor.report import renderers
from pipelinedoctor.resources import shipped
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window

END = datetime(2022, 7, 1, tzinfo=UTC)
ALL = Window(datetime(2019, 12, 1, tzinfo=UTC), END)
MONTH = Window(END - timedelta(days=30), END)
HALF_YEAR = Window(END - timedelta(weeks=26), END)


@pytest.fixture(scope="module")
def ozone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """All of ozone's runs, jobs and commits."""
    with Store.open(tmp_path_factory.mktemp("ozone") / "history.duckdb") as store:
        fill(store, data / "ozone")
        yield store


@pytest.mark.parametrize("command", ["", *get_command(cli.app).commands])  # type: ignore[attr-defined]
def test_help(benchmark: Any, command: str) -> None:
    """The target is 0.3 s for each."""
    arguments = [sys.executable, "-m", "pipelinedoctor", *command.split(), "--help"]
    done = benchmark.pedantic(
        subprocess.run, (arguments,), {"capture_output": True, "check": True}, rounds=5, warmup_rounds=1
    )
    assert b"Usage: pipelinedoctor" in done.stdout


@pytest.mark.parametrize(("window", "trend"), [(MONTH, HALF_YEAR), (ALL, ALL)], ids=["month", "whole history"])
def test_all_questions_on_ozone(benchmark: Any, ozone: Store, window: Window, trend: Window) -> None:
    """All shipped questions, from the store to the report's facts."""
    queries = load([shipped("queries")])
    options = {name: query.options() for name, query in queries.items()}

    def ask() -> Any:
        return analyse(ozone, queries, options, window=window, trend=trend, generated_at=window.end, progress=Silent())

    report = benchmark.pedantic(ask, rounds=3, warmup_rounds=1)
    assert report.totals.runs == {MONTH: 152, ALL: 3351}[window]
    benchmark.extra_info["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_rendering_on_ozone(benchmark: Any, ozone: Store, tmp_path: Path) -> None:
    """HTML, wiki and JSON of a month."""
    queries = load([shipped("queries")])
    options = {name: query.options() for name, query in queries.items()}
    report = analyse(ozone, queries, options, window=MONTH, trend=HALF_YEAR, generated_at=END, progress=Silent())
    made = renderers(["html", "markdown", "json"])
    files = benchmark.pedantic(lambda: [path for one in made for path in one.render(report, tmp_path)], rounds=3)
    assert len(files) == 8
