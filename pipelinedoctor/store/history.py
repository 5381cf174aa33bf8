"""The frames that queries see: the only door from the store to the questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in UTC, start included, end excluded."""

    start: datetime
    end: datetime


class History:
    """Lazy frames over one store, as of one moment. Columns and windows become SQL."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, window: Window, trend: Window) -> None:
        self._connection = connection
        self.window = window
        """What findings speak of; its end is the report's "now"."""
        self.trend = trend
        """What trends speak of: longer, with the same end."""

    def runs(self, columns: Sequence[str] | None = None, window: Window | None = None) -> pl.LazyFrame:
        """Runs made in the window."""
        raise NotImplementedError
