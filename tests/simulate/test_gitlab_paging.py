"""Laws of GitLab's two ways through a list."""

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.simulate.gitlab.asked import DeniedError, Query
from pipelinedoctor.simulate.gitlab.paging import Place, by_cursor, by_id, page

SIZES = st.integers(1, 120)


def place(query: str) -> Place:
    return Place("http://forge/api/v4/projects/7/jobs", "7", Query(query))


def following(headers: dict[str, str]) -> str | None:
    found = re.search(r'<([^>]*)>; rel="next"', headers.get("Link", ""))
    return urlsplit(found.group(1)).query if found else None


@given(total=st.integers(0, 400), size=SIZES)
def test_pages_hold_each_item_once(total: int, size: int) -> None:
    query: str | None = f"per_page={size}"
    found: list[int] = []
    asked = 0
    while query is not None:
        items, headers = page(place(query), range(total))
        found += items
        asked += 1
        assert int(headers["X-Total"]) == total
        assert headers["X-Next-Page"] == (str(asked + 1) if following(headers) else "")
        query = following(headers)
    assert found == list(range(total))
    assert asked == int(headers["X-Total-Pages"]) == max(1, -(-total // min(size, 100)))


@given(ids=st.lists(st.integers(1, 2**62), unique=True, max_size=300).map(sorted), size=SIZES)
def test_cursors_hold_each_job_once(ids: list[int], size: int) -> None:
    query: str | None = f"pagination=keyset&order_by=id&sort=desc&per_page={size}"
    found: list[int] = []
    asked = 0
    while query is not None:
        shown, headers = by_cursor(place(query), ids)
        found += shown
        asked += 1
        query = following(headers)
    assert found == ids[::-1]
    assert asked == max(1, -(-len(ids) // min(size, 100)))


@given(ids=st.lists(st.integers(1, 10**9), unique=True, min_size=3, max_size=60).map(sorted), new=st.integers(1, 50))
def test_a_cursor_misses_nothing_while_new_jobs_begin(ids: list[int], new: int) -> None:
    first, headers = by_cursor(place("per_page=2"), ids)
    grown = [*ids, *range(ids[-1] + 1, ids[-1] + 1 + new)]
    rest, _ = by_cursor(place(following(headers) or ""), grown)
    assert first + rest == ids[::-1][: len(first) + len(rest)]


@given(ids=st.sets(st.integers(1, 10**9), max_size=50), rising=st.booleans(), size=SIZES)
def test_projects_by_id_are_in_order(ids: set[int], rising: bool, size: int) -> None:
    shown, headers = by_id(
        place(f"order_by=id&sort={'asc' if rising else 'desc'}&per_page={size}"), {one: one for one in ids}
    )
    assert shown == sorted(ids, reverse=not rising)[: min(size, 100)]
    assert bool(headers) == (len(ids) > len(shown))


def test_beyond_ten_thousand_rows_nothing_is_counted() -> None:
    assert "X-Total" in page(place(""), range(10_000))[1]
    _, headers = page(place(""), range(10_001))
    assert headers.keys() == {"X-Per-Page", "X-Page", "X-Next-Page", "X-Prev-Page", "Link"}
    assert 'rel="last"' not in headers["Link"]


def test_a_link_keeps_what_was_asked() -> None:
    _, headers = page(place("scope[]=failed&scope[]=success&per_page=500&x=%26"), range(300))
    assert following(headers) == "id=7&page=2&per_page=500&scope%5B%5D=failed&scope%5B%5D=success&x=%26"


@pytest.mark.parametrize("text", ["page=-1", "per_page=0", "page=1e3", "page=" + "9" * 30])
def test_a_page_is_a_whole_number_from_1(text: str) -> None:
    with pytest.raises(DeniedError):
        page(place(text), range(3))


def test_a_parameter_that_is_empty_is_none() -> None:
    query = Query("ref=&page=&scope[]=&status=a&status=b")
    assert (query.get("ref"), query.number("page", 7), query.every("scope"), query.get("status")) == (None, 7, [], "b")
