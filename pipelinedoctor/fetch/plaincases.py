"""Test cases that hold nothing, taken out of a JUnit document before the parser sees it.

Nearly all of a report is cases that passed, each one tag of a few plain attributes. One regular expression passes over a
thousand of them in the time in which the parser, and what it calls, reads a hundred. Each run of them is replaced by one
element, the mark, so that the parser meets all that is left in its order, line by line.

A case is taken only where nobody could read it otherwise: outside comments, sections of CDATA and processing instructions
a `<` begins a tag or the document is malformed, and the case's own signs are printable ASCII without entities.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from secrets import token_hex

from pipelinedoctor.fetch.bounds import NAME

_CASE = "<testcase "
_SUITE = b"<testsuite"
_VALUE = r"[ !#-%'-;=-~]"
_BLANK = r"[ \t\r\n]"
_CLOSED = rf"(?: ?/>|>{_BLANK}{{0,100}}+</testcase>){_BLANK}*+"
_FIRST = re.compile(rf'<testcase((?: [a-zA-Z]{{1,20}}="{_VALUE}*+"){{1,12}}+){_CLOSED}'.encode())
_NAMES = re.compile(rf' ([a-zA-Z]+)="{_VALUE}*+"'.encode())
_VALUES: Mapping[str, str] = {
    "name": rf"{_VALUE}{{0,{NAME}}}+",
    "classname": rf"{_VALUE}{{0,{NAME}}}+",
    "time": r"[0-9]{1,6}+(?:\.[0-9]{0,20}+)?",
}
"""What the attributes that are kept may hold."""
_TELLING = frozenset({"status", "result"})
"""Attributes that may say that a case was not run: such a case is for the parser."""
_SPECIAL = re.compile(rb"<[!?]")
_ENDS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
"""What is no tag, by how it begins and ends."""
_DECLARED = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[^>]{0,100}? encoding=[\"']([A-Za-z0-9._-]{1,40})[\"']")
_ENCODINGS = frozenset({b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252"})
_HELD_MOST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Run:
    """Cases that follow each other, as they stand: `count` tags, each with these attributes in this order.

    So the values of an attribute are each so many-th piece of the text between quotation marks. A `time` is a number.
    """

    attributes: tuple[str, ...]
    text: str
    count: int

    def values(self, attribute: str) -> Sequence[str] | None:
        """The values of an attribute, case by case; None where the cases have none."""
        if attribute not in self.attributes:
            return None
        return self.text.split('"')[2 * self.attributes.index(attribute) + 1 :: 2 * len(self.attributes)]

    def cut(self, count: int) -> tuple["Run", "Run"]:
        """The first so many of the cases, and the others."""
        place = 0
        for _ in range(count):
            place = self.text.index(_CASE, place + 1)
        return (
            Run(self.attributes, self.text[:place], count),
            Run(self.attributes, self.text[place:], self.count - count),
        )


class PlainCases:
    """Takes cases out of one document, which is handed to `taken` from its first byte on, piece by piece."""

    def __init__(self) -> None:
        self.mark = f"plain-{token_hex(8)}"
        """The name of the elements that stand for runs, which no document can know; their `n` tells which."""
        self._runs: dict[str, Run] = {}
        self._made = 0
        self._within = self._given_up = False
        self._end = self._held = b""

    def run(self, number: str) -> Run:
        """The cases that a mark stands for, once."""
        return self._runs.pop(number)

    def taken(self, data: bytes) -> bytes:
        """What is left for the parser. The beginning of what may go on in the next piece is held back."""
        data, self._held = self._held + data, b""
        left: list[bytes] = []
        at = 0
        while at < len(data):
            if self._given_up:
                left.append(data[at:])
                break
            at = self._special(data, at, left) if self._end else self._tags(data, at, left)
        return b"".join(left)

    def rest(self) -> bytes:
        """What was held back, at the end of the document."""
        held, self._held = self._held, b""
        return held

    def _special(self, data: bytes, at: int, left: list[bytes]) -> int:
        """Hand on what is no tag, and tell where tags go on."""
        end = data.find(self._end, at)
        if end < 0:
            stop = max(at, len(data) - len(self._end) + 1)  # the end may be cut in two
            left.append(data[at:stop])
            self._held = data[stop:]
            return len(data)
        stop = end + len(self._end)
        left.append(data[at:stop])
        self._end = b""
        return stop

    def _tags(self, data: bytes, at: int, left: list[bytes]) -> int:
        """Hand on what is left of the tags up to the next thing that is none, and tell where that goes on."""
        found = _SPECIAL.search(data, at)
        if found is None:
            stop = _whole(data, at)
            left.append(self._without(data[at:stop]))
            self._held = data[stop:]
            return len(data)
        start = found.start()
        left.append(self._without(data[at:start]))
        begin = next((begin for begin in _ENDS if data.startswith(begin, start)), None)
        if begin is not None:
            self._end = _ENDS[begin]
            left.append(begin)
            return start + len(begin)
        if any(begin.startswith(data[start:]) for begin in _ENDS):
            self._held = data[start:]
            return len(data)
        self._given_up = True  # a DOCTYPE or a fault: the parser's to tell of
        return start

    def _without(self, tags: bytes) -> bytes:
        """The tags, with a mark for each run of plain cases below the first suite."""
        at = 0 if self._within else tags.find(_SUITE)
        if at < 0:
            return tags
        self._within = True
        first = _FIRST.search(tags, at)
        attributes = tuple(name.decode() for name in _NAMES.findall(first[1])) if first else ()
        pattern = _runs(attributes)
        if pattern is None:
            return tags
        left = [tags[:at]]
        for found in pattern.finditer(tags, at):
            left += (tags[at : found.start()], self._mark(attributes, found[0].decode("ascii")))
            at = found.end()
        return b"".join([*left, tags[at:]])

    def _mark(self, attributes: tuple[str, ...], text: str) -> bytes:
        """What stands for a run: it has as many lines."""
        self._made += 1
        number = str(self._made)
        self._runs[number] = Run(attributes, text, text.count(_CASE))
        lines = "\n" * text.count("\n")
        return f'<{self.mark} n="{number}"{lines}/>'.encode()


def plain_encoding(start: bytes) -> bool:
    """Whether in a document that starts so each sign of ASCII is its own byte, and each such byte the sign."""
    if start[:2] in (b"\xfe\xff", b"\xff\xfe") or b"\0" in start[:4]:
        return False
    declared = _DECLARED.match(start)
    return declared is None or declared[1].lower() in _ENCODINGS


def _whole(data: bytes, at: int) -> int:
    """Where the last tag begins if it does not end in this piece, or else the end."""
    last = data.rfind(b"<", at)
    cut = last >= 0 and data.find(b">", last) < 0 and len(data) - last < _HELD_MOST
    return last if cut else len(data)


@lru_cache(maxsize=64)
def _runs(attributes: tuple[str, ...]) -> re.Pattern[bytes] | None:
    """The expression for runs of cases with these attributes in this order; None where the parser has to see such cases."""
    known = set(attributes)
    if len(known) < len(attributes) or _TELLING & known or not {"name", "classname"} & known:
        return None
    tag = "".join(f' {name}="{_VALUES.get(name, f"{_VALUE}*+")}"' for name in attributes)
    return re.compile(f"(?:<testcase{tag}{_CLOSED})++".encode())
