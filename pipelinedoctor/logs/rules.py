"""Failure rules: data in TOML files, one file a family; this is what such a file must be, and its loader."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipelinedoctor.errors import PackError
from pipelinedoctor.logs.patterns import compiled
from pipelinedoctor.model import Category
from pipelinedoctor.resources import shipped

MAX_PATTERN = 1_000
"""Characters of a pattern."""
CERTAIN = 55
"""Rules from this priority on are believed in a warning, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a line says of a failure. Of several that match, the highest priority wins, and in it the last line.

    A rule that is `first` matches only the first of its lines: a compiler's first error is the cause of the next, and
    a test stands before the suite that it makes fail.
    `pattern` is a regular expression of Rust's `regex` (no look-around, no back-references), searched in one line.
    """

    id: str
    priority: int
    category: Category
    pattern: str
    explanation: str
    remedy: str
    examples: tuple[str, ...]
    counterexamples: tuple[str, ...] = ()
    first: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules by priority, highest first, then by id.

    `boilerplate` are patterns of lines that never explain anything, `noise` of lines that do so only where a rule of a
    priority from `CERTAIN` on speaks: warnings, and what was tried again.
    """

    rules: tuple[Rule, ...]
    boilerplate: tuple[str, ...]
    noise: tuple[str, ...] = ()

    def get(self, rule_id: str) -> Rule | None:
        """The rule of that id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


@cache
def shipped_rules() -> Rules:
    """The rules that come with pipelinedoctor."""
    return rules_beside(())


def rules_beside(packs: Iterable[Path]) -> Rules:
    """The shipped rules, and those in the folder `rules` of each further directory of queries that has one."""
    own = (pack / "rules" for pack in packs)
    return load_rules([shipped("queries") / "rules", *(folder for folder in own if folder.is_dir())])


def load_rules(directories: Iterable[Path]) -> Rules:
    """The rules of all `*.toml` files of the directories; a later directory replaces an earlier one's ids.

    Raises `PackError`, one line with the file and the rule, for a directory that is not there, a file that is not
    TOML, a key that is missing, unknown or of the wrong type, a category or pattern that is none, a second use of an id.
    """
    rules: dict[str, Rule] = {}
    lines: dict[str, dict[str, None]] = {"boilerplate": {}, "noise": {}}
    for directory in directories:
        if not directory.is_dir():
            raise PackError(f"{directory}: no such directory of rules")
        own: dict[str, Path] = {}
        for path in sorted(directory.glob("*.toml")):
            content = _content(path)
            for kind, patterns in lines.items():
                patterns.update(dict.fromkeys(_patterns(content.get(kind, []), f"{path}: {kind}")))
            for rule in _rules(path, content):
                if rule.id in own:
                    raise PackError(
                        f"{path}: rule {rule.id!r} is already in {own[rule.id].name}; give it an id of its own"
                    )
                own[rule.id] = path
                rules[rule.id] = rule
    ordered = sorted(rules.values(), key=lambda rule: (-rule.priority, rule.id))
    return Rules(tuple(ordered), tuple(lines["boilerplate"]), tuple(lines["noise"]))


def _content(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise PackError(f"{path}: not a readable TOML file: {error}") from error
    unknown = sorted(set(content) - {"rule", "boilerplate", "noise"})
    if unknown:
        raise PackError(
            f"{path}: unknown key {unknown[0]!r}; a file of rules has [[rule]] tables, boilerplate = [...], noise = [...]"
        )
    return content


def _patterns(value: Any, where: str) -> tuple[str, ...]:
    patterns = _texts(value, where)
    for pattern in patterns:
        _check_pattern(pattern, where)
    return patterns


def _rules(path: Path, content: dict[str, Any]) -> Iterator[Rule]:
    tables = content.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise PackError(f"{path}: 'rule' must be [[rule]] tables")
    for number, table in enumerate(tables, start=1):
        yield _rule(table, f"{path}: rule {table.get('id', number)!r}")


_TEXTS = ("id", "category", "pattern", "explanation", "remedy")
_KEYS = {*_TEXTS, "priority", "first", "examples", "not"}


def _rule(table: dict[str, Any], where: str) -> Rule:
    for key in _TEXTS:
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise PackError(f"{where}: {key} must be a text that is not empty")
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise PackError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}")
    if type(table.get("priority")) is not int or not 0 <= table["priority"] <= 100:
        raise PackError(f"{where}: priority must be a whole number from 0 to 100")
    if type(table.get("first", False)) is not bool:
        raise PackError(f"{where}: first must be true or false")
    if table["category"] not in set(Category):
        raise PackError(f"{where}: category {table['category']!r} is none of {', '.join(Category)}")
    _check_pattern(table["pattern"], where)
    examples = _texts(table.get("examples"), f"{where}: examples")
    if not examples:
        raise PackError(f"{where}: examples must hold at least one line that matches")
    return Rule(
        id=table["id"],
        priority=table["priority"],
        category=Category(table["category"]),
        pattern=table["pattern"],
        explanation=table["explanation"],
        remedy=table["remedy"],
        examples=examples,
        counterexamples=_texts(table.get("not", []), f"{where}: not"),
        first=table.get("first", False),
    )


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise PackError(f"{where} must be a list of texts")
    return tuple(value)


def _check_pattern(pattern: str, where: str) -> None:
    if len(pattern) > MAX_PATTERN:
        raise PackError(f"{where}: the pattern has {len(pattern)} characters; the limit is {MAX_PATTERN}")
    try:
        search = compiled(pattern)
    except ValueError as error:
        raise PackError(f"{where}: the pattern is not one of Rust's regex: {str(error)[-200:]}") from error
    if search(""):
        raise PackError(f"{where}: the pattern matches an empty line")
