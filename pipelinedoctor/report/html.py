"""One self-contained HTML file: no request leaves it, and nothing runs in it but its own two blocks."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from pipelinedoctor.report import charts, filters, view
from pipelinedoctor.report.files import write
from pipelinedoctor.report.model import Report
from pipelinedoctor.report.templates import environment, render, source

_ROWS = 50
_FINDINGS = 50


class HtmlRenderer:
    """Writes `report.html`. `templates` are directories shaped like `reports/`; theirs come before the shipped ones."""

    def __init__(self, templates: Sequence[Path] = ()) -> None:
        made = environment(templates, filters.html_final)
        made.filters.update(link=filters.html_link, block=filters.html_block, prose=filters.html_prose)
        made.globals.update(chart=charts.svg, verdicts=view.VERDICTS, first=view.FIRST)
        self._environment = made

    def text(self, report: Report) -> str:
        """The page."""
        style = source(self._environment, "html/report.css")
        script = source(self._environment, "html/report.js")
        facts = {
            "report": report,
            "hosts": view.hosts(report),
            "parts": view.parts(report, findings=_FINDINGS, rows=_ROWS),
            "style": filters.made(style),
            "script": filters.made(script),
            "policy": _policy(style, script),
        }
        return render(self._environment, "html/report.jinja", facts)

    def render(self, report: Report, out: Path) -> list[Path]:
        """Write the page below `out`."""
        return [write(out / "report.html", self.text(report))]


def _policy(style: str, script: str) -> Markup:
    """A content security policy that lets in exactly this style sheet and this script."""
    allowed = [f"style-src {_hash(style)}", f"script-src {_hash(script)}"]
    return filters.made("; ".join(["default-src 'none'", *allowed, "base-uri 'none'", "form-action 'none'"]))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
