"""Names and lines that want to be more than text, from the forge's answers to all formats and the screen."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from pipelinedoctor.cli import app
from tests.helpers.recordings import job, run, write_recording

ROOT = Path(__file__).resolve().parent.parent
NASTY = "<script>alert(1)</script> a|b `c` ](javascript:alert(2)) \x1b[31mred\x00 {{7*7}} \"onload='x' \u202egnp"
LOG = f"start\n{NASTY}\nE   AssertionError: {NASTY}\nFAILED tests/t.py::test_x - {NASTY}\n"
LONG = f"{NASTY}\n{'x' * 1_000_000}\n{LOG}"
REPORT = (
    '<testsuites><testsuite name="s"><testcase classname="tests" name="&lt;script&gt;alert(1)&lt;/script&gt; a|b `c` '
    ']({{7*7}})"><failure message="&lt;img src=x onerror=alert(3)&gt;">](javascript:alert(4))</failure>'
    "</testcase></testsuite></testsuites>"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a demo on a history in which everything that people name is nasty."""
    here = tmp_path_factory.mktemp("hostile")
    runs = []
    for number in range(1, 13):
        flaky = number % 4 == 0
        jobs = [job(f"lint {NASTY}"), job(NASTY, "failure" if flaky else "success")]
        if flaky:
            jobs[1] = job(NASTY, "failure", log=LONG if number == 4 else LOG, junit=REPORT)
            jobs.append(job(NASTY, attempt=2))
        titles = {"display_title": NASTY, "name": NASTY, "path": f".github/workflows/{NASTY}.yml"}
        runs.append(run(number, jobs=jobs, created=f"2026-01-{number:02d}T12:00:00Z", branch="main", body=titles))
    write_recording(here / "recording", runs)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        done = CliRunner().invoke(app, ["demo", "--recording", "recording", "--out", "demo"])
    assert done.exit_code == 0, done.stderr
    (here / "screen.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return here


class Page(HTMLParser):
    """Tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_document_is_whole_and_keeps_its_schema(made: Path) -> None:
    text = (made / "demo" / "report.json").read_text(encoding="utf-8")
    whole: dict[str, Any] = json.loads(text)
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(whole)
    assert text.isascii()
    assert len(text) < 500_000
    names = [one["subject"]["job"] for one in whole["findings"] if one["query"] == "flaky_jobs"]
    assert len(names) == 1
    assert "<script>alert(1)</script> a|b `c` ](javascript:alert(2))" in names[0]
    assert "{{7*7}}" in names[0]


def test_the_page_has_no_element_attribute_or_address_of_theirs(made: Path) -> None:
    page = Page((made / "demo" / "report.html").read_text(encoding="utf-8"))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "img" not in {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    addresses = {attributes["href"] for _, attributes in page.tags if attributes.get("href")}
    assert addresses
    assert all(re.match(r"#|https://github\.com/", str(address)) for address in addresses)


def test_the_pages_of_the_wiki_have_no_mark_up_of_theirs(made: Path) -> None:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    seen = ""
    for file in sorted((made / "demo" / "wiki").iterdir()):
        flat = []
        for token in parser.parse(file.read_text(encoding="utf-8")):
            flat += [token, *(token.children or [])]
        mark_up = [token.content for token in flat if token.type in ("html_inline", "html_block")]
        assert not [one for one in mark_up if re.search(r"script|img|onload|onerror|alert", one)]
        targets = [str(token.attrs["href"]) for token in flat if token.type == "link_open"]
        assert all(re.match(r"https://github\.com/|[a-z-]+(#|$)|#", target) for target in targets)
        seen += "".join(token.content for token in flat if token.type == "text")
    assert "<script>alert(1)</script> a|b `c` ](javascript" in seen
    assert "{{7*7}}" in seen


@pytest.mark.parametrize("name", ["screen.txt", "demo/report.html", "demo/wiki/Home.md", "demo/wiki/flaky-jobs.md"])
def test_nothing_commands_a_terminal_and_nothing_is_reckoned(made: Path, name: str) -> None:
    text = (made / name).read_text(encoding="utf-8")
    assert not set(text) & {"\x1b", "\x00", "\u202e", "\x7f"}
    assert len(text) < 1_000_000
    assert "alert(1)" in text
