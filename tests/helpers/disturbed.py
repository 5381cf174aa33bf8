"""Real fetches, one process after another, killed at will, and the account of what each had committed when it ended."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelinedoctor.model import TABLES, Detail, Job
from pipelinedoctor.simulate.forge import Forge
from pipelinedoctor.simulate.server import Request
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import PAGES

WORKERS = 4

# Imports take a second, a fetch not much more: each line begins a fetch in a process of its own, all imported.
# What a page cost is noted once it is committed. A page that marks and closes nothing is paid for what the next ones bring;
# the last of all pages is such a one, and counts requests that failed.
_NEST = """
import json, os, sys, traceback
from datetime import datetime
from pathlib import Path
from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.gitlab.fetcher import GitLabFetcher
from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.store.connection import Store
from pipelinedoctor import sync as core


class Counting:
    def __init__(self, fetcher):
        self.source, self._fetcher, self.handed = fetcher.source, fetcher, 0

    def pages(self, order, state, progress):
        waiting = 0
        for page in self._fetcher.pages(order, state, progress):
            waiting += page.requests
            if page.marks or page.closed:
                self.handed, waiting = self.handed + waiting, 0
            yield page


def fetch(told):
    source = Source(token="t", throttle=0, **told["source"])
    order = Order(**{name: datetime.fromisoformat(told[name]) for name in ("since", "until")})
    fetcher = Counting({"github": GitHubFetcher, "gitlab": GitLabFetcher}[source.forge](source, pause=lambda _: None))
    journal = os.open(told["journal"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with Store.open(Path(told["store"])) as store:
        write = store.write

        def noted(*arguments):
            done = write(*arguments)
            os.write(journal, f"{fetcher.handed}\\n".encode())
            return done

        store.write = noted
        core.PAGES = told["batch"]
        core.sync(fetcher, store, order, Silent())


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            fetch(json.loads(line))
        except ForgeError as error:
            print(error, file=sys.stderr)
            os._exit(3)
        except BaseException:
            traceback.print_exc()
            os._exit(70)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a fetch ended, what it asked of the API, and how many of these requests had been committed by then."""

    code: int
    asked: tuple[Request, ...]
    committed: int

    @property
    def lost(self) -> int:
        """Requests that no committed page has: those of the open batch, those under way, and those that failed."""
        return len(self.asked) - self.committed

    @property
    def good(self) -> set[Key]:
        """What was answered in full, as it is asked for: kinds of route, address with its query, body."""
        return {_key(one) for one in self.asked if one.status == 200 and one.mishap is None}

    @property
    def paid(self) -> set[Key]:
        """What was asked for, and was not answered "unchanged"."""
        return {_key(one) for one in self.asked if one.status != 304}

    @property
    def faults(self) -> int:
        """How many of its requests met a fault."""
        return sum(one.mishap is not None for one in self.asked)


def _key(one: Request) -> Key:
    return one.route, one.target, one.body


class Fetches:
    """A nest of processes that fetch from a forge."""

    def __init__(self, forge: Forge, source: dict[str, Any], folder: Path) -> None:
        self._forge = forge
        self._source = {**source, "url": forge.url, "workers": WORKERS}
        self._journal = folder / "journal.txt"
        self._nest = subprocess.Popen(
            [sys.executable, "-c", _NEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, store: Path, span: tuple[datetime, datetime], kill_after: int | None = None, batch: int = PAGES
    ) -> Ended:
        """Fetch a span of time in batches of so many pages, kill the process once it has made so many requests.

        It is told how it ended.
        """
        assert self._nest.stdin is not None
        assert self._nest.stdout is not None
        self._forge.reset()
        self._journal.unlink(missing_ok=True)
        told = {
            "source": self._source,
            "store": str(store),
            "since": span[0].isoformat(),
            "until": span[1].isoformat(),
            "batch": batch,
            "journal": str(self._journal),
        }
        self._nest.stdin.write(json.dumps(told) + "\n")
        self._nest.stdin.flush()
        child = int(self._nest.stdout.readline())
        if kill_after is not None:
            while sum(self._forge.counts().values()) < kill_after:
                if select.select([self._nest.stdout], [], [], 0.004)[0]:
                    break  # it has ended by itself
            else:
                os.kill(child, signal.SIGKILL)
        code = int(self._nest.stdout.readline())
        asked = tuple(one for one in self._forge.requests() if not one.route.startswith("blob "))
        noted = self._journal.read_text(encoding="utf-8").split() if self._journal.exists() else []
        return Ended(code, asked, int(noted[-1]) if noted else 0)

    def end(self) -> None:
        """Let the nest end."""
        self._nest.communicate()


@contextmanager
def fetches(forge: Forge, source: dict[str, Any], folder: Path) -> Iterator[Fetches]:
    """Fetches from a forge, until the `with` ends."""
    made = Fetches(forge, source, folder)
    try:
        yield made
    finally:
        made.end()


Rows = dict[str, list[tuple[Any, ...]]]
_COLUMNS = [column.name for column in fields(Job)]
_DETAIL = _COLUMNS.index("detail")
_ONLY_IN_FULL = [_COLUMNS.index(name) for name in ("created_at", "queue_s", "labels", "runner", "html_url", "detail")]


def contents(path: Path) -> Rows:
    """All rows of all tables but those that tell where fetches stand."""
    with Store.open(path, read_only=True) as opened:
        return {
            table.table: opened.connection.sql(f"SELECT * FROM {table.table} ORDER BY ALL").fetchall()
            for table in TABLES
        }


def difference(path: Path, wanted: Rows) -> dict[str, tuple[set[Any], set[Any]]]:
    """By table, the rows that a store has and should not have, and those that it lacks; nothing where it is as wanted.

    It may hold a job in full where the outcome alone was wanted: a run whose question in GraphQL failed, or that was left
    over alone, is read by its list of jobs.
    """
    there = contents(path)
    lesser = {row[:2]: row for row in wanted["jobs"] if row[_DETAIL] == Detail.OUTCOMES}
    there["jobs"] = [_no_fuller(row, lesser.get(row[:2])) for row in there["jobs"]]
    return {
        name: (set(there[name]) - set(rows), set(rows) - set(there[name]))
        for name, rows in wanted.items()
        if there[name] != rows
    }


def _no_fuller(row: tuple[Any, ...], lesser: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """The row of a job with no more in it than the same of less detail has."""
    if lesser is None or row[_DETAIL] == Detail.OUTCOMES:
        return row
    return tuple(lesser[at] if at in _ONLY_IN_FULL else value for at, value in enumerate(row))
