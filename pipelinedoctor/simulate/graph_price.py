"""What a GraphQL query asks for at most, reckoned before it is answered: nodes, and the points it costs. Pure.

As GitHub documents it: every connection is taken to be full; one request for each time a connection is entered, a point for a
hundred requests, one point at least; 500,000 nodes at most.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    value_from_ast_untyped,
)

_REQUESTS_A_POINT = 100


@dataclass(frozen=True, slots=True)
class Price:
    """`nodes` that a query can come to, and the `requests` behind its connections."""

    nodes: int
    requests: int

    @property
    def points(self) -> int:
        """What the query costs."""
        return max(1, round(self.requests / _REQUESTS_A_POINT))

    def __add__(self, other: "Price") -> "Price":
        return Price(self.nodes + other.nodes, self.requests + other.requests)


_NOTHING = Price(0, 0)


def price(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> Price:
    """The price of a query that is valid; a variable that is not given has its default."""
    defaults = {
        one.variable.name.value: value_from_ast_untyped(one.default_value)
        for one in operation.variable_definitions or ()
        if one.default_value is not None
    }
    query = schema.query_type
    walk = _Walk(schema, fragments, {**defaults, **variables})
    return walk.within(operation.selection_set, query, 1) if query else _NOTHING


@dataclass(frozen=True, slots=True)
class _Walk:
    """Sums up a query, selection by selection."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def within(self, chosen: SelectionSetNode | None, parent: GraphQLNamedType, times: int) -> Price:
        """The price of what is chosen of a thing that is there `times` times."""
        total = _NOTHING
        for field, owner in self._fields(chosen, parent):
            definition = owner.fields.get(field.name.value)
            if definition is None:  # `__typename`
                continue
            inner, entered = get_named_type(definition.type), times
            size = self._size(field)
            if size is not None:
                # `nodes(ids)` counts as a connection, too.
                total += Price(times * size, times)
                entered = times * size
            total += self.within(field.selection_set, inner, entered)
        return total

    def _fields(
        self, chosen: SelectionSetNode | None, parent: GraphQLNamedType
    ) -> Iterator[tuple[FieldNode, GraphQLObjectType | GraphQLInterfaceType]]:
        for one in chosen.selections if chosen else ():
            if isinstance(one, FieldNode):
                if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
                    yield one, parent
                continue
            inner = self.fragments[one.name.value] if isinstance(one, FragmentSpreadNode) else one
            assert isinstance(inner, InlineFragmentNode | FragmentDefinitionNode)
            on = inner.type_condition
            known = self.schema.type_map[on.name.value] if on else parent
            yield from self._fields(inner.selection_set, known)

    def _size(self, field: FieldNode) -> int | None:
        """How many a field can hold at most, where it is one that says so."""
        given = {
            one.name.value: value_from_ast_untyped(one.value, dict(self.variables)) for one in field.arguments or ()
        }
        if field.name.value == "nodes" and isinstance(given.get("ids"), list | str):
            return len(given["ids"]) if isinstance(given["ids"], list) else 1
        return next((given[key] for key in ("first", "last") if isinstance(given.get(key), int)), None)
