import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.logs.patterns import any_of, compiled
from pipelinedoctor.logs.rules import shipped_rules


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        (r"\d{3}$", "exit 137", True),
        ("(?i)ERROR", "an Error", True),
        (r"\bü\b", "a ü b", True),
        ("b", "", False),
        ("", "", True),
    ],
)
def test_a_pattern_is_searched_anywhere_in_a_text(pattern: str, text: str, found: bool) -> None:
    assert compiled(pattern)(text) is found


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [("(", "unclosed group"), ("(?=a)b", "look-around"), (r"(a)\1", "backreferences"), (r"\w{1000}{9}", "size limit")],
)
def test_what_is_no_pattern_is_refused_in_one_line(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        compiled(pattern)
    assert "\n" not in str(refused.value)


def test_any_of_none_is_found_nowhere() -> None:
    assert not any_of([])("text")


def test_any_of_many_finds_each_and_keeps_them_apart() -> None:
    search = any_of([f"^{number}|x{number}$" for number in range(25)])
    assert [text for text in ("7", "24 of", "x13", "a7", "x13b", "25") if search(text)] == ["7", "24 of", "x13", "25"]


def test_patterns_too_large_to_be_one_are_searched_one_by_one() -> None:
    large = [rf"{letter}\w{{90}}\p{{L}}{{60}}" for letter in "abcdefghijklmnop"]
    assert any_of(large)("p" + "x" * 150)
    assert not any_of(large)("p" + "x" * 149)


PATTERNS = [rule.pattern for rule in shipped_rules().rules]


@given(st.lists(st.sampled_from([example for rule in shipped_rules().rules for example in rule.examples])))
def test_polars_finds_the_same(lines: list[str]) -> None:
    """The masks are Polars' expressions: the two must agree on what a pattern is."""
    texts = pl.Series(lines, dtype=pl.String)
    for pattern in PATTERNS[:: len(PATTERNS) // 7]:
        assert texts.str.contains(pattern).to_list() == list(map(compiled(pattern), lines))


def test_hostile_text_costs_linear_time() -> None:
    assert not compiled(r"(a+)+$")("a" * 100_000 + "b")
    assert re.search(r"b$", "a" * 100_000 + "b")
