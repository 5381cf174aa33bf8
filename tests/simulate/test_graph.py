"""GitHub's GraphQL over a recording: what it answers, what it refuses and how."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from graphql import validate_schema
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.simulate.graph import Allowance, Graph, schema
from pipelinedoctor.simulate.graph_paging import GraphRefusedError, connection
from tests.helpers.deliveries import annotations, deployment, pull, release, tag
from tests.helpers.graph import STATE, asked, data, graph_of
from tests.helpers.recordings import commit, job, run, write_recording

SUITES = """
query($ids: [ID!]!, $first: Int = 100, $after: String, $type: CheckRunType = ALL) {
  nodes(ids: $ids) {
    ... on CheckSuite {
      id databaseId status conclusion
      checkRuns(first: $first, after: $after, filterBy: {checkType: $type}) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { databaseId name status conclusion startedAt completedAt detailsUrl }
      }
    }
  }
  rateLimit { cost remaining resetAt limit nodeCount }
}
"""
BIG = 43_100_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    jobs = [
        job("build", "failure", id=BIG, log="x"),
        job("lint"),
        job("build", attempt=2),
        job("deploy", None, attempt=2),
    ]
    runs = [run(1, jobs=jobs), run(2, repository="acme/api", jobs=[job("only")]), run(3, body={"node_id": "WFR_3"})]
    commits = [
        commit("a" * 40, "2026-01-01T00:00:00Z", message="First\n\nwith a body"),
        commit("b" * 40, "2026-01-02T00:00:00Z", parents=["a" * 40]),
        commit("c" * 40, "2026-01-03T00:00:00Z", parents=["b" * 40]),
    ]
    delivered = {
        "pulls": [
            pull(1, created="2026-01-01T09:00:00Z", merged="2026-01-04T09:00:00Z", commits=["d" * 40, "e" * 40]),
            pull(2, created="2026-01-02T09:00:00Z", closed="2026-01-02T10:00:00Z"),
            pull(3, created="2026-01-03T09:00:00Z", reviews=[("bob", "APPROVED", "2026-01-03T10:00:00Z")]),
        ],
        "deployments": [
            deployment(70, "staging", created="2026-01-03T01:00:00Z", statuses=[("failure", "2026-01-03T01:05:00Z")]),
            deployment(
                71,
                created="2026-01-03T02:00:00Z",
                sha="c" * 40,
                ref="v1",
                statuses=[("in_progress", "2026-01-03T02:01:00Z"), ("success", "2026-01-03T02:05:00Z")],
            ),
        ],
        "releases": [release("v1"), release("v2", None), release("v1.1", prerelease=True)],
        "tags": [tag("v1", "b" * 40), tag("v1.1", "c" * 40, annotation="f" * 40)],
        "annotations": [annotations(BIG, "boom", "bang")],
    }
    return write_recording(tmp_path_factory.mktemp("recording"), runs, commits=commits, delivered=delivered)


@pytest.fixture(scope="module")
def graph(folder: Path) -> Graph:
    return graph_of(folder)


def test_the_cut_is_a_schema() -> None:
    assert validate_schema(schema()) == []


def test_a_check_suite_has_the_jobs_of_all_attempts(graph: Graph) -> None:
    answer = data(graph, SUITES, ids=["CS_1"])
    (suite,) = answer["nodes"]
    runs = suite["checkRuns"]
    assert (suite["databaseId"], suite["status"], suite["conclusion"]) == (1, "IN_PROGRESS", None)
    assert [(one["name"], one["conclusion"]) for one in runs["nodes"]] == [
        ("build", "FAILURE"),
        ("lint", "SUCCESS"),
        ("build", "SUCCESS"),
        ("deploy", None),
    ]
    assert runs["nodes"][0] == {
        "databaseId": BIG,
        "name": "build",
        "status": "COMPLETED",
        "conclusion": "FAILURE",
        "startedAt": "2026-01-05T12:00:10Z",
        "completedAt": "2026-01-05T12:02:10Z",
        "detailsUrl": f"https://github.com/acme/shop/actions/runs/1/job/{BIG}",
    }
    assert (runs["totalCount"], runs["pageInfo"]["hasNextPage"]) == (4, False)


def test_the_latest_of_each_name_are_those_of_the_newest_attempt(graph: Graph) -> None:
    (suite,) = data(graph, SUITES, ids=["CS_1"], type="LATEST")["nodes"]
    assert [(one["name"], one["databaseId"]) for one in suite["checkRuns"]["nodes"]] == [
        ("lint", 1001),
        ("build", 1002),
        ("deploy", 1003),
    ]
    without = '{ node(id: "CS_1") { ... on CheckSuite { checkRuns(first: 9) { totalCount } } } }'
    assert data(graph, without)["node"]["checkRuns"]["totalCount"] == 3


def test_all_pages_together_are_all(graph: Graph) -> None:
    names, after = [], None
    for _ in range(4):
        (suite,) = data(graph, SUITES, ids=["CS_1"], first=1, after=after)["nodes"]
        names += [one["name"] for one in suite["checkRuns"]["nodes"]]
        after = suite["checkRuns"]["pageInfo"]["endCursor"]
    assert (names, suite["checkRuns"]["pageInfo"]["hasNextPage"]) == (["build", "lint", "build", "deploy"], False)


def test_suites_of_several_repositories_come_in_one_answer_and_what_is_not_there_is_told(graph: Graph) -> None:
    answer = asked(graph, SUITES, ids=["CS_2", "nothing", "CS_1"])
    assert [one and one["id"] for one in answer["data"]["nodes"]] == ["CS_2", None, "CS_1"]
    (error,) = answer["errors"]
    assert (error["type"], error["path"]) == ("NOT_FOUND", ["nodes", 1])
    assert error["message"] == "Could not resolve to a node with the global id of 'nothing'."
    assert error["locations"] == [{"line": 3, "column": 3}]


def test_a_token_that_may_not_read_checks_gets_the_rest(folder: Path) -> None:
    blind = graph_of(folder, checks=False)
    query = """{ nodes(ids: ["CS_1", "WFR_3", "CR_1001"]) { ... on WorkflowRun { databaseId checkSuite { id } } } }"""
    answer = asked(blind, query)
    assert answer["data"] == {"nodes": [None, None, None]}
    assert {error["type"] for error in answer["errors"]} == {"FORBIDDEN"}
    assert {error["message"] for error in answer["errors"]} == {"Resource not accessible by personal access token"}
    assert data(blind, query.replace("checkSuite { id }", "").replace('"CS_1", ', "").replace(', "CR_1001"', ""))[
        "nodes"
    ] == [{"databaseId": 3}]


def test_a_run_without_the_node_of_its_suite_has_no_suite(tmp_path: Path) -> None:
    graph = graph_of(write_recording(tmp_path, [run(1, body={"check_suite_node_id": ...})]))
    assert asked(graph, SUITES, ids=["CS_1"])["errors"][0]["type"] == "NOT_FOUND"


def test_annotations_and_steps_of_a_check_run(graph: Graph) -> None:
    query = """{ node(id: "CR_%d") { ... on CheckRun {
        steps(first: 5) { nodes { name number conclusion } }
        annotations(first: 5) { nodes { path location { start { line } } annotationLevel title message } }
        checkSuite { workflowRun { databaseId workflow { name } } repository { nameWithOwner } }
    } } }"""
    found = data(graph, query % BIG)["node"]
    assert found["steps"]["nodes"] == [{"name": "Run it", "number": 1, "conclusion": "FAILURE"}]
    assert found["annotations"]["nodes"][1] == {
        "path": "src/x.py",
        "location": {"start": {"line": 2}},
        "annotationLevel": "FAILURE",
        "title": "",
        "message": "bang",
    }
    assert found["checkSuite"] == {
        "workflowRun": {"databaseId": 1, "workflow": {"name": "CI"}},
        "repository": {"nameWithOwner": "acme/shop"},
    }


REPOSITORY = (
    'query($n: String = "shop", $f: Boolean = true) { repository(owner: "acme", name: $n, followRenames: $f) { %s } }'
)


def test_a_repository_and_its_default_branch(graph: Graph) -> None:
    chosen = """databaseId nameWithOwner isArchived owner { login } defaultBranchRef { name target { oid ... on Commit {
        history(first: 2, since: "2026-01-01T00:00:00Z", until: "2026-01-02T12:00:00Z") {
          totalCount nodes { oid messageHeadline author { name } parents(first: 1) { nodes { oid } } } } } } }"""
    found = data(graph, REPOSITORY % chosen)["repository"]
    branch = found.pop("defaultBranchRef")
    assert found.pop("databaseId") > 0
    assert found == {"nameWithOwner": "acme/shop", "isArchived": False, "owner": {"login": "acme"}}
    assert (branch["name"], branch["target"]["oid"]) == ("main", "c" * 40)
    assert branch["target"]["history"]["nodes"] == [
        {
            "oid": "b" * 40,
            "messageHeadline": "Change something",
            "author": {"name": "Ada"},
            "parents": {"nodes": [{"oid": "a" * 40}]},
        },
        {"oid": "a" * 40, "messageHeadline": "First", "author": {"name": "Ada"}, "parents": {"nodes": []}},
    ]


def test_a_repository_that_is_not_there_leaves_the_rest(graph: Graph) -> None:
    query = '{ gone: repository(owner: "acme", name: "none") { id } shop: repository(owner: "Acme", name: "Shop") { name } }'
    answer = asked(graph, query)
    assert answer["data"] == {"gone": None, "shop": {"name": "shop"}}
    assert [(error["type"], error["path"]) for error in answer["errors"]] == [("NOT_FOUND", ["gone"])]
    assert answer["errors"][0]["message"] == "Could not resolve to a Repository with the name 'acme/none'."


def test_pull_requests_with_commits_and_reviews(graph: Graph) -> None:
    chosen = """pullRequests(first: 10, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount nodes {
        number title state isDraft createdAt updatedAt mergedAt closedAt baseRefName headRefName headRefOid
        author { login } mergeCommit { oid }
        commits(first: 1) { totalCount pageInfo { hasNextPage } nodes { commit { oid authoredDate committedDate } } }
        reviews(first: 1, states: [APPROVED]) { nodes { submittedAt state author { login } } } } }"""
    pulls = data(graph, REPOSITORY % chosen)["repository"]["pullRequests"]["nodes"]
    assert [(one["number"], one["state"]) for one in pulls] == [(1, "MERGED"), (3, "OPEN"), (2, "CLOSED")]
    merged, reviewed, _ = pulls
    assert merged["mergeCommit"] == {"oid": "1".rjust(40, "e")}
    assert (merged["commits"]["totalCount"], merged["commits"]["pageInfo"]["hasNextPage"]) == (2, True)
    assert merged["commits"]["nodes"][0]["commit"]["oid"] == "d" * 40
    assert (merged["headRefOid"], merged["baseRefName"], merged["author"]) == ("e" * 40, "main", {"login": "ada"})
    assert reviewed["reviews"]["nodes"] == [
        {"submittedAt": "2026-01-03T10:00:00Z", "state": "APPROVED", "author": {"login": "bob"}}
    ]


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        ("states: MERGED", [1]),
        ("states: [OPEN, CLOSED]", [2, 3]),
        ("orderBy: {field: CREATED_AT, direction: DESC}", [3, 2, 1]),
        ('headRefName: "topic-2"', [2]),
        ('baseRefName: "other"', []),
    ],
)
def test_pull_requests_are_selected_and_ordered(graph: Graph, chosen: str, numbers: list[int]) -> None:
    found = data(graph, REPOSITORY % f"pullRequests(first: 10, {chosen}) {{ nodes {{ number }} }}")["repository"]
    assert [one["number"] for one in found["pullRequests"]["nodes"]] == numbers


def test_one_pull_request_by_number_and_by_node(graph: Graph) -> None:
    by_number = data(graph, REPOSITORY % "pullRequest(number: 2) { id number }")["repository"]["pullRequest"]
    query = "query($id: ID!) { node(id: $id) { ... on PullRequest { number } } }"
    assert data(graph, query, id=by_number["id"])["node"] == {"number": 2}
    missing = asked(graph, REPOSITORY % "pullRequest(number: 9) { id }")
    assert (missing["data"], missing["errors"][0]["type"]) == ({"repository": {"pullRequest": None}}, "NOT_FOUND")


def test_deployments_with_statuses(graph: Graph) -> None:
    chosen = """deployments(first: 10, orderBy: {field: CREATED_AT, direction: DESC}) { nodes {
        databaseId environment commitOid ref { name } task creator { login } state latestStatus { state }
        statuses(first: 5) { nodes { state createdAt } } } }"""
    production, staging = data(graph, REPOSITORY % chosen)["repository"]["deployments"]["nodes"]
    assert (production["databaseId"], production["state"], production["ref"]) == (71, "ACTIVE", {"name": "v1"})
    assert [one["state"] for one in production["statuses"]["nodes"]] == ["SUCCESS", "IN_PROGRESS"]
    assert (staging["environment"], staging["ref"]) == ("staging", {"name": "main"})
    assert staging["latestStatus"] == {"state": "FAILURE"}
    only = data(graph, REPOSITORY % 'deployments(first: 9, environments: ["staging"]) { nodes { databaseId } }')
    assert only["repository"]["deployments"]["nodes"] == [{"databaseId": 70}]


def test_releases_and_tags(graph: Graph) -> None:
    chosen = """releases(first: 10, orderBy: {field: NAME, direction: ASC}) { nodes {
        tagName isDraft isPrerelease isLatest publishedAt tagCommit { oid } } }
        refs(refPrefix: "refs/tags/", first: 10, orderBy: {field: TAG_COMMIT_DATE, direction: DESC}) { nodes {
        name target { __typename oid ... on Tag { target { oid } } } } }"""
    found = data(graph, REPOSITORY % chosen)["repository"]
    assert [(one["tagName"], one["isLatest"], one["tagCommit"]) for one in found["releases"]["nodes"]] == [
        ("v1", True, {"oid": "b" * 40}),
        ("v1.1", False, {"oid": "c" * 40}),
        ("v2", False, None),
    ]
    assert found["refs"]["nodes"] == [
        {"name": "v1.1", "target": {"__typename": "Tag", "oid": "f" * 40, "target": {"oid": "c" * 40}}},
        {"name": "v1", "target": {"__typename": "Commit", "oid": "b" * 40}},
    ]


@pytest.mark.parametrize(
    ("query", "type_", "path"),
    [
        (REPOSITORY % "releases(first: 101) { nodes { id } }", "EXCESSIVE_PAGINATION", ["repository", "releases"]),
        (
            REPOSITORY % "releases { nodes { id } }",
            "MISSING_PAGINATION_BOUNDARIES",
            ["repository", "releases", "nodes"],
        ),
        (
            REPOSITORY % 'releases(first: 1, after: "x") { totalCount }',
            "INVALID_CURSOR_ARGUMENTS",
            ["repository", "releases"],
        ),
        (
            "{ nodes(ids: " + json.dumps(["CS_1"] * 101) + ") { id } }",
            "ARGUMENT_LIMIT",
            ["nodes"],
        ),
    ],
)
def test_what_asks_for_too_much_is_refused_where_it_stands(
    graph: Graph, query: str, type_: str, path: list[str]
) -> None:
    (error,) = asked(graph, query)["errors"]
    assert (error["type"], error["path"]) == (type_, path)


@pytest.mark.parametrize(("ids", "nodes", "points"), [(1, 101, 1), (25, 2_525, 1), (100, 10_100, 1)])
def test_the_price_is_that_of_the_documentation(graph: Graph, ids: int, nodes: int, points: int) -> None:
    spent: list[int] = []
    answer = asked(graph, SUITES, spent=spent, ids=["CS_1"] * ids)
    assert (answer["data"]["rateLimit"]["nodeCount"], spent) == (nodes, [points])
    assert answer["data"]["rateLimit"] == {
        "cost": points,
        "remaining": STATE["remaining"],
        "limit": STATE["limit"],
        "resetAt": "2026-06-01T00:00:00Z",
        "nodeCount": nodes,
    }


def test_fragments_and_nested_connections_are_priced(graph: Graph) -> None:
    query = """query { repository(owner: "acme", name: "shop") { pullRequests(first: 50) { nodes { ...P } } } }
        fragment P on PullRequest { commits(first: 10) { nodes { commit { parents(first: 2) { nodes { oid } } } } } }"""
    spent: list[int] = []
    asked(graph, query, spent=spent)
    assert spent == [round((1 + 50 + 500) / 100)]


def test_more_than_half_a_million_nodes_are_refused_before_they_cost_anything(graph: Graph) -> None:
    chosen = "steps(first: 50) { nodes { name } } }"
    query = SUITES.replace("detailsUrl }", f"detailsUrl {chosen}")
    spent: list[int] = []
    (error,) = asked(graph, query, spent=spent, ids=["CS_1"] * 100)["errors"]
    assert (error["type"], spent) == ("MAX_NODE_LIMIT_EXCEEDED", [])
    assert error["message"] == (
        "This query requests up to 510,100 possible nodes which exceeds the maximum limit of 500,000."
    )


def test_without_points_nothing_is_answered(graph: Graph) -> None:
    allowance = Allowance(lambda _: False, lambda: STATE)
    status, body = graph.answer(json.dumps({"query": "{ rateLimit { cost } }"}).encode(), allowance)
    answer = json.loads(body)
    assert (status, set(answer)) == (200, {"errors"})
    assert answer["errors"][0]["type"] == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "Problems parsing JSON"),
        (b"[1]", 400, "Problems parsing JSON"),
        (b"[" * 100_000, 400, "Problems parsing JSON"),
        (b"{}", 200, "A query attribute must be specified"),
        (b'{"query": 7}', 200, "A query attribute must be specified"),
        (b'{"query": "{"}', 200, "Syntax Error"),
        (b'{"query": "{ nothing }"}', 200, "Cannot query field"),
        (b'{"query": "mutation { x }"}', 200, "mutation"),
        (b'{"query": "query A { id } query B { id }"}', 200, "operation name"),
        (b'{"query": "query($x: Int!) { id node(id: $x) { id } }"}', 200, "$x"),
    ],
)
def test_nonsense_is_told(graph: Graph, body: bytes, status: int, said: str) -> None:
    answered, text = graph.answer(body, Allowance(lambda _: True, lambda: STATE))
    assert answered == status
    told = json.loads(text)
    assert said in (told["message"] if status == 400 else told["errors"][0]["message"])
    assert "data" not in told


@given(
    total=st.integers(0, 30),
    asked_for=st.fixed_dictionaries(
        {},
        optional={
            "first": st.integers(0, 12),
            "last": st.integers(0, 12),
            "after": st.integers(0, 40),
            "before": st.integers(0, 40),
        },
    ),
)
def test_a_page_is_a_part_of_the_whole_in_order(total: int, asked_for: dict[str, int]) -> None:
    known: dict[str, Any] = dict(asked_for)
    for end in {"after", "before"} & known.keys():
        known[end] = base64.b64encode(f"cursor:v2:{known[end]}".encode()).decode()
    page = connection("x", range(total), known, lambda item: item)
    if not {"first", "last"} & known.keys():
        with pytest.raises(GraphRefusedError):
            page["nodes"]()
        return
    nodes = page["nodes"]()
    low, high = asked_for.get("after", -1) + 1, min(asked_for.get("before", total), total)
    between = list(range(low, high))
    assert nodes == (
        between[: asked_for["first"]] if "first" in asked_for else between[max(0, len(between) - asked_for["last"]) :]
    )
    assert [edge["node"] for edge in page["edges"]()] == nodes
    assert page["totalCount"] == total
    if nodes:
        assert page["pageInfo"]["hasNextPage"] == (nodes[-1] < total - 1)
        assert page["pageInfo"]["hasPreviousPage"] == (nodes[0] > 0)
