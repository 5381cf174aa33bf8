"""Changes, commits, deployments, releases and tags, walked through in GraphQL."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate
from hypothesis import given, settings
from hypothesis import strategies as st

import pipelinedoctor.simulate
from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.github.annotations import ANNOTATIONS
from pipelinedoctor.fetch.github.client import Client
from pipelinedoctor.fetch.github.outcomes import MORE, OUTCOMES
from pipelinedoctor.fetch.github.overview import (
    CHANGES,
    DEPLOYMENTS,
    RELEASES,
    TAGS,
    Part,
    Walk,
    commits_in,
    overview,
    question,
)
from pipelinedoctor.fetch.github.rows import repository_row
from pipelinedoctor.fetch.github.windows import Span
from pipelinedoctor.fetch.interface import Page, Source
from pipelinedoctor.model import FetchGap
from pipelinedoctor.simulate.mishaps import Mishap
from tests.fetch.rig import COMMITS, GRAPH, NOW, Rig
from tests.fetch.scripted import Asked, Said, scripted
from tests.helpers.bodies import Body, repository_body
from tests.helpers.deliveries import deployment, pull, release, tag
from tests.helpers.recordings import commit, job, run

SHOP = repository_row("github.com", repository_body("acme/shop"))
SCHEMA = build_schema(
    (Path(pipelinedoctor.simulate.__file__).parent / "github_schema.graphql").read_text(encoding="utf-8")
)
SINCE = NOW - timedelta(days=30)
LASTING = [CHANGES, DEPLOYMENTS, RELEASES, TAGS]
PARTS = [*LASTING, commits_in(Span(SINCE, NOW))]
CHOICES = [list(found) for size in range(1, 6) for found in itertools.combinations(PARTS, size)]


@pytest.mark.parametrize("parts", CHOICES, ids=lambda parts: "+".join(part.name for part in parts))
def test_a_question_for_any_parts_is_one_that_github_takes(parts: list[Part]) -> None:
    assert validate(SCHEMA, parse(question(parts))) == []


@pytest.mark.parametrize("text", [OUTCOMES, MORE, ANNOTATIONS])
def test_the_other_questions_are_such(text: str) -> None:
    assert validate(SCHEMA, parse(text)) == []


# --- One walk after another ----------------------------------------------------------------------------------------


class Marks(dict[str, str]):
    """Sync state in memory: the marks `walk`."""

    def get(self, kind: str, key: str | None = None) -> str | None:  # type: ignore[override]
        return dict.get(self, key or "")

    def all(self, kind: str) -> dict[str, str]:
        return self

    def take(self, page: Page) -> None:
        for mark in page.marks:
            self.pop(mark.key, None)
            if mark.value is not None:
                self[mark.key] = mark.value


@contextmanager
def asking(answer: Callable[[dict[str, Any]], Said]) -> Iterator[Callable[[], Client]]:
    """A client of a forge whose GraphQL answers by the variables and the text of a question."""

    def script(asked: Asked) -> Said:
        body: dict[str, Any] = json.loads(asked.body) if asked.body else {"query": "", "variables": {}}
        return answer({**body["variables"], "query": body["query"]})

    with scripted(script) as (url, _):
        source = Source(forge="github", host="github.com", url=url, repositories=(), token="t", throttle=0)
        client = Client(source, Budget(None, pause=lambda _: None))
        yield lambda: client


def said(found: object, *errors: object) -> Said:
    return Said(body=json.dumps({"data": {"repository": found}, **({"errors": errors} if errors else {})}).encode())


def entry(at: datetime, number: int) -> Body:
    time = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"number": number, "createdAt": time, "updatedAt": time, "url": "", "state": "OPEN"}


def connection(nodes: list[Any], more: str | None = None) -> Body:
    return {"nodes": nodes, "pageInfo": {"hasNextPage": more is not None, "endCursor": more}}


class Changing:
    """A forge's list of changes, newest first, in pages of `size`; it answers whatever else is asked with nothing."""

    def __init__(self, times: list[datetime], size: int) -> None:
        self.times = times
        self.size = size
        self.pages: list[str | None] = []

    def __call__(self, asked: dict[str, Any]) -> Said:
        cursor = asked["changes"]
        self.pages.append(cursor)
        newest = sorted(enumerate(self.times, 1), key=lambda item: item[1], reverse=True)
        start = int(cursor) if cursor else 0
        shown = newest[start : start + self.size]
        more = str(start + self.size) if start + self.size < len(newest) else None
        return said({"pullRequests": connection([entry(at, number) for number, at in shown], more)})

    def walked(self, marks: Marks, pages: int | None = None) -> set[int]:
        """The changes that a walk brings, which is broken off after so many pages."""
        found: set[int] = set()
        with asking(self) as client:
            walk = Walk.of(CHANGES, SHOP, SINCE, marks)
            for page in itertools.islice(overview(client, SHOP, [walk]), pages):
                marks.take(page)
                found |= {row.number for row in page.rows if hasattr(row, "number") and hasattr(row, "title")}
        return found


HOURS = st.lists(st.integers(-24 * 40, -1), max_size=25)


@settings(max_examples=25)
@given(HOURS, st.integers(1, 6), st.lists(st.integers(1, 3), max_size=5), st.integers(0, 12))
def test_a_walk_that_is_broken_off_goes_on_where_it_was_and_the_next_ends_where_it_began(
    hours: list[int], size: int, breaks: list[int], new: int
) -> None:
    forge, marks = Changing([NOW + hour * timedelta(hours=1) for hour in hours], size), Marks()
    found: set[int] = set()
    for pages in [*breaks, None]:
        found |= forge.walked(marks, pages)
        if marks and "cursor" not in str(dict(marks)):
            break
    wanted = {number for number, at in enumerate(forge.times, 1) if at >= SINCE}
    assert wanted <= found
    first = [cursor for cursor in forge.pages if cursor is not None]
    assert len(first) == len(set(first)), "a page that was read is not asked for again"
    forge.pages.clear()
    forge.times += [NOW + at * timedelta(minutes=1) for at in range(new)]
    assert set(range(len(hours) + 1, len(forge.times) + 1)) <= forge.walked(marks)
    assert len(forge.pages) <= new // size + 1 + len([hour for hour in hours if hour == max(hours)]) // size + 1


def test_a_list_that_was_empty_is_walked_only_as_far_as_need_be_once_it_is_not() -> None:
    marks = Marks()
    forge = Changing([], 2)
    forge.walked(marks)
    forge.times = [NOW + hour * timedelta(hours=1) for hour in range(20)]
    assert len(forge.walked(marks)) == 20
    forge.pages.clear()
    assert len(forge.walked(marks)) == 2
    assert forge.pages == [None]


def test_an_order_that_reaches_further_back_is_walked_to_its_end() -> None:
    marks = Marks()
    forge = Changing([NOW - days * timedelta(days=1) for days in (1, 20, 40, 60)], 1)
    assert forge.walked(marks) == {1, 2, 3}  # the page that reaches below the floor is read, and is the last
    assert forge.walked(marks) == {1, 2}
    with asking(forge) as client:
        for page in overview(client, SHOP, [Walk.of(CHANGES, SHOP, NOW - timedelta(days=90), marks)]):
            marks.take(page)
    assert len(forge.pages) == 3 + 2 + 4
    forge.pages.clear()
    assert forge.walked(marks) == {1, 2}


def test_deployments_and_releases_are_looked_at_again_for_a_week() -> None:
    for part in (DEPLOYMENTS, RELEASES):
        marks = Marks(
            {f"{SHOP.repository_id}/{part.kind}": json.dumps({"top": "2026-01-19T00:00:00Z", "since": "2025"})}
        )
        assert Walk.of(part, SHOP, SINCE, marks).floor == "2026-01-12T00:00:00Z"
    assert Walk.of(CHANGES, SHOP, SINCE, Marks()).floor == "2025-12-21T00:00:00Z"


@pytest.mark.parametrize("part", [CHANGES, TAGS])
def test_a_forge_that_leads_in_circles_is_left(part: Part) -> None:
    asked: list[object] = []

    def answer(question: dict[str, Any]) -> Said:
        asked.append(question)
        node = entry(NOW, 1) | {"name": "v1", "target": {"oid": "a" * 40}}
        return said({part.path[0]: connection([node], f"c{len(asked) % 3}")})

    with asking(answer) as client:
        list(overview(client, SHOP, [Walk.of(part, SHOP, SINCE, Marks())]))
    assert len(asked) <= 4


def test_a_cursor_that_is_no_more_lets_the_walk_begin_anew_the_next_time() -> None:
    marks = Marks()
    forge = Changing([NOW - at * timedelta(hours=1) for at in range(1, 9)], 3)
    forge.walked(marks, 1)

    def refuse(_: object) -> Said:
        error = {"type": "INVALID_CURSOR_ARGUMENTS", "message": "no cursor", "path": ["repository", "pullRequests"]}
        return said({"pullRequests": None}, error)

    with asking(refuse) as client:
        for page in overview(client, SHOP, [Walk.of(CHANGES, SHOP, SINCE, marks)]):
            marks.take(page)
    assert forge.walked(marks) == set(range(1, 9))


def refusing(kind: str, path: str) -> Callable[[dict[str, Any]], Said]:
    def answer(asked: dict[str, Any]) -> Said:
        names = {"changes": "pullRequests", "tags": "refs", "releases": "releases", "deployments": "deployments"}
        found: Body = {names[name]: connection([]) for name in names if f"${name}:" in asked["query"]}
        error = {"type": kind, "message": "no", "path": ["repository", path]}
        return said({**found, path: None}, error) if path in found else said(found)

    return answer


def gaps(pages: list[Page]) -> list[tuple[str, str, str]]:
    found = [row for page in pages for row in page.rows if isinstance(row, FetchGap)]
    return [(row.kind, row.subject, row.reason) for row in found]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("FORBIDDEN", "deployments not permitted to this token"),
        ("INSUFFICIENT_SCOPES", "deployments not permitted to this token"),
        ("ODD", "deployments refused (ODD)"),
        ("", "deployments refused (no reason given)"),
    ],
)
def test_a_part_that_is_refused_is_a_gap_and_the_others_go_on(kind: str, reason: str) -> None:
    marks = Marks()
    with asking(refusing(kind, "deployments")) as client:
        pages = list(overview(client, SHOP, [Walk.of(part, SHOP, SINCE, marks) for part in LASTING]))
    assert gaps(pages) == [("deployments", "all", reason)]
    closed = {(one.kind, one.subject) for page in pages for one in page.closed}
    assert closed == {(name, "all") for name in ("changes", "releases", "tags")}
    assert {mark.key.partition("/")[2] for page in pages for mark in page.marks} == {"changes", "releases", "tags"}


def test_a_part_that_is_too_much_is_asked_for_by_itself_and_then_it_is_a_gap() -> None:
    asked: list[str] = []
    good = refusing("", "")

    def answer(question: dict[str, Any]) -> Said:
        asked.append(question["query"])
        return Said(502) if "$changes:" in question["query"] else good(question)

    with asking(answer) as client:
        pages = list(overview(client, SHOP, [Walk.of(part, SHOP, SINCE, Marks()) for part in LASTING]))
    assert gaps(pages) == [("changes", "all", "changes refused (502)")]
    assert len(asked) == 1 + 5 + 3


def test_what_a_page_lacks_in_part_is_told() -> None:
    error = {"type": "RESOURCE_LIMITS_EXCEEDED", "message": "no", "path": ["repository", "pullRequests", "nodes", 1]}
    with asking(lambda _: said({"pullRequests": connection([entry(NOW, 1), None])}, error)) as client:
        pages = list(overview(client, SHOP, [Walk.of(CHANGES, SHOP, SINCE, Marks())]))
    reason = "some changes or parts of them were refused (RESOURCE_LIMITS_EXCEEDED)"
    assert gaps(pages) == [("changes", "in part", reason)]


# --- The whole fetch -----------------------------------------------------------------------------------------------

RUNS = [run(1, jobs=[job("a")])]
SHAS = [f"{number:040x}" for number in range(120)]
DELIVERED: dict[str, list[Body]] = {
    "pulls": [
        pull(1, merged="2026-01-06T11:00:00Z", reviews=[("ada", "COMMENTED", "2026-01-05T11:00:00Z"),
                                                        ("bob", "APPROVED", "2026-01-05T12:00:00Z")]),
        pull(2, commits=SHAS),
        pull(3, closed="2026-01-07T11:00:00Z", body={"draft": True}),
    ],
    "deployments": [
        deployment(5, statuses=[("in_progress", "2026-01-05T12:01:00Z"), ("success", "2026-01-05T12:03:00Z"),
                                ("inactive", "2026-01-06T12:03:00Z")]),
        deployment(6, statuses=[("in_progress", "2026-01-05T12:01:00Z"), ("failure", "2026-01-05T12:09:00Z")]),
        deployment(7),
    ],
    "releases": [release("v1"), release("v2", None), release("v3", prerelease=True)],
    "tags": [tag("v1", "a" * 40), tag("v2", "b" * 40, annotation="c" * 40)],
}  # fmt: skip
HISTORY = [commit("a" * 40), commit("b" * 40, "2026-01-06T11:00:00Z", parents=["a" * 40])]


def test_all_parts_are_stored_at_the_price_of_one_question(nights: Rig) -> None:
    nights.record(*RUNS, commits=HISTORY, delivered=DELIVERED).fetch()
    assert nights.count(GRAPH) == 1
    assert nights.rows("SELECT number, state, draft, first_review_at, merge_sha FROM changes ORDER BY ALL") == [
        (1, "merged", False, datetime(2026, 1, 5, 12), "1".rjust(40, "e")),  # noqa: DTZ001  as the store has times
        (2, "open", False, None, None),
        (3, "closed", True, None, None),
    ]
    assert nights.rows("SELECT number, count(*) FROM change_commits GROUP BY ALL ORDER BY ALL") == [
        (1, 1),
        (2, 100),
        (3, 1),
    ]
    assert nights.rows("SELECT subject, reason, rows_missing FROM fetch_gaps") == [
        ("change 2", "120 commits, of which the first 100 were read", 20)
    ]
    assert nights.rows(
        "SELECT deployment_id, result, forge_result, finished_at IS NULL FROM deployments ORDER BY 1"
    ) == [
        (5, "success", "inactive", False),
        (6, "failure", "failure", False),
        (7, "unknown", nights.rows("SELECT forge_result FROM deployments WHERE deployment_id = 7")[0][0], True),
    ]
    assert nights.rows("SELECT deployment_id, count(*) FROM deployment_statuses GROUP BY ALL ORDER BY ALL") == [
        (5, 3),
        (6, 2),
    ]
    assert nights.rows("SELECT tag, prerelease FROM releases ORDER BY ALL") == [("v1", False), ("v3", True)]
    assert nights.rows("SELECT name, sha FROM tags ORDER BY ALL") == [("v1", "a" * 40), ("v2", "b" * 40)]
    assert nights.rows("SELECT sha, parents FROM commits WHERE parents IS NOT NULL ORDER BY ALL") == [
        ("a" * 40, ""),
        ("b" * 40, "a" * 40),
    ]


def test_more_statuses_of_a_deployment_than_are_told_are_a_gap(nights: Rig) -> None:
    many = [("in_progress", f"2026-01-05T12:{minute:02}:00Z") for minute in range(33)]
    nights.record(*RUNS, delivered={"deployments": [deployment(8, statuses=many)]}).fetch()
    assert nights.rows("SELECT subject, reason, rows_missing FROM fetch_gaps") == [
        ("deployment 8", "33 statuses, of which 30 were read", 3)
    ]


def long_history(count: int) -> dict[str, Any]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [(start + at * timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ") for at in range(count)]
    pulls = [pull(at, created=time) for at, time in enumerate(times[:260], 1)]
    return {
        "commits": [commit(f"c{at:039x}", time) for at, time in enumerate(times)],
        "delivered": {"pulls": pulls},
    }


def contents(nights: Rig) -> list[list[tuple[Any, ...]]]:
    return [nights.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in ("changes", "change_commits", "commits")]


def test_limited_fetches_of_many_days_read_every_page_once(nights: Rig) -> None:
    """1,200 commits and 260 changes: 12 pages, 6 of which ask for changes too. Each day can ask three questions."""
    history = long_history(1_200)
    nights.record(*RUNS, **history)
    pages, ends = 0, 0
    for day in range(1, 12):
        try:
            nights.fetch(days=day, back=30 + day, most=6 if day == 1 else 4)
            ends = day
        except BudgetError:
            pass
        pages += nights.count(GRAPH)
        if ends:
            break
    assert ends
    assert pages <= 12 + 2 * ends
    assert nights.rows("SELECT count(*) FROM changes") == [(260,)]
    assert nights.rows("SELECT count(*) FROM commits WHERE parents IS NOT NULL") == [(1_200,)]


def test_a_night_later_only_the_newest_pages_are_asked_for(nights: Rig) -> None:
    nights.record(*RUNS, **long_history(300)).fetch()
    before = contents(nights)
    nights.fetch(days=1, back=31)
    assert nights.count(GRAPH) == 1
    assert contents(nights) == before


def test_where_graphql_is_refused_altogether_commits_come_by_rest_and_the_rest_is_told(nights: Rig) -> None:
    nights.record(*RUNS, commits=HISTORY, delivered=DELIVERED).plant(Mishap("404", route=GRAPH)).fetch()
    assert nights.count(COMMITS) == 1
    assert nights.rows("SELECT count(*) FROM commits WHERE parents IS NOT NULL") == [(2,)]
    why = "GraphQL refused (404)"
    assert [gap for gap in nights.gaps() if gap[0] != "commits"] == [
        (name, "all", why) for name in ("changes", "deployments", "releases", "tags")
    ]
    nights.forge.heal()
    nights.fetch(days=1)
    assert nights.gaps() == [("changes", "change 2", "120 commits, of which the first 100 were read")]


@pytest.mark.parametrize("kind", ["502", "query failed", "broken JSON", "cut"])
def test_where_graphql_is_ill_the_repository_is_read_all_the_same(nights: Rig, kind: str) -> None:
    nights.record(*RUNS, commits=HISTORY, delivered=DELIVERED).plant(Mishap(kind, route=GRAPH))
    done = nights.fetch()
    assert (done.outcome, done.unread) == ("complete", ())
    assert nights.rows("SELECT count(*) FROM jobs") == [(1,)]
    assert nights.rows("SELECT count(*) FROM commits WHERE parents IS NOT NULL") == [(2,)]
    assert {gap[:2] for gap in nights.gaps()} == {
        (name, "all") for name in ("changes", "deployments", "releases", "tags")
    }
    nights.forge.heal()
    nights.fetch(days=1)
    assert nights.rows("SELECT count(*) FROM changes") == [(3,)]


@pytest.mark.parametrize(("kind", "why"), [("500", "commits refused (500)"), ("422", "commits refused (422)")])
def test_commits_that_rest_refuses_are_a_gap_and_no_more(nights: Rig, kind: str, why: str) -> None:
    done = nights.record(*RUNS, commits=HISTORY).plant(Mishap(kind, route=COMMITS)).fetch(token=None)
    assert (done.outcome, done.unread) == ("complete", ())
    assert [gap[1:] for gap in nights.gaps() if gap[0] == "commits"] == [("main", why)]


def test_a_token_that_is_not_known_ends_all() -> None:
    with (
        asking(lambda _: Said(401, b'{"message": "Bad credentials"}')) as client,
        pytest.raises(ForgeError, match="401"),
    ):
        list(overview(client, SHOP, [Walk.of(CHANGES, SHOP, SINCE, Marks())]))


def test_an_empty_repository_has_no_commits(nights: Rig) -> None:
    nights.record(*RUNS, repositories={"acme/empty": {}}).fetch("acme/empty")
    assert nights.gaps() == []
