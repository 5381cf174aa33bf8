"""The docs say what the code does."""

import json
import re
import string
import textwrap
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from typer.main import get_command

from pipelinedoctor import cli, errors, guard, ignore_file, manifest, ranking, sync
from pipelinedoctor import config as configuration
from pipelinedoctor.config import TEMPLATE, CostsSection, ReportSection
from pipelinedoctor.fetch.dialects import junit, nunit, trx, xunit
from pipelinedoctor.fetch.github import doctor as doctor_github
from pipelinedoctor.fetch.github import outcomes as github_outcomes
from pipelinedoctor.fetch.github import samples as github_samples
from pipelinedoctor.fetch.github import session as github_session
from pipelinedoctor.fetch.github import together as github_together
from pipelinedoctor.fetch.github import windows
from pipelinedoctor.fetch.interface import Level
from pipelinedoctor.model import Cause
from pipelinedoctor.query import load
from pipelinedoctor.resources import shipped
from pipelinedoctor.sources import SourceSection
from pipelinedoctor.store import describe
from pipelinedoctor.store.connection import Store
from tests.helpers.branch import Ran, fill

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_exactly_the_exit_codes_there_are() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    kinds = [errors.PipelinedoctorError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert listed == {kind.exit_code for kind in kinds} | {0, cli.FINDINGS, guard.INTERNAL, guard.INTERRUPTED}


def test_the_readme_lists_exactly_the_commands_there_are() -> None:
    listed = set(re.findall(r"^\| `pipelinedoctor (\w+)", README, re.MULTILINE))
    assert listed == set(get_command(cli.app).commands)  # type: ignore[attr-defined]


def options(command: Any) -> set[str]:
    """The options of a command and of those below it."""
    own = {option for parameter in command.params for option in parameter.opts}
    return own.union(*map(options, getattr(command, "commands", {}).values()))


def test_every_option_that_the_readme_names_is_one() -> None:
    known = options(get_command(cli.app))
    others = {"--extra", "--install-completion", "--help"}  # uv's, and the application's own
    assert set(re.findall(r"(?<!-)--[a-z][a-z-]*", README)) - others <= known


def test_the_page_on_ingestion_names_all_that_may_be_said() -> None:
    page = (ROOT / "docs" / "ingest.md").read_text(encoding="utf-8")
    command = get_command(cli.app).commands["ingest"].commands["junit"]  # type: ignore[attr-defined]
    told = set(re.findall(r"^\| `(--[a-z-]+) [A-Z]+` \|", page, re.MULTILINE))
    assert told | {"paths", "--manifest", "--quiet", "-q", "--verbose", "-v"} == options(command)
    keys = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    assert dict(keys).keys() == {"file", *manifest.Belonging.model_fields}
    assert {key for key, default in keys if default == "needed"} == {"file", "repository", "run_id", "commit"}
    (line,) = re.findall(r"^\{.*\}$", page, re.MULTILINE)
    assert json.loads(line).keys() == dict(keys).keys()
    roots = set(re.findall(r"`([A-Za-z-]+)`", page.partition("## What is read")[2].partition("\n\n##")[0]))
    assert roots >= {*junit.ROOTS, *nunit.ROOTS, *xunit.ROOTS, *trx.ROOTS}


def test_the_page_on_fetching_tells_the_numbers_that_hold() -> None:
    page = " ".join((ROOT / "docs" / "fetching.md").read_text(encoding="utf-8").split())
    assert f"tells those of {github_outcomes.BATCH} runs at once" in page
    assert f"the last {github_session.LOOK_BACK.days} days are listed again" in page
    assert f"a window with {windows.CAP:,} or more is cut in two" in page
    assert f"committed by up to {sync.PAGES}, or every {sync.SECONDS:.0f} seconds" in page
    words = {3: "three", 5: "five", 10: "ten", 50: "fifty"}
    assert f"{words[github_samples.EACH]} a week and job name are read in full" in page
    assert f"From {words[github_together.ENOUGH]} repositories on" in page
    assert f"is asked for {words[github_together.NAMES]} of them at once" in page
    assert f"releases and tags for {words[github_together.HOLDINGS]}." in page


def test_the_template_names_every_key_of_its_sections() -> None:
    for section in (SourceSection, ReportSection, CostsSection):
        for key in section.model_fields:
            assert re.search(rf"^(# )?({key} = |\[costs\.{key}\])", TEMPLATE, re.MULTILINE), key
    for key, field in configuration.Config.model_fields.items():
        assert re.search(rf"^(# )?({key} = |\[+{key}[].])", TEMPLATE, re.MULTILINE), f"{key}: {field}"


def test_the_page_on_costs_tells_the_defaults_that_hold() -> None:
    page = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", page, re.MULTILINE))
    costs = CostsSection()
    assert told.keys() == CostsSection.model_fields.keys()
    assert told["triage_minutes"] == ", ".join(f"{one:g}" for one in costs.triage_minutes)
    assert told["wait_cap_minutes"] == f"{costs.wait_cap_minutes:g}"
    assert f"/ {ranking.HALF_LIFE_DAYS:g})" in page
    assert (costs.hourly_rate, costs.prices) == (None, {})
    order = [page.index(f"then {word}") for word in ("what is broken", "flaky tests", "flaky jobs", "all else")]
    assert order == sorted(order)
    assert [cause.value for cause in Cause] == ["infrastructure", "broken", "flaky_test", "flaky_job", "other"]


def test_the_page_on_ignored_findings_shows_a_file_that_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "ignore.md").read_text(encoding="utf-8")
    shown = re.search(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert shown
    (tmp_path / ignore_file.NAME).write_text(shown[1], encoding="utf-8")
    assert len(ignore_file.read(tmp_path / ignore_file.NAME, date(2026, 5, 1))) == 2
    keys = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert keys == ignore_file.Entry.model_fields.keys()
    assert f"{ignore_file.LONGEST.days} days ahead at the most" in page
    assert ignore_file.NAME in page


def test_the_configuration_that_the_readme_shows_is_one(tmp_path: Path) -> None:
    shown = re.search(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert shown
    (tmp_path / "pipelinedoctor.toml").write_text(shown[1], encoding="utf-8")
    read = configuration.read(tmp_path / "pipelinedoctor.toml")
    assert {section.forge for section in read.sources} == {"github", "gitlab"}


def test_the_readme_lists_the_rights_that_the_doctor_looks_for() -> None:
    listed = dict(re.findall(r"^\| ([A-Z][a-z ]+: read) \| (.+) \|$", README, re.MULTILINE))
    assert list(listed) == [name for name, _ in doctor_github.RIGHTS.values()]
    levels = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", README.partition("| detail |")[2], re.MULTILINE)
    assert levels[: len(Level)] == list(Level)


def test_the_job_of_gitlab_ci_writes_a_configuration(tmp_path: Path) -> None:
    job = (ROOT / "docs" / "ci" / "gitlab-ci-nightly.yml").read_text(encoding="utf-8")
    shown = re.search(r"<<EOF\n(.*?)^ *EOF$", job, re.MULTILINE | re.DOTALL)
    assert shown
    variables = {"CI_SERVER_URL": "https://gitlab.example.com", "CI_PROJECT_PATH": "group/sub/shop"}
    text = textwrap.dedent(string.Template(shown[1]).substitute(variables))
    (tmp_path / "pipelinedoctor.toml").write_text(text, encoding="utf-8")
    (section,) = configuration.read(tmp_path / "pipelinedoctor.toml").sources
    assert (section.forge, section.host, section.repositories) == ("gitlab", "gitlab.example.com", ("group/sub/shop",))


def test_the_readme_knows_every_question() -> None:
    ids = set(load([shipped("queries")]))
    assert set(re.findall(r"^\| \[`(\w+)`\]\(docs/\1\.md\)", README, re.MULTILINE)) == ids


def test_every_option_of_a_question_is_in_its_docs_page_with_its_default() -> None:
    for query in load([shipped("queries")]).values():
        page = (ROOT / "docs" / f"{query.id}.md").read_text(encoding="utf-8")
        options = page.partition("\n## Options\n")[2].partition("\n## ")[0]
        told = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", options, re.MULTILINE))
        defaults = query.options()
        assert {name: float(value) for name, value in told.items()} == {
            name: getattr(defaults, name) for name in query.options.__dataclass_fields__
        }, query.id


def test_the_question_that_contributing_shows_is_one(tmp_path: Path, store: Store) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = re.search(r"^ *```python\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    assert shown
    (tmp_path / "shown.py").write_text(textwrap.dedent(shown[1]), encoding="utf-8")
    ((name, query),) = load([tmp_path]).items()
    runs = [Ran(jobs={"lint": "s"}, minutes=1), Ran(jobs={"build": "s"}, minutes=9), Ran(jobs={"build": "f"})]
    history = fill(store, runs, every=timedelta(hours=1))
    assert name in text
    assert [row["job"] for row in query(history, query.options()).measures[0].rows] == ["build", "lint"]


def test_every_link_of_the_docs_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
            linked = page.parent / target if target else page
            assert linked.exists(), f"{page.name}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {title.lower().replace(" ", "-") for title in titles}, (
                    f"{page.name}: {target}#{anchor}"
                )


def test_the_page_of_the_tables_is_made_from_the_store(store: Store) -> None:
    assert (ROOT / "docs" / "tables.md").read_text(encoding="utf-8") == describe.page(store)
