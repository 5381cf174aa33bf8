"""The loader of questions: what a file must be, and what is said of one that is not."""

from pathlib import Path

import pytest

from pipelinedoctor.errors import PackError
from pipelinedoctor.query import load
from pipelinedoctor.resources import shipped

ROOT = Path(__file__).resolve().parent.parent

QUESTION = '''
"""A question."""
from dataclasses import dataclass

from pipelinedoctor.findings import Answer
from pipelinedoctor.query import query
from pipelinedoctor.store.history import History


@dataclass(frozen=True)
class Options:
    """Its options."""
    least: int = 1


@query(id="{id}", title="{title}", docs="Docs.", remediation="Do.", options=Options)
def question(history: History, options: Options) -> Answer:
    """Answer it."""
    return Answer(notes=(str(options.least),))
'''


def put(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_shipped_questions_load_and_have_a_docs_page_and_a_test_each() -> None:
    ids = set(load([shipped("queries")]))
    assert ids == {"failure_clusters", "flaky_jobs", "flaky_tests", "lead_time", "pipeline_health", "red_jobs"}
    assert ids == {path.stem for path in (ROOT / "queries").glob("[!_]*.py")}
    assert ids == {path.stem.removeprefix("test_") for path in (ROOT / "tests/queries").glob("test_*.py")}
    assert ids == {path.stem for path in (ROOT / "docs").glob("*.md") if path.stem in ids}


def test_a_users_question_is_added_and_a_shipped_one_replaced_by_its_id(tmp_path: Path) -> None:
    put(tmp_path / "mine", "a.py", QUESTION.format(id="mine", title="Mine"))
    put(tmp_path / "mine", "b.py", QUESTION.format(id="flaky_jobs", title="Ours"))
    found = load([shipped("queries"), tmp_path / "mine"])
    assert found["mine"].title == "Mine"
    assert found["flaky_jobs"].title == "Ours"
    assert found["flaky_jobs"].path == tmp_path / "mine" / "b.py"
    assert list(found) == sorted(found)


def test_two_packs_may_hold_a_file_of_one_name(tmp_path: Path) -> None:
    put(tmp_path / "one", "q.py", QUESTION.format(id="first", title="First"))
    put(tmp_path / "two", "q.py", QUESTION.format(id="second", title="Second"))
    assert {query.title for query in load([tmp_path / "one", tmp_path / "two"]).values()} == {"First", "Second"}


def test_files_with_an_underscore_are_passed_over(tmp_path: Path) -> None:
    assert load([put(tmp_path / "q", "_helper.py", "raise SystemExit")]) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "declares 0 questions"),
        (QUESTION.format(id="a", title="A") + "\nother = question\n", "declares 2 questions"),
        ("import nothing_of_that_name", "does not import: ModuleNotFoundError"),
        ("def broken(:", "does not import: SyntaxError"),
        (QUESTION.format(id="a", title="A").replace("options=Options", "options=dict"), "frozen dataclass"),
    ],
)
def test_a_file_that_keeps_not_the_contract_is_named(tmp_path: Path, text: str, said: str) -> None:
    folder = put(tmp_path / "q", "bad.py", text)
    with pytest.raises(PackError) as raised:
        load([folder])
    assert str(folder / "bad.py") in str(raised.value)
    assert said in str(raised.value)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no such directory"):
        load([tmp_path / "absent"])


def test_a_directory_with_nothing_of_use_is_named_and_rules_alone_are_of_use(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="holds no question"):
        load([tmp_path])
    (tmp_path / "rules").mkdir()
    assert load([tmp_path]) == {}
