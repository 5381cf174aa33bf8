"""Lists of GitLab, read page by page over several fetches, against real sockets."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.errors import BudgetError, ForgeError, StoreError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.gitlab.client import Body, Client
from pipelinedoctor.fetch.gitlab.lists import Listing, by_update, in_window, stamp, until_known
from pipelinedoctor.fetch.gitlab.marks import (
    ChangeMark,
    Phase,
    RunMark,
    Segment,
    joined,
    read_segments,
    write_segments,
)
from pipelinedoctor.fetch.interface import Mark, Page, Source
from pipelinedoctor.model import Row
from tests.fetch.scripted import Asked, Said, scripted

START = datetime(2026, 1, 5, tzinfo=UTC)
LISTING = Listing("7 pipelines", "/projects/7/pipelines", {})
PAGE = 100


class Marks:
    """What was committed, as the store keeps it."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get(self, kind: str, key: str) -> str | None:
        return self.kept.get((kind, key))

    def all(self, kind: str) -> dict[str, str]:
        return {key: value for (one, key), value in self.kept.items() if one == kind}

    def commit(self, page: Page) -> None:
        for mark in page.marks:
            assert mark.value is not None
            self.kept[mark.kind, mark.key] = mark.value


class Shelf:
    """A list on a server: entries by update, as GitLab serves them, in pages of 100."""

    def __init__(self, entries: Sequence[Body] = ()) -> None:
        self.entries = list(entries)
        self.asked: list[str] = []

    def __call__(self, asked: Asked) -> Said:
        self.asked.append(asked.path)
        query = dict(parse_qsl(urlsplit(asked.path).query))
        after, before = query.get("updated_after", ""), query.get("updated_before", "~")
        found = [one for one in self.entries if after <= one["updated_at"] <= before]
        found.sort(key=lambda one: (one["updated_at"], one["id"]), reverse=True)
        number = int(query.get("page", 1))
        more = {"X-Next-Page": str(number + 1)} if len(found) > number * PAGE else {}
        return Said(body=json.dumps(found[(number - 1) * PAGE : number * PAGE]).encode(), headers=more)


@contextmanager
def clients_of(script: Callable[[Asked], Said], most: int | None = None) -> Iterator[Clients[Client]]:
    with scripted(script) as (url, _):
        source, budget = Source(forge="gitlab", host="h", url=url, repositories=(), throttle=0), Budget(most)
        clients = Clients(lambda: Client(source, budget))
        try:
            yield clients
        finally:
            clients.close()


def entry(number: int, minutes: float) -> dict[str, Any]:
    return {"id": number, "updated_at": stamp(START + timedelta(minutes=minutes))}


def read(
    script: Callable[[Asked], Said],
    marks: Marks,
    *,
    most: int | None = None,
    since: datetime = START,
    until: datetime = START + timedelta(days=99),
) -> list[int]:
    """The ids that one fetch was told; what is raised at a limit is the end of it."""
    told: list[int] = []

    def take(entries: Sequence[Body]) -> tuple[list[Row], list[Mark]]:
        told.extend(one["id"] for one in entries)
        return [], []

    with clients_of(script, most) as clients:
        try:
            for page in by_update(clients, LISTING, (since, until), marks, take):
                marks.commit(page)
        except BudgetError:
            pass
    return told


@settings(max_examples=40)
@given(
    times=st.lists(st.integers(0, 60), max_size=450),
    later=st.lists(st.tuples(st.integers(0, 449), st.integers(61, 200)), max_size=300),
    limits=st.lists(st.integers(1, 4), max_size=6),
)
def test_all_is_told_however_often_it_is_broken_off(
    times: list[int], later: list[tuple[int, int]], limits: list[int]
) -> None:
    """Every entry is told, as it was updated last, though entries are updated between the fetches."""
    shelf, marks, told = Shelf([entry(number, time) for number, time in enumerate(times)]), Marks(), set()
    for limit in [*limits, None]:
        told |= {(one, shelf.entries[one]["updated_at"]) for one in read(shelf, marks, most=limit)}
    for number, time in later:
        if number < len(times):
            shelf.entries[number] = entry(number, time)
    for limit in [*limits, None]:
        told |= {(one, shelf.entries[one]["updated_at"]) for one in read(shelf, marks, most=limit)}
    assert {(one["id"], one["updated_at"]) for one in shelf.entries} <= told
    shelf.asked.clear()
    read(shelf, marks)
    assert len(shelf.asked) <= 1 + len(shelf.entries) // PAGE


def test_what_was_read_is_not_asked_for_again() -> None:
    shelf, marks = Shelf([entry(number, number) for number in range(1000)]), Marks()
    rounds = [read(shelf, marks, most=2) for _ in range(5)]
    assert sum(map(len, rounds)) < 1000 + 5 * PAGE
    read(shelf, marks)
    told = read(shelf, marks)
    assert told == [999, 998, 997, 996, 995, 994]  # the last five minutes: what is updated may show up late


def test_many_that_were_updated_at_once_are_all_told() -> None:
    shelf, marks = Shelf([entry(number, 5) for number in range(350)]), Marks()
    assert set(read(shelf, marks)) == set(range(350))
    assert len(shelf.asked) == 5


def test_a_forge_whose_clock_is_ahead_hides_nothing() -> None:
    shelf, marks = Shelf([entry(1, 5), entry(2, 90)]), Marks()
    read(shelf, marks, until=START + timedelta(minutes=30))
    shelf.entries.append(entry(3, 40))
    assert set(read(shelf, marks, until=START + timedelta(minutes=60))) == {2, 3}


def test_an_earlier_start_is_read_below_what_is_known() -> None:
    shelf, marks = Shelf([entry(number, number) for number in range(10)]), Marks()
    assert set(read(shelf, marks, since=START + timedelta(minutes=5))) == {5, 6, 7, 8, 9}
    assert set(read(shelf, marks, since=START)) >= {0, 1, 2, 3, 4}


def test_a_forge_that_lists_the_same_for_ever_is_found_out() -> None:
    body = json.dumps([entry(number, 5) for number in range(PAGE)]).encode()
    with pytest.raises(ForgeError, match="the same again and again"):
        read(lambda _: Said(body=body, headers={"X-Next-Page": "2"}), Marks())


@pytest.mark.parametrize("value", ["{", "1", "[1]", '[{"top": 1}]', '[{"top": 1, "low": 2, "odd": 3}]'])
def test_a_mark_that_cannot_be_read_is_told(value: str) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        read_segments(value)


def test_segments_that_touch_become_one() -> None:
    top, middle, low = Segment(9, 7, {"cursor": "a"}), Segment(7, 4, {"cursor": "b"}), Segment(2, 1, None)
    assert joined([top, middle, low]) == [Segment(9, 4, {"cursor": "b"}), low]
    assert joined([Segment(9, 3, {"cursor": "a"}), middle]) == [Segment(9, 3, {"cursor": "a"})]
    assert read_segments(write_segments([top, low])) == [top, low]
    assert read_segments(None) == []


def newest(script: Callable[[Asked], Said], marks: Marks, most: int | None = None) -> list[str]:
    told: list[str] = []

    def take(entries: Sequence[Body]) -> tuple[list[Row], list[Mark]]:
        told.extend(one["name"] for one in entries)
        return [], []

    with clients_of(script, most) as clients:
        try:
            for page in until_known(clients, LISTING, ("name", "target"), marks, take):
                marks.commit(page)
        except BudgetError:
            pass
    return told


def tags(names: Sequence[int], target: str = "a") -> Callable[[Asked], Said]:
    entries = [{"name": f"v{name}", "target": target} for name in names]

    def script(asked: Asked) -> Said:
        number = int(dict(parse_qsl(urlsplit(asked.path).query)).get("page", 1))
        more = {"X-Next-Page": str(number + 1)} if len(entries) > number * PAGE else {}
        return Said(body=json.dumps(entries[(number - 1) * PAGE : number * PAGE]).encode(), headers=more)

    return script


def test_only_what_is_newer_than_the_newest_known_is_told() -> None:
    marks = Marks()
    assert len(newest(tags(range(250, 0, -1)), marks, most=1)) == 100
    assert len(newest(tags(range(250, 0, -1)), marks)) == 150
    assert newest(tags(range(250, 0, -1)), marks) == []
    assert newest(tags(range(253, 0, -1)), marks) == ["v253", "v252", "v251"]
    assert newest(tags([]), marks) == []


def test_a_newest_that_was_taken_away_makes_all_be_told_again() -> None:
    marks = Marks()
    newest(tags([3, 2, 1]), marks)
    assert newest(tags([2, 1]), marks) == ["v2", "v1"]
    assert newest(tags([2, 1], target="b"), marks) == ["v2", "v1"]


def test_a_window_goes_on_where_it_ended_and_looks_back_a_week() -> None:
    asked: list[dict[str, str]] = []

    def script(one: Asked) -> Said:
        asked.append(dict(parse_qsl(urlsplit(one.path).query)))
        more = {"X-Next-Page": "2"} if "page" not in asked[-1] or asked[-1]["page"] == "1" else {}
        return Said(body=b'[{"id": "a"}]', headers=more)

    marks = Marks()

    def fetch(since: datetime, until: datetime, most: int | None = None) -> None:
        with clients_of(script, most) as clients:
            try:
                for page in in_window(clients, LISTING, (since, until), marks, lambda _: ([], [])):
                    marks.commit(page)
            except BudgetError:
                pass

    month, now = timedelta(days=30), START + timedelta(days=60)
    fetch(now - month, now, most=1)
    fetch(now - month, now)
    assert [(one["since"], one["page"]) for one in asked] == [(stamp(now - month), "1"), (stamp(now - month), "2")]
    asked.clear()
    fetch(now - month, now + timedelta(days=1))
    assert {one["since"] for one in asked} == {stamp(now - timedelta(days=7))}
    asked.clear()
    fetch(START, now + timedelta(days=1))
    assert {one["since"] for one in asked} == {stamp(START)}


def test_marks_of_pipelines_and_merge_requests_are_read_as_they_were_written() -> None:
    for run in (
        RunMark(updated="2026-01-05T12:00:00.000Z"),
        RunMark(
            updated=None,
            phase=Phase.OPEN,
            attempt=3,
            state=9,
            reported=8,
            logs=(2, 1),
            had=(5,),
            jobs={"a": (1, 2)},
            archives=((4, 1), (3, 2)),
            told=(7,),
        ),
    ):
        assert RunMark.read(str(run)) == run
    change = ChangeMark(updated="u", wanted=True, head="h", review=None)
    assert ChangeMark.read(str(change)) == change
    for text in ("", "[]", "{}", '["u", "odd", 1, 2]', '["u", "done", 1, 2, 3]', "[1, 2, 3, 4, 5, 6, 7, 8]"):
        with pytest.raises(StoreError, match="cannot be read"):
            RunMark.read(text)
    with pytest.raises(StoreError, match="cannot be read"):
        ChangeMark.read("[1]")


def test_a_mark_tells_no_name() -> None:
    from tests.fetch.test_gitlab_attempts import execution

    mark = RunMark(updated="u").settled([execution(1, "deploy glpat-0123456789abcdefghij", "failed")])
    assert mark.wanted
    assert "glpat" not in str(mark)
