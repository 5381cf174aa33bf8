"""Test cases that hold nothing, taken out of a JUnit document before the parser sees it.

Nearly all of a report is cases that passed, each one tag of a few plain attributes. One regular expression reads a
thousand of them in the time in which the parser, and what it calls, reads a hundred. Each run of them is replaced by one
element, the mark, so that the parser meets all that is left in its order, line by line.

A case is taken only where nobody could read it otherwise: outside comments, sections of CDATA and processing instructions
a `<` begins a tag or the document is malformed, and the case's own signs are printable ASCII without entities.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from secrets import token_hex

from pipelinedoctor.fetch.bounds import NAME

_VALUE = r"[ !#-%'-;=-~]"
_SPECIAL = re.compile(rb"<[!?]")
_ENDS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
"""What is no tag, by how it begins and ends."""
_SUITE = b"<testsuite"
_CLOSED = r"(?: ?/>|>[ \n]{0,100}+</testcase>)"
_FIRST = re.compile(rf'<testcase((?: [a-zA-Z]{{1,20}}="{_VALUE}*+"){{1,12}}+){_CLOSED}')
_DECLARED = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[^>]{0,100}? encoding=[\"']([A-Za-z0-9._-]{1,40})[\"']")
_ENCODINGS = frozenset({b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252"})
_NAMES = re.compile(rf' ([a-zA-Z]+)="{_VALUE}*+"')
_WANTED: Mapping[str, str] = {
    "name": rf"({_VALUE}{{0,{NAME}}}+)",
    "classname": rf"({_VALUE}{{0,{NAME}}}+)",
    "time": r"([0-9]{1,6}(?:\.[0-9]{0,20})?)",
}
_TELLING = frozenset({"status", "result"})
"""Attributes that may say that a case was not run: such a case is for the parser."""
_HELD_MOST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Run:
    """Cases that follow each other: their attributes as columns, None for one that they lack; a time is a number."""

    names: Sequence[str] | None
    groups: Sequence[str] | None
    times: Sequence[str] | None
    count: int


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
        start = 0 if self._within else tags.find(_SUITE)
        if start < 0:
            return tags
        self._within = True
        text = tags[start:].decode("latin-1")  # a sign for each byte: what is taken is ASCII, and the rest goes back
        first = _FIRST.search(text)
        reader = _reader(tuple(_NAMES.findall(first[1]))) if first else None
        if reader is None:
            return tags
        return tags[:start] + self._marked(text, *reader).encode("latin-1")

    def _marked(self, text: str, pattern: re.Pattern[str], wanted: Sequence[str]) -> str:
        parts = pattern.split(text)
        width = len(wanted) + 1
        between = parts[::width]  # one before each case, and one behind the last
        columns = {name: parts[place::width] for place, name in enumerate(wanted, 1)}
        telling = {text for text in set(between) if "<" in text}  # mostly all are one and the same line's end
        starts = [0]
        if telling:
            starts += [place for place, text in enumerate(between[1:-1], 1) if text in telling]
        left = [between[0]]
        for start, stop in pairwise([*starts, len(between) - 1]):
            names, groups, times = (column and column[start:stop] for column in map(columns.get, _WANTED))
            self._made += 1
            self._runs[str(self._made)] = Run(names, groups, times, stop - start)
            left.append(f'<{self.mark} n="{self._made}"/>')
            left += between[start + 1 : stop + 1]
        return "".join(left)


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
def _reader(names: tuple[str, ...]) -> tuple[re.Pattern[str], tuple[str, ...]] | None:
    """The expression for cases with these attributes in this order, and those of them that it captures.

    None where the parser has to see such cases.
    """
    if len(set(names)) < len(names) or _TELLING & set(names) or not {"name", "classname"} & set(names):
        return None
    attributes = "".join(f' {name}="{_WANTED.get(name, f"{_VALUE}*+")}"' for name in names)
    return re.compile(f"<testcase{attributes}{_CLOSED}"), tuple(name for name in names if name in _WANTED)
