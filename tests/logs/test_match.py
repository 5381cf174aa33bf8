import pytest

from pipelinedoctor.logs.match import Matcher, matcher
from pipelinedoctor.logs.rules import CERTAIN, Rule, Rules
from pipelinedoctor.model import Category


def rule(name: str, pattern: str, priority: int = 50, *, first: bool = False) -> Rule:
    return Rule(
        id=name,
        priority=priority,
        category=Category.TEST,
        pattern=pattern,
        explanation="It failed.",
        remedy="Mend it.",
        examples=(pattern,),
        first=first,
    )


RULES = Rules(
    (
        rule("certain", "fatal", CERTAIN),
        rule("a", "fail"),
        rule("b", "fail|bad"),
        rule("head", "wrong", 40, first=True),
        rule("low", "odd", 10),
    ),
    boilerplate=("^exit code",),
    noise=("WARN",),
)


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        (["bad", "fail", "wrong"], (1, "a")),  # one priority: the last line, and on it the first rule
        (["fail", "bad"], (1, "b")),
        (["fatal", "fail"], (0, "certain")),
        (["wrong one", "wrong two", "odd"], (0, "head")),
        (["WARN wrong", "wrong two", "wrong three"], (1, "head")),  # a warning is not the first error
        (["WARN fail", "odd"], (1, "low")),
        (["WARN fatal", "odd"], (0, "certain")),
        (["exit code 1, fail", "odd"], (1, "low")),
        (["hello", "there", "", "exit code 1"], (1, None)),
        (["error: so", "there", "WARN what"], (0, None)),
        (["WARN what", "exit code 1"], (0, None)),
        (["exit code 1"], (0, None)),
        (["", ""], None),
        ([], None),
    ],
)
def test_the_best_line_is_chosen(lines: list[str], chosen: tuple[int, str | None] | None) -> None:
    assert Matcher(RULES).choose(lines, [True] * len(lines)) == chosen


def test_what_is_not_allowed_is_chosen_only_where_nothing_else_is() -> None:
    asked = Matcher(RULES)
    assert asked.choose(["fatal", "hello", "error: so"], [False, True, False]) == (1, None)
    assert asked.choose(["fatal", "", "error: so"], [False, True, False]) == (2, None)


def test_a_line_that_is_remembered_is_judged_anew_in_each_log() -> None:
    asked = Matcher(RULES)
    assert [asked.choose(["wrong", "odd"], [True, True]) for _ in range(2)] == [(0, "head")] * 2
    assert asked.choose(["wrong", "odd"], [False, True]) == (1, "low")


def test_the_same_rules_are_made_ready_once() -> None:
    assert matcher(RULES) is matcher(Rules(RULES.rules, RULES.boilerplate, RULES.noise))
    assert matcher(RULES) is not matcher(Rules(RULES.rules, ()))
