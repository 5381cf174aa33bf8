"""The wiki pages, read back with a Markdown parser."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipelinedoctor.findings import Evidence, Finding, Link, Measure
from pipelinedoctor.model import Verdict
from pipelinedoctor.report.markdown import MarkdownRenderer, page
from pipelinedoctor.report.model import Report, Section

Make = Callable[..., Report]
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = [
    "<script>alert(1)</script>",
    "a | b |",
    "x\n\n# heading\n\n```\n",
    "](javascript:alert(1)) [y](javascript:alert(2))",
    "``` ` ``",
    "{{7*7}} {% raw %} [[Home]]",
    "\x1b[31m\x00\u202e\ud800",
    "--> <!-- </details>",
    "# - 1. >",
    "x" * 1_000_000,
]


@pytest.fixture(scope="module")
def renderer() -> MarkdownRenderer:
    return MarkdownRenderer()


def tokens(text: str) -> list[Token]:
    flat: list[Token] = []
    for token in PARSER.parse(text):
        flat += [token, *(token.children or [])]
    return flat


def outline(pages: dict[str, str]) -> list[tuple[str, str, int]]:
    """The structure of all pages: every token but text and the empty comment that stops a forge's own mark-up."""
    return [
        (name, token.type, token.level)
        for name, text in pages.items()
        for token in tokens(text)
        if token.type != "text" and token.content != "<!-- -->"
    ]


def hostile(text: str, report: Report, finding: Finding, measure: Measure) -> Report:
    subject = dataclasses.replace(finding.subject, repository=text, pipeline=text, job=text)
    evidence = Evidence(
        summary=text,
        links=(Link(text=text, url="https://github.com/a"), Link(text="bad", url="javascript:" + text)),
        details=((text, text),),
        excerpt=text,
    )
    evil = dataclasses.replace(finding, subject=subject, title=text, next_step=text, evidence=evidence)
    column = measure.columns[0]
    table = dataclasses.replace(
        measure,
        title=text,
        caption=text,
        columns=(dataclasses.replace(column, title=text), *measure.columns[1:]),
        rows=[{**measure.rows[0], column.name: text, "url": "javascript:alert(1)"}, measure.rows[1]],
    )
    section = dataclasses.replace(
        report.sections[0],
        title=text,
        remediation=text,
        notes=(text,),
        reason=text,
        findings=(evil,),
        measures=(table,),
    )
    return dataclasses.replace(
        report,
        scope=text,
        headline=(text, text),
        findings=(evil,),
        sections=(section,),
        sources=tuple(dataclasses.replace(one, outcome=text) for one in report.sources),
        coverage=tuple(dataclasses.replace(one, repository=text) for one in report.coverage),
        gaps=tuple(dataclasses.replace(one, reason=text, examples=(text, text)) for one in report.gaps),
    )


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_changes_the_structure_of_a_page(
    text: str,
    renderer: MarkdownRenderer,
    make_report: Make,
    make_finding: Callable[..., Finding],
    make_table: Callable[[int], Measure],
) -> None:
    def pages(text: str) -> dict[str, str]:
        return renderer.pages(hostile(text, make_report(), make_finding(), make_table(2)))

    made = pages(text)
    assert outline(made) == outline(pages("a harmless name"))
    for one in made.values():
        assert len(one) < 60_000
        one.encode()


def test_links_lead_to_pages_that_are_there_or_to_the_forge(renderer: MarkdownRenderer, make_report: Make) -> None:
    report = make_report()
    pages = renderer.pages(report)
    for text in pages.values():
        for token in tokens(text):
            target = str(token.attrs.get("href", "https://github.com/"))
            name, _, fragment = target.partition("#")
            assert target.startswith("https://github.com/") or f"{name}.md" in pages
            assert not fragment or f'<a id="{fragment}"></a>' in pages[f"{name}.md"]


def test_there_is_an_index_and_a_page_a_question(renderer: MarkdownRenderer, make_report: Make) -> None:
    pages = renderer.pages(make_report())
    assert list(pages) == [
        "Home.md",
        "flaky-jobs.md",
        "failure-clusters.md",
        "lead-time.md",
        "flaky-tests.md",
        "broken.md",
    ]
    home = pages["Home.md"]
    assert home.startswith("# acme/checkout and 1 more repository\n")
    assert "**13 findings: 2 critical, 2 high, 5 medium, 4 low.**" in home
    assert home.count("*Next:*") == 10
    assert "> **Simulated data.**" in home
    assert "| the forge no longer has the log |" in home
    for verdict in Verdict:
        assert f"- **{verdict}**:" in home


def test_a_page_names_the_numbers_and_the_reasons(renderer: MarkdownRenderer, make_report: Make) -> None:
    pages = renderer.pages(make_report())
    page = pages["flaky-jobs.md"]
    assert "Seen: **17 of 515 (3.3 %)**, 95 % interval 2.0 % to 5.2 %." in page
    assert "| &gt; 99 % | 20.6 h of runner time in 56 jobs; 5.2 h of waiting |" in page
    assert pages["flaky-jobs.md"].count("\n## ") == 14
    assert "> **No answer.** no test results: 0 of 3,351 runs" in pages["flaky-tests.md"]
    assert "> **The query failed.** KeyError: 'job'" in pages["broken.md"]
    assert "Showing 25 of 845; all are in report.json." in pages["failure-clusters.md"]


@pytest.mark.parametrize("summary", ["It failed", "It failed."])
def test_what_was_seen_is_a_sentence_of_its_own(
    renderer: MarkdownRenderer, make_report: Make, make_finding: Callable[..., Finding], summary: str
) -> None:
    evidence = Evidence(summary=summary, k=1, n=4)
    section = Section(id="q", title="Q", docs="D", remediation="R", findings=(make_finding(evidence=evidence),))
    pages = renderer.pages(make_report(sections=(section,), findings=section.findings))
    assert "It failed. Seen: **1 of 4 (25.0 %)**." in pages["q.md"]


def test_findings_with_one_title_are_told_apart_by_their_place(
    renderer: MarkdownRenderer, make_report: Make, make_finding: Callable[..., Finding]
) -> None:
    subject = make_finding().subject
    found = tuple(
        make_finding(
            query="q", title="build fails", subject=dataclasses.replace(subject, repository=name, pipeline=pipeline)
        )
        for name, pipeline in (("acme/a", "ci.yml"), ("acme/a", "nightly.yml"), ("acme/b", "ci.yml"))
    )
    section = Section(id="q", title="Q", docs="D", remediation="R", findings=found)
    pages = renderer.pages(make_report(sections=(section,), findings=found))
    places = ["acme/a \u203a ci.yml", "acme/a \u203a nightly.yml", "acme/b \u203a ci.yml"]
    for place, one in zip(places, found, strict=True):
        assert f"[build fails](q#{one.fingerprint}) ({place}). " in pages["Home.md"]
    headings = [line for line in pages["q.md"].splitlines() if line.startswith("## build")]
    assert headings == [f"## build fails ({place})" for place in places]


def test_of_several_hosts_each_repository_is_told_with_its_own(renderer: MarkdownRenderer, make_report: Make) -> None:
    report = make_report()
    assert "\n| acme/checkout | 2,151 |" in renderer.pages(report)["Home.md"]
    twin = dataclasses.replace(report.coverage[0], host="git.example.org")
    home = renderer.pages(dataclasses.replace(report, coverage=(report.coverage[0], twin)))["Home.md"]
    assert "\n| github.com \u203a acme/checkout | 2,151 |" in home
    assert "\n| git.example.org \u203a acme/checkout | 2,151 |" in home
    assert "\n| github.com \u203a acme/checkout | log |" in home


def test_tables_are_tables(renderer: MarkdownRenderer, make_report: Make) -> None:
    types = [token.type for text in renderer.pages(make_report()).values() for token in tokens(text)]
    assert types.count("table_open") == 4 + 10 + 3 + 1 + 2


def test_charts_stand_over_their_tables(renderer: MarkdownRenderer, make_report: Make) -> None:
    fences = [token for token in tokens(renderer.pages(make_report())["lead-time.md"]) if token.type == "fence"]
    assert [token.info for token in fences] == ["mermaid"] * 4
    assert all(token.content.startswith("xychart-beta\n") for token in fences)


def test_no_template_leaves_heaps_of_empty_lines(renderer: MarkdownRenderer, make_report: Make) -> None:
    for name, text in renderer.pages(make_report()).items():
        assert "\n\n\n\n" not in text, name
        assert text.endswith("\n")


def test_a_night_with_the_same_answers_touches_only_the_index(
    tmp_path: Path, renderer: MarkdownRenderer, make_report: Make
) -> None:
    first = make_report()
    paths = renderer.render(first, tmp_path)
    assert paths[0] == tmp_path / "wiki" / "Home.md"
    for path in paths:
        os.utime(path, (1, 1))
    assert renderer.render(first, tmp_path) == paths
    assert {path.stat().st_mtime for path in paths} == {1}
    later = dataclasses.replace(first, generated_at=first.generated_at.replace(day=3))
    renderer.render(later, tmp_path)
    assert [path.name for path in paths if path.stat().st_mtime != 1] == ["Home.md"]


def test_an_empty_report_is_full_of_reasons(renderer: MarkdownRenderer, make_empty: Callable[[], Report]) -> None:
    pages = renderer.pages(make_empty())
    for said in ("No findings.", "no answer: too little history: 0 of 10 runs", "nothing has been fetched"):
        assert said in pages["Home.md"]
    assert "> **No answer.** too little history: 0 of 10 runs" in pages["flaky-jobs.md"]


@pytest.mark.parametrize(
    ("question", "name"), [("flaky_jobs", "flaky-jobs"), ("../Evil page", "---evil-page"), ("mine2", "mine2")]
)
def test_a_page_is_named_after_its_question(question: str, name: str) -> None:
    assert page(question) == name
