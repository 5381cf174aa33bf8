"""From a `Report` to files: one renderer a format."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from pipelinedoctor.report.interface import Renderer

_RENDERERS = {"html": "HtmlRenderer", "markdown": "MarkdownRenderer", "json": "JsonRenderer"}


def renderers(formats: Sequence[str], templates: Sequence[Path] = ()) -> list[Renderer]:
    """The renderers of the `formats` (html, markdown, json), in their order; those with templates get the directories.

    Each is imported when it is asked for: the charts of the HTML page are slow to load.
    """
    made: list[Renderer] = []
    for name in formats:
        renderer = getattr(import_module(f"{__name__}.{name}"), _RENDERERS[name])
        made.append(renderer() if name == "json" else renderer(templates))
    return made
