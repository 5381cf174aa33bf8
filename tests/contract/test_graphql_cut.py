"""The cut of GitHub's GraphQL schema holds what it should, and nothing that it cannot answer for."""

from graphql import GraphQLInterfaceType, GraphQLObjectType, build_schema, parse

from tests.contract.cut_graphql import CUT, HEAD, KEPT, cut


def test_the_cut_holds_the_kept_fields_and_their_connections_edges() -> None:
    schema = build_schema(CUT.read_text(encoding="utf-8"))
    told = {
        name: set(kind.fields)
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not name.startswith("__")
    }
    edges = {name for name in told if name.endswith("Edge")}
    assert {name: set(fields.split()) for name, fields in KEPT.items()} == {
        name: fields for name, fields in told.items() if name not in edges
    }
    assert all(told[name] == {"cursor", "node"} for name in edges)


def test_the_cut_is_its_own_cut() -> None:
    text = CUT.read_text(encoding="utf-8")
    assert cut(parse(text)) == text
    assert text.startswith(HEAD)
    assert "Permission is hereby granted" in HEAD
