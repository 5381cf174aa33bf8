"""Which repositories a source means: laws of the patterns, and the examples that people will write."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.fetch.selection import Candidate, Selection, check

SEGMENTS = st.sampled_from(["acme", "Acme", "web", "api", "old", "old-api", "x"])
NAMES = st.lists(SEGMENTS, min_size=2, max_size=4).map("/".join)
WILD = st.sampled_from(["*", "**", "old-*", "*api", "web", "x"])
PATTERNS = st.tuples(SEGMENTS, st.lists(WILD, min_size=1, max_size=3)).map(lambda each: "/".join([each[0], *each[1]]))
ENTRIES = st.tuples(st.sampled_from(["", "", "!"]), st.one_of(NAMES, PATTERNS)).map("".join)
TOPICS = st.lists(st.sampled_from(["ci", "prod"]), max_size=2).map(tuple)
CANDIDATES = st.builds(Candidate, repository_id=st.just(1), full_name=NAMES, archived=st.booleans(), topics=TOPICS)


def one(name: str, *, archived: bool = False, topics: tuple[str, ...] = ()) -> Candidate:
    return Candidate(repository_id=1, full_name=name, archived=archived, topics=topics)


def as_expression(pattern: str) -> str:
    """The pattern said in another language, which is held against it."""
    segments = pattern.casefold().split("/")
    said = ""
    for at, segment in enumerate(segments):
        last = at == len(segments) - 1
        if segment == "**":
            said += "[^/]+(/[^/]+)*" if last else "([^/]+/)*"
        else:
            said += re.escape(segment).replace(r"\*", "[^/]*") + ("" if last else "/")
    return said


@given(PATTERNS, NAMES)
def test_a_pattern_means_what_an_expression_means(pattern: str, name: str) -> None:
    assert Selection.of([pattern]).picks(one(name)) == bool(re.fullmatch(as_expression(pattern), name.casefold()))


@given(st.lists(ENTRIES, max_size=6), CANDIDATES, TOPICS, st.randoms())
def test_the_order_of_entries_means_nothing(
    entries: list[str], candidate: Candidate, topics: tuple[str, ...], random: object
) -> None:
    mixed = sorted(entries, key=lambda entry: (random.random(), entry))  # type: ignore[attr-defined]  # of Hypothesis
    first, second = Selection.of(entries, topics), Selection.of(mixed, topics)
    assert first.picks(candidate) == second.picks(candidate)
    assert {name.casefold() for name in first.names} == {name.casefold() for name in second.names}
    assert [root.casefold() for root in first.roots] == [root.casefold() for root in second.roots]


@given(st.lists(ENTRIES, max_size=6), st.one_of(NAMES, PATTERNS), CANDIDATES, TOPICS)
def test_exclusions_always_win(
    entries: list[str], excluded: str, candidate: Candidate, topics: tuple[str, ...]
) -> None:
    selection = Selection.of([*entries, f"!{excluded}"], topics)
    if Selection.of([excluded]).picks(one(candidate.full_name)):
        assert not selection.picks(candidate)
    assert selection.names == tuple(name for name in selection.names if selection.picks(one(name, archived=True)))


@given(st.lists(ENTRIES, max_size=6), NAMES, st.booleans(), TOPICS, TOPICS)
def test_a_name_is_picked_unless_it_is_excluded(
    entries: list[str], name: str, archived: bool, topics: tuple[str, ...], own: tuple[str, ...]
) -> None:
    selection = Selection.of([*entries, name.upper()], topics)
    excluded = any(Selection.of([entry[1:]]).picks(one(name)) for entry in entries if entry.startswith("!"))
    assert selection.picks(one(name, archived=archived, topics=own)) == (not excluded)
    assert (name.casefold() in {each.casefold() for each in selection.names}) == (not excluded)


@given(st.lists(ENTRIES, max_size=6), CANDIDATES)
def test_what_a_pattern_picks_lies_under_one_root(entries: list[str], candidate: Candidate) -> None:
    selection = Selection.of(entries)
    roots = [f"{root.casefold()}/" for root in selection.roots]
    if selection.picks(candidate) and candidate.full_name.casefold() not in map(str.casefold, selection.names):
        assert sum(candidate.full_name.casefold().startswith(root) for root in roots) == 1


@given(st.lists(ENTRIES, max_size=6), st.lists(CANDIDATES, max_size=6), TOPICS)
def test_a_pattern_is_idle_where_it_alone_would_pick_nothing_more(
    entries: list[str], candidates: list[Candidate], topics: tuple[str, ...]
) -> None:
    idle = Selection.of(entries, topics).idle(candidates)
    exclusions = [entry for entry in entries if entry.startswith("!")]
    for pattern in Selection.of(entries).patterns:
        alone = Selection.of([pattern, *exclusions], topics)
        assert (pattern in idle) == (not any(alone.picks(candidate) for candidate in candidates))


def test_names_are_kept_as_written_and_once() -> None:
    selection = Selection.of(["Acme/Web", "b/b", "acme/web", "a/a", "b/*", "!b/b"])
    assert selection.names == ("Acme/Web", "a/a")
    assert selection.patterns == ("b/*",)


@pytest.mark.parametrize(
    ("entries", "roots"),
    [
        (["acme/*", "ACME/web-*", "other/x"], ("ACME",)),
        (["group/sub/**", "group/sub-*/x", "a/b/*"], ("a/b", "group")),
        (["group/sub/*", "group/sub2/**"], ("group/sub", "group/sub2")),
        (["acme/web", "!old/*"], ()),
    ],
)
def test_roots_are_what_a_forge_can_list(entries: list[str], roots: tuple[str, ...]) -> None:
    assert Selection.of(entries).roots == roots


def test_a_pattern_takes_no_archived_one_and_with_topics_only_those_that_have_one() -> None:
    selection = Selection.of(["acme/*", "other/named"], ["CI"])
    assert selection.picks(one("acme/web", topics=("docs", "ci")))
    assert not selection.picks(one("acme/web"))
    assert not selection.picks(one("acme/web", topics=("ci",), archived=True))
    assert selection.picks(one("other/named", archived=True))


@pytest.mark.parametrize("entry", ["a/b", "a/*", "a/**", "a/b-*", "!a/b", "!*/old-*", "!**/old", "A_b/c.d"])
def test_an_entry_of_two_segments_is_one_of_any_forge(entry: str) -> None:
    check(entry, nested=False)
    check(entry, nested=True)


@pytest.mark.parametrize(
    ("entry", "nested", "said"),
    [
        ("nonsense", False, "write it as owner/name"),
        ("nonsense", True, "group/subgroup/name"),
        ("a/b/c", False, "is no repository"),
        ("a//b", True, "is no repository"),
        ("a/b/", True, "is no repository"),
        ("a/..", False, "is no repository"),
        (" a/b", False, "is no repository"),
        ("a/b?c", False, "is no repository"),
        ("!!a/b", False, "is no repository"),
        ("a/b**", False, "stands for whole segments"),
        ("*/b", False, "begins with the name of an owner"),
        ("**/b", True, "begins with the name of an owner"),
    ],
)
def test_what_is_no_entry_is_told(entry: str, nested: bool, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        check(entry, nested=nested)
    assert repr(entry) in str(raised.value)


def test_groups_within_groups_are_entries_where_the_forge_knows_them() -> None:
    for entry in ("a/b/c", "a/b/**", "a/**/c", "a/*/c-*"):
        check(entry, nested=True)
