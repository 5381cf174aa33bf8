"""Patterns of Rust's `regex`: searched in linear time, whatever the text; compiled once and kept.

Pydantic brings that engine along. So does Polars, but it keeps 32 compiled patterns at the most, and with the hundred that
rules have it would compile most of them anew for each batch of logs: ten times the cost of searching.
"""

from collections.abc import Callable, Sequence

from pydantic_core import SchemaError, SchemaValidator, core_schema

Search = Callable[[str], bool]
"""Whether a pattern is found anywhere in a text."""
_TOGETHER = 10
"""Patterns searched as one; with many more the automaton outgrows its cache, and is slower than one by one."""


def compiled(pattern: str) -> Search:
    """The search for a pattern; raises `ValueError`, with the reason in one line, for one that is none."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")).isinstance_python
    except SchemaError as error:
        raise ValueError(" ".join(str(error).partition("SchemaError:")[2].split())) from error


def any_of(patterns: Sequence[str]) -> Search:
    """The search for any of some patterns, each of which is one; ten run as one, which costs hardly more than one."""
    searches: list[Search] = []
    for start in range(0, len(patterns), _TOGETHER):
        group = patterns[start : start + _TOGETHER]
        try:
            searches.append(compiled("|".join(f"(?:{pattern})" for pattern in group)))
        except ValueError:  # too large as one
            searches += map(compiled, group)
    return lambda text: any(search(text) for search in searches)
