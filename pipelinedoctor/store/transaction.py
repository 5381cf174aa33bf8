"""All or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """What is done inside is committed as a whole, or rolled back as a whole when it raises."""
    connection.execute("BEGIN TRANSACTION")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After a failed COMMIT there is no transaction left to roll back; the first error is the one to tell.
        with suppress(duckdb.TransactionException):
            connection.execute("ROLLBACK")
        raise
