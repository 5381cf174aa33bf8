"""What a renderer is: it turns the one `Report` into files of one format."""

from pathlib import Path
from typing import Protocol

from pipelinedoctor.report.model import Report


class Renderer(Protocol):
    """One implementation a format."""

    def render(self, report: Report, out: Path) -> list[Path]:
        """Write the files of this format below the directory `out`; they are returned in the order written.

        Raises `UsageError` where `out` cannot be written and `PackError` where a template does not work.
        """
