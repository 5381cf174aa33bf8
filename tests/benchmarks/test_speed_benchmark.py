"""How long a fetch takes and how much memory, from a loopback forge in a process of its own. Run by hand:

    pytest tests/benchmarks/test_speed_benchmark.py -o addopts=--import-mode=importlib -s

The measure of time is PyGithub's own requester, which reads and parses the same pages from the same forge, one after
another over its own connection, and stores nothing; logs it reads as `requests` does. Both take turns; the medians count.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
import requests
from github import Auth, Github

from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.simulate.forge import Forge, serve
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import sync
from tests.benchmarks.counting import Call, watched
from tests.benchmarks.histories import DAY, START, history
from tests.helpers.recordings import write_recording

ROUNDS = 7
FACTOR_MOST = 2.0
GROWTH_MOST_MIB = 50


@pytest.mark.parametrize("checks", [True, False], ids=["checks", "no checks"])
def test_time(tmp_path: Path, checks: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """1,000 runs of 10 jobs over 20 days, every twentieth of which failed."""
    folder = write_recording(tmp_path / "recording", history(1_000, 20, failed=20))
    with serve(folder, token="t", checks=checks) as forge:
        with watched() as calls:
            _fetch(forge, tmp_path / "first.duckdb")
        ours, theirs = [], []
        for number in range(ROUNDS):
            ours.append(_timed(partial(_fetch, forge, tmp_path / f"{number}.duckdb")))
            theirs.append(_timed(partial(_read, forge, calls)))
    told = [
        f"{name}: ours {_median(ours, place):.2f} s ({_spread(ours, place)}), "
        f"PyGithub {_median(theirs, place):.2f} s ({_spread(theirs, place)}), "
        f"{_median(ours, place) / _median(theirs, place):.2f} times as long"
        for place, name in enumerate(("by the clock", "by the processor"))
    ]
    with capsys.disabled():
        print("", f"{len(calls)} requests, {'' if checks else 'no '}checks", *told, sep="\n")  # noqa: T201
    assert _median(ours, 0) / _median(theirs, 0) <= FACTOR_MOST


def test_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """10,000 jobs and 100,000, each in a fresh process, three times."""
    peaks = []
    for runs, days in ((1_000, 20), (10_000, 200)):
        folder = write_recording(tmp_path / str(runs), history(runs, days, failed=20))
        ask = [sys.executable, "-m", "tests.benchmarks.memory", str(folder), str(days)]
        peaks.append([int(subprocess.run(ask, check=True, capture_output=True).stdout) for _ in range(3)])
    with capsys.disabled():
        print(f"\npeak memory in MiB: {peaks[0]} for 10,000 jobs, {peaks[1]} for 100,000")  # noqa: T201
    assert statistics.median(peaks[1]) - statistics.median(peaks[0]) <= GROWTH_MOST_MIB


def _fetch(forge: Forge, path: Path) -> None:
    source = Source(
        forge="github", host="github.com", url=forge.url, repositories=("acme/shop",), token="t", throttle=0
    )
    with Store.open(path) as store:
        done = sync(GitHubFetcher(source), store, Order(since=START, until=START + 20 * DAY), Silent())
    assert done.new["jobs"] == 10_000


def _read(forge: Forge, calls: Sequence[Call]) -> None:
    """The same pages by PyGithub's requester, in the order in which the fetch asked for them."""
    asked = Github(
        base_url=forge.url, auth=Auth.Token("t"), retry=None, seconds_between_requests=None, seconds_between_writes=None
    )
    with requests.Session() as blobs:
        for call in calls:
            if call.url.partition("?")[0].endswith(("/logs", "/zip")):
                headers = asked.requester.requestJson("GET", call.url)[1]
                assert blobs.get(headers["location"], timeout=30).text
            else:
                content = json.loads(call.content) if call.content else None
                asked.requester.requestJsonAndCheck(call.verb, call.url, input=content)


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and by the processor in this process."""
    wall, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - used


def _median(times: Sequence[tuple[float, float]], place: int) -> float:
    return statistics.median(one[place] for one in times)


def _spread(times: Sequence[tuple[float, float]], place: int) -> str:
    return f"{min(one[place] for one in times):.2f} to {max(one[place] for one in times):.2f}"
