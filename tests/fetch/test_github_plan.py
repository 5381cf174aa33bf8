"""What a fetch says it will ask, before it asks."""

import json
from datetime import UTC, datetime, timedelta

from pipelinedoctor.fetch.github.plan import plan
from pipelinedoctor.fetch.github.session import open_session
from pipelinedoctor.fetch.interface import Mark, Order
from tests.fetch.test_github_session import Marks

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def order(days: int, most: int | None = None) -> Order:
    return Order(since=NOW - 90 * DAY, until=NOW + days * DAY, max_requests=most)


def test_a_first_fetch_has_one_window_a_repository() -> None:
    assert plan(["a/b"], order(0), Marks()) == (
        "1 repository: 1 window of time to list, then what ran in them, failures first in full"
    )
    assert plan(["a/b", "a/c"], order(0, 1_000), Marks()) == (
        "2 repositories: 2 windows of time to list, then what ran in them, failures first in full;"
        " 1,000 requests at the most"
    )


def test_a_later_fetch_tells_what_it_looks_at_again() -> None:
    marks = Marks()
    session = open_session("a/b", order(0), marks)
    pages = json.dumps([["etag", 100], ["etag", 100], ["etag", 7]])
    leaves = [Mark(kind="leaf", key=f"a/b {span}", value=pages) for span in session.spans()]
    marks.write(*leaves, *session.closed())
    assert plan(["a/b"], order(1), marks).startswith(
        "1 repository: 3 pages of runs to look at again (free where unchanged), 1 window of time to list, then"
    )
