"""Reports of the runners of .NET, and what all dialects share: encodings, bounds, and the files of other parsers."""

import gzip
import io
import re
import tarfile
import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from pipelinedoctor.fetch import download
from pipelinedoctor.fetch.dialects import trx
from pipelinedoctor.fetch.download import MIB, UnfitError, report_members
from pipelinedoctor.fetch.junit import Execution, NoReportError, columns
from pipelinedoctor.fetch.xml import TAG_MOST


def read(xml: str | bytes) -> list[Execution]:
    """All executions; raises what reading raises."""
    file = io.BytesIO(xml.encode() if isinstance(xml, str) else xml)
    return [execution for piece in columns(file) for execution in piece]


def read_in_part(xml: str | bytes) -> tuple[list[str], str]:
    """The tests before the fault, and the fault."""
    found: list[str] = []
    pieces = columns(io.BytesIO(xml.encode() if isinstance(xml, str) else xml))
    with pytest.raises(UnfitError) as fault:
        found.extend(one.test for piece in pieces for one in piece)
    return found, str(fault.value)


def test_xunit_of_both_versions() -> None:
    report = """<assemblies><assembly name="Shop.dll"><errors/><collection name="All of Cart">
      <test name="Shop.Cart.Adds(n: 1)" type="Shop.Cart" method="Adds" time="0.25" result="Pass"><traits>
        <trait name="message" value="no"/></traits></test>
      <test name="Custom name" type="Shop.Cart" method="Pays" time="1" result="Fail"><failure exception-type="X">
        <message>Expected 3&#10;Actual 4</message><stack-trace>at Cart.cs:7</stack-trace></failure></test>
      <test name="Shop.Cart.Waits" type="Shop.Cart" result="Skip"><reason>not on Windows</reason></test>
      <test result="Pass"/></collection></assembly></assemblies>"""
    assert read(report) == [
        Execution("Shop.Cart::Adds(n: 1)", "All of Cart", "success", 0.25, None, None),
        Execution("Shop.Cart::Custom name", "All of Cart", "failure", 1, "Expected 3", "Expected 3\nActual 4\nat Cart.cs:7"),
        Execution("Shop.Cart::Waits", "All of Cart", "skipped", None, "not on Windows", None),
    ]  # fmt: skip
    old = (
        "<assembly name='a'><class name='C'><test name='C.m' type='C' result='Fail'/><test name='alone' result='Skip'>\
<reason><message>later</message></reason></test></class></assembly>"
    )
    assert [(one.test, one.suite, one.result, one.message) for one in read(old)] == [
        ("C::m", "C", "failure", None),
        ("alone", "C", "skipped", "later"),
    ]


def test_nunit_3() -> None:
    report = """<test-run><test-suite type="Assembly" name="Shop.dll" fullname="/x/Shop.dll"><failure><message>in a child
      </message></failure><test-suite type="TestFixture" name="Cart" fullname="Shop.Cart">
      <test-case name="Adds" fullname="Shop.Cart.Adds" classname="Shop.Cart" result="Passed" duration="0.25"/>
      <test-case name="Pays" fullname="Shop.Cart(1).Pays" classname="Shop.Cart" result="Failed" label="Error" duration="1">
        <properties><property name="message" value="no"/></properties>
        <failure><message><![CDATA[a < b]]></message><stack-trace>at 7</stack-trace></failure>
        <output>noise</output></test-case>
      <test-case name="Waits" fullname="Shop.Cart.Waits" result="Skipped"><reason><message>later</message></reason>
      </test-case><test-case name="Doubts" result="Inconclusive"/><test-case result="Passed"/>
      </test-suite></test-suite></test-run>"""
    assert read(report) == [
        Execution("Shop.Cart::Adds", "Shop.Cart", "success", 0.25, None, None),
        Execution("Shop.Cart::Pays", "Shop.Cart", "failure", 1, "a < b", "a < b\nat 7"),
        Execution("Shop.Cart.Waits", "Shop.Cart", "skipped", None, "later", None),
        Execution("Doubts", "Shop.Cart", "skipped", None, None, None),
    ]


def test_nunit_2_and_what_it_says_where_it_names_no_result() -> None:
    report = """<test-results><test-suite name="all"><results><test-suite><results>
      <test-case name="a" executed="True" success="True" time="0.5"/><test-case name="b" executed="True" success="False"/>
      <test-case name="c" executed="False"/><test-case name="d"><failure><message>m</message></failure></test-case>
      <test-case name="e" executed="True" result="Error" success="False"/></results></test-suite></results></test-suite>
      </test-results>"""
    assert [(one.test, one.suite, one.result) for one in read(report)] == [
        ("a", "all", "success"), ("b", "all", "failure"), ("c", "all", "skipped"), ("d", "all", "failure"),
        ("e", "all", "error"),
    ]  # fmt: skip


RESULTS = """<Results>
  <UnitTestResult testId="1" testName="Adds" outcome="Passed" duration="01:02:03.5"/>
  <UnitTestResult testId="2" testName="Shop.Cart.Pays" outcome="Failed" duration="fast"><Output><StdOut>noise</StdOut>
    <ErrorInfo><Message>Expected 3</Message><StackTrace>at 7</StackTrace></ErrorInfo></Output></UnitTestResult>
  <UnitTestResult testId="3" testName="Waits" outcome="NotExecuted"/>
  <UnitTestResult testId="4" testName="Rows" outcome="Failed" resultType="DataDrivenTest"><InnerResults>
    <UnitTestResult testId="4" testName="Rows (1)" outcome="Failed"/>
    <UnitTestResult testId="4" testName="Rows (2)"/></InnerResults></UnitTestResult>
</Results>"""
DEFINITIONS = """<TestDefinitions>
  <UnitTest id="1"><TestMethod className="Shop.Cart, Shop, Version=1.0" name="Adds"/></UnitTest>
  <UnitTest id="2"><TestMethod className="Shop.Cart" name="Pays"/></UnitTest>
  <UnitTest id="4"><TestMethod className="Shop.Table" name="Rows"/></UnitTest></TestDefinitions>"""


@pytest.mark.parametrize("parts", [(RESULTS, DEFINITIONS), (DEFINITIONS, RESULTS)])
def test_trx_in_either_order(parts: tuple[str, str]) -> None:
    assert read(f'<TestRun xmlns="http://x">{"".join(parts)}</TestRun>') == [
        Execution("Shop.Cart::Adds", "Shop.Cart", "success", 3_723.5, None, None),
        Execution("Shop.Cart::Pays", "Shop.Cart", "failure", None, "Expected 3", "Expected 3\nat 7"),
        Execution("Waits", None, "skipped", None, None, None),
        Execution("Shop.Table::Rows (1)", "Shop.Table", "failure", None, None, None),
        Execution("Shop.Table::Rows (2)", "Shop.Table", "success", None, None, None),
        Execution("Shop.Table::Rows", "Shop.Table", "failure", None, None, None),
    ]


def test_trx_that_breaks_off_keeps_what_it_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_in_part(f"<TestRun>{DEFINITIONS}{RESULTS}<cut")[0][:2] == ["Shop.Cart::Adds", "Shop.Cart::Pays"]
    monkeypatch.setattr(trx, "WAITING_MOST", 2)
    assert read_in_part(f"<TestRun>{RESULTS}</TestRun>") == (["Adds", "Shop.Cart.Pays"], "TRX with more than 2 results, or too much text")  # fmt: skip


@pytest.mark.parametrize("encoding", ["gbk", "shift_jis", "euc-kr", "big5", "windows-1252", "utf-16", "iso-8859-1"])
def test_encodings(encoding: str) -> None:
    name = "prüft" if encoding in ("windows-1252", "iso-8859-1") else "一"
    xml = f"<?xml version='1.0' encoding='{encoding}'?><testsuite><testcase name='{name}'/></testsuite>"
    assert [one.test for one in read(xml.encode(encoding))] == [name]


@pytest.mark.parametrize("encoding", ["klingon", "punycode", "rot13", "zlib"])
def test_encodings_that_are_not_known(encoding: str) -> None:
    fault = read_in_part(f"<?xml version='1.0' encoding='{encoding}'?><testsuite/>")[1]
    assert fault == f"in an encoding that is not known, {encoding}"


def test_bytes_that_are_not_of_the_encoding_they_claim() -> None:
    cases = "<testcase name='a'/>" * 10_000
    xml = (
        f"<?xml version='1.0' encoding='gbk'?><testsuite>{cases}".encode() + b"<testcase name='\xff\xff'/></testsuite>"
    )
    found, fault = read_in_part(xml)
    assert fault == "not in the encoding that it names, gbk"
    assert len(found) > 5_000


def test_a_prefix_is_looked_through() -> None:
    xml = "<j:testsuite xmlns:j='urn:x'><j:testcase name='a'><j:failure>why</j:failure></j:testcase></j:testsuite>"
    assert [(one.test, one.result, one.detail) for one in read(xml)] == [("a", "failure", "why")]


EXTERNAL = '<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % y SYSTEM "http://127.0.0.1:9/">%y;]>'
INTERNAL = '<!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
ATTRIBUTES = '<!DOCTYPE t [<!ATTLIST testcase classname CDATA "given">]>'


def test_an_external_entity_is_not_read_and_the_tests_around_it_are() -> None:
    xml = f"{EXTERNAL}<testsuite><testcase name='a'><failure>is: &x;.</failure></testcase><testcase name='b'/></testsuite>"
    found: list[Execution] = []
    with pytest.raises(UnfitError, match="DOCTYPE: what it refers to was not read"):
        found.extend(execution for piece in columns(io.BytesIO(xml.encode())) for execution in piece)
    assert [(one.test, one.result, one.detail) for one in found] == [("a", "failure", "is: ."), ("b", "success", None)]


@pytest.mark.parametrize(
    "use", ["name='&b;'", "name='a'", "name='a'><failure>&b;</failure></testcase><testcase name='c'"]
)
def test_entities_are_never_expanded(use: str) -> None:
    found, fault = read_in_part(f"{INTERNAL}<testsuite><testcase {use}/></testsuite>")
    assert (found, fault) == ([], "XML with a DOCTYPE that declares entities is not read")


def test_what_a_doctype_gives_to_elements_is_not_taken() -> None:
    assert read_in_part(f"{ATTRIBUTES}<testsuite><testcase name='a'/></testsuite>")[0] == ["a"]


@pytest.mark.parametrize(
    "declare",
    [
        lambda n: "".join(f'<!ATTLIST t a{k} CDATA "x">' for k in range(n)),
        lambda n: f"<!ATTLIST t {' '.join(f'a{k} CDATA #IMPLIED' for k in range(n))}>",
    ],
)
def test_attributes_are_not_declared_without_end(declare: Callable[[int], str]) -> None:
    many, few = (f"<!DOCTYPE t [{declare(n)}]><testsuite><testcase name='a'/></testsuite>" for n in (80_000, 100))
    assert read_in_part(many) == ([], "XML with a DOCTYPE of more declarations than a report has")
    assert read_in_part(few) == (["a"], "XML with a DOCTYPE: what it refers to was not read")


def test_entities_without_end_are_refused_before_they_are_all_kept() -> None:
    entities = "".join(f'<!ENTITY e{n} SYSTEM "x">' for n in range(101))
    assert "without end" in read_in_part(f"<!DOCTYPE t [{entities}")[1]


@pytest.mark.parametrize(
    "xml", ["<pom/>", "<!DOCTYPE html><html/>", f"{INTERNAL}<x/>", "<p:pom xmlns:p='u'><testsuite/></p:pom>"]
)
def test_other_xml_is_named_by_its_root(xml: str) -> None:
    with pytest.raises(NoReportError, match=r"no test report, but <\S+>"):
        read(xml)


@pytest.mark.parametrize(
    "make", [lambda n: f"<testcase name='{'x' * n}'/>", lambda n: f"<!--{'x' * n}-->", lambda n: f"<?x {'x' * n}?>"]
)
def test_a_tag_that_the_parser_would_have_to_keep_is_refused(make: Callable[[int], str]) -> None:
    found, fault = read_in_part(f"<testsuite><testcase name='a'/>{make(TAG_MOST + 200_000)}</testsuite>")
    assert (found, fault) == (["a"], f"a tag or comment of more than {TAG_MOST // MIB} MiB")
    assert read(f"<testsuite><testcase name='a'/>{make(100_000)}</testsuite>")[0].test == "a"


@pytest.mark.parametrize("tag", ["testcase", "testsuite", "x", "failure"])
@pytest.mark.parametrize("root", ["testsuite", "test-run", "assemblies", "TestRun"])
def test_elements_that_nest_without_end_are_refused(root: str, tag: str) -> None:
    assert read_in_part(f"<{root}>" + f"<{tag}>" * 100_000)[1] == "elements nest more than 1000 deep"


@pytest.mark.parametrize(
    ("root", "test", "child"),
    [("test-run", "test-case name='a'", "failure"), ("TestRun", "UnitTestResult testName='a'", "Output")],
)
def test_an_element_with_children_without_end_is_refused(root: str, test: str, child: str) -> None:
    assert "more than 1000 outcomes" in read_in_part(f"<{root}><{test}>" + f"<{child}/>" * 1_001)[1]


def test_a_failure_of_any_size_is_cut_and_what_stands_beside_is_not_kept() -> None:
    noise = "x" * 20_000_000
    report = f"<testsuite><testcase name='a'><system-out>{noise}</system-out><failure>{noise}</failure></testcase></testsuite>"
    (one,) = read(report)
    assert one.detail == "x" * 8_192
    assert one.message == "x" * 500


class Generated:
    """A report that is nowhere as a whole."""

    def __init__(self, piece: bytes, pieces: int) -> None:
        self._pieces = iter([b"<testsuite>", *([piece] * pieces), b"</testsuite>"])

    def read(self, _size: int = -1, /) -> bytes:
        return next(self._pieces, b"")


@pytest.mark.parametrize(
    "piece",
    [
        b"<testcase classname='c' name='n' time='1'/>" * 1_000,
        b"<testcase name='n'><failure>" + b"f" * 40_000 + b"</failure></testcase>",
        b"<system-out>" + b"o" * 40_000 + b"</system-out>",
    ],
)
def test_a_report_of_any_size_takes_little_memory(piece: bytes) -> None:
    tracemalloc.start()
    try:
        found = sum(len(one) for one in columns(Generated(piece, 100)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == 100 * piece.count(b"<testcase")
    assert peak < 2 * MIB


@cache
def files(data: Path) -> dict[str, bytes]:
    """The files of three other parsers' test suites."""
    found: dict[str, bytes] = {}
    for name in ("enricomi_test_files", "dorny_fixtures", "jenkins_junit_plugin"):
        with tarfile.open(data / "junit" / f"{name}.tar.xz") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    found[f"{name}/{member.name}"] = file.read()
    return found


NOT_REPORTS = {"junit-xml/non-junit": "no test report, but <suites>"}
"""Whose expected results are an error, and no counts."""
DOCTYPES = {"nunit/nunit3/jenkins/NUnit-sec1752-file", "nunit/nunit3/jenkins/NUnit-sec1752-https"}
"""Which refer to a file and to an address; the counts are those of the rest."""
JSON = {"dart/json/tests", "mocha/tests"}
"""Which are no XML; the reference converts them, and all others, into JUnit's."""


def expected(results: bytes) -> Counter[str]:
    told = re.findall(r"^      result='(\w+)'", results.decode(), re.MULTILINE)
    return Counter("skipped" if one == "disabled" else one for one in told)


def counted(xml: bytes) -> tuple[Counter[str], str]:
    """Results by kind, and the fault, if there is one."""
    counts: Counter[str] = Counter()
    try:
        for piece in columns(io.BytesIO(xml)):
            counts.update(one.result for one in piece)
    except (UnfitError, NoReportError) as error:
        return counts, str(error)
    return counts, ""


def test_all_files_with_expected_results_have_their_counts(data: Path) -> None:
    known = files(data)
    names = [name.removesuffix(".results") for name in known if name.endswith(".results")]
    assert len(names) == 69
    for name in names:
        short = name.partition("/test/files/")[2]
        own = next((known[name + ending] for ending in (".xml", ".trx") if name + ending in known), None)
        assert (own is None) == (short in JSON), name
        fault = NOT_REPORTS.get(short, "")
        told = expected(known[f"{name}.results"])
        assert counted(known[f"{name}.junit-xml"]) == (told, fault), name
        if own is not None:
            fault = "XML with a DOCTYPE: what it refers to was not read" if short in DOCTYPES else fault
            assert counted(own) == (told, fault), name


FAULTS = {
    "NUnit-issue17521.xml": "malformed XML in line 33",
    "NUnit-issue47367.xml": "malformed XML in line 5",
    "corrupt-xml.xml": "malformed XML in line 11",
    "empty.xml": "malformed XML in line 1",
    "junitResult.xml": "no test report, but <result>",
    "non-xml.xml": "malformed XML in line 1",
    "testXxe-oob.xml": "malformed XML in line 1",
    "testXxe-xxe.xml": "no test report, but <r>",
}
"""All of the other files that are not read to their end; each is what it is said to be."""
EMPTY = {
    "dotnet-trx-empty-test-definitions.trx", "dotnet-trx.trx", "java-junit.xml", "jest-junit-empty-testsuite.xml",
    "jest-junit.xml", "phpunit-empty.xml", "junit-report-6700.xml",
}  # fmt: skip


def test_all_other_files_are_read_or_say_why_not(data: Path) -> None:
    known = files(data)
    others = {
        name: content
        for name, content in known.items()
        if name.endswith((".xml", ".trx")) and f"{name.rpartition('.')[0]}.results" not in known
    }
    assert len(others) == 89
    faults = {name.rpartition("/")[2]: fault for name, xml in others.items() if (fault := counted(xml)[1])}
    assert faults == FAULTS
    empty = {name.rpartition("/")[2] for name, xml in others.items() if counted(xml) == (Counter(), "")}
    assert empty <= EMPTY


def members(path: Path) -> list[tuple[str, bytes]]:
    """What a file holds, read in pieces."""
    found = []
    with path.open("rb") as file:
        for member in report_members(file):
            content = b""
            while piece := member.stream.read(65_536):
                content += piece
            found.append((member.name, content))
    return found


def test_archives_of_another_suite_are_read(data: Path, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    archive = tmp_path / "reports.zip"
    for name, content in files(data).items():
        if name.endswith(".zip"):
            archive.write_bytes(content)
            for _, xml in members(archive):
                counts.update(counted(xml)[0])
    assert counts["success"] > 100


def test_a_report_may_be_packed(tmp_path: Path) -> None:
    packed = tmp_path / "a.xml.gz"
    packed.write_bytes(gzip.compress(b"<testsuite/>"))
    assert members(packed) == [("", b"<testsuite/>")]
    packed.write_bytes(gzip.compress(b"<testsuite>" * 100_000)[:-50])
    with pytest.raises(UnfitError, match=r"broken archive \(EOFError\)"):
        members(packed)


def test_what_is_packed_may_come_to_so_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "UNPACKED_MOST", 4 * MIB)
    packed = tmp_path / "a.xml.gz"
    packed.write_bytes(gzip.compress(bytes(4 * MIB)))
    assert len(members(packed)[0][1]) == 4 * MIB
    packed.write_bytes(gzip.compress(bytes(4 * MIB + 1)))
    with pytest.raises(UnfitError, match="more than 4 MiB"):
        members(packed)
