"""XML from outside, as a stream: a document of any size takes no more memory than its longest tag.

Nothing is fetched, no entity is expanded, and what would take memory or time without end is refused.
"""

import codecs
from collections.abc import Iterator, Mapping
from xml.parsers import expat

from pipelinedoctor.fetch.dialects.interface import Columns, Dialect, Family, TakesPlain
from pipelinedoctor.fetch.download import MIB, Readable, UnfitError
from pipelinedoctor.fetch.plaincases import PlainCases, plain_encoding

_CHUNK = 64 * 1024
TAG_MOST = 8 * MIB
"""Bytes of one tag or comment, which the parser must see whole."""
ENTITIES_MOST = 100
ATTRIBUTES_MOST = 100
"""Attributes that a DOCTYPE may declare: the parser compares each with all that its element has."""
_UNKNOWN_ENCODING = 18
_DECODED = frozenset(
    {"big5", "cp932", "cp949", "cp950", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "iso2022_jp", "shift_jis"}
)
"""Encodings of several bytes a sign, which Python knows and the parser does not, by their names in Python."""


class NoReportError(Exception):
    """The document is something else; the message says what, by its root element."""


class _EncodingError(Exception):
    """The parser cannot read the encoding that the document names."""


class Document:
    """One document on its way through the parser. `families` are the dialects by their root elements."""

    def __init__(self, families: Mapping[str, Family]) -> None:
        self._families = families
        self._encoding = ""
        self._doctype = self._expands = False
        self._entities = self._attributes = self._fed = 0
        self._dialect: Dialect | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._plain: PlainCases | None = None
        self._takes: TakesPlain | None = None
        self._parser = self._made(None)

    def read(self, report: Readable) -> Iterator[Columns]:
        """What the document tells, piece by piece as it is read.

        Raises `NoReportError` for a document of another kind, and `UnfitError`, after what stood before the fault was
        handed on, for a malformed one or one with a DOCTYPE.
        """
        try:
            chunk = report.read(_CHUNK)
            self._plain = PlainCases() if plain_encoding(chunk) else None
            while chunk:
                self._feed(self._plain.taken(chunk) if self._plain else chunk)
                yield self._taken()
                chunk = report.read(_CHUNK)
            rest = self._plain.rest() if self._plain else b""
            self._parse(self._decoder.decode(b"", final=True).encode() if self._decoder else rest, last=True)
            yield self._taken(last=True)
        except expat.ExpatError as error:
            yield self._taken(last=True)
            raise UnfitError(f"malformed XML in line {error.lineno}") from None
        except _EncodingError:
            raise UnfitError(f"in an encoding that is not known, {self._encoding[:40]}") from None
        except UnicodeDecodeError:
            yield self._taken(last=True)
            raise UnfitError(f"not in the encoding that it names, {self._encoding[:40]}") from None
        except UnfitError:
            yield self._taken(last=True)
            raise
        finally:
            self._let_go()
        if self._doctype:
            raise UnfitError("XML with a DOCTYPE: what it refers to was not read")

    def _made(self, encoding: str | None) -> expat.XMLParserType:
        parser = expat.ParserCreate(encoding)
        parser.buffer_text = True
        parser.specified_attributes = True  # a DOCTYPE can give attributes to all elements
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = self._has_doctype
        parser.EntityDeclHandler = self._entity
        parser.AttlistDeclHandler = self._attribute
        parser.StartElementHandler = self._root
        return parser

    def _feed(self, chunk: bytes) -> None:
        first = self._fed == 0
        try:
            self._parse(self._decoder.decode(chunk).encode() if self._decoder else chunk)
        except _EncodingError:
            if not first or _known(self._encoding) not in _DECODED:
                raise
            self._let_go()
            self._decoder = codecs.getincrementaldecoder(self._encoding)()
            self._parser, self._fed = self._made("utf-8"), 0
            self._feed(chunk)

    def _parse(self, data: bytes, *, last: bool = False) -> None:
        self._fed += len(data)
        try:
            self._parser.Parse(data, last)
        except (expat.ExpatError, LookupError, ValueError) as error:
            # Python knows many encodings more than the parser, and hands on what has one byte a sign.
            if self._dialect is None and not (isinstance(error, expat.ExpatError) and error.code != _UNKNOWN_ENCODING):
                raise _EncodingError from error
            raise
        if self._fed - max(self._parser.CurrentByteIndex, 0) > TAG_MOST and not last:
            raise UnfitError(f"a tag or comment of more than {TAG_MOST // MIB} MiB")

    def _taken(self, *, last: bool = False) -> Columns:
        return self._dialect.taken(last=last) if self._dialect else Columns()

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self._encoding = encoding or ""

    def _has_doctype(self, _name: str, _system: str | None, _public: str | None, _internal: bool) -> None:  # noqa: FBT001  as the parser calls it
        self._doctype = True

    def _entity(self, _name: str, _parameter: bool, value: str | None, *_where: str | None) -> None:  # noqa: FBT001  as the parser calls it
        self._entities += 1
        if self._entities > ENTITIES_MOST:
            raise UnfitError("XML with a DOCTYPE that declares entities without end")
        self._expands = self._expands or value is not None

    def _attribute(self, _element: str, _name: str, _kind: str, _default: str | None, _required: bool) -> None:  # noqa: FBT001  as the parser calls it
        self._attributes += 1
        if self._attributes > ATTRIBUTES_MOST:
            raise UnfitError("XML with a DOCTYPE of more declarations than a report has")

    def _root(self, tag: str, attributes: Mapping[str, str]) -> None:
        """The root element: only now it is known what this is, and whom to call from now on."""
        family = self._families.get(tag.rpartition(":")[2])
        if family is None:
            raise NoReportError(f"no test report, but <{tag[:40]}>")
        if self._expands:
            raise UnfitError("XML with a DOCTYPE that declares entities is not read")
        parser, dialect = self._parser, family(self._listen)
        self._dialect = dialect
        self._takes = dialect if isinstance(dialect, TakesPlain) else None
        start = self._start if self._plain and self._takes else dialect.start
        parser.StartElementHandler, parser.EndElementHandler = start, dialect.end
        dialect.start(tag, attributes)

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element of a document of which plain cases were taken out."""
        if self._plain and self._takes and tag == self._plain.mark:
            self._takes.plain(self._plain.run(attributes["n"]))
        if self._dialect:
            self._dialect.start(tag, attributes)

    def _listen(self, wanted: bool) -> None:  # noqa: FBT001  a `Listen`
        self._parser.CharacterDataHandler = self._dialect.data if wanted and self._dialect else None

    def _let_go(self) -> None:
        """Break the circles: thousands of documents would else wait for the garbage collector."""
        parser = self._parser
        parser.XmlDeclHandler = parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = None
        parser.AttlistDeclHandler = None
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None


def _known(encoding: str) -> str | None:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return None
