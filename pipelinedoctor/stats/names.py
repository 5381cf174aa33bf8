"""The identity of a job over time: shards folded together, renames joined, matrix values kept apart."""

import re
from collections.abc import Iterator

import polars as pl

_PIPELINE = ("host", "repository_id", "pipeline_id")
_RUN = ("run_created_at", "run_id")

_SPACE = re.compile(r"\s+")
_SHARD = re.compile(
    r"(?<![A-Za-z0-9./])(?:(?:shard|part|chunk|group|split|partition)[\s_:#-]*)?"
    r"(?P<index>\d{1,6})(?:\s*/\s*|[\s_-]of[\s_-])(?P<total>\d{1,6})(?![\w./])"
    r"|(?<![A-Za-z0-9])shard[\s_:#-]*\d{1,6}(?![\w.])",
    re.IGNORECASE,
)
_LEFT_OVER = (
    (re.compile(r"([(\[])[\s,]+|[\s,]+([)\]])"), r"\1\2"),
    (re.compile(r"\(\)|\[\]"), ""),
    (re.compile(r",(?:\s*,)+"), ","),
    (re.compile(r"[\s_:,/-]+$|^[\s_:,/-]+"), ""),
)


def normalised(name: str) -> str:
    """The name with its white space folded and its shard suffix gone; one that is nothing but a shard is `shard`.

    `test (1/4)`, `test 2 of 4` and `test-3-of-4` are one job cut in pieces; the number of pieces changes with time.
    All else stays: matrix values are part of the identity. A matrix expression that was never expanded
    (`test (${{ matrix.os }})`, the name of a skipped matrix) keeps its text.
    """
    folded = _SPACE.sub(" ", name).strip()
    if "${{" in folded:
        return folded
    bare = _without_shard(folded)
    while bare != folded:
        folded, bare = bare, _without_shard(bare)
    return bare


def _without_shard(name: str) -> str:
    bare = _SHARD.sub(_unless_a_shard, name)
    if bare == name:
        return name
    for pattern, replacement in _LEFT_OVER:
        bare = pattern.sub(replacement, bare)
    return _SPACE.sub(" ", bare).strip() or "shard"


def _unless_a_shard(match: re.Match[str]) -> str:
    if match["total"] is None:
        return ""
    return "" if 0 <= int(match["index"]) <= int(match["total"]) and int(match["total"]) > 1 else match.group()


def job_names(frame: pl.DataFrame) -> pl.DataFrame:
    """The identity of each job name of each pipeline.

    Takes `host`, `repository_id`, `pipeline_id`, `name`, `run_id`, `run_created_at`: a row for each name and run, over
    the whole history, in any order. Gives `host`, `repository_id`, `pipeline_id`, `name` and `job`, sorted: `job` is
    the newest normalised name of the series that `name` belongs to. `stats.renames` says how renames are found.
    """
    raw = frame.select("name").unique().sort("name").to_series().to_list()
    plain = pl.DataFrame(
        {"name": raw, "job": [normalised(name) for name in raw]}, schema={"name": pl.String, "job": pl.String}
    )
    seen = frame.join(plain, on="name")
    keys = {key: frame.schema[key] for key in _PIPELINE}
    renamed = [
        (*pipeline, old, new) for pipeline, runs in _pipelines(seen) for old, new in sorted(_newest(runs).items())
    ]
    newest = pl.DataFrame(renamed, schema={**keys, "job": pl.String, "newest": pl.String}, orient="row")
    return (
        seen.select(*_PIPELINE, "name", "job")
        .unique()
        .join(newest, on=[*_PIPELINE, "job"], how="left")
        .select(*_PIPELINE, "name", pl.coalesce("newest", "job").alias("job"))
        .sort(*_PIPELINE, "name")
    )


def _pipelines(seen: pl.DataFrame) -> Iterator[tuple[tuple[object, ...], dict[str, list[int]]]]:
    """For each pipeline the places of each job's runs, rising, in the pipeline's order of runs."""
    order = (
        seen.select(*_PIPELINE, *_RUN)
        .unique()
        .sort(*_PIPELINE, *_RUN)
        .with_columns(pl.int_range(pl.len()).over(*_PIPELINE).alias("place"))
    )
    placed = (
        seen.join(order, on=[*_PIPELINE, *_RUN])
        .select(*_PIPELINE, "job", "place")
        .unique()
        .sort(*_PIPELINE, "job", "place")
        .group_by(*_PIPELINE, "job", maintain_order=True)
        .agg("place")
    )
    for key, jobs in placed.group_by(*_PIPELINE, maintain_order=True):
        yield key, dict(jobs.select("job", "place").iter_rows())


def _newest(runs: dict[str, list[int]]) -> dict[str, str]:
    """For each name that was renamed the last name of its series."""
    from pipelinedoctor.stats.renames import successors  # noqa: PLC0415  brings NumPy, which writing a store does not need

    following = successors(runs)
    newest: dict[str, str] = {}
    for name in following:
        last = name
        while last in following:
            last = following[last]
        newest[name] = last
    return newest
