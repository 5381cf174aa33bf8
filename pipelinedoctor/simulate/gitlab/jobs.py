"""The jobs of a recording, their bodies compressed, with what requests select them by beside them.

`jobs.jsonl`: `{"jobs": [body], "bridges"?: [body]}`, one line or several a pipeline; the jobs of a pipeline hold its retried
ones too. Of the jobs of one name in a pipeline, the one of the highest id counts and the others were retried: bodies do not say.
"""

import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelinedoctor.simulate.gitlab.asked import dump
from pipelinedoctor.simulate.lines import Line, lines

_FAST = 1


@dataclass(frozen=True, slots=True)
class RecordedJob:
    """A job or a bridge: what it is selected by, and where in which block its body lies."""

    job_id: int
    pipeline_id: int
    name: str
    status: str
    erased: bool
    block: bytes = field(repr=False)
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of one project by id, `ids` rising; and by pipeline, as its bridges are, newest first."""

    known: Mapping[int, RecordedJob]
    ids: Sequence[int]
    retried: frozenset[int]
    by_pipeline: Mapping[int, Sequence[RecordedJob]]
    bridges: Mapping[int, Sequence[RecordedJob]]

    @classmethod
    def of(cls, jobs: Mapping[int, RecordedJob], bridges: Mapping[int, RecordedJob]) -> "Jobs":
        """Put in order, each by its id."""
        return cls(jobs, sorted(jobs), _retried(jobs, bridges), _by_pipeline(jobs), _by_pipeline(bridges))

    def within(self, pipelines: Collection[int]) -> "Jobs":
        """Those of some pipelines."""
        bridges = [one for found in self.bridges.values() for one in found]
        return Jobs.of(
            {number: job for number, job in self.known.items() if job.pipeline_id in pipelines},
            {one.job_id: one for one in bridges if one.pipeline_id in pipelines},
        )

    def latest(self, pipeline_id: int) -> list[RecordedJob]:
        """The jobs of a pipeline that were not retried, newest first."""
        return [job for job in self.by_pipeline.get(pipeline_id, ()) if job.job_id not in self.retried]


def bodies(jobs: Iterable[RecordedJob]) -> list[bytes]:
    """The recorded bytes of these jobs."""
    texts: dict[int, bytes] = {}
    found = []
    for job in jobs:
        if id(job.block) not in texts:
            texts[id(job.block)] = zlib.decompress(job.block)
        found.append(texts[id(job.block)][job.start : job.end])
    return found


def read_jobs(folder: Path, projects: Mapping[int, int]) -> dict[int, Jobs]:
    """The jobs of each project; `projects` are those of the pipelines by these."""
    known: dict[int, dict[int, RecordedJob]] = defaultdict(dict)
    bridges: dict[int, dict[int, RecordedJob]] = defaultdict(dict)
    seen: set[int] = set()
    for line in lines(folder, "jobs.jsonl"):
        rest, parts = line.cut("jobs")
        listed = rest.get("bridges", [])
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise line.wrong("`bridges` is no list of JSON objects")
        for kept, found in ((known, parts), (bridges, [(one, dump(one)) for one in listed])):
            for job in _block(line, found):
                if job.pipeline_id not in projects:
                    raise line.wrong(f"a job of pipeline {job.pipeline_id}, which is not recorded")
                if job.job_id in seen:
                    raise line.wrong(f"job {job.job_id} is listed twice")
                seen.add(job.job_id)
                kept[projects[job.pipeline_id]][job.job_id] = job
    return {project: Jobs.of(known[project], bridges[project]) for project in sorted({*known, *bridges})}


def _block(line: Line, found: Sequence[tuple[dict[str, Any], bytes]]) -> list[RecordedJob]:
    """The jobs of a line, whose bodies go into one block."""
    block = zlib.compress(b"".join(raw for _, raw in found), _FAST)
    jobs = []
    end = 0
    for body, raw in found:
        start, end = end, end + len(raw)
        jobs.append(
            RecordedJob(
                job_id=line.whole(body, "id"),
                pipeline_id=line.whole(line.mapping(body, "pipeline"), "id"),
                name=line.string(body, "name"),
                status=line.string(body, "status"),
                erased=body.get("erased_at") is not None,
                block=block,
                start=start,
                end=end,
            )
        )
    return jobs


def _retried(*kinds: Mapping[int, RecordedJob]) -> frozenset[int]:
    newest: dict[tuple[int, str], int] = {}
    ids = [job for kind in kinds for job in kind.values()]
    for job in ids:
        key = job.pipeline_id, job.name
        newest[key] = max(job.job_id, newest.get(key, 0))
    return frozenset(job.job_id for job in ids if job.job_id < newest[job.pipeline_id, job.name])


def _by_pipeline(jobs: Mapping[int, RecordedJob]) -> dict[int, list[RecordedJob]]:
    found: dict[int, list[RecordedJob]] = defaultdict(list)
    for number in sorted(jobs, reverse=True):
        found[jobs[number].pipeline_id].append(jobs[number])
    return found
