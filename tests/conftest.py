"""What all tests share: the real data where it is present, and a store to write into."""

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from pipelinedoctor.store.connection import Store

ROOT = Path(__file__).resolve().parent.parent

# The tests of a question import it from `queries/`. Last on the path, so that an installed pipelinedoctor is what is tested.
sys.path.append(str(ROOT))

# A law is held to what it says, not to how fast a busy machine gets through an example.
settings.register_profile("pipelinedoctor", deadline=None)
settings.load_profile("pipelinedoctor")


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


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Store]:
    """Opens an empty store of its own: a copy, for it takes four times as long to make the tables as to open them."""
    made = tmp_path_factory.mktemp("empty") / "history.duckdb"
    Store.open(made).close()

    def opened() -> Store:
        copy = tmp_path_factory.mktemp("store") / "history.duckdb"
        shutil.copyfile(made, copy)
        return Store.open(copy)

    return opened


@pytest.fixture
def store(new_store: Callable[[], Store]) -> Iterator[Store]:
    """An empty store of its own."""
    with new_store() as opened:
        yield opened


@pytest.fixture(scope="session")
def small_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which `demo` was run once on the small history: `recording`, `demo`, and `screen.txt`."""
    from typer.testing import CliRunner

    from pipelinedoctor.cli import app
    from tests.helpers import small_history

    here = tmp_path_factory.mktemp("small")
    small_history.write(here / "recording")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        done = CliRunner().invoke(app, ["demo", "--recording", "recording", "--out", "demo"])
    assert done.exit_code == 0, done.stderr
    (here / "screen.txt").write_text(done.stdout, encoding="utf-8")
    return here
