"""What all tests share: the real data where it is present, and a store to write into."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelinedoctor.store.connection import Store

ROOT = Path(__file__).resolve().parent.parent

# The tests of a question import it from `queries/`. Last on the path, so that an installed pipelinedoctor is what is tested.
sys.path.append(str(ROOT))


def pytest_unconfigure() -> None:
    """Take back what Hypothesis gave to the garbage collector.

    The collector's callbacks outlive all modules, and with them all that they can reach: of which DuckDB, when it is
    unloaded, would print forty lines on leaks.
    """
    gc.callbacks[:] = [each for each in gc.callbacks if not str(each.__module__).startswith("hypothesis.")]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real CI history; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("PIPELINEDOCTOR_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data absent: no folder {folder}; set PIPELINEDOCTOR_DATA to it")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store of its own."""
    with Store.open(tmp_path / "history.duckdb") as opened:
        yield opened
