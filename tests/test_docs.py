"""The docs say what the code does."""

import re
from pathlib import Path

from typer.main import get_command

from pipelinedoctor import cli, errors
from pipelinedoctor.config import TEMPLATE, ReportSection, SourceSection
from pipelinedoctor.query import load
from pipelinedoctor.resources import shipped
from pipelinedoctor.store import describe
from pipelinedoctor.store.connection import Store

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_exactly_the_exit_codes_there_are() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    kinds = [errors.PipelinedoctorError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert listed == {kind.exit_code for kind in kinds} | {0, cli.FINDINGS, cli.INTERNAL, cli.INTERRUPTED}


def test_the_readme_lists_exactly_the_commands_there_are() -> None:
    listed = set(re.findall(r"^\| `pipelinedoctor (\w+)", README, re.MULTILINE))
    assert listed == set(get_command(cli.app).commands)  # type: ignore[attr-defined]


def test_every_option_that_the_readme_names_is_one() -> None:
    known = {
        option
        for command in get_command(cli.app).commands.values()  # type: ignore[attr-defined]
        for parameter in command.params
        for option in parameter.opts
    }
    others = {"--extra", "--install-completion", "--help"}  # uv's, and the application's own
    assert set(re.findall(r"(?<!-)--[a-z][a-z-]*", README)) - others <= known


def test_the_template_names_every_key_of_its_sections() -> None:
    for section in (SourceSection, ReportSection):
        for key in section.model_fields:
            assert re.search(rf"^{key} = ", TEMPLATE, re.MULTILINE), key


def test_the_readme_and_its_links_know_every_question() -> None:
    ids = set(load([shipped("queries")]))
    assert set(re.findall(r"^\| \[`(\w+)`\]\(docs/\1\.md\)", README, re.MULTILINE)) == ids
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README):
        assert (ROOT / target).exists(), target


def test_every_option_of_a_question_is_in_its_docs_page() -> None:
    for query in load([shipped("queries")]).values():
        page = (ROOT / "docs" / f"{query.id}.md").read_text(encoding="utf-8")
        for name in query.options.__dataclass_fields__:
            assert f"`{name}`" in page, f"{query.id}.{name}"


def test_the_page_of_the_tables_is_made_from_the_store(store: Store) -> None:
    assert (ROOT / "docs" / "tables.md").read_text(encoding="utf-8") == describe.page(store)
