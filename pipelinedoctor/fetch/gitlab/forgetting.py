"""Which marks are done with, so that what a fetch keeps in mind does not grow with the years. Pure.

A pipeline or a merge request that changes is listed anew, however old it is. Its mark spares us only to read again what stayed as it
was, and to ask again for logs and archives: after so long, hardly anything changes that would make that worth a mark.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from pipelinedoctor.fetch.bounds import instant
from pipelinedoctor.fetch.gitlab.lists import LATE
from pipelinedoctor.fetch.gitlab.marks import read_segments
from pipelinedoctor.fetch.interface import Mark

KEPT = timedelta(days=90)
"""How long before the newest update of a project the marks of its pipelines and merge requests are kept."""


class Tops:
    """The newest updates that lists of one project have told, by the lists' keys; as text they change where anything is new."""

    def __init__(self) -> None:
        self._tops: dict[str, str] = {}

    def recall(self, keys: Iterable[str], lists: Mapping[str, str]) -> None:
        """Take up what earlier fetches left of these lists."""
        for key in keys:
            self._note(key, lists.get(key))

    def note(self, marks: Iterable[Mark]) -> None:
        """Take note of how far a list has been read."""
        for mark in marks:
            if mark.kind == "list":
                self._note(mark.key, mark.value)

    def __str__(self) -> str:
        return " ".join(f"{key.rpartition(' ')[2]} {top}" for key, top in sorted(self._tops.items()))

    def _note(self, key: str, value: str | None) -> None:
        segments = read_segments(value)
        if segments:
            self._tops[key] = segments[0].top

    def outlived(self, updated: Mapping[int, str | None]) -> Collection[int]:
        """Of things by their last updates those whose marks are done with.

        Those near the top of a list are not, for there each fetch lists them again.
        """
        tops = [top for text in self._tops.values() if (top := instant(text))]
        if not tops:
            return []
        times = {number: time for number, text in updated.items() if (time := instant(text))}
        old = max(tops) - KEPT
        return [
            number
            for number, time in times.items()
            if time < old and not any(top - 2 * LATE <= time <= top for top in tops)
        ]
