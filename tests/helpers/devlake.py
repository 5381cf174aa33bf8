"""DevLake's raw bodies and what it made of them, and the comparison of ours with its: every difference has a reason.

Import it as `from tests.helpers.devlake import Difference, compared, raw, snapshot`.
"""

import csv
import io
import json
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelinedoctor.fetch.bounds import instant

_PLUGINS = "backend/plugins"
_RESULTS = {"SUCCESS": "success", "FAILURE": "failure", "": "unknown"}
Cells = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where we differ from DevLake in a field: how often, who is right, and why. `holds` takes the body, ours and theirs."""

    field: str
    count: int
    right: str
    why: str
    holds: Callable[[Mapping[str, Any], Any, Any], bool]


def _table(data: Path, name: str) -> list[dict[str, str]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with tarfile.open(data / "devlake" / "devlake_e2e.tar.xz") as archive:
        file = archive.extractfile(f"{_PLUGINS}/{name}.csv")
        assert file is not None
        return list(csv.DictReader(io.StringIO(file.read().decode("utf-8-sig"))))


def raw(data: Path, plugin: str, name: str) -> dict[int, dict[str, Any]]:
    """The bodies of a raw table by their id; of two of one id the last counts, as it does for DevLake."""
    bodies = (json.loads(row["data"]) for row in _table(data, f"{plugin}/e2e/raw_tables/{name}"))
    return {body["id"]: body for body in bodies}


def snapshot(data: Path, plugin: str, name: str) -> dict[int, Cells]:
    """What DevLake made of them: result, duration, queue time and times, in our words and types."""
    return {
        int(row["id"].rpartition(":")[2]): {
            "result": _RESULTS[row["result"]],
            "duration": float(row["duration_sec"]) if row["duration_sec"] else None,
            "queue": float(row["queued_duration_sec"]) if row["queued_duration_sec"] else None,
            "created": instant(row["created_date"]),
            "started": instant(row["started_date"]),
            "finished": instant(row["finished_date"]),
        }
        for row in _table(data, f"{plugin}/e2e/snapshot_tables/{name}")
    }


def compared(
    bodies: Mapping[int, Mapping[str, Any]],
    ours: Mapping[int, Cells],
    theirs: Mapping[int, Cells],
    known: Sequence[Difference],
) -> tuple[list[tuple[int, str, Any, Any]], list[tuple[str, str, int]]]:
    """The differences that no reason covers, and the reasons that do not cover as many as they say."""
    assert ours.keys() == theirs.keys()
    found: Counter[int] = Counter()
    unknown = []
    for number, cells in theirs.items():
        for field in ours[number]:
            mine, other = ours[number][field], cells[field]
            if mine == other:
                continue
            reasons = [
                place
                for place, one in enumerate(known)
                if one.field == field and one.holds(bodies[number], mine, other)
            ]
            if len(reasons) == 1:
                found[reasons[0]] += 1
            else:
                unknown.append((number, field, mine, other))
    wrong = [(one.field, one.why, found[place]) for place, one in enumerate(known) if found[place] != one.count]
    return unknown, wrong
