"""A real history without the detour over HTTP: the recorded bodies of apache/ozone as the fetcher would write them.

GitHub Actions of apache/ozone, 2019-12 to 2022-06, its default branch only, from elek/ozone-build-results.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelinedoctor.fetch.github.rows import job_rows, repository_row, run_rows
from pipelinedoctor.model import Commit, Row
from pipelinedoctor.store.connection import Store
from pipelinedoctor.timespan import Window, moment

SET = "ozone"
HOST = "github.com"
WINDOW = Window(moment("2019-12-01"), moment("2022-07-01"))
"""All of it."""


def lines(file: Path) -> Iterator[Any]:
    """The JSON values of a compressed file, one a line."""
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        yield from (json.loads(line) for line in opened)


def fill(store: Store, folder: Path) -> None:
    """Write the recorded runs, the jobs that belong to them, and the commits of the default branch."""
    runs = {line["run"]["id"]: line["run"] for line in lines(folder / "runs.jsonl.gz")}
    newest = max(runs.values(), key=lambda run: str(run["created_at"]))["repository"]
    written: list[Row] = [repository_row(HOST, {**newest, "default_branch": "master"})]
    for body in runs.values():
        written += run_rows(HOST, body)
    for line in lines(folder / "jobs.jsonl.gz"):
        for job in line["jobs"]:
            if job["run_id"] in runs:
                written += job_rows(HOST, job, newest["id"])
    store.write(HOST, [*written, *_commits(folder, newest["id"])])


def _commits(folder: Path, repository_id: int) -> Iterator[Commit]:
    with gzip.open(folder / "git_commits.csv.gz", "rt", encoding="utf-8") as opened:
        for row in csv.DictReader(opened):
            yield Commit(
                host=HOST,
                repository_id=repository_id,
                sha=row["sha"],
                parents=None,
                authored_at=moment(row["authored_at"]),
                committed_at=moment(row["committed_at"]),
                author=None,
                subject=row["subject"],
            )
