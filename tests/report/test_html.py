"""The page, read back with a parser: what is in it, and what cannot get into it."""

import base64
import dataclasses
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipelinedoctor.findings import Cost, Evidence, Finding, Link, Measure, Subject
from pipelinedoctor.model import Severity, Verdict
from pipelinedoctor.report.html import HtmlRenderer
from pipelinedoctor.report.model import Report

Make = Callable[..., Report]
VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "--><svg onload=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)",
    "{{7*7}} {% include 'x' %}",
    "a | b ](javascript:alert(1)) ` ``` `",
    "\x1b[31mred\x00\u202egnp.exe\ud800",
    "x" * 1_000_000,
]


class Page(HTMLParser):
    """Elements with their attributes, the text, and a check that all elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def hostile(text: str, report: Report, finding: Finding, measure: Measure) -> Report:
    """The report with `text` in every place that can hold text from outside."""
    evil = dataclasses.replace(
        finding,
        subject=Subject(host=text, forge="github", repository=text, pipeline=text, job=text, test=text, service=text),
        title=text,
        next_step=text,
        evidence=Evidence(
            summary=text,
            k=1,
            n=2,
            links=(Link(text=text, url="https://github.com/a"), Link(text="bad", url=text)),
            details=((text, text),),
            excerpt=text,
        ),
        cost=Cost(runner_minutes=1, jobs=1, method=text),
    )
    column = measure.columns[0]
    rows = [{**measure.rows[0], column.name: text, "url": "javascript:alert(1)"}, measure.rows[1]]
    columns = (dataclasses.replace(column, title=text), *measure.columns[1:])
    table = dataclasses.replace(measure, title=text, caption=text, columns=columns, rows=rows)
    section = dataclasses.replace(
        report.sections[0], title=text, remediation=text, docs=text, notes=(text,), findings=(evil,), measures=(table,)
    )
    return dataclasses.replace(
        report,
        scope=text,
        headline=(text, text, text),
        findings=(evil,),
        sections=(section, dataclasses.replace(section, id="other", findings=(), reason=text)),
        sources=tuple(dataclasses.replace(one, host=text, outcome=text) for one in report.sources),
        coverage=tuple(dataclasses.replace(one, repository=text) for one in report.coverage),
        gaps=tuple(
            dataclasses.replace(one, repository=text, kind=text, reason=text, examples=(text,)) for one in report.gaps
        ),
    )


@pytest.fixture(scope="module")
def renderer() -> HtmlRenderer:
    return HtmlRenderer()


@pytest.fixture(scope="module")
def whole(renderer: HtmlRenderer, make_report: Make) -> str:
    """The page of the rich report."""
    return renderer.text(make_report())


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_becomes_an_element_or_an_attribute(
    text: str,
    renderer: HtmlRenderer,
    make_report: Make,
    make_finding: Callable[..., Finding],
    make_table: Callable[[int], Measure],
) -> None:
    def elements(text: str) -> list[tuple[str, list[str]]]:
        whole = renderer.text(hostile(text, make_report(), make_finding(), make_table(2)))
        assert len(whole) < 400_000
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", whole)
        whole.encode()
        return [(tag, sorted(attrs)) for tag, attrs in Page(whole).elements if tag not in ("code", "ul", "li", "p")]

    assert elements(text) == elements("a harmless name")


def test_nothing_is_asked_of_another_place(whole: str) -> None:
    page = Page(whole)
    for tag, attrs in page.elements:
        assert not {"src", "srcset", "style", "action", "data", "poster"} & set(attrs), (tag, attrs)
        assert not [name for name in attrs if name.startswith("on")], (tag, attrs)
        if "href" in attrs:
            assert tag == "a"
            assert str(attrs["href"]).startswith(("#", "https://github.com/"))
    assert not {"link", "img", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.elements}


def test_the_policy_lets_in_this_style_and_this_script_only(whole: str) -> None:
    policy = next(one["content"] for one in Page(whole).all("meta") if one.get("http-equiv"))
    blocks = {tag: re.findall(f"<{tag}>(.*?)</{tag}>", whole, re.DOTALL) for tag in ("style", "script")}
    assert [len(found) for found in blocks.values()] == [1, 1]
    hashes = {
        tag: base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode() for tag, found in blocks.items()
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_same_report_is_the_same_page(whole: str, make_report: Make) -> None:
    assert HtmlRenderer().text(make_report()) == whole


def test_ids_are_unique_and_links_in_the_page_lead_somewhere(whole: str, make_report: Make) -> None:
    report = make_report()
    page = Page(whole)
    ids = [str(attrs["id"]) for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {str(one["href"])[1:] for one in page.all("a") if str(one["href"]).startswith("#")}
    assert targets <= set(ids)
    assert {one.fingerprint for one in report.findings} <= set(ids)


def test_a_finding_says_how_sure_how_often_and_what_it_costs(whole: str) -> None:
    text = " ".join(Page(whole).text.split())
    for said in (
        "17 of 515 (3.3 %)",
        "95 % interval 2.0 % to 5.2 %",
        "> 99 %",
        "20.6 h of runner time, 56 jobs",
        "5.2 h in the window",
        "2026-01-12",
        "Next: Start the database",
    ):
        assert said in text


def test_what_is_cut_off_is_counted(
    whole: str, renderer: HtmlRenderer, make_report: Make, make_finding: Callable[..., Finding]
) -> None:
    text = " ".join(Page(whole).text.split())
    assert "And 3 more: 3 low. They are below" in text
    assert "Showing 50 of 845; all are in report.json." in text
    many = tuple(make_finding(key=str(n)) for n in range(100))
    section = dataclasses.replace(make_report().sections[0], findings=many)
    page = Page(renderer.text(make_report(findings=many, sections=(section,))))
    assert len(page.all("article")) == 60
    assert "50 more findings, and 40 that are only in report.json" in page.text


def test_findings_told_above_are_listed_with_their_place(whole: str) -> None:
    text = " ".join(Page(whole).text.split())
    assert "integration (payments) fails and passes on the same commit acme/checkout \u203a ci.yml (above)" in text


def test_of_several_hosts_each_repository_is_told_with_its_own(renderer: HtmlRenderer, make_report: Make) -> None:
    report = make_report()
    assert "<td>acme/checkout</td>" in renderer.text(report)
    twin = dataclasses.replace(report.coverage[0], host="git.example.org")
    text = renderer.text(dataclasses.replace(report, coverage=(report.coverage[0], twin)))
    assert text.count("<td>github.com \u203a acme/checkout</td>") == 2
    assert text.count("<td>git.example.org \u203a acme/checkout</td>") == 1
    assert re.search(r"<span>github.com</span>\s*<span>acme/checkout</span>", text)


@pytest.mark.parametrize(
    ("origin", "banner"),
    [("simulated", "Simulated data."), ("recording", "Recording."), ("live", None), ("ingested", None), ("none", None)],
)
def test_what_is_not_live_says_so(origin: Any, banner: str | None, renderer: HtmlRenderer, make_empty: Make) -> None:
    text = renderer.text(dataclasses.replace(make_empty(), origin=origin))
    assert ('class="banner"' in text) == (banner is not None)
    assert banner is None or f"<b>{banner}</b>" in text


def test_reasons_stand_where_data_does_not(whole: str) -> None:
    text = Page(whole).text
    assert "no test results: 0 of 3,351 runs had a JUnit artifact" in text
    assert "The query failed. KeyError: 'job'" in text
    assert "the forge no longer has the log" in text


def test_an_empty_report_is_full_of_reasons(renderer: HtmlRenderer, make_empty: Callable[[], Report]) -> None:
    text = " ".join(Page(renderer.text(make_empty())).text.split())
    for said in (
        "No findings. There were no jobs in the window to judge.",
        "too little history: 0 of 10 runs",
        "Nothing has been fetched into this store.",
        "The store knows no repository.",
        "No gaps were recorded, because nothing was fetched.",
    ):
        assert said in text


def test_every_verdict_is_explained(renderer: HtmlRenderer, make_empty: Callable[[], Report]) -> None:
    text = renderer.text(make_empty())
    for verdict in Verdict:
        assert f"<dt>{verdict}</dt>" in text


def test_every_severity_has_a_colour() -> None:
    style = (Path(__file__).parents[2] / "reports" / "html" / "report.css").read_text()
    for severity in Severity:
        assert f".{severity} {{ --tone: var(--{severity}); }}" in style


def test_writes_one_file(tmp_path: Path, renderer: HtmlRenderer, make_report: Make) -> None:
    assert renderer.render(make_report(), tmp_path) == [tmp_path / "report.html"]
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
