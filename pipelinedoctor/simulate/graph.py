"""GitHub's GraphQL API over a recording: the body of a request in, an answer out. No sockets here.

The schema is a cut of GitHub's own. As GitHub does, it answers 200 whatever goes wrong within a query: what could be had stands
under `data`, the rest under `errors`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationType,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from pipelinedoctor.simulate.graph_checks import Checks
from pipelinedoctor.simulate.graph_paging import MOST_A_PAGE, GraphRefusedError
from pipelinedoctor.simulate.graph_price import Price, price
from pipelinedoctor.simulate.graph_repository import Repositories
from pipelinedoctor.simulate.graph_thing import Thing
from pipelinedoctor.simulate.holdings import Holdings

_SDL = Path(__file__).with_name("github_schema.graphql")
_MOST_NODES = 500_000
_KEPT_DOCUMENTS = 64


@dataclass(frozen=True, slots=True)
class Allowance:
    """The caller's points: `spend` takes some where so many are left, `state` tells them in the words of `/rate_limit`."""

    spend: Callable[[int], bool]
    state: Callable[[], Mapping[str, int]]


class Graph:
    """The GraphQL API of one recording; with `checks` false the token may not read checks."""

    def __init__(self, holdings: Holdings, *, checks: bool) -> None:
        self._repositories = Repositories(holdings)
        self._checks = Checks(holdings, self._repositories, readable=checks)
        self._documents: dict[str, DocumentNode | list[GraphQLError]] = {}

    def answer(self, body: bytes, allowance: Allowance) -> tuple[int, bytes]:
        """Status and body of the answer to a request's body."""
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            return 400, _dump(
                {"message": "Problems parsing JSON", "documentation_url": "https://docs.github.com/graphql"}
            )
        query, variables = asked.get("query"), asked.get("variables") or {}
        if not isinstance(query, str) or not isinstance(variables, dict):
            return 200, _dump({"errors": [{"message": "A query attribute must be specified and must be a string."}]})
        name = asked.get("operationName")
        return 200, _dump(self._executed(query, variables, name if isinstance(name, str) else None, allowance))

    def _executed(self, query: str, variables: dict[str, Any], name: str | None, allowance: Allowance) -> Thing:
        document = self._document(query)
        if isinstance(document, list):
            return _failed(document)
        operation = get_operation_ast(document, name)
        if operation is None:
            return {"errors": [{"message": "An operation name is required."}]}
        if operation.operation is not OperationType.QUERY:
            return {"errors": [{"message": f"Schema is not configured for {operation.operation.value}s."}]}
        fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
        priced = price(schema(), operation, fragments, variables)
        if priced.nodes > _MOST_NODES:
            return _refused(
                "MAX_NODE_LIMIT_EXCEEDED",
                f"This query requests up to {priced.nodes:,} possible nodes which exceeds the maximum limit of {_MOST_NODES:,}.",
            )
        if not allowance.spend(priced.points):
            return _refused("RATE_LIMITED", "API rate limit exceeded for user ID 1.")
        root = self._root(priced, allowance)
        done = execute_sync(schema(), document, root, variable_values=variables, operation_name=name)
        return {"data": done.data, **(_failed(done.errors) if done.errors else {})}

    def _document(self, query: str) -> DocumentNode | list[GraphQLError]:
        """The query, parsed and found valid, or what is wrong with it."""
        known = self._documents.get(query)
        if known is None:
            try:
                document = parse(query)
                known = validate(schema(), document) or document
            except GraphQLError as error:
                known = [error]
            if len(self._documents) >= _KEPT_DOCUMENTS:
                self._documents.clear()
            self._documents[query] = known
        return known

    def _root(self, priced: Price, allowance: Allowance) -> Thing:
        return {
            "id": "Q",
            "node": lambda _, **asked: self._node(asked["id"]),
            "nodes": lambda _, **asked: self._nodes(asked["ids"]),
            "repository": lambda _, **asked: self._repositories.named(
                asked["owner"], asked["name"], renamed=asked.get("followRenames") is not False
            ),
            "rateLimit": partial(_rate_limit, priced, allowance),
        }

    def _nodes(self, ids: Sequence[str]) -> list[Thing | GraphRefusedError]:
        if len(ids) > MOST_A_PAGE:
            raise GraphRefusedError(
                "ARGUMENT_LIMIT", f"You may not provide more than {MOST_A_PAGE} node ids; you provided {len(ids)}."
            )
        return [self._tried(one) for one in ids]

    def _tried(self, node_id: str) -> Thing | GraphRefusedError:
        """A node, or why it is not to be had: then the others are still answered."""
        try:
            return self._node(node_id)
        except GraphRefusedError as error:
            return error

    def _node(self, node_id: str) -> Thing:
        shown = self._known.get(node_id)
        if shown is None:
            raise GraphRefusedError(
                "NOT_FOUND", f"Could not resolve to a node with the global id of '{node_id[:100]}'."
            )
        return shown()

    @cached_property
    def _known(self) -> dict[str, Callable[[], Thing]]:
        return dict([*self._checks.nodes(), *self._repositories.nodes()])


@cache
def schema() -> GraphQLSchema:
    """The cut of GitHub's schema, fit to execute: ids are whole numbers of any size, as GitHub sends them."""
    built = build_schema(_SDL.read_text(encoding="utf-8"))
    wide = GraphQLScalarType("WideInt", serialize=int)
    for kind in built.type_map.values():
        field = kind.fields.get("databaseId") if isinstance(kind, GraphQLObjectType) else None
        if field is not None:
            field.type = GraphQLNonNull(wide) if isinstance(field.type, GraphQLNonNull) else wide
    return built


def _rate_limit(priced: Price, allowance: Allowance, *_: object, **__: object) -> Thing:
    state = allowance.state()
    return {
        "cost": priced.points,
        "nodeCount": priced.nodes,
        "limit": state["limit"],
        "remaining": state["remaining"],
        "used": state["used"],
        "resetAt": datetime.fromtimestamp(state["reset"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _failed(errors: Sequence[GraphQLError]) -> Thing:
    return {"errors": [_error(error) for error in errors]}


def _error(error: GraphQLError) -> Thing:
    told: Thing = {"message": error.message}
    if error.locations:
        told["locations"] = [{"line": one.line, "column": one.column} for one in error.locations]
    if error.path is not None:
        told["path"] = error.path
    if isinstance(error.original_error, GraphRefusedError):
        told["type"] = error.original_error.type
    if told.get("type") == "FORBIDDEN":
        told["extensions"] = {"saml_failure": False}
    return told


def _refused(type: str, message: str) -> Thing:  # noqa: A002  the answer's own word
    return {"errors": [{"type": type, "message": message}]}


def _dump(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
