"""How fast reports of tests get from XML into the store, on one core, beside parsers that store nothing.

Run by hand: `taskset -c 0 pytest tests/benchmarks/test_ingest_benchmark.py --benchmark-only -s
-o addopts=--import-mode=importlib`.
"""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.parsers import expat

import pytest
from lxml import etree

from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.ingest import ingest
from pipelinedoctor.manifest import Belonging, Handed
from pipelinedoctor.store.connection import Store

TESTS = 2_000
FILES = 165
RUNS = 40
FAILURE = (
    '><failure message="AssertionError: assert 1 == 2">def test():\n    assert 1 == 2\n'
    + "E   assert 1 == 2\n" * 20
    + "</failure></testcase>"
)
SKIPPED = '><skipped type="pytest.skip" message="not here">x.py:1: not here</skipped></testcase>'


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """About 40 MB: files of 2,000 tests as pytest writes them; one in 500 fails, one in 100 is skipped."""
    folder, chance, made = tmp_path_factory.mktemp("reports"), random.Random(1), []
    for number in range(FILES):
        cases = [
            f'<testcase classname="tests.unit.module_{n // 50}.TestThing{n // 10}"'
            f' name="test_it_does_something_useful[{n}-param]" time="{chance.random():.3f}"{ending(chance.random())}'
            for n in range(TESTS)
        ]
        made.append(folder / f"{number:03}.xml")
        suite = (
            f'<testsuites><testsuite name="pytest" tests="{TESTS}">' + "\n".join(cases) + "</testsuite></testsuites>"
        )
        made[-1].write_text(f'<?xml version="1.0" encoding="utf-8"?>\n{suite}')
    return made


def ending(chance: float) -> str:
    return FAILURE if chance < 0.002 else SKIPPED if chance < 0.012 else " />"


@pytest.fixture
def told(benchmark: Any, reports: list[Path], capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """Says how many MB of XML a second were read."""
    yield ""
    size = sum(file.stat().st_size for file in reports) / 1e6
    speed = size / benchmark.stats.stats.min
    benchmark.extra_info["MB/s"] = round(speed, 1)
    with capsys.disabled():
        print(f"\n{benchmark.name}: {size:.1f} MB, {speed:.1f} MB/s at best")  # noqa: T201  what it is for


@pytest.mark.usefixtures("told")
def test_into_the_store(benchmark: Any, reports: list[Path], new_store: Callable[[], Store]) -> None:
    handed = [
        Handed(file, Belonging(repository="acme/app", run_id=str(n % RUNS), commit="c", job=f"shard {n // RUNS}"))
        for n, file in enumerate(reports)
    ]
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def into(store: Store) -> int:
        with store:
            return ingest(store, "local", handed, now, Silent()).new

    assert benchmark.pedantic(into, setup=lambda: ((new_store(),), {}), rounds=5) == TESTS * FILES


@pytest.mark.usefixtures("told")
def test_bare_expat(benchmark: Any, reports: list[Path]) -> None:
    def count() -> int:
        found = 0

        def start(tag: str, _attributes: dict[str, str]) -> None:
            nonlocal found
            found += tag == "testcase"

        for file in reports:
            parser = expat.ParserCreate()
            parser.StartElementHandler = start
            with file.open("rb") as stream:
                parser.ParseFile(stream)
        return found

    assert benchmark.pedantic(count, rounds=5) == TESTS * FILES


@pytest.mark.usefixtures("told")
def test_lxml_columns(benchmark: Any, reports: list[Path]) -> None:
    """Names, times and results as lists, by lxml's `iterparse`; nothing is numbered, redacted or stored."""

    def columns() -> int:
        names: list[str] = []
        times: list[float] = []
        results: list[str] = []
        for file in reports:
            for _, case in etree.iterparse(file, events=("end",), tag="testcase"):
                names.append(f"{case.get('classname')}::{case.get('name')}")
                times.append(float(case.get("time")))
                results.append(case[0].tag if len(case) else "success")
                case.clear()
        return len(names)

    assert benchmark.pedantic(columns, rounds=5) == TESTS * FILES
