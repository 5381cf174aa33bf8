"""Questions that many repositories share: cheaper than one a repository, and nothing else comes of them."""

from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate

import pipelinedoctor.simulate
from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.github import together
from pipelinedoctor.fetch.github.overview import CHANGES, DEPLOYMENTS, RELEASES, TAGS, commits_in
from pipelinedoctor.fetch.github.windows import Span
from pipelinedoctor.simulate.mishaps import Mishap
from tests.fetch.rig import DAY, GRAPH, NOW, ROUTE, Rig
from tests.helpers.bodies import Body
from tests.helpers.deliveries import deployment, pull, release, tag
from tests.helpers.recordings import Run, commit, job, run

SCHEMA = build_schema(
    (Path(pipelinedoctor.simulate.__file__).parent / "github_schema.graphql").read_text(encoding="utf-8")
)
NAMES = [f"acme/app-{number:02}" for number in range(12)]
TABLES = (
    "repositories", "runs", "jobs", "changes", "change_commits", "commits", "deployments", "deployment_statuses", "releases",
    "tags", "fetch_gaps",
)  # fmt: skip


def test_the_questions_are_such_that_github_takes() -> None:
    parts = [CHANGES, DEPLOYMENTS, RELEASES, TAGS, commits_in(Span(NOW - DAY, NOW))]
    assert validate(SCHEMA, parse(together.repositories_question(together.NAMES))) == []
    assert validate(SCHEMA, parse(together.holdings_question([parts, parts[:1], parts[1:]]))) == []
    assert f"pullRequests(first: {together.FEW}, orderBy" in together.holdings_question([parts])


def runs(night: int, names: list[str]) -> list[Run]:
    at = NOW + (night - 1) * DAY
    return [
        run(100 * (night + 1) + place, jobs=[job("a")], created=at.replace(minute=place), repository=name)
        for place, name in enumerate(names)
    ]


COMMITS = [commit(f"{place:040x}", repository=name) for place, name in enumerate(NAMES, 1)]


def delivered(name: str, night: int, changes: int = 1) -> dict[str, list[Body]]:
    """What a repository got on that night; numbers tell the repository, too."""
    day = f"2026-01-{19 + night:02}"
    first = 1_000 * int(name[-2:]) + 100 * (night + 1)
    pulls = [pull(first + n, created=f"{day}T01:{n:02}:00Z", repository=name) for n in range(changes)]
    statuses = [("success", f"{day}T02:09:00Z")]
    return {
        "pulls": pulls,
        "deployments": [deployment(first, statuses=statuses, created=f"{day}T02:00:00Z", repository=name)],
        "releases": [release(f"v{night}", f"{day}T03:00:00Z", repository=name)],
        "tags": [tag(f"v{night}", f"{night:040x}", repository=name)],
    }


def all_of(nights: int, changes: int) -> dict[str, list[Body]]:
    """What all got until then; the first is busy on the newest night."""
    found: dict[str, list[Body]] = {"pulls": [], "deployments": [], "releases": [], "tags": []}
    for night in range(nights + 1):
        for name in NAMES:
            busy = changes if (name, night) == (NAMES[0], nights) else 1
            for kind, bodies in delivered(name, night, busy).items():
                found[kind] += bodies
    return found


def fetched(nights: Rig, *mishaps: Mishap) -> list[list[tuple[Any, ...]]]:
    """What two nights come to, the second of them with mishaps."""
    first = runs(0, NAMES)
    nights.record(*first, commits=COMMITS, delivered=all_of(0, 1)).fetch(*NAMES)
    nights.record(*first, *runs(1, NAMES), commits=COMMITS, delivered=all_of(1, 25)).plant(*mishaps)
    nights.fetch(*NAMES, days=1)
    return [nights.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES]


@pytest.fixture
def alone(nights: Rig, monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[Any, ...]]]:
    """The same where every repository is asked for by itself."""
    with monkeypatch.context() as patch:
        patch.setattr(together, "ENOUGH", 10**9)
        patch.setattr(together, "HOLDINGS", 1)
        found = fetched(nights)
    assert nights.count(ROUTE) == len(NAMES)
    nights.store.connection.execute("; ".join(f"DELETE FROM {table}" for table in (*TABLES, "sync_state", "steps")))
    return found


def test_they_bring_what_is_asked_for_one_by_one_at_a_fraction_of_the_price(
    nights: Rig, alone: list[list[tuple[Any, ...]]]
) -> None:
    assert fetched(nights) == alone
    assert nights.count(ROUTE) == 0
    # What they are; outcomes of 12 runs; what is new of ten and of two of them; two more pages of the busy one.
    assert nights.count(GRAPH) == 1 + 1 + 2 + 1
    assert len(alone[3]) == 12 + 11 + 25


@pytest.mark.parametrize("kind", ["502", "query failed", "cut", "broken JSON"])
@pytest.mark.parametrize("at", [(1,), (3,), (3, 4)])
def test_one_that_fails_is_asked_again_one_by_one(
    nights: Rig, alone: list[list[tuple[Any, ...]]], kind: str, at: tuple[int, ...]
) -> None:
    nights.workers = 1
    assert fetched(nights, Mishap(kind, route=GRAPH, at=at)) == alone


def test_of_few_repositories_each_is_asked_for_where_unchanged_is_free(nights: Rig) -> None:
    few = NAMES[: together.ENOUGH - 1]
    nights.record(*runs(0, few)).fetch(*few)
    assert nights.count(ROUTE) == len(few)
    nights.fetch(*few, days=1)
    assert nights.forge.ledger.statuses()[304] >= len(few)


def test_one_that_is_gone_or_has_another_name_is_told_apart(nights: Rig) -> None:
    nights.record(*runs(0, NAMES), commits=COMMITS).fetch(*NAMES)
    nights.record(*runs(0, NAMES[1:]), commits=COMMITS[1:]).fetch(*NAMES, days=1)
    assert nights.gaps() == [("runs", NAMES[0], "no such repository, or none that the token may read")]
    assert nights.rows("SELECT count(*) FROM repositories") == [(12,)]


def test_an_empty_one_is_asked_for_its_default_branch_by_itself(nights: Rig) -> None:
    nights.record(*runs(0, NAMES), commits=COMMITS[1:]).fetch(*NAMES)
    assert nights.count(ROUTE) == 1
    assert nights.rows("SELECT count(*) FROM repositories WHERE default_branch = 'main'") == [(12,)]


def test_nobody_without_a_token_asks_graphql(nights: Rig) -> None:
    nights.record(*runs(0, NAMES)).fetch(*NAMES, token=None)
    assert nights.count(GRAPH) == 0
    assert nights.count(ROUTE) == len(NAMES)


def test_a_token_that_is_not_known_ends_all(nights: Rig) -> None:
    nights.record(*runs(0, NAMES)).plant(Mishap("401", route=GRAPH))
    with pytest.raises(ForgeError, match="401"):
        nights.fetch(*NAMES)
