"""How long it takes from files of JUnit to verdicts, the store included, beside a peer that has no store.

    python -m tests.benchmarks.junit_verdicts [ROUNDS] [PEER]

prints a table: wall time, processor time and peak memory of one command, medians of so many rounds (5). PEER is a program
that is called as `PEER analyze --format json FILE…`, as unflake 0.6.1 is; without it there are no ratios. The programs take
turns, so that a busy machine slows all of them. The second analysis asks the store alone, in a process of its own; `start`
is what the program needs to say its version.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SIZES = ((200, 2_000), (500, 5_000))
ROUNDS = 5
AS_OF = "2026-05-26T06:00Z"
"""The end of each history."""
_WRITE = """
import sys
from pathlib import Path
from pipelinedoctor.accuracy.junit_histories import Shape, history, write
runs, tests, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
write(history(Shape(runs=runs, tests=tests, reruns=0.2, outages=False, seed=1)), folder)
"""
_OURS = (sys.executable, "-m", "pipelinedoctor")
_REPORT = ("--quiet", "--format", "json", "--as-of", AS_OF)


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run of a program took: seconds on the wall and of processors, MiB at its peak."""

    wall: float
    processor: float
    peak: float


def run(command: Sequence[str], folder: Path) -> Taken:
    """Run a program in a folder and see what it takes; its output is thrown away. Raises where it fails."""
    begun = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} …: ended with {process.returncode}")
    return Taken(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def measured(reports: Path, peer: str | None, rounds: int) -> Mapping[str, list[Taken]]:
    """What each program took in each round."""
    taken: dict[str, list[Taken]] = {}
    files = [path.name for path in sorted(reports.glob("*.xml"))]
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            first = ("ingest", "junit", "--manifest", f"{reports}/manifest.jsonl", "--report", "first", *_REPORT)
            taken.setdefault("files to verdicts", []).append(run((*_OURS, *first), folder))
            taken.setdefault("second analysis", []).append(run((*_OURS, "report", "--out", "second", *_REPORT), folder))
            taken.setdefault("start", []).append(run((*_OURS, "--version"), folder))
        if peer:
            taken.setdefault("peer", []).append(run((peer, "analyze", "--format", "json", *files), reports))
    return taken


def lines(taken: Mapping[str, list[Taken]]) -> list[str]:
    """A line a program: medians, and the wall time's ratio to the peer's, round by round."""
    told = []
    for name, rounds in taken.items():
        wall, processor, peak = (median(getattr(one, each) for one in rounds) for each in Taken.__slots__)
        line = f"{name:20} {wall:6.2f} s  {processor:6.2f} s  {peak:6.0f} MiB"
        if name == "files to verdicts" and "peer" in taken:
            ratio = median(one.wall / other.wall for one, other in zip(rounds, taken["peer"], strict=True))
            line += f"  {ratio:.2f} x the peer"
        told.append(line)
    return told


def main(rounds: int, peer: str | None) -> None:
    for runs, tests in SIZES:
        with tempfile.TemporaryDirectory() as name:
            subprocess.run((sys.executable, "-c", _WRITE, str(runs), str(tests), name), check=True)
            size = sum(path.stat().st_size for path in Path(name).glob("*.xml")) / 1e6
            sys.stdout.write(f"{runs} runs x {tests:,} tests, {size:.0f} MB, {rounds} rounds\n")
            sys.stdout.write("                       wall   processors    peak\n")
            sys.stdout.write("".join(f"{line}\n" for line in lines(measured(Path(name), peer, rounds))))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, sys.argv[2] if len(sys.argv) > 2 else None)
