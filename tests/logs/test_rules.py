from functools import cache
from pathlib import Path

import polars as pl
import pytest

from pipelinedoctor.errors import PackError
from pipelinedoctor.fetch.interface import RawLog
from pipelinedoctor.logs.explain import explain, explain_all
from pipelinedoctor.logs.rules import Rule, load_rules, rules_beside, shipped_rules
from pipelinedoctor.model import Category

RULES = shipped_rules().rules
RULE = """
[[rule]]
id = "{id}"
priority = 50
category = "test"
pattern = "{pattern}"
explanation = "It failed."
remedy = "Repair it."
examples = ["it failed"]
"""


def raw(text: str, number: int = 1, result: str = "failure", step: str | None = None) -> RawLog:
    return RawLog(host="h", job_id=number, run_id=1, forge_result=result, failed_step=step, text=text)


@cache
def explained() -> dict[tuple[str, str], str | None]:
    """The rule that explains each example of each rule."""
    examples = [(rule.id, example) for rule in RULES for example in rule.examples]
    logs = [raw(f"Starting\n{example}\n##[error]Process completed with exit code 1.") for _, example in examples]
    return dict(zip(examples, [failure.rule for failure in explain_all(logs)], strict=True))


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_a_rule_explains_its_own_examples(rule: Rule) -> None:
    assert [explained()[rule.id, example] for example in rule.examples] == [rule.id] * len(rule.examples)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.counterexamples], ids=lambda rule: rule.id)
def test_a_rule_leaves_its_counterexamples(rule: Rule) -> None:
    assert not pl.Series(rule.counterexamples).str.contains(rule.pattern).any()


def test_rules_are_many_and_of_all_categories_but_unknown() -> None:
    assert len(RULES) >= 60
    assert {rule.category for rule in RULES} == set(Category) - {Category.UNKNOWN}
    assert [rule.priority for rule in RULES] == sorted((rule.priority for rule in RULES), reverse=True)


def test_each_rule_says_what_it_is_and_what_to_do() -> None:
    for rule in RULES:
        assert rule.explanation.endswith("."), rule.id
        assert rule.remedy.endswith("."), rule.id


@pytest.mark.parametrize(
    "line",
    [
        "All checks passed!",
        "0 errors, 0 failures, 3 notices",
        "===== 120 passed in 3.21s =====",
        "test result: ok. 12 passed; 0 failed; 0 ignored",
        "Tests run: 12, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 3.2 s - in org.x.TestA",
        "[INFO] BUILD SUCCESS",
        "ok  \tgithub.com/x/y\t0.012s",
        "remote: Counting objects: 100% (213/213), done.",
        "added 312 packages in 12s",
        "   Compiling error-chain v0.12.4",
        "test handles_timeout_error ... ok",
        "PASS src/error.test.ts",
        "Downloading https://repo.example.org/exception-1.0.jar",
        "[gw0] PASSED tests/test_error.py::test_failed",
        "Cache restored from key: Linux-node-3f786850e387",
        "  ✓ shows an error (12 ms)",
    ],
)
def test_good_news_match_no_rule(line: str) -> None:
    assert explain(raw(line))[0].rule is None


def test_a_later_directory_replaces_and_adds(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.toml").write_text(
        RULE.format(id="pytest", pattern="it failed") + RULE.format(id="new", pattern="x")
    )

    rules = rules_beside([tmp_path, tmp_path / "a directory of queries without rules"])

    assert len(rules.rules) == len(RULES) + 1
    replaced = rules.get("pytest")
    assert replaced is not None
    assert replaced.pattern == "it failed"
    assert explain(raw("it failed"), rules)[0].rule == "pytest"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("rule = ", "not a readable TOML file"),
        ("[other]", "unknown key 'other'"),
        ("rule = 1", "'rule' must be [[rule]] tables"),
        ("boilerplate = 'x'", "boilerplate must be a list of texts"),
        ("noise = ['(']", "noise: the pattern is not one of Rust's regex"),
        (RULE.format(id="", pattern="x"), "id must be a text that is not empty"),
        (RULE.format(id="a", pattern="x") * 2, "rule 'a' is already in bad.toml"),
        (RULE.format(id="a", pattern="(?=x)"), "rule 'a': the pattern is not one of Rust's regex"),
        (RULE.format(id="a", pattern="x*"), "matches an empty line"),
        (RULE.format(id="a", pattern="x" * 1_001), "the limit is 1000"),
        (RULE.format(id="a", pattern="x").replace("50", "101"), "priority must be a whole number"),
        (RULE.format(id="a", pattern="x").replace("50", "true"), "priority must be a whole number"),
        (RULE.format(id="a", pattern="x").replace('"test"', '"tests"'), "category 'tests' is none of"),
        (RULE.format(id="a", pattern="x").replace('["it failed"]', "[]"), "at least one line"),
        (RULE.format(id="a", pattern="x") + "first = 1", "first must be true or false"),
        (RULE.format(id="a", pattern="x") + "sort = 1", "unknown key 'sort'"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "bad.toml").write_text(content)

    with pytest.raises(PackError) as refused:
        load_rules([tmp_path])

    assert said in str(refused.value)
    assert str(tmp_path / "bad.toml") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no such directory of rules"):
        load_rules([tmp_path / "none"])
