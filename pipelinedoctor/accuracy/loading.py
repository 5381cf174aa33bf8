"""A fleet into an empty store, past all that a fetch has to look out for: millions of rows in seconds."""

from pipelinedoctor.errors import StoreError
from pipelinedoctor.model import TestResult
from pipelinedoctor.simulate.fleet.fleet import Fleet
from pipelinedoctor.store.arrow import visible
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.transaction import transaction


def fill(store: Store, fleet: Fleet) -> int:
    """Write all rows of a fleet in one transaction, and how many these were; raises `StoreError` where the store has runs."""
    connection = store.connection
    if connection.sql("SELECT 1 FROM runs LIMIT 1").fetchall():
        raise StoreError("the store holds runs; a fleet is drawn into an empty one")
    rows = 0
    with transaction(connection):
        for table, frame in fleet.frames.items():
            with visible(connection, frame) as batch:
                connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM {batch}")  # noqa: S608  own names
            rows += len(frame)
        for frame in fleet.results():
            with visible(connection, frame) as batch:
                connection.execute(f"INSERT INTO {TestResult.table} BY NAME SELECT * FROM {batch}")  # noqa: S608  own names
            rows += len(frame)
    store.record_source(host=fleet.host, forge="github", origin="simulated", fetched_at=fleet.until, outcome="complete")
    return rows
