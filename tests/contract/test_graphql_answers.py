"""All that the cut of GitHub's schema can be asked, asked of a simulated organisation: nothing is missing that must not be."""

from pathlib import Path

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type, is_leaf_type

from pipelinedoctor.simulate.graph import Graph, schema
from pipelinedoctor.simulate.lines import lines
from pipelinedoctor.simulate.organisation import Scale, write_organisation
from tests.helpers.graph import data, graph_of

NESTED = {
    "Query": "repository(owner: $owner, name: $name)",
    "Repository": "owner defaultBranchRef pullRequests(first: 20) deployments(first: 20) releases(first: 20) "
    'refs(first:20,refPrefix:"refs/tags/") repositoryTopics(first: 5)',
    "Ref": "target",
    "Commit": "author committer parents(first: 2)",
    "Tag": "target",
    "GitActor": "user",
    "PullRequest": "author mergeCommit commits(first: 10) reviews(first: 10)",
    "PullRequestCommit": "commit",
    "PullRequestReview": "author",
    "Deployment": "creator commit ref latestStatus statuses(first: 10)",
    "DeploymentStatus": "creator",
    "Release": "author tag tagCommit",
    "RepositoryTopic": "topic",
    "CheckSuite": "repository commit workflowRun checkRuns(first: 100, filterBy: {checkType: ALL})",
    "CheckRun": "steps(first: 20) annotations(first: 20)",
    "CheckAnnotation": "location",
    "CheckAnnotationSpan": "start end",
    "WorkflowRun": "workflow",
}
"""By type, the fields that hold other objects and are followed; all plain ones are asked for anyway."""


def selection(name: str, depth: int) -> str:
    """All plain fields of a type, and what is nested in it."""
    kind = schema().type_map[name]
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    plain = [field for field, one in kind.fields.items() if is_leaf_type(get_named_type(one.type))]
    nested = [_followed(kind, field, depth) for field in _fields(NESTED.get(name, ""))] if depth > 0 else []
    pages = (
        ["pageInfo { endCursor hasNextPage }", _followed(kind, "nodes", depth)] if name.endswith("Connection") else []
    )
    parts = (
        ["... on Commit " + selection("Commit", min(depth, 1)), "... on Tag { target { oid } }"]
        if name == "GitObject"
        else []
    )
    return "{ __typename " + " ".join([*plain, *nested, *pages, *parts]) + " }"


def _fields(text: str) -> list[str]:
    """The fields of a line of `NESTED`, each with its arguments."""
    found, open_ = [""], 0
    for sign in text:
        open_ += (sign == "(") - (sign == ")")
        if sign == " " and not open_:
            found.append("")
        else:
            found[-1] += sign
    return [one for one in found if one]


def _followed(kind: GraphQLObjectType | GraphQLInterfaceType, field: str, depth: int) -> str:
    inner = get_named_type(kind.fields[field.partition("(")[0]].type).name
    return f"{field} {selection(inner, depth - 1)}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisation")
    write_organisation(folder, seed=3, scale=Scale(repositories=6, weeks=5, changes_a_day=0.3))
    return folder


@pytest.fixture(scope="module")
def graph(folder: Path) -> Graph:
    return graph_of(folder)


def test_every_field_of_a_repository_can_be_asked(folder: Path, graph: Graph) -> None:
    asked = f"query($owner: String!, $name: String!) {{ repository(owner: $owner, name: $name) {selection('Repository', 6)} }}"
    names = [line.load()["repository"]["full_name"] for line in lines(folder, "repositories.jsonl")]
    found = [data(graph, asked, owner=name.split("/")[0], name=name.split("/")[1])["repository"] for name in names]
    for kind in ("pullRequests", "deployments", "releases", "refs"):
        assert any(one[kind]["totalCount"] for one in found), kind
    assert {one["refs"]["nodes"][0]["target"]["__typename"] for one in found} <= {"Commit", "Tag"}


def test_every_field_of_all_check_suites_can_be_asked(folder: Path, graph: Graph) -> None:
    asked = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on CheckSuite {selection('CheckSuite', 4)} }} }}"
    runs = sorted((line.load()["run"] for line in lines(folder, "runs.jsonl")), key=lambda run: -run["run_attempt"])
    jobs = {
        line["jobs"][0]["run_id"]: line["jobs"]
        for line in (one.load() for one in lines(folder, "jobs.jsonl"))
        if line["jobs"]
    }
    for start in range(0, 60, 5):
        part = runs[start : start + 5]
        suites = data(graph, asked, ids=[one["check_suite_node_id"] for one in part])["nodes"]
        for run, suite in zip(part, suites, strict=True):
            checks = suite["checkRuns"]["nodes"]
            assert suite["databaseId"] == run["check_suite_id"]
            assert suite["workflowRun"]["databaseId"] == run["id"]
            told = [(job["id"], job["name"], job["conclusion"]) for job in jobs.get(run["id"], [])]
            assert told == [
                (one["databaseId"], one["name"], one["conclusion"] and one["conclusion"].lower()) for one in checks
            ]
