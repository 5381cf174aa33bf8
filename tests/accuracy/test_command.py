"""The command from end to end, on an organisation small enough for a test, and the page that is made with it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelinedoctor.accuracy import command, junit_section, organisations, render, simulated
from pipelinedoctor.accuracy.scores import Share
from pipelinedoctor.accuracy.sections import Asked, Section
from pipelinedoctor.cli import app
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.simulate.fleet.fleet import draw
from pipelinedoctor.simulate.fleet.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TINY = Settings(repositories=2, tests=40, commits=3, jobs=3)


@pytest.fixture(scope="module")
def tiny() -> list[Section]:
    """All sections on one tiny organisation, without JUnit histories, which are not tiny, and without real ones."""
    asked = Asked(seeds=(3,), organisation=TINY, data=None, store=None, progress=Silent())
    return [
        section
        for measure in command.MEASURES
        for section in measure(replace(asked, seeds=()) if measure is junit_section.measure else asked)
    ]


def test_every_goal_is_measured_or_says_that_it_was_not(tiny: list[Section]) -> None:
    for section in tiny:
        assert (section.reason is None) or not section.tables
        assert section.reason or section.tables


def test_the_same_seed_gives_the_same_page(tiny: list[Section]) -> None:
    asked = Asked(seeds=(3,), organisation=TINY, data=None, store=None, progress=Silent())
    again = simulated.measure(asked)
    assert render.markdown(again, "x") == render.markdown(tiny[: len(again)], "x")


def test_the_rivals_stand_beside_the_product(tiny: list[Section]) -> None:
    (table, *_) = tiny[0].tables
    assert [str(row[0]).partition(" ")[0] for row in table.rows[:2]] == ["pipelinedoctor:"] * 2
    gitlab = table.rows[-1]
    assert isinstance(gitlab[2], Share)
    assert gitlab[2].k == gitlab[2].n > 0, "what failed at all is neither 0 nor 100 % in some week"


def test_a_regression_of_a_fleet_has_its_failing_runs() -> None:
    fleet = draw(3, TINY)
    with organisations.stored(fleet) as history:
        runs = history.runs(["host", "run_id", "on_default", "created_at"]).collect()
    true = organisations.regressions(fleet, runs)
    of_tests = fleet.truth.regressions.select(count="tests").to_series().list.len().sum()
    assert true.height == of_tests > 0
    assert true["failing"].max() == fleet.truth.regressions["runs_hit"].max()
    assert (true["first_at"] < true["last_at"]).all()


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    out = tmp_path / "accuracy.md"
    done = CliRunner().invoke(
        app, ["accuracy", "--organisations", "0", "--out", str(out)], env={"PIPELINEDOCTOR_DATA": ""}
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("Accuracy: no simulated organisation; absent ozone, dask_distributed, flakeflagger\n")
    assert out.read_text(encoding="utf-8").startswith("# Accuracy\n")


@pytest.mark.parametrize("option", ["--data", "--store", "--out"])
def test_a_place_that_is_not_there_is_told(option: str, tmp_path: Path) -> None:
    place = tmp_path / "gone" / "it"
    done = CliRunner().invoke(app, ["accuracy", "--organisations", "0", option, str(place)])
    assert done.exit_code == 2
    assert str(place) in done.stderr


def shape(page: str) -> list[str]:
    """The headings of a page and the heads of its tables, without numbers."""
    lines = page.splitlines()
    heads = [
        line for line, after in zip(lines, [*lines[1:], ""], strict=True) if line[:1] == "#" or after[:4] == "|---"
    ]
    return [re.sub(r"\d+", "N", line) for line in heads]


def goals(page: str) -> list[str]:
    part = page.partition("\n## Goals\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| (?!what|--)([^|]+) \|", part, re.MULTILINE)


def test_the_page_of_the_docs_has_the_form_of_what_the_command_writes(tiny: list[Section]) -> None:
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    made = render.markdown(tiny, "x")
    assert goals(page) == goals(made)
    assert [line for line in shape(page) if line[:3] in {"# A", "## "}] == [
        line for line in shape(made) if line[:3] in {"# A", "## "}
    ]
    for section in tiny:
        if not section.reason:
            of_section = [part.partition(f"\n## {section.title}\n")[2].partition("\n## ")[0] for part in (page, made)]
            assert shape(of_section[0]) == shape(of_section[1]), section.title
            assert section.method in page


def test_the_page_of_the_docs_names_every_option_of_the_command() -> None:
    from typer.main import get_command

    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    options = {option for one in get_command(app).commands["accuracy"].params for option in one.opts}  # type: ignore[attr-defined]
    assert set(re.findall(r"(?<!-)--[a-z]+", page)) == options - {"--quiet", "-q", "--verbose", "-v"}
