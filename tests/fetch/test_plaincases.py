"""Plain cases are taken out of a document before the parser sees it, and nobody can tell."""

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.fetch import xml
from pipelinedoctor.fetch.dialects.interface import Execution
from pipelinedoctor.fetch.download import UnfitError
from pipelinedoctor.fetch.junit import NoReportError, columns
from pipelinedoctor.fetch.plaincases import PlainCases, Run, plain_encoding

PLAIN = '<testcase classname="c" name="n" time="0.5" />'

VALUES = st.sampled_from(["", "a", "b c", "x>y", "a/b[1]", "&lt;", "é", "n" * 1_001, "]]>", "-->", "'"])
TIMES = st.sampled_from(["0", "0.25", "12.", "1e3", "nan", "-1", "1,000.5", "12345678"])
ENDS = st.sampled_from(["/>", " />", "></testcase>", ">\n  </testcase>", "><failure>no</failure></testcase>", "><skipped/>\n</testcase>"])  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> str:
    values = {"classname": draw(VALUES), "name": draw(VALUES), "time": draw(TIMES), "file": draw(VALUES)}
    order = draw(st.permutations(list(values)))
    kept = order[: draw(st.integers(1, 4))]
    status = draw(st.sampled_from(["", "", "", ' status="run"', ' result="ignored"']))
    quote = draw(st.sampled_from(['"', '"', '"', "'"]))
    attributes = "".join(f" {name}={quote}{values[name].replace(quote, '')}{quote}" for name in kept)
    return f"<testcase{attributes}{status}{draw(ENDS)}"


FILLERS = st.sampled_from(
    ["\n", "", "  ", f"<!-- {PLAIN} -->", f"<![CDATA[{PLAIN}]]>", f"<?pi {PLAIN}?>", "<properties><property/></properties>",
     "text", '<testsuite name="inner">', "</testsuite>", f"<testcase name='outer'>{PLAIN}</testcase>", "<", "<!", "]]>"]
)  # fmt: skip
DOCUMENTS = st.lists(st.one_of(cases(), cases(), st.just(PLAIN), FILLERS), max_size=12).map("".join)


def read(document: bytes) -> tuple[list[Execution], str]:
    """What a document tells, and the fault it ends with."""
    found: list[Execution] = []

    def pieces() -> Iterator[Execution]:
        for piece in columns(io.BytesIO(document)):
            assert len(list(piece)) == len(piece)
            yield from piece

    try:
        found.extend(one for one in pieces())
    except (NoReportError, UnfitError) as error:
        return found, str(error)
    return found, ""


@given(DOCUMENTS, st.sampled_from([1, 7, 50, 64 * 1024]), st.sampled_from(["utf-8", "iso-8859-1"]))
def test_a_document_tells_the_same_with_and_without(text: str, chunk: int, encoding: str) -> None:
    whole = f'<?xml version="1.0" encoding="{encoding}"?>\n<testsuite name="outer">{text}</testsuite>'.encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xml, "plain_encoding", lambda _start: False)
        plainly = read(whole)
        patch.setattr(xml, "_CHUNK", chunk)
        patch.setattr(xml, "plain_encoding", plain_encoding)
        assert read(whole) == plainly


def test_what_is_left_for_the_parser_has_a_mark_for_each_run_and_all_lines() -> None:
    plain = PlainCases()
    failing = '<testcase name="f"><failure/></testcase>'
    document = f"<testsuite>\n{PLAIN}\n{PLAIN}\n\n{failing}{PLAIN}</testsuite>"
    left = (plain.taken(document.encode()) + plain.rest()).decode()
    assert left.count("\n") == document.count("\n")
    assert left.count(plain.mark) == 2
    assert left.startswith("<testsuite>\n")
    assert failing in left
    assert "classname" not in left
    run = plain.run("1")
    assert (run.count, run.values("name"), run.values("time"), run.values("file")) == (
        2,
        ["n", "n"],
        ["0.5", "0.5"],
        None,
    )
    assert plain.run("2").count == 1


@pytest.mark.parametrize(
    "inside",
    [f"<!--{PLAIN}", f"<![CDATA[{PLAIN}", f"<?x {PLAIN}", f"<!DOCTYPE x [{PLAIN}", f"<system-out>&quot;{PLAIN[:-2]}"],
)
def test_what_is_no_case_is_left_alone(inside: str) -> None:
    plain = PlainCases()
    document = f"<testsuite>{inside}".encode()
    assert plain.taken(document) + plain.rest() == document


@pytest.mark.parametrize("size", [1, 2, 3, 40])
def test_a_case_in_two_pieces_is_held_back_until_it_is_whole(size: int) -> None:
    plain = PlainCases()
    document = f"<testsuite>{PLAIN}<!-- {PLAIN} -->{PLAIN}".encode()
    pieces = [document[at : at + size] for at in range(0, len(document), size)]
    left = b"".join(map(plain.taken, pieces)) + plain.rest()
    assert left.count(plain.mark.encode()) == 2
    assert left.count(b"<testcase") == 1


def test_attributes_that_tell_of_a_result_are_for_the_parser() -> None:
    plain = PlainCases()
    document = b'<testsuite><testcase name="a" status="notrun"/><testcase time="1"/></testsuite>'
    assert plain.taken(document) == document


def test_a_run_is_cut_between_cases() -> None:
    run = Run(("name",), '<testcase name="a"/>\n<testcase name="b"/><testcase name="c"/>', 3)
    first, rest = run.cut(1)
    assert (first.count, first.values("name"), rest.count, rest.values("name")) == (1, ["a"], 2, ["b", "c"])


@pytest.mark.parametrize(
    ("start", "plain"),
    [
        (b"<testsuite>", True),
        (b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>", True),
        (b'<?xml version="1.0" encoding="utf-16"?>', False),
        (b'<?xml version="1.0" encoding="iso-2022-jp"?>', False),
        ("<testsuite>".encode("utf-16"), False),
        ("<testsuite>".encode("utf-16-le"), False),
    ],
)
def test_only_where_ascii_stands_for_itself(start: bytes, plain: bool) -> None:
    assert plain_encoding(start) is plain
