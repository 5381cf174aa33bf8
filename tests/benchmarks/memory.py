"""The peak memory of one fetch, in a process of its own.

    python -m tests.benchmarks.memory RECORDING DAYS

prints it in MiB, as the kernel keeps it for this program alone: what `getrusage` tells begins with that of the parent.
"""

import sys
import tempfile
from pathlib import Path

from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.simulate.forge import serve
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import sync
from tests.benchmarks.histories import DAY, START


def main(recording: Path, days: int) -> None:
    with (
        serve(recording, token="t") as forge,
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(folder) / "history.duckdb") as store,
    ):
        source = Source(
            forge="github", host="github.com", url=forge.url, repositories=("acme/shop",), token="t", throttle=0
        )
        done = sync(GitHubFetcher(source), store, Order(since=START, until=START + days * DAY), Silent())
        assert done.outcome == "complete"
        status = Path("/proc/self/status").read_text(encoding="ascii")
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        sys.stdout.write(f"{int(peak.split()[1]) // 1024}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
