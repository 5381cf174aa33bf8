"""Text from outside made safe for a terminal, which obeys what it is sent."""

import logging
import re
from unicodedata import category

from pipelinedoctor.logs.redact import redact

# Of an address only what is a parameter of the forges' APIs is shown: others may sign a download.
_PARAMETER = re.compile(r"(?<=[?&])(?!(?:created|filter|page|per_page|sha|since|until)=)([\w.~%-]+=)[^&\s\"'<>]+")


def plain(text: str, *, lines: bool = False) -> str:
    """The text without what a terminal would obey or hide: escapes, marks of direction, halves of surrogate pairs.

    With `lines` new lines and tabs stay.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    shown = (one.isprintable() or one in kept or category(one) == "Zs" for one in text)
    return "".join(one if fine else "\N{REPLACEMENT CHARACTER}" for one, fine in zip(text, shown, strict=True))


class Formatter(logging.Formatter):
    """What libraries log of their requests: without secrets, signed addresses and escapes."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        return plain(redact(_PARAMETER.sub(r"\1…", super().format(record))), lines=True)
