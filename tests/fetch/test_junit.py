import io
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.fetch.download import UnfitError
from pipelinedoctor.fetch.junit import Execution, Ledger, executions


def read(xml: str | bytes) -> list[Execution]:
    return list(executions(io.BytesIO(xml.encode() if isinstance(xml, str) else xml)))


def told(xml: str | bytes) -> list[tuple[str, str]]:
    return [(one.test, one.result) for one in read(xml)]


def test_a_plain_report() -> None:
    report = """<?xml version="1.0"?>
      <testsuite name="shop">
        <properties><property name="a" value="b"/></properties>
        <testcase classname="shop.Cart" name="adds" time="0.25"/>
        <testcase classname="shop.Cart" name="pays" time="1,234.5">
          <failure message="expected 3&#10;but was 4" type="AssertionError">at Cart.java:7</failure>
          <system-out>noise</system-out>
        </testcase>
        <testcase classname="shop.Cart" name="breaks"><error>
          KeyError: 'x'
          at line 3</error></testcase>
        <testcase classname="shop.Cart" name="waits"><skipped message="not on Windows"/></testcase>
      </testsuite>"""
    assert read(report) == [
        Execution("shop.Cart::adds", "shop", "success", 0.25, None, None),
        Execution("shop.Cart::pays", "shop", "failure", 1234.5, "expected 3", "at Cart.java:7"),
        Execution(
            "shop.Cart::breaks", "shop", "error", None, "KeyError: 'x'",
            "\n          KeyError: 'x'\n          at line 3",
        ),
        Execution("shop.Cart::waits", "shop", "skipped", None, "not on Windows", None),
    ]  # fmt: skip


def test_suites_nest_and_name_tests_that_have_no_class() -> None:
    report = """<testsuites name="all"><testsuite name="outer"><testsuite><testcase name="a"/></testsuite>
      <testsuite name="inner"><testcase name="b"/></testsuite><testcase name="c"/></testsuite>
      <testsuite><testcase name="d"/><testcase/><testcase classname="E"/></testsuite></testsuites>"""
    assert [(one.test, one.suite) for one in read(report)] == [
        ("outer::a", "outer"),
        ("inner::b", "inner"),
        ("outer::c", "outer"),
        ("d", None),
        ("E::", None),
    ]


def test_reruns_of_surefire_are_executions_in_their_order() -> None:
    report = """<testsuite name="s">
      <testcase classname="C" name="flaky" time="3"><flakyFailure message="first" time="1"><stackTrace>at 1</stackTrace>
        </flakyFailure><flakyError message="second" time="2"/></testcase>
      <testcase classname="C" name="broken" time="3"><failure message="one">at 1</failure>
        <rerunFailure message="two"><stackTrace>at 2</stackTrace></rerunFailure><rerunError message="three"/></testcase>
    </testsuite>"""
    rows = [(one.test, one.result, one.duration_s, one.message, one.detail) for one in read(report)]
    assert rows == [
        ("C::flaky", "failure", 1, "first", "at 1"),
        ("C::flaky", "error", 2, "second", None),
        ("C::flaky", "success", 3, None, None),
        ("C::broken", "failure", 3, "one", "at 1"),
        ("C::broken", "failure", 3, "two", "at 2"),
        ("C::broken", "error", 3, "three", None),
    ]


def test_a_case_with_several_outcomes_counts_as_the_worst() -> None:
    case = "<testsuite><testcase name='a'><skipped/><failure/><error message='e'/></testcase></testsuite>"
    assert told(case) == [("a", "error")]
    assert read(case)[0].message == "e"


@pytest.mark.parametrize("attributes", ["status='notrun'", "result='skipped'", "status='Disabled'"])
def test_cases_that_say_they_did_not_run(attributes: str) -> None:
    assert told(f"<testsuite><testcase name='a' {attributes}/></testsuite>") == [("a", "skipped")]


@pytest.mark.parametrize("time", ["", "fast", "NaN", "inf", "-1", "1e300"])
def test_a_time_that_is_none_is_not_known(time: str) -> None:
    assert read(f"<testsuite><testcase name='a' time='{time}'/></testsuite>")[0].duration_s is None


def test_namespaces_comments_and_instructions_are_looked_through() -> None:
    report = "<?pi x?><!-- c --><testsuite xmlns='urn:x'><!-- c --><testcase name='a'><!-- c --><?pi y?><failure/></testcase></testsuite>"
    assert told(report) == [("a", "failure")]


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_encodings(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    xml = f"<?xml version='1.0' encoding='{declared}'?><testsuite><testcase name='prüft'/></testsuite>"
    assert told(xml.encode(encoding)) == [("prüft", "success")]


def test_sizes_are_bounded() -> None:
    xml = (
        f"<testsuite name='{'s' * 2_000}'><testcase classname='{'c' * 2_000}' name='{'n' * 2_000}'>"
        f"<failure message='{'m' * 900}'>{'ü' * 20_000}</failure></testcase></testsuite>"
    )
    (one,) = read(xml)
    assert one.suite is not None
    assert one.message is not None
    assert one.detail is not None
    assert (len(one.test), len(one.suite), len(one.message)) == (2_002, 1_000, 500)
    assert len(one.detail.encode()) == 8_192


def test_a_text_of_many_megabytes_is_read() -> None:
    noise = "x" * 11_000_000
    report = f"<testsuite><testcase name='a'/><system-out>{noise}</system-out><testcase name='b'/></testsuite>"
    assert told(report) == [("a", "success"), ("b", "success")]


@pytest.mark.parametrize(
    "xml",
    [
        "<project/>",
        "<checkstyle><error/></checkstyle>",
        "<html><testcase name='a'/></html>",
        "<project><broken",
        "<!DOCTYPE html><html/>",
        "<!DOCTYPE html [<!ENTITY a 'b'>]><html>&a;</html>",
    ],
)
def test_xml_that_is_no_report_holds_no_tests(xml: str) -> None:
    assert read(xml) == []


BOMB = """<!DOCTYPE testsuite [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""
FILE = """<!DOCTYPE testsuite [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<testsuite><testcase name="a"><failure>&x;</failure></testcase></testsuite>"""


@pytest.mark.parametrize(
    "xml", [BOMB, FILE, BOMB.encode("utf-16"), "<!DOCTYPE testsuites SYSTEM 'x.dtd'><testsuites/>"]
)
def test_a_doctype_is_refused(xml: str | bytes) -> None:
    with pytest.raises(UnfitError, match="DOCTYPE"):
        read(xml)


@pytest.mark.parametrize(
    "xml", ["", "<testsuite>", "<testsuite><testcase name='a'></testsuite>", "{}", "<testsuite a='&x;'/>"]
)
def test_a_malformed_report_is_told(xml: str) -> None:
    with pytest.raises(UnfitError, match="malformed XML in line"):
        read(xml)


def test_what_stood_before_the_fault_is_kept() -> None:
    found = executions(io.BytesIO(b"<testsuite>" + b"<testcase name='a'/>" * 5_000 + b"<broken"))
    seen: list[str] = []
    with pytest.raises(UnfitError):
        seen.extend(one.test for one in found)
    assert len(seen) > 4_000


def test_only_what_stands_in_a_case_itself_tells_how_it_went() -> None:
    xml = (
        "<testsuite><failure/><testcase name='a'><properties><failure/></properties><system-out>x</system-out></testcase>"
        "<testcase name='b'><failure>why<!-- not --><b>this</b>nor this</failure></testcase>"
        "<testcase name='c'><error><![CDATA[a < b]]> &amp; c<stackTrace>deep<x>er</x></stackTrace></error></testcase>"
        "<testcase name='outer'><testcase name='inner'><skipped/></testcase><error/></testcase></testsuite>"
    )
    assert [(one.test, one.result, one.detail) for one in read(xml)] == [
        ("a", "success", None),
        ("b", "failure", "why"),
        ("c", "error", "deep"),
        ("inner", "skipped", None),
        ("outer", "error", None),
    ]


class Counted(io.BytesIO):
    """A file that says how much of it was read."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert 0 < size <= 2**20
        return super().read(size)


def test_a_report_is_read_piece_by_piece_and_no_further_than_asked() -> None:
    file = Counted(b"<testsuite>" + b"<testcase name='a'/>" * 50_000 + b"</testsuite>")
    found = executions(file)
    assert next(found).test == "a"
    assert file.tell() < 100_000
    assert sum(1 for _ in found) == 49_999


@given(st.binary(max_size=200) | st.text("<>/testsuicae='\" &;!-[]", max_size=120).map(str.encode))
@settings(deadline=None, max_examples=300)
def test_no_bytes_do_more_than_be_unfit(content: bytes) -> None:
    for start in (b"", b"<testsuite>", b"<testsuite><testcase name='a'>"):
        try:
            read(start + content)
        except UnfitError:
            continue


def test_a_ledger_numbers_executions_of_a_test_over_all_reports() -> None:
    ledger = Ledger("github.com", 1, 2, 3)
    rows = [ledger.enter(one) for report in ("ab", "ba") for name in report for one in read(case_of(name))]
    assert [(row.test, row.ordinal) for row in rows] == [("a", 0), ("b", 0), ("b", 1), ("a", 1)]
    assert {(row.host, row.run_id, row.job_id, row.attempt) for row in rows} == {("github.com", 1, 2, 3)}


def case_of(name: str) -> str:
    return f"<testsuite><testcase name='{name}'/></testsuite>"


def test_a_test_with_outcomes_without_end_is_refused_and_those_before_it_stay() -> None:
    found: list[str] = []
    report = "<testsuite><testcase name='a'/><testcase name='b'>" + "<failure/>" * 1_001 + "</testcase></testsuite>"
    with pytest.raises(UnfitError, match="more than 1000 outcomes"):
        found.extend(one.test for one in executions(io.BytesIO(report.encode().ljust(200_000))))
    assert len(read(report.replace("<failure/>", "<rerunFailure/>", 1).replace("<failure/>", "", 1))) == 3


def test_reports_of_a_reference_parsers_suite_have_the_counts_it_expects(data: Path) -> None:
    expected = dict(expected_counts(data))
    found = {name: Counter(one.result for one in executions(io.BytesIO(xml))) for name, (xml, _) in expected.items()}
    assert found == {name: counts for name, (_, counts) in expected.items()}
    assert len(found) == 24


def expected_counts(data: Path) -> Iterator[tuple[str, tuple[bytes, Counter[str]]]]:
    with tarfile.open(data / "junit" / "enricomi_test_files.tar.xz") as archive:
        files = {member.name: member for member in archive if member.isfile()}
        for name, member in files.items():
            xml = name.removesuffix(".results") + ".xml"
            if "/junit-xml/" not in name or not name.endswith(".results") or xml not in files:
                continue
            results = re.findall(r"\bresult='(\w+)'", content(archive, member).decode())
            if results:
                counts = Counter("skipped" if one == "disabled" else one for one in results)
                yield name, (content(archive, files[xml]), counts)


def content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()
