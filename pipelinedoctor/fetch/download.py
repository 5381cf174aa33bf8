"""Streams of bytes from outside, kept within bounds: logs by their ends, archives by all they claim and all they give."""

import gzip
import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from tempfile import SpooledTemporaryFile
from typing import IO, Protocol

KIB = 1024
MIB = 1024 * KIB
LOG_HEAD = 64 * KIB
LOG_TAIL = 4 * MIB
LOG_MOST = 512 * MIB
ARCHIVE_MOST = 64 * MIB
MEMBERS_MOST = 256 * MIB
UNPACKED_MOST = 8 * 1024 * MIB
REPORTS = (".xml", ".trx")
"""How files that may be reports of tests end."""
_IN_MEMORY = 8 * MIB
FILES_MOST = 50_000
_GZIP = b"\x1f\x8b"
_ENTRY = b"PK\x01\x02"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


class UnfitError(Exception):
    """What was sent cannot be used; the message says why in a few words."""


class Readable(Protocol):
    """As much of a file as a parser needs."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, none at the end. Raises `UnfitError` where the rest cannot be had."""


def log_text(chunks: Iterable[bytes], most: int = LOG_TAIL) -> str:
    """The first 64 KiB and the last `most` bytes of a log, between them a line that says how much was left out."""
    head, tail = bytearray(), deque[bytes]()
    total = kept = 0
    for chunk in _at_most(LOG_MOST, chunks):
        room = max(0, LOG_HEAD - len(head))
        head += chunk[:room]
        total += len(chunk)
        tail.append(chunk[room:])
        kept += len(tail[-1])
        while kept - len(tail[0]) >= most:
            kept -= len(tail.popleft())
    rest = b"".join(tail)[-most:]
    omitted = total - len(head) - len(rest)
    middle = f"\n[{omitted} bytes left out]\n".encode() if omitted else b""
    return (bytes(head) + middle + rest).decode("utf-8", errors="replace")


def archive(chunks: Iterable[bytes]) -> IO[bytes]:
    """A download of at most 64 MiB as a seekable file, on disk where it is large."""
    file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # handed on; the caller closes it
    try:
        for chunk in _at_most(ARCHIVE_MOST, chunks):
            file.write(chunk)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _at_most(limit: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise UnfitError(f"larger than {limit // MIB} MiB")
        yield chunk


@dataclass(frozen=True, slots=True)
class Member:
    """A file out of an archive; files of equal `checksum` hold the same bytes."""

    name: str
    checksum: tuple[int, int] | None
    stream: Readable


def report_members(file: BufferedReader) -> Iterator[Member]:
    """What a file of somebody's own may hold: reports in a zip, one packed by gzip, or one as it is, of any size.

    Raises `UnfitError` for what cannot be unpacked, and as soon as what is packed comes to more than 8 GiB.
    """
    start = file.peek(4)
    if start.startswith(b"PK"):
        yield from _zip_members(file, REPORTS, UNPACKED_MOST)
    elif start.startswith(_GZIP):
        with gzip.GzipFile(fileobj=file) as stream:
            yield Member("", None, _Bounded(stream, _Allowance(UNPACKED_MOST)))
    else:
        yield Member("", None, file)


def xml_members(file: IO[bytes]) -> Iterator[Member]:
    """Each XML file in a zip, by name, its stream bounded; a file that is XML itself is its only member.

    Nothing is ever written to a path that the zip names. Raises `UnfitError` for what is no zip, for a zip whose
    table of contents is out of proportion, and as soon as members come to more than 256 MiB.
    """
    start = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        file.seek(0)
        yield Member("", None, file)
        return
    if not start.startswith(b"PK"):
        raise UnfitError("not a zip")
    yield from _zip_members(file, (".xml",), MEMBERS_MOST)


def _zip_members(file: IO[bytes], endings: tuple[str, ...], most: int) -> Iterator[Member]:
    _check_directory(file)
    left = _Allowance(most)
    try:
        with zipfile.ZipFile(file) as opened:
            for member in sorted(opened.infolist(), key=lambda info: info.filename):
                left.check()
                if member.filename.lower().endswith(endings):
                    with opened.open(member) as stream:
                        yield Member(member.filename, (member.CRC, member.file_size), _Bounded(stream, left))
    except _BROKEN as error:
        raise _broken(error) from None


def _broken(error: Exception) -> UnfitError:
    return UnfitError(f"broken archive ({type(error).__name__})")


class _Allowance:
    def __init__(self, size: int) -> None:
        self._size = self.left = size

    def check(self) -> None:
        if self.left < 0:
            raise UnfitError(f"its files come to more than {self._size // MIB} MiB")


class _Bounded:
    """The reading half of a file, of which several together may give only so much."""

    def __init__(self, stream: Readable, allowance: _Allowance) -> None:
        self._stream = stream
        self._allowance = allowance

    def read(self, size: int = -1, /) -> bytes:
        self._allowance.check()
        wanted = self._allowance.left + 1 if size < 0 else min(size, self._allowance.left + 1)
        try:
            data = self._stream.read(wanted)
        except _BROKEN as error:
            raise _broken(error) from None
        self._allowance.left -= len(data)
        self._allowance.check()
        return data


def _check_directory(file: IO[bytes]) -> None:
    """Refuse a table of contents so long that merely reading it would take the memory.

    Its entries are counted, for what a zip says of its size need not be true, nor be said in one place only.
    """
    file.seek(0)
    found, kept = 0, b""
    while chunk := file.read(MIB):
        chunk = kept + chunk
        found += chunk.count(_ENTRY)
        kept = chunk[-len(_ENTRY) + 1 :]
        if found > FILES_MOST:
            raise UnfitError("a zip with too many files")
    file.seek(0)
