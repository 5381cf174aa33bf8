"""Fetching a whole real history from the loopback forge, against a bare loop over the same URLs.

    pytest tests/benchmarks/test_fetch_benchmark.py --benchmark-only

The loop is one `requests` session, one request after another, nothing parsed and nothing stored: what the network and the
forge alone cost. `ratio` is the fetch's time by the loop's.
"""

import resource
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.simulate.forge import Forge, serve
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync


def test_whole_history(benchmark: Any, data: Path, tmp_path: Path) -> None:
    with serve(data / "ozone") as forge, Store.open(tmp_path / "history.duckdb") as store:
        order = Order(since=datetime(2019, 1, 1, tzinfo=UTC), until=forge.as_of + timedelta(seconds=1))
        source = Source(
            forge="github",
            host=forge.host,
            url=forge.url,
            repositories=forge.repositories,
            token="t",
            throttle=0,
        )
        before = _peak_mib()
        fetched: Summary = benchmark.pedantic(
            lambda: sync(GitHubFetcher(source), store, order, Silent()), rounds=1, iterations=1
        )
        seconds = benchmark.stats.stats.total
        peak = _peak_mib()
        asked = len(forge.requests())
        bare = _bare(forge)
    benchmark.extra_info |= {
        "requests": asked,
        "API requests": fetched.requests,
        "requests a second": round(asked / seconds),
        "bare requests a second": round(asked / bare),
        "ratio": round(seconds / bare, 2),
        "peak memory MiB": peak,
        "of it before the fetch": before,
        "rows": sum(fetched.new.values()),
    }
    assert fetched.outcome == "complete"


def _bare(forge: Forge) -> float:
    """Seconds for the same requests, one by one."""
    urls = [
        (forge.blob_url if request.route.startswith("blob ") else forge.url) + request.target
        for request in forge.requests()
    ]
    start = time.perf_counter()
    with requests.Session() as session:
        for url in urls:
            session.get(url, allow_redirects=False, timeout=30).content  # noqa: B018  to read is the point
    return time.perf_counter() - start


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
