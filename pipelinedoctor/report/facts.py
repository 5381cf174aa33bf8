"""What the report says beside its findings: where the rows came from, what they cover, what is missing."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from pipelinedoctor.model import Detail
from pipelinedoctor.report.model import Coverage, GapGroup, Origin, Source
from pipelinedoctor.store.history import History

_EXAMPLES = 3
_REPOSITORY = ("host", "repository_id")


def origin(sources: Sequence[Source]) -> Origin:
    """The least real of the origins."""
    found = {source.origin for source in sources}
    kinds: tuple[Origin, ...] = ("simulated", "recording", "live", "ingested")
    return next((kind for kind in kinds if kind in found), "none")


def sources(history: History, now: datetime) -> tuple[Source, ...]:
    """The sources, with the time from their last good fetch to `now`."""
    rows = history.sources().sort("host", "origin").collect().iter_rows(named=True)
    return tuple(
        Source(**row, age_s=None if row["fetched_at"] is None else max(0.0, (now - row["fetched_at"]).total_seconds()))
        for row in rows
    )


def coverage(history: History) -> tuple[Coverage, ...]:
    """What the window holds, by repository; those with nothing in it, too."""
    at = pl.col("created_at")
    runs = history.runs([*_REPOSITORY, "created_at"]).group_by(_REPOSITORY)
    jobs = history.jobs([*_REPOSITORY, "detail"]).group_by(_REPOSITORY)
    in_full = (pl.col("detail") == Detail.FULL.value).sum()
    frame = (
        history.repositories()
        .select(*_REPOSITORY, repository="full_name")
        .join(runs.agg(runs=pl.len(), first_run=at.min(), last_run=at.max()), on=_REPOSITORY, how="left")
        .join(jobs.agg(jobs=pl.len(), jobs_in_full=in_full), on=_REPOSITORY, how="left")
        .join(history.counted_results().lazy(), on=_REPOSITORY, how="left")
        .with_columns(pl.col("runs", "jobs", "jobs_in_full", "test_results").fill_null(0))
        .sort("host", "repository", "repository_id")
        .drop("repository_id")
    )
    return tuple(Coverage(**row) for row in frame.collect().iter_rows(named=True))


def gaps(history: History) -> tuple[GapGroup, ...]:
    """Gaps with the same reason put together, the most frequent first."""
    names = ("host", "repository", "kind", "reason")
    missing = pl.col("rows_missing")
    frame = (
        history.gaps()
        .group_by(names)
        .agg(
            things=pl.len(),
            rows_missing=pl.when(missing.is_not_null().any()).then(missing.sum()),
            examples=pl.col("subject").sort().head(_EXAMPLES),
        )
        .sort("things", *names, descending=[True, False, False, False, False])
    )
    return tuple(
        GapGroup(**{**row, "examples": tuple(row["examples"])}) for row in frame.collect().iter_rows(named=True)
    )
