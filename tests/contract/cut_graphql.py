"""Cut GitHub's public GraphQL schema down to what the loopback forge answers.

    npm pack @octokit/graphql-schema@15.26.1 && tar xzf octokit-graphql-schema-15.26.1.tgz
    python -m tests.contract.cut_graphql package/schema.graphql

writes `pipelinedoctor/simulate/github_schema.graphql`, the same bytes for the same input. A kept field keeps its arguments and
its type as GitHub has them; enumerations, inputs and scalars are kept whole.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphql import DocumentNode, Node, parse, print_ast
from graphql.language import (
    DirectiveDefinitionNode,
    InterfaceTypeDefinitionNode,
    NamedTypeNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    Visitor,
    visit,
)

CUT = Path(__file__).resolve().parents[2] / "pipelinedoctor" / "simulate" / "github_schema.graphql"
HEAD = """\
# Cut from GitHub's public GraphQL schema, as the npm package @octokit/graphql-schema 15.26.1 has it, by tests/contract/cut_graphql.py.
#
# Copyright (c) GitHub 2025 - Licensed as MIT.
#
# Permission is hereby granted, free of charge, to any person obtaining
# a copy of this software and associated documentation files (the
# "Software"), to deal in the Software without restriction, including
# without limitation the rights to use, copy, modify, merge, publish,
# distribute, sublicense, and/or sell copies of the Software, and to
# permit persons to whom the Software is furnished to do so, subject to
# the following conditions:
#
# The above copyright notice and this permission notice shall be
# included in all copies or substantial portions of the Software.
#
# THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND,
# EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
# MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
# NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
# LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION
# OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
# WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

"""
_PAGE = "nodes edges pageInfo totalCount"
KEPT = {
    "Query": "id node nodes rateLimit repository",
    "RateLimit": "cost limit nodeCount remaining resetAt used",
    "PageInfo": "endCursor hasNextPage hasPreviousPage startCursor",
    "Node": "id",
    "Actor": "login url",
    "RepositoryOwner": "id login url",
    "Bot": "id databaseId login url",
    "Organization": "id databaseId login name url",
    "User": "id databaseId login name url",
    "GitActor": "date email name user",
    "GitObject": "id oid abbreviatedOid repository",
    "Tag": "id oid abbreviatedOid message name repository target",
    "Ref": "id name prefix repository target",
    "Commit": "id oid abbreviatedOid author authoredDate committedDate committer history message messageHeadline parents repository url",
    "CheckSuite": "id checkRuns commit conclusion createdAt databaseId repository status updatedAt url workflowRun",
    "CheckRun": "id annotations checkSuite completedAt conclusion databaseId detailsUrl name permalink repository startedAt status "
    "steps url",
    "CheckStep": "completedAt conclusion name number startedAt status",
    "CheckAnnotation": "annotationLevel blobUrl databaseId location message path rawDetails title",
    "CheckAnnotationSpan": "end start",
    "CheckAnnotationPosition": "column line",
    "WorkflowRun": "id checkSuite createdAt databaseId event runNumber updatedAt url workflow",
    "Workflow": "id databaseId name",
    "Repository": "id archivedAt createdAt databaseId defaultBranchRef deployments isArchived isDisabled isEmpty isFork isPrivate name "
    "nameWithOwner owner pullRequest pullRequests pushedAt ref refs release releases repositoryTopics updatedAt url",
    "RepositoryTopic": "id topic",
    "Topic": "id name",
    "PullRequest": "id author baseRefName baseRefOid closed closedAt commits createdAt fullDatabaseId headRefName headRefOid isDraft "
    "mergeCommit merged mergedAt number repository reviews state title updatedAt url",
    "PullRequestCommit": "id commit",
    "PullRequestReview": "id author fullDatabaseId state submittedAt url",
    "Deployment": "id commit commitOid createdAt creator databaseId description environment latestEnvironment latestStatus "
    "originalEnvironment ref repository state statuses task updatedAt",
    "DeploymentStatus": "id createdAt creator description environment environmentUrl logUrl state updatedAt",
    "Release": "id author createdAt databaseId isDraft isLatest isPrerelease name publishedAt repository tag tagCommit tagName "
    "updatedAt url",
    "CheckRunConnection": _PAGE,
    "CheckStepConnection": _PAGE,
    "CheckAnnotationConnection": _PAGE,
    "CommitConnection": _PAGE,
    "CommitHistoryConnection": _PAGE,
    "PullRequestConnection": _PAGE,
    "PullRequestCommitConnection": _PAGE,
    "PullRequestReviewConnection": _PAGE,
    "DeploymentConnection": _PAGE,
    "DeploymentStatusConnection": _PAGE,
    "ReleaseConnection": _PAGE,
    "RefConnection": _PAGE,
    "RepositoryTopicConnection": _PAGE,
}
"""By type, the fields that are kept; the type of a connection's edges is kept with it."""


def cut(whole: DocumentNode) -> str:
    """The schema with `KEPT` only, and what these fields need. Raises `KeyError` for a type or field that is not in it."""
    known = {node.name.value: node for node in whole.definitions if isinstance(node, TypeDefinitionNode)}
    kept: dict[str, Node] = {}
    wanted = list(KEPT)
    while wanted:
        name = wanted.pop()
        if name not in kept and name in known:
            kept[name] = _bare(known[name])
            wanted += _names(kept[name])
    directives = [_bare(node) for node in whole.definitions if isinstance(node, DirectiveDefinitionNode)]
    text = "\n\n".join(print_ast(node) for node in (kept[name] for name in sorted(kept)))
    used = [node for node in directives if f"@{node.name.value}" in text]  # type: ignore[attr-defined]  # all have a name
    return HEAD + "\n\n".join([*(print_ast(node) for node in used), text]) + "\n"


class _Silent(Visitor):
    """Takes descriptions away."""

    def leave(self, node: Any, *_: object) -> Any:
        return replace(node, description=None) if getattr(node, "description", None) is not None else None


def _bare(node: Node) -> Node:
    node = visit(node, _Silent())
    if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        name = node.name.value
        fields = {field.name.value: field for field in node.fields or ()}
        asked = KEPT[name] if name in KEPT else "cursor node" if name.endswith("Edge") else ""
        if not asked:
            raise KeyError(f"{name}: a kept field is of this type, which is not kept")
        return replace(
            node,
            fields=tuple(fields[one] for one in sorted(asked.split())),
            interfaces=tuple(one for one in node.interfaces or () if one.name.value in KEPT),
        )
    return node


def _names(node: Node) -> Iterator[str]:
    found: list[str] = []

    class Names(Visitor):
        def enter_named_type(self, node: NamedTypeNode, *_: object) -> None:
            found.append(node.name.value)

    visit(node, Names())
    yield from found


def main() -> None:
    """Cut the schema whose path is the one argument."""
    CUT.write_text(cut(parse(Path(sys.argv[1]).read_text(encoding="utf-8"), no_location=True)), encoding="utf-8")


if __name__ == "__main__":
    main()
