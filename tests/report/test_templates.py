"""A team's own templates: found first, held to the same escaping, and told where they are wrong."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelinedoctor.errors import PackError
from pipelinedoctor.findings import Finding
from pipelinedoctor.report import renderers
from pipelinedoctor.report.html import HtmlRenderer
from pipelinedoctor.report.markdown import MarkdownRenderer
from pipelinedoctor.report.model import Report, Section

Make = Callable[..., Report]
SHIPPED = sorted((Path(__file__).parents[2] / "reports").rglob("*.jinja"))


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str, str], Path]:
    """Puts a template into a directory shaped like `reports/`, and returns the directory."""

    def put(name: str, text: str) -> Path:
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return tmp_path / "mine"

    return put


def test_a_template_of_ones_own_comes_before_the_shipped_one(
    own: Callable[[str, str], Path], make_report: Make
) -> None:
    mine = own("html/finding.jinja", "<article id='{{ finding.fingerprint }}'>MINE {{ finding.title }}</article>")
    text = HtmlRenderer([mine]).text(make_report())
    assert text.count("MINE") == 13
    assert "What to look at first" in text


def test_a_question_can_have_a_template_of_its_own(own: Callable[[str, str], Path], make_report: Make) -> None:
    own("html/questions/lead_time.jinja", "<h2>OWN {{ section.title }}</h2>{{ section.measures | length }} measures")
    mine = own("markdown/questions/lead_time.jinja", "# OWN {{ section.title }}\n")
    assert HtmlRenderer([mine]).text(make_report()).count("OWN How long does a change take?") == 1
    pages = MarkdownRenderer([mine]).pages(make_report())
    assert pages["lead-time.md"] == "# OWN How long does a change take?\n"
    assert "OWN" not in pages["flaky-jobs.md"]


def test_a_style_sheet_of_ones_own_is_let_in_by_the_policy(own: Callable[[str, str], Path], make_empty: Make) -> None:
    text = HtmlRenderer([own("html/report.css", "body { color: red }")]).text(make_empty())
    assert "<style>body { color: red }</style>" in text
    assert text != HtmlRenderer().text(make_empty())


def test_a_new_question_needs_no_template(make_report: Make, make_finding: Callable[..., Finding]) -> None:
    found = make_finding(query="night_shift", title="Nobody looks at night")
    section = Section(id="night_shift", title="Who looks?", docs="Docs.", remediation="Look.", findings=(found,))
    report = make_report(findings=(found,), sections=(section,))
    assert "Nobody looks at night" in HtmlRenderer().text(report)
    assert "Nobody looks at night" in MarkdownRenderer().pages(report)["night-shift.md"]


def test_ones_own_template_forgets_no_escaping(own: Callable[[str, str], Path], make_report: Make) -> None:
    own("html/finding.jinja", "{{ finding.title }}")
    mine = own("markdown/finding.jinja", "| {{ finding.title }} |\n")
    found = dataclasses.replace(make_report().findings[0], title="<b>|*x*")
    report = make_report(
        findings=(found,), sections=(Section(id="q", title="Q", docs="D", remediation="R", findings=(found,)),)
    )
    assert "&lt;b&gt;|*x*" in HtmlRenderer([mine]).text(report)
    assert "| &lt;b&gt;\\|\\*x\\* |" in MarkdownRenderer([mine]).pages(report)["q.md"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one\n{{ finding.titel }}", r"finding\.jinja, line 2: UndefinedError: .*no attribute 'titel'"),
        ("{% if %}", r"finding\.jinja, line 1: TemplateSyntaxError"),
        (
            "a\n\n{{ finding.title | shout }}",
            r"finding\.jinja, line 3: TemplateAssertionError: No filter named 'shout'",
        ),
        ("{% include 'html/gone.jinja' %}", r"finding\.jinja, line 1: TemplateNotFound: 'html/gone\.jinja' not found"),
        ("a\n{{ 1 / 0 }}", r"finding\.jinja, line 2: ZeroDivisionError: division by zero"),
        ("a\n{{ finding.title | minutes }}", r"finding\.jinja, line 2: TypeError"),
    ],
)
def test_a_template_that_does_not_work_is_named_with_its_line(
    text: str, said: str, own: Callable[[str, str], Path], make_report: Make
) -> None:
    with pytest.raises(PackError, match=said):
        HtmlRenderer([own("html/finding.jinja", text)]).text(make_report())


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no such directory of templates"):
        HtmlRenderer([tmp_path / "gone"])
    with pytest.raises(PackError, match=r"holds no templates; put them into html/ or markdown/ in it"):
        HtmlRenderer([tmp_path])


def test_formats_are_made_in_their_order(tmp_path: Path, make_empty: Make) -> None:
    files = [file for one in renderers(["json", "html", "markdown"]) for file in one.render(make_empty(), tmp_path)]
    names = [str(file.relative_to(tmp_path)) for file in files]
    assert names == ["report.json", "report.html", "wiki/Home.md", "wiki/flaky-jobs.md"]


def test_shipped_templates_stay_short() -> None:
    assert len(SHIPPED) >= 14
    for path in SHIPPED:
        assert len(path.read_text().splitlines()) < 60, path
