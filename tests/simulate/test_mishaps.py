"""Faults on demand: which requests they strike, and what comes then."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import time

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.simulate.forge import Forge, serve
from pipelinedoctor.simulate.mishaps import KINDS, LONGEST_PAUSE, Mishap, Mishaps, struck
from pipelinedoctor.simulate.sent import Sent
from tests.helpers.recordings import job, run, write_recording

SHOP = "/repos/acme/shop"
RUNS = "/repos/{owner}/{repo}/actions/runs"
SUITES = {"query": '{ nodes(ids: ["CS_1", "CS_2"]) { id } }'}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    folder = write_recording(tmp_path_factory.mktemp("recording"), [run(1, jobs=[job("a", log="x")]), run(2)])
    with serve(folder) as forge:
        yield forge


@pytest.fixture
def forge(running: Forge) -> Forge:
    running.heal()
    running.reset()
    return running


def get(forge: Forge, target: str = SHOP, **headers: str) -> requests.Response:
    return requests.get(forge.url + target, timeout=10, headers=headers)


def strikes(mishap: Mishap, routes: list[str]) -> list[int]:
    """The positions, from 1, of the requests that are struck."""
    planted = Mishaps()
    planted.plant(mishap)
    return [at for at, route in enumerate(routes, 1) if planted.strike(route)]


@pytest.mark.parametrize(
    ("mishap", "struck"),
    [
        (Mishap("500"), [1, 2, 3, 4, 5]),
        (Mishap("500", at=(2, 5)), [2, 5]),
        (Mishap("500", route=RUNS), [2, 3, 5]),
        (Mishap("500", route=RUNS, at=(2,)), [3]),
        (Mishap("500", route="*runs*", times=2), [2, 3]),
        (Mishap("500", route="/graphql"), [4]),
        (Mishap("500", share=0.0), []),
    ],
)
def test_requests_are_chosen_by_route_and_place(mishap: Mishap, struck: list[int]) -> None:
    assert strikes(mishap, ["/repos/{owner}/{repo}", RUNS, RUNS, "/graphql", RUNS]) == struck


@given(share=st.floats(0, 1), seed=st.integers(), routes=st.lists(st.sampled_from(["a", "b"]), max_size=30))
def test_chance_is_the_same_for_the_same_seed(share: float, seed: int, routes: list[str]) -> None:
    mishap = Mishap("500", share=share, seed=seed)
    assert strikes(mishap, routes) == strikes(mishap, routes)


def test_chance_strikes_its_share() -> None:
    assert 400 < len(strikes(Mishap("500", share=0.5, seed=3), ["a"] * 1000)) < 600


def test_of_two_the_first_strikes_and_both_count() -> None:
    planted = Mishaps()
    planted.plant(Mishap("500", at=(1,)), Mishap("502", at=(1, 2)))
    found = [planted.strike("x") for _ in range(3)]
    assert [one and one.kind for one in found] == ["500", "502", None]


def test_a_kind_that_there_is_not_is_told() -> None:
    with pytest.raises(ValueError, match="no kind of mishap: 418"):
        Mishap("418")


@pytest.mark.parametrize("status", [401, 404, 410, 422, 429, 500, 502, 503])
def test_a_status_takes_the_place_of_the_answer_and_the_ledger_knows(forge: Forge, status: int) -> None:
    forge.plant(Mishap(str(status), route=RUNS, times=1))
    answers = [get(forge, f"{SHOP}/actions/runs") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, 200]
    assert "ETag" not in answers[0].headers
    assert int(answers[0].headers["X-RateLimit-Remaining"]) > 0
    assert [(one.status, one.mishap) for one in forge.requests()] == [(status, str(status)), (200, None)]
    assert forge.statuses() == {200: 1, status: 1}
    assert answers[0].headers["Content-Type"].startswith("text/html" if status == 502 else "application/json")


def test_limits_say_when_to_come_back(forge: Forge) -> None:
    forge.plant(
        Mishap("primary limit", at=(1,), seconds=90),
        Mishap("secondary limit", at=(2,), seconds=7),
        Mishap("429 with Retry-After", at=(3,), seconds=8),
        Mishap("429", at=(4,)),
    )
    primary, secondary, patient, bare = (get(forge) for _ in range(4))
    assert (primary.status_code, primary.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert 80 < int(primary.headers["X-RateLimit-Reset"]) - time() < 100
    assert "Retry-After" not in primary.headers
    assert (secondary.status_code, secondary.headers["Retry-After"]) == (403, "7")
    assert "secondary rate limit" in secondary.json()["message"]
    assert (patient.status_code, patient.headers["Retry-After"]) == (429, "8")
    assert (bare.status_code, "Retry-After" in bare.headers) == (429, False)


def test_a_cut_body_is_shorter_than_promised(forge: Forge) -> None:
    forge.plant(Mishap("cut", times=1))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(forge)
    assert get(forge).status_code == 200
    assert [(one.status, one.mishap) for one in forge.requests()] == [(200, "cut"), (200, None)]


@pytest.mark.parametrize("kind", ["dropped", "stalled"])
def test_what_never_comes_ends_the_connection(forge: Forge, kind: str) -> None:
    forge.plant(Mishap(kind, times=1, seconds=0.1))
    with pytest.raises(requests.exceptions.ConnectionError):
        get(forge)
    assert [(one.status, one.mishap) for one in forge.requests()] == [(0, kind)]


def test_a_silence_is_bounded() -> None:
    assert struck(Mishap("stalled", seconds=1e9), Sent(200, b"", {}), 0).pause == LONGEST_PAUSE


def test_what_is_not_what_it_says(forge: Forge) -> None:
    forge.plant(Mishap("HTML", at=(1,)), Mishap("wrong type", at=(2,)), Mishap("broken JSON", at=(3,)))
    page, mislabelled, broken = (get(forge) for _ in range(3))
    assert (page.status_code, page.text[:9]) == (200, "<!DOCTYPE")
    assert (mislabelled.headers["Content-Type"], mislabelled.json()["full_name"]) == (
        "text/html; charset=utf-8",
        "acme/shop",
    )
    with pytest.raises(requests.exceptions.JSONDecodeError):
        broken.json()


def test_queries_fail_with_200(forge: Forge) -> None:
    forge.plant(
        *(Mishap(f"query {what}", "/graphql", (at,)) for at, what in enumerate(("failed", "limited", "halved"), 1))
    )
    get(forge)
    failed, limited, halved, whole = (
        requests.post(f"{forge.url}/graphql", json=SUITES, timeout=10).json() for _ in range(4)
    )
    assert (failed["data"], "type" in failed["errors"][0]) == (None, False)
    assert limited["errors"][0]["type"] == "RATE_LIMITED"
    assert halved["data"] == {"nodes": [{"id": "CS_1"}, None]}
    assert [(one["type"], one["path"]) for one in halved["errors"]] == [("RESOURCE_LIMITS_EXCEEDED", ["nodes", 1])]
    assert "errors" not in whole


def test_blobs_are_struck_as_well(forge: Forge) -> None:
    forge.plant(Mishap("503", route="blob *", times=1))
    answers = [get(forge, f"{SHOP}/actions/jobs/1000/logs") for _ in range(2)]
    assert [(answer.status_code, answer.text) for answer in answers][1] == (200, "x")
    assert answers[0].status_code == 503
    assert Counter(one.mishap for one in forge.requests()) == {None: 3, "503": 1}


def test_what_is_unchanged_stays_so_beside_faults(forge: Forge) -> None:
    tag = get(forge).headers["ETag"]
    forge.plant(Mishap("500", at=(2,)))
    found = [get(forge, **{"If-None-Match": tag}).status_code for _ in range(3)]
    assert found == [304, 500, 304]


def test_a_forge_can_start_unwell_and_be_healed(tmp_path: Path) -> None:
    with serve(write_recording(tmp_path, [run(1)]), mishaps=[Mishap("500")]) as forge:
        ill = get(forge).status_code
        forge.heal()
        assert (ill, get(forge).status_code) == (500, 200)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_an_answer(kind: str) -> None:
    true = Sent(200, b'{"data": null}', {"X-RateLimit-Limit": "9", "ETag": "x"})
    sent = struck(Mishap(kind), true, 0)
    assert sent != true
    assert sent.headers["X-RateLimit-Limit"] == "9"
