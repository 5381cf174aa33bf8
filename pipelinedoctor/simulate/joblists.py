"""The job lists of a recording: kept compressed, with what requests select jobs by beside them."""

import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelinedoctor.errors import UsageError
from pipelinedoctor.simulate.lines import Line, find, instant, lines

_FAST = 1
FAILED = frozenset({"failure", "timed_out"})


@dataclass(frozen=True, slots=True)
class RecordedJob:
    """One job of a list; `attempt` is `None` where its body, an old one, does not tell. `node` is its check run's."""

    job_id: int
    attempt: int | None
    name: str
    failed: bool
    completed_at: datetime | None
    node: str | None


@dataclass(frozen=True, slots=True)
class JobList:
    """All recorded jobs of a run, in the recorded order; `full_name` is the repository's as their URLs tell it."""

    run_id: int
    full_name: str
    jobs: tuple[RecordedJob, ...]
    ends: tuple[int, ...]
    packed: bytes

    def bodies(self, positions: Sequence[int]) -> list[bytes]:
        """The recorded bytes of the jobs at these positions."""
        text = zlib.decompress(self.packed)
        starts = (0, *self.ends)
        return [text[starts[at] : self.ends[at]] for at in positions]


def read_job_lists(folder: Path, archives: Mapping[str, int]) -> list[JobList]:
    """The lists of `jobs.jsonl`, one a run, in the order of the file; `archives`: runs by archive directory.

    An empty list is of the run it names, or else of the run archived in the same directory. One of no known run tells
    nothing and is left out.
    """
    if find(folder, "jobs.jsonl") is None:
        raise UsageError(f"{folder}: no recording: neither jobs.jsonl nor jobs.jsonl.gz")
    found: dict[int, JobList] = {}
    jobs: set[int] = set()
    for line in lines(folder, "jobs.jsonl"):
        listed = _job_list(line, archives)
        if listed is None:
            continue
        if listed.run_id in found:
            raise line.wrong(f"a second job list of run {listed.run_id}; the jobs of all its attempts go into one")
        twice = jobs & {job.job_id for job in listed.jobs}
        if twice or len({job.job_id for job in listed.jobs}) < len(listed.jobs):
            raise line.wrong("a job is listed twice")
        jobs.update(job.job_id for job in listed.jobs)
        found[listed.run_id] = listed
    return list(found.values())


def _job_list(line: Line, archives: Mapping[str, int]) -> JobList | None:
    rest, parts = line.cut("jobs")
    archive = rest.get("archive_dir")
    run_ids = sorted({line.whole(job, "run_id") for job, _ in parts})
    if len(run_ids) > 1:
        raise line.wrong(f"jobs of more than one run: {run_ids[0]} and {run_ids[1]}")
    if not run_ids and "run_id" in rest:
        run_ids = [line.whole(rest, "run_id")]
    if not run_ids and isinstance(archive, str) and archive in archives:
        run_ids = [archives[archive]]
    if not run_ids:
        return None
    bodies = [body for _, body in parts]
    return JobList(
        run_id=run_ids[0],
        full_name=_repository(parts[0][0]) if parts else "",
        jobs=tuple(_jobs(line, [job for job, _ in parts])),
        ends=tuple(itertools.accumulate(map(len, bodies))),
        packed=zlib.compress(b"".join(bodies), _FAST),
    )


def _jobs(line: Line, bodies: Sequence[dict[str, Any]]) -> Iterator[RecordedJob]:
    for body in bodies:
        yield RecordedJob(
            job_id=line.whole(body, "id"),
            attempt=line.whole(body, "run_attempt") if body.get("run_attempt") is not None else None,
            name=line.string(body, "name"),
            failed=body.get("conclusion") in FAILED,
            completed_at=instant(body.get("completed_at")),
            node=node if isinstance(node := body.get("node_id"), str) else None,
        )


def _repository(job: Mapping[str, Any]) -> str:
    """`owner/name` as the job's URL of its run has it: `https://api.github.com/repos/owner/name/actions/runs/1`."""
    try:
        path = urlsplit(str(job.get("run_url"))).path
    except ValueError:
        return "unknown"
    _, _, behind = path.partition("/repos/")
    return "/".join(behind.split("/")[:2]) or "unknown"
