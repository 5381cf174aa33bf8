"""A loopback forge over one recording after another, and a store that fetches from it night after night."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.interface import Level, Order, Silent, Source
from pipelinedoctor.simulate.mishaps import Mishap
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync
from tests.fetch.nearby import Forge, serve
from tests.helpers.bodies import Body
from tests.helpers.recordings import Run, write_recording

NOW = datetime(2026, 1, 20, tzinfo=UTC)
DAY = timedelta(days=1)
SHOP = "acme/shop"
ROUTE = "/repos/{owner}/{repo}"
LIST = f"{ROUTE}/actions/runs"
RUN = f"{ROUTE}/actions/runs/{{run_id}}"
JOBS = f"{ROUTE}/actions/runs/{{run_id}}/jobs"
LOG = f"{ROUTE}/actions/jobs/{{job_id}}/logs"
COMMITS = f"{ROUTE}/commits"
GRAPH = "/graphql"


class Rig:
    """Each `record` puts another recording in the place of the one before; each fetch may have its own order."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._made = 0
        self.workers = 4
        self.forge: Forge
        self.store = stack.enter_context(Store.open(folder / "history.duckdb"))

    def record(
        self,
        *runs: Run,
        commits: Iterable[Body] = (),
        delivered: Mapping[str, Iterable[Body]] | None = None,
        repositories: Mapping[str, Body] | None = None,
        checks: bool = True,
    ) -> "Rig":
        self._made += 1
        folder = self._folder / f"recording-{self._made}"
        write_recording(folder, runs, commits=commits, delivered=delivered, repositories=repositories)
        return self.serve(folder, checks=checks)

    def serve(self, folder: Path, *, checks: bool = True) -> "Rig":
        self.forge = self._stack.enter_context(serve(folder, token=None, rate_limit=10**6, checks=checks))
        return self

    def plant(self, *mishaps: Mishap) -> "Rig":
        self.forge.plant(*mishaps)
        return self

    def fetch(
        self,
        *names: str,
        days: float = 0,
        back: float = 30,
        most: int | None = None,
        level: Level = Level.SAMPLED,
        token: str | None = "secret-token",
    ) -> Summary:
        """A fetch `days` after `NOW`, reaching `back` days."""
        self.forge.reset()
        source = Source(
            forge="github",
            host="github.com",
            url=self.forge.url,
            repositories=names or (SHOP,),
            token=token,
            throttle=0,
            workers=self.workers,
        )
        until = NOW + days * DAY
        order = Order(since=until - back * DAY, until=until, max_requests=most, level=level)
        return sync(GitHubFetcher(source, pause=lambda _: None), self.store, order, Silent())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.store.connection.sql(sql).fetchall()

    def gaps(self) -> list[tuple[Any, ...]]:
        """Kind, subject and reason of all gaps."""
        return self.rows("SELECT kind, subject, reason FROM fetch_gaps ORDER BY ALL")

    def marks(self, kind: str) -> Mapping[str, str]:
        return self.store.state("github.com").all(kind)

    def count(self, route: str) -> int:
        return self.forge.counts().get(route, 0)
