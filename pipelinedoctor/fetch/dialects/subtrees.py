"""What the dialects of .NET share: each test is one element, read as a small tree once it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelinedoctor.fetch.dialects.interface import CHILDREN, DEPTH, TEXT, Columns, Listen
from pipelinedoctor.fetch.download import UnfitError


@dataclass(slots=True)
class Element:
    """An element, its text up to its first child or bound, and those of its children that are kept."""

    tag: str
    attributes: Mapping[str, str]
    children: list["Element"] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def find(self, *path: str) -> "Element | None":
        """The first child of the first name in the path, of that the first of the second, and so on."""
        found: Element | None = self
        for tag in path:
            found = next((child for child in found.children if child.tag == tag), None) if found else None
        return found

    def text(self, *path: str) -> str | None:
        """The text of what `find` finds; None where it is nothing but blanks."""
        found = self.find(*path)
        text = "".join(found.texts) if found else ""
        return text if text.strip() else None


class Subtrees:
    """A dialect whose subclasses say which elements are read (`tests`), which are kept within these (`kept`, a whole
    path each), which lie around them and matter (`around`), and what they mean (`meant`).
    """

    tests: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    around: frozenset[str] = frozenset()

    def __init__(self, listen: Listen) -> None:
        self._listen = listen
        self._open: list[Element | None] = []
        self._heard: Element | None = None
        self._room = 0
        self.found = Columns()
        self.outer: list[Element] = []
        """The open elements of `around`, outermost first."""

    def meant(self, element: Element) -> None:
        """Put what an element of `tests` means into `found`."""
        raise NotImplementedError

    def ended(self, element: Element) -> None:
        """An element of `around` has ended; that matters to few."""

    def taken(self, *, last: bool = False) -> Columns:  # noqa: ARG002  for dialects in which something waits for the end
        """What was found since the last time."""
        found, self.found = self.found, Columns()
        return found

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if self._heard is not None:
            self._hear(None)
        if len(self._open) > DEPTH:
            raise UnfitError(f"elements nest more than {DEPTH} deep")
        name = tag.rpartition(":")[2]
        within = self._open[-1] if self._open else None
        element: Element | None = None
        if name in self.tests:
            element = Element(name, attributes)
        elif name in self.around:
            element = Element(name, attributes)
            self.outer.append(element)
        elif within is not None and within.tag not in self.around and name in self.kept:
            if len(within.children) == CHILDREN:
                raise UnfitError(f"an element with more than {CHILDREN} outcomes")
            element = Element(name, attributes)
            within.children.append(element)
            self._hear(element)
        self._open.append(element)

    def data(self, text: str) -> None:
        """A piece of the text of an element that is kept."""
        if self._heard is not None and self._room > 0:
            self._heard.texts.append(text[: self._room])
            self._room -= len(text)

    def end(self, _tag: str) -> None:
        """An element ends."""
        self._hear(None)
        element = self._open.pop()
        if element is None:
            return
        if element.tag in self.tests:
            self.meant(element)
        elif element.tag in self.around:
            self.outer.pop()
            self.ended(element)

    def _hear(self, element: Element | None) -> None:
        if element is not self._heard:
            self._heard, self._room = element, TEXT
            self._listen(element is not None)
