"""Pages for a wiki: an index and a page a question, in an order and with ids that keep the difference of a night small.

Links between pages carry no `.md`: the wikis of GitHub and GitLab open the page for such a link, and the source for one
with the ending. In a plain directory the index therefore names the file beside each link.
"""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from pipelinedoctor.report import filters, view
from pipelinedoctor.report.files import write
from pipelinedoctor.report.mermaid import charts
from pipelinedoctor.report.model import Report
from pipelinedoctor.report.templates import environment, render

_ROWS = 25
_FINDINGS = 25


class MarkdownRenderer:
    """Writes `wiki/Home.md` and `wiki/<question>.md`; a page that has not changed is not touched."""

    def __init__(self, templates: Sequence[Path] = ()) -> None:
        made = environment(templates, filters.markdown_final)
        made.filters.update(link=filters.markdown_link, block=filters.markdown_block, prose=filters.markdown_prose)
        made.globals.update(charts=charts, page=page, verdicts=view.VERDICTS, first=view.FIRST)
        self._environment = made

    def pages(self, report: Report) -> dict[str, str]:
        """The text of each page by file name."""
        parts = view.parts(report, findings=_FINDINGS, rows=_ROWS)
        hosts = view.hosts(report)
        facts = {"report": report, "parts": parts, "hosts": hosts}
        made = {"Home.md": render(self._environment, "markdown/home.jinja", facts)}
        for part in parts:
            facts = {"part": part, "section": part.section, "hosts": hosts}
            made[f"{page(part.section.id)}.md"] = render(self._environment, "markdown/page.jinja", facts)
        return made

    def render(self, report: Report, out: Path) -> list[Path]:
        """Write the pages below `out`."""
        return [write(out / "wiki" / name, text) for name, text in self.pages(report).items()]


def page(question: str) -> Markup:
    """The name of a question's page: `flaky-jobs` for `flaky_jobs`."""
    return filters.made("".join(c if c.isascii() and c.isalnum() else "-" for c in question.lower()))
