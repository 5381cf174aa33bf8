"""Lists of runs: pages, caps and windows of time."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.simulate.paging import RefusedError, created
from pipelinedoctor.simulate.routes import Api
from tests.helpers.loopback import RUNS, answered, api_of, body, links
from tests.helpers.recordings import run, write_recording

START = datetime(2026, 1, 1, tzinfo=UTC)


def run_ids(api: Api, **query: str | int) -> list[int]:
    return [one["id"] for one in body(api, RUNS, **query)["workflow_runs"]]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Api:
    """1,003 runs, one an hour, the newest the highest; every tenth failed, every third a pull request's."""
    runs = [
        run(
            number,
            created=START + timedelta(hours=number),
            event="push" if number % 3 else "pull_request",
            body={"conclusion": "success" if number % 10 else "failure"},
        )
        for number in range(1, 1004)
    ]
    return api_of(write_recording(tmp_path_factory.mktemp("busy"), runs))


@settings(deadline=None, max_examples=30)
@given(
    size=st.integers(min_value=9, max_value=100), query=st.sampled_from([{}, {"status": "failure"}, {"event": "push"}])
)
def test_the_next_links_lead_through_everything_once(busy: Api, size: int, query: Mapping[str, str]) -> None:
    target: str | None = f"{RUNS}?{urlencode({'per_page': size, **query})}"
    seen: list[int] = []
    while target:
        seen += [one["id"] for one in body(busy, target)["workflow_runs"]]
        target = links(answered(busy, target)).get("next", "").removeprefix("http://forge")
    expected = [number for number in range(1003, 0, -1) if not query or _matches(number, query)]
    assert seen == expected


def _matches(number: int, query: Mapping[str, str]) -> bool:
    return number % 10 == 0 if "status" in query else number % 3 != 0


def test_links_name_the_pages_around(busy: Api) -> None:
    pages = {
        number: {
            name: re.findall(r"page=(\d+)$", url)[0] for name, url in links(answered(busy, RUNS, page=number)).items()
        }
        for number in (1, 2, 34, 40)
    }
    assert pages == {
        1: {"next": "2", "last": "34"},
        2: {"prev": "1", "next": "3", "last": "34", "first": "1"},
        34: {"prev": "33", "first": "1"},
        40: {"prev": "34", "first": "1"},
    }
    assert answered(busy, RUNS, head_sha=f"{7:040x}").link is None


def test_a_search_shows_a_thousand_results_and_is_silent_about_the_rest(busy: Api) -> None:
    whole: dict[str, str | int] = {"created": "2026-01-01..2026-12-31", "per_page": 100}
    last, beyond = body(busy, RUNS, page=10, **whole), body(busy, RUNS, page=11, **whole)
    assert len(last["workflow_runs"]) == 100
    assert "next" not in links(answered(busy, RUNS, page=10, **whole))
    assert beyond == {"total_count": 1003, "workflow_runs": []}
    uneven = body(busy, RUNS, page=34, created="2026-01-01..*")
    assert [one["id"] for one in uneven["workflow_runs"]] == list(range(13, 3, -1))


def test_a_plain_list_has_no_such_cap(busy: Api) -> None:
    assert run_ids(busy, page=11, per_page=100) == [3, 2, 1]


def test_a_plain_list_is_refused_far_behind(busy: Api) -> None:
    assert body(busy, RUNS, page=400, per_page=100)["workflow_runs"] == []
    answer = answered(busy, RUNS, page=401, per_page=100)
    assert answer.status == 422
    assert "pagination is limited" in json.loads(answer.body)["message"]


def test_a_page_holds_30_items_unless_asked_and_100_at_most(busy: Api) -> None:
    assert len(run_ids(busy)) == 30
    assert len(run_ids(busy, per_page=1000)) == 100


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("2026-01-01T05:00:00Z..2026-01-01T07:00:00Z", 5, 7),
        ("2026-01-01T05:00:01Z..2026-01-01T06:59:59Z", 6, 6),
        ("2026-01-01..2026-01-02", 1, 47),
        ("2026-01-01", 1, 23),
        ("<=2026-01-01", 1, 23),
        ("<2026-01-02", 1, 23),
        ("<=2026-01-01T05:00:00", 1, 5),
        ("<2026-01-01T05:00:00Z", 1, 4),
        ("*..2026-01-01T05:00:00Z", 1, 5),
        (">=2026-02-11T17:00:00Z", 1001, 1003),
        (">2026-02-11T17:00:00Z", 1002, 1003),
        (">2026-02-10", 984, 1003),
        ("2026-02-11T17:00:00Z..*", 1001, 1003),
        ("2026-02-11T18:00:00+01:00..*", 1001, 1003),
        ("2026-01-01T05:00..2026-01-01T06:00", 5, 6),
        ("2026-01-01T05:00:00Z", 5, 5),
    ],
)
def test_created_takes_the_documented_forms(busy: Api, asked: str, first: int, last: int) -> None:
    found = body(busy, RUNS, created=asked, per_page=1)
    assert found["total_count"] == last - first + 1
    assert found["workflow_runs"][0]["id"] == last


@settings(deadline=None, max_examples=60)
@given(start=st.integers(0, 10**6), length=st.integers(1, 10**6), share=st.floats(0, 1))
def test_a_window_is_the_sum_of_its_halves(busy: Api, start: int, length: int, share: float) -> None:
    middle = start + int(length * share)
    ends = [
        (START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ") for second in (start, middle, middle + 1)
    ]
    end = (START + timedelta(seconds=start + length + 1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    windows = [f"{ends[0]}..{end}", f"{ends[0]}..{ends[1]}", f"{ends[2]}..{end}"]
    whole, left, right = (body(busy, RUNS, created=window, per_page=1)["total_count"] for window in windows)
    assert whole == left + right


@pytest.mark.parametrize(
    "asked",
    ["", "..", "yesterday", "2026-13-01", "2026-1-1", "2026-01-01..", "=2026-01-01", ">=", "20260101", "2026-W01"],
)
def test_created_refuses_anything_else(asked: str) -> None:
    with pytest.raises(RefusedError):
        created(asked)


@pytest.mark.parametrize(
    "query",
    ["per_page=0", "per_page=-1", "per_page=ten", "page=0", "page=1e3", "page=²", "created=soon", "status=broken"],
)
def test_bad_values_are_refused(busy: Api, query: str) -> None:
    answer = answered(busy, f"{RUNS}?{query}")
    assert answer.status == 422
    assert json.loads(answer.body)["status"] == "422"


def test_hostile_queries_stay_inside_the_link_header(busy: Api) -> None:
    hostile = {"event": "push", "x": 'y>; rel="next"\r\nSet-Cookie: z, <'}
    link = busy.answer(RUNS, hostile)[1].link or ""
    assert "\r" not in link
    assert "\n" not in link
    assert set(links(busy.answer(RUNS, hostile)[1])) == {"next", "last"}
