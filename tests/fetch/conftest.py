"""What the tests of fetching share."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fetch.rig import Rig


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Rig]:
    """A forge and a store, for fetches night after night."""
    with ExitStack() as stack:
        yield Rig(tmp_path, stack)
