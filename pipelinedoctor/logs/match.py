"""What rules say of a log: the line that explains the failure, and the rule that chose it."""

import re
from collections.abc import Sequence
from functools import lru_cache

from pipelinedoctor.logs.patterns import any_of, compiled
from pipelinedoctor.logs.rules import CERTAIN, Rules

_LINES_KEPT = 8_192
"""Lines whose rules are remembered: jobs of a matrix fail with the same words, and tools repeat themselves."""
_MARKED = re.compile(r"\s*(?:##\[error\]|ERROR\b|\[ERROR\]|Error:|error:)")


class Matcher:
    """Rules, ready to be searched for."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules.rules
        self._searches = [compiled(rule.pattern) for rule in rules.rules]
        self._any = any_of([rule.pattern for rule in rules.rules])
        self._boilerplate = any_of(rules.boilerplate)
        self._noise = any_of(rules.noise)
        self._hits = lru_cache(maxsize=_LINES_KEPT)(self._found)

    def choose(self, lines: Sequence[str], allowed: Sequence[bool]) -> tuple[int, str | None] | None:
        """The explaining line and its rule; no rule where none speaks, None where no line holds text.

        `allowed` says of each line whether a rule may choose it.
        """
        ruled = self._by_rule(lines, allowed)
        return ruled if ruled is not None else self._by_place(lines, allowed)

    def _by_rule(self, lines: Sequence[str], allowed: Sequence[bool]) -> tuple[int, str] | None:
        """The line of the highest priority, in it the last, and on that line the first rule."""
        best: tuple[int, int, int] | None = None
        heard: set[int] = set()
        for at, line in enumerate(lines):
            for number in self._hits(line) if line and allowed[at] else ():
                rule = self._rules[number]
                if rule.first and number in heard:
                    continue
                heard.add(number)
                best = max(best or (-1, 0, 0), (rule.priority, at, -number))
        return None if best is None else (best[1], self._rules[-best[2]].id)

    def _found(self, line: str) -> tuple[int, ...]:
        """The numbers of the rules that speak in a line."""
        if not self._any(line) or self._boilerplate(line):
            return ()
        least = CERTAIN if self._noise(line) else 0
        return tuple(
            number
            for number, (rule, search) in enumerate(zip(self._rules, self._searches, strict=True))
            if rule.priority >= least and search(line)
        )

    def _by_place(self, lines: Sequence[str], allowed: Sequence[bool]) -> tuple[int, None] | None:
        """The last line that is marked as an error, else the last that says anything, else the last."""
        ranks = ((self._rank(line) if allowed[at] else 0, at) for at, line in enumerate(lines) if line)
        best = max(ranks, default=None)
        return None if best is None else (best[1], None)

    def _rank(self, line: str) -> int:
        if self._boilerplate(line):
            return 1
        if self._noise(line):
            return 2
        return 4 if _MARKED.match(line) else 3


@lru_cache(maxsize=4)
def matcher(rules: Rules) -> Matcher:
    """The matcher of some rules; the last few are kept."""
    return Matcher(rules)
