"""The core that stores: batches, and what happens when a fetch ends badly. What a killed fetch loses: see test_chaos."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelinedoctor.errors import BudgetError, StoreError
from pipelinedoctor.fetch.github.rows import job_rows, run_rows
from pipelinedoctor.fetch.interface import Mark, Order, Page, Progress, RawLog, Silent, Source, SyncState
from pipelinedoctor.model import Change, Commit, FetchGap, Job, Row, Run, TestResult
from pipelinedoctor.redaction import redacted
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import PAGES, SECONDS, Summary, sync
from tests.helpers.recordings import job, job_bodies, run, run_body

HOST = "github.com"
NOW = datetime(2026, 1, 20, tzinfo=UTC)
ORDER = Order(since=NOW - timedelta(days=30), until=NOW)
WORKERS = 4


class Listed:
    """A fetcher that hands on what it is given, and raises what it is given."""

    source = Source(forge="github", host=HOST, url="http://127.0.0.1:9", repositories=("a/b",))

    def __init__(self, pages: Iterable[Page], error: BaseException | None = None) -> None:
        self._pages = pages
        self._error = error
        self.closed = False

    def pages(self, order: Order, state: SyncState, progress: Progress) -> Iterator[Page]:
        try:
            yield from self._pages
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True


class Ticking:
    """A clock that moves on by a fixed time at each look."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._now = 100.0

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def page(number: int) -> Page:
    return Page(rows=[one_commit(number)], marks=[Mark(kind="page", key=str(number), value="1")], requests=2)


def one_commit(number: int, subject: str = "Change") -> Commit:
    return Commit(
        host=HOST,
        repository_id=1,
        sha=str(number),
        parents=None,
        authored_at=None,
        committed_at=None,
        author="Ada",
        subject=subject,
    )


def batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes, in marks, of the store's transactions from now on."""
    sizes: list[int] = []
    write = store.write

    def noted(host: str, rows: Iterable[Row], marks: Any = (), closed: Any = ()) -> Any:
        sizes.append(len(marks))
        return write(host, rows, marks, closed)

    monkeypatch.setattr(store, "write", noted)
    return sizes


def stored(store: Store) -> tuple[int, int]:
    commits = store.connection.sql("SELECT count(*) FROM commits").fetchall()[0][0]
    return commits, len(store.state(HOST).all("page"))


@pytest.mark.parametrize(
    ("pages", "step", "sizes"),
    [
        (0, 0, []),
        (1, 0, [1]),
        (PAGES, 0, [PAGES]),
        (2 * PAGES + 1, 0, [PAGES, PAGES, 1]),
        (5, SECONDS, [1] * 5),
        (5, SECONDS / 2, [2, 2, 1]),
    ],
)
def test_a_batch_is_fifty_pages_or_two_seconds(
    store: Store, monkeypatch: pytest.MonkeyPatch, pages: int, step: float, sizes: list[int]
) -> None:
    found = batches(store, monkeypatch)
    done = sync(Listed(map(page, range(pages))), store, ORDER, Silent(), clock=Ticking(step))
    assert found == sizes
    assert stored(store) == (pages, pages)
    assert (done.requests, done.new.get("commits", 0), done.gaps, done.outcome) == (2 * pages, pages, 0, "complete")


def test_long_logs_do_not_wait_for_a_full_batch(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelinedoctor.sync.LOG_CHARACTERS", 100)
    found = batches(store, monkeypatch)

    def logged(number: int) -> Page:
        log = RawLog(host=HOST, job_id=number, run_id=1, forge_result=None, failed_step=None, text="x" * 60)
        return Page(logs=[log], marks=page(number).marks)

    sync(Listed(map(logged, range(5))), store, ORDER, Silent(), clock=Ticking(0))
    assert found == [2, 2, 1]


@pytest.mark.parametrize("error", [BudgetError("limit met"), KeyboardInterrupt(), ZeroDivisionError()])
def test_what_was_read_is_stored_before_the_error_goes_on(store: Store, error: BaseException) -> None:
    fetcher = Listed(map(page, range(PAGES + 7)), error)
    with pytest.raises(type(error)):
        sync(fetcher, store, ORDER, Silent())
    assert fetcher.closed
    assert stored(store) == (PAGES + 7, PAGES + 7)
    outcome = "limit met" if isinstance(error, BudgetError) else "broken off; the next fetch goes on from there"
    assert sources(store) == [(HOST, "github", "live", None, outcome)]


def sources(store: Store) -> list[tuple[Any, ...]]:
    return store.connection.sql("SELECT host, forge, origin, fetched_at, outcome FROM sources").fetchall()


def test_the_time_of_the_last_good_fetch_outlives_a_bad_one(store: Store) -> None:
    sync(Listed([page(1)]), store, ORDER, Silent(), origin="recording")
    good = NOW.replace(tzinfo=None)
    assert sources(store) == [(HOST, "github", "recording", good, "complete")]
    with pytest.raises(BudgetError):
        sync(Listed([page(2)], BudgetError("limit met")), store, ORDER, Silent(), origin="recording")
    assert sources(store) == [(HOST, "github", "recording", good, "limit met")]


def test_a_store_that_fails_ends_the_fetch(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fetcher = Listed(map(page, range(PAGES * 3)))

    def full(*_: Any) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(store, "write", full)
    with pytest.raises(StoreError, match="no space left"):
        sync(fetcher, store, ORDER, Silent())
    assert sources(store) == []


def test_the_summary_tells_new_from_changed_rows_and_counts_gaps(store: Store) -> None:
    gap = FetchGap(host=HOST, repository="a/b", kind="log", subject="job 1", reason="log expired", rows_missing=None)
    first = sync(Listed([Page(rows=[one_commit(1), one_commit(2), gap])]), store, ORDER, Silent())
    assert (first.new["commits"], first.changed["commits"], first.gaps) == (2, 0, 1)
    second = sync(Listed([Page(rows=[one_commit(1, "Reworded"), one_commit(2)])]), store, ORDER, Silent())
    assert (second.new["commits"], second.changed["commits"], second.gaps) == (0, 1, 0)


def test_the_summary_tells_of_what_was_free_ran_backwards_or_could_not_be_read(store: Store) -> None:
    def gap(repository: str, kind: str, subject: str) -> FetchGap:
        return FetchGap(host=HOST, repository=repository, kind=kind, subject=subject, reason="x", rows_missing=None)

    gaps = [gap("a/b", "runs", "a second"), gap("b/*", "runs", "b/*"), gap("a/c", "runs", "a/c"), gap("d", "log", "d")]
    read = [Page(requests=3, free=2, dirty=1, rows=gaps), Page(requests=1, free=1, dirty=4)]
    done = sync(Listed(read), store, ORDER, Silent())
    assert (done.requests, done.free, done.dirty, done.gaps) == (4, 3, 5, 4)
    assert done.unread == ("b/*", "a/c")


def test_what_a_fetch_came_to_is_told_however_it_ended(store: Store) -> None:
    told: list[Summary] = []
    with pytest.raises(BudgetError):
        sync(Listed([page(1)], BudgetError("limit met")), store, ORDER, Silent(), ended=told.append)
    (one,) = told
    assert (one.requests, one.new["commits"], one.outcome) == (2, 1, "limit met")
    assert sync(Listed([page(1)]), store, ORDER, Silent(), ended=told.append) == told[1]


def test_logs_become_failures_without_secrets(store: Store) -> None:
    text = "2026-01-05T12:00:00.0000000Z ##[error]Error: login with ghp_0123456789abcdefghijABCDEFGHIJ012345 failed\n"
    log = RawLog(host=HOST, job_id=1, run_id=1, forge_result="failure", failed_step="Log in", text=text)
    done = sync(Listed([Page(logs=[log])]), store, ORDER, Silent())
    assert done.new["failures"] == 1
    ((step, line, excerpt),) = store.connection.sql("SELECT step, line, excerpt FROM failures").fetchall()
    assert step == "Log in"
    assert "failed" in line
    assert "ghp_0123" not in line + excerpt


SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
DIRTY = f"see ada@example.org and {SECRET}"


def test_free_text_of_rows_is_redacted_and_keys_are_kept() -> None:
    the_run = run_rows(HOST, run_body(run(1, body={"display_title": DIRTY, "head_branch": DIRTY, "name": DIRTY})))[0]
    the_job = job_rows(HOST, job_bodies(run(1, jobs=[job(DIRTY, "failure", steps=[{"name": DIRTY}])]))[0], 1)
    result = TestResult(
        host=HOST,
        run_id=1,
        job_id=1,
        attempt=1,
        test=DIRTY,
        ordinal=0,
        suite=DIRTY,
        result="failure",
        duration_s=1.0,
        message=DIRTY,
        detail=DIRTY,
    )
    change = Change(
        host=HOST,
        repository_id=1,
        number=1,
        title=DIRTY,
        author="ada",
        state="open",
        created_at=NOW,
        merged_at=None,
        closed_at=None,
        merge_sha=None,
        base="main",
        html_url="",
    )
    rows = [the_run, *the_job, result, change, one_commit(1, DIRTY)]
    clean = redacted(rows)
    assert SECRET not in str(clean)
    assert "ada@example.org" not in str(clean)
    assert [type(row) for row in clean] == [type(row) for row in rows]
    assert isinstance(clean[0], Run)
    assert isinstance(clean[1], Job)
    assert (clean[0].run_id, clean[1].job_id) == (1, 1000)


def test_rows_without_secrets_are_handed_on_as_they_are() -> None:
    rows = [one_commit(1), one_commit(2, DIRTY), one_commit(3)]
    clean = redacted(rows)
    assert (clean[0] is rows[0], clean[2] is rows[2]) == (True, True)
    assert isinstance(clean[1], Commit)
    assert SECRET not in str(clean[1].subject)
    assert redacted(rows[:1]) == rows[:1]
    assert redacted([]) == []
