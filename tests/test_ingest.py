"""The core that takes in files: what becomes of them in the store, whatever they are."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelinedoctor import ingest as core
from pipelinedoctor.errors import UsageError
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.fetch.junit import Ledger, executions
from pipelinedoctor.ingest import Ingested, Refused, ingest
from pipelinedoctor.ingest_rows import Ids
from pipelinedoctor.manifest import Belonging, Handed, files
from pipelinedoctor.redaction import redacted
from pipelinedoctor.store.connection import Store

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = datetime(2026, 5, 1)  # noqa: DTZ001  as the store tells times
HOUR = timedelta(hours=1)
TOKEN = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
TABLES = ("repositories", "runs", "run_attempts", "jobs", "test_results", "fetch_gaps")

Put = Callable[[str, str | bytes], Path]
Rows = list[tuple[Any, ...]]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a file."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def suite(*cases: str, name: str = "s") -> str:
    return f'<testsuite name="{name}">{"".join(cases)}</testsuite>'


def passed(test: str) -> str:
    return f'<testcase classname="C" name="{test}" time="0.5"/>'


def failed(test: str, message: str = "no") -> str:
    return f'<testcase classname="C" name="{test}" time="0.5"><failure message="{message}">at 7</failure></testcase>'


def to(run: str = "1", **values: Any) -> Belonging:
    """A job of acme/app."""
    return Belonging(**{"repository": "acme/app", "run_id": run, "commit": "c0ffee"} | values)


def take(store: Store, *handed: tuple[Path, Belonging], now: datetime = NOW, host: str = "local") -> Ingested:
    return ingest(store, host, files([Handed(*one) for one in handed]), now, Silent())


def table(store: Store, columns: str, name: str, where: str = "true") -> Rows:
    rows: Rows = store.connection.execute(f"SELECT {columns} FROM {name} WHERE {where} ORDER BY ALL").fetchall()
    return rows


def everything(store: Store) -> Mapping[str, Rows]:
    return {name: table(store, "*", name) for name in TABLES}


def test_a_report_becomes_a_run_with_a_job_and_its_results(store: Store, put: Put) -> None:
    report = put("a.xml", suite(passed("adds"), failed("pays", f"bad token={TOKEN}")))
    at = datetime(2026, 5, 1, tzinfo=UTC)
    assert take(store, (report, to("17", branch="main", job="unit", started_at=at))) == Ingested(1, 2, 0, ())
    ids = Ids.of(to("17", job="unit"))
    assert table(store, "host, repository_id, forge, full_name, default_branch, html_url", "repositories") == [
        ("local", ids.repository, "files", "acme/app", None, "")
    ]
    assert table(
        store, "run_id, run_number, title, branch, commit_sha, status, result, attempt, created_at", "runs"
    ) == [(ids.run, 17, "17", "main", "c0ffee", "completed", "failure", 1, at.replace(tzinfo=None))]
    assert table(store, "run_id, attempt, result, started_at, derived", "run_attempts") == [
        (ids.run, 1, "failure", at.replace(tzinfo=None), True)
    ]
    assert table(store, "job_id, run_id, attempt, name, result, started_at, duration_s", "jobs") == [
        (ids.job, ids.run, 1, "unit", "failure", at.replace(tzinfo=None), None)
    ]
    assert table(store, "run_id, job_id, attempt, test, ordinal, suite, result, duration_s, message, detail", "test_results") == [
        (ids.run, ids.job, 1, "C::adds", 0, "s", "success", 0.5, None, None),
        (ids.run, ids.job, 1, "C::pays", 0, "s", "failure", 0.5, "bad token=<redacted:github_token>", "at 7"),
    ]  # fmt: skip
    assert table(store, "*", "sources") == [("local", "files", "ingested", NOW.replace(tzinfo=None), "complete")]


def test_ids_are_the_same_on_every_machine_and_of_one_repository_only() -> None:
    assert Ids.of(to("17")) == Ids(5592873574326663518, 9184509857985050496, 1038403869488718392)
    others = [to("17", repository="acme/web"), to("18"), to("17", attempt=2), to("17", job="lint")]
    assert len({Ids.of(one).run for one in (to("17"), *others)}) == 3
    assert len({Ids.of(one).job for one in (to("17"), *others)}) == 5


@pytest.mark.parametrize(
    ("run", "number"), [("17", 17), ("017", 17), ("v17", None), ("9" * 30, None), ("\u0661\u0667", None)]
)
def test_a_run_has_a_number_where_it_is_one(run: str, number: int | None, store: Store, put: Put) -> None:
    take(store, (put("a.xml", suite(passed("a"))), to(run)))
    assert table(store, "run_number, title", "runs") == [(number, run)]


def test_the_same_again_changes_nothing(store: Store, put: Put) -> None:
    reports = [put("a.xml", suite(failed("x"), passed("x"), passed("x"))), put("b.xml", suite(failed("x")) + "<")]
    first = take(store, *((one, to()) for one in reports))
    before = everything(store)
    later = take(store, *((one, to()) for one in reports), now=NOW + timedelta(days=3))
    assert (first.new, later.new, later.changed) == (4, 0, 0)
    assert everything(store) == before


def test_files_of_one_job_share_its_numbers_and_those_of_others_do_not(store: Store, put: Put) -> None:
    report = suite(failed("x"), passed("x"))
    handed = [(put(f"{n}.xml", report), to(job=job)) for n, job in enumerate(["a", "b", "a"])]
    take(store, *handed)
    names = {Ids.of(to(job=job)).job: job for job in "ab"}
    rows = table(store, "job_id, ordinal, result", "test_results")
    assert sorted((names[job], ordinal, result) for job, ordinal, result in rows) == [
        ("a", 0, "failure"), ("a", 1, "success"), ("a", 2, "failure"), ("a", 3, "success"),
        ("b", 0, "failure"), ("b", 1, "success"),
    ]  # fmt: skip


def test_a_further_call_for_a_job_adds_and_overwrites(store: Store, put: Put) -> None:
    take(store, (put("a.xml", suite(failed("x"), passed("y"))), to()))
    assert table(store, "result", "runs") == [("failure",)]
    done = take(store, (put("b.xml", suite(passed("x"), passed("z"))), to()))
    assert (done.new, done.changed) == (1, 1)
    assert table(store, "test, result", "test_results") == [(f"C::{test}", "success") for test in "xyz"]
    assert table(store, "result", "runs") == [("success",)]


def test_attempts_and_jobs_make_up_a_run(store: Store, put: Put) -> None:
    bad, good = put("bad.xml", suite(failed("x"))), put("good.xml", suite(passed("x")))
    day = datetime(2026, 5, 1, tzinfo=UTC)
    take(
        store,
        (good, to(job="a", branch="main", started_at=day)),
        (bad, to(job="b", started_at=day + timedelta(hours=1))),
    )
    take(store, (good, to(job="b", attempt=2, started_at=day + timedelta(hours=2))), now=NOW)
    assert table(store, "attempt, result, started_at", "run_attempts") == [
        (1, "failure", DAY), (2, "success", DAY + 2 * HOUR),
    ]  # fmt: skip
    assert table(store, "attempt, result, branch, created_at, updated_at", "runs") == [
        (2, "success", "main", DAY, DAY + 2 * HOUR)
    ]
    take(store, (bad, to(job="c", attempt=1)), now=NOW)
    assert table(store, "attempt, result, created_at", "runs") == [(2, "success", DAY)]


def test_a_run_without_a_start_is_dated_once(store: Store, put: Put) -> None:
    report = put("a.xml", suite(passed("x")))
    take(store, (report, to()))
    take(store, (report, to(job="other")), now=NOW + timedelta(days=1))
    assert table(store, "created_at", "runs") == [(NOW.replace(tzinfo=None),)]
    take(store, (report, to(started_at=NOW - timedelta(days=9))))
    assert table(store, "created_at, updated_at", "runs") == [(DAY - 132 * HOUR, DAY + 84 * HOUR)]
    assert table(store, "started_at", "jobs", "name = 'tests'") == [(DAY - 132 * HOUR,)]


def test_what_stood_before_a_fault_is_kept_and_the_gap_told_until_it_is_closed(store: Store, put: Put) -> None:
    whole = suite(*(passed(f"t{n}") for n in range(3_000)))
    report, other = put("a.xml", whole[:-100]), put("b.xml", suite(passed("b")))
    done = take(store, (report, to()), (other, to()))
    assert done == Ingested(1, done.new, 0, (Refused(str(report), "malformed XML in line 1"),))
    assert 2_900 < done.new < 3_001
    gap = ("local", "acme/app", "tests", f"run 1: {report}", "malformed XML in line 1", None)
    assert table(store, "*", "fetch_gaps") == [gap]
    assert table(store, "result", "jobs") == [("unknown",)], "what lacks may have failed"
    assert table(store, "outcome", "sources") == [("1 file read; not, or not whole: 1",)]
    report.write_text(whole)
    take(store, (report, to()), (other, to()))
    assert table(store, "*", "fetch_gaps") == []
    assert table(store, "result", "jobs") == [("success",)]
    assert table(store, "outcome", "sources") == [("complete",)]


def test_a_job_that_failed_failed_though_it_was_read_in_part(store: Store, put: Put) -> None:
    take(store, (put("a.xml", suite(failed("x"))[:-12] + "<"), to()))
    assert table(store, "result", "jobs") == [("failure",)]


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_archives_and_directories_are_looked_through(store: Store, put: Put) -> None:
    trx = '<TestRun><Results><UnitTestResult testName="t" outcome="Passed"/></Results></TestRun>'
    archive = put(
        "all.zip", zipped({"b/2.xml": suite(passed("two")), "1.TRX": trx, "pom.xml": "<project/>", "x.txt": "<"})
    )
    put("in/deep/a.xml", suite(passed("a")))
    put("in/b.xml.gz", gzip.compress(suite(passed("b")).encode()))
    put("in/pom.xml", "<project/>")
    put("in/notes.txt", "<")
    directory = archive.parent / "in"
    assert take(store, (archive, to("1")), (directory, to("2"))) == Ingested(3, 4, 0, ())
    runs = {Ids.of(to(run)).run: run for run in "12"}
    found = sorted((runs[run], test) for run, test in table(store, "run_id, test", "test_results"))
    assert found == [("1", "C::two"), ("1", "t"), ("2", "C::a"), ("2", "C::b")]


def test_a_file_that_is_given_twice_is_read_once(store: Store, put: Put, tmp_path: Path) -> None:
    report = put("in/a.xml", suite(passed("a")))
    assert (
        take(store, (tmp_path / "in", to()), (report, to()), (tmp_path / "in" / ".." / "in" / "a.xml", to())).new == 1
    )


BOMB = '<!DOCTYPE t [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'
XXE = '<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/hostname">]><testsuite><testcase name="kept"><error>&x;</error></testcase></testsuite>'
SLIPPED = zipped({"../../evil.xml": suite(passed("from a zip")), "deep/cut.xml": "<testsuite><"})
BROKEN = zipped({"a.xml": suite(*(passed(str(n)) for n in range(500)))})[:-200]


@pytest.mark.parametrize(
    ("name", "content", "reason", "tests"),
    [
        ("bomb.xml", BOMB, "XML with a DOCTYPE that declares entities is not read", []),
        ("xxe.xml", XXE, "XML with a DOCTYPE: what it refers to was not read", ["kept"]),
        ("cut.xml", "<testsuite><testcase name='a'/><", "malformed XML in line 1", ["a"]),
        ("empty.xml", "", "malformed XML in line 1", []),
        ("noise.xml", bytes(range(256)), "malformed XML in line 1", []),
        ("pom.xml", "<project/>", "no test report, but <project>", []),
        ("broken.zip", BROKEN, "broken archive (BadZipFile)", []),
        ("none.zip", zipped({"readme.txt": "x"}), "holds no report of tests", []),
        ("none.xml.gz", gzip.compress(b"<project/>"), "no test report, but <project>", []),
        ("cut.xml.gz", gzip.compress(suite(passed("a")).encode())[:-9], "broken archive (EOFError)", []),
    ],
)  # fmt: skip
def test_what_is_no_whole_report_is_told_and_the_rest_goes_in(
    name: str, content: str | bytes, reason: str, tests: list[str], store: Store, put: Put
) -> None:
    report = put(name, content)
    done = take(store, (report, to()), (put("good.xml", suite(passed("good"))), to()))
    assert done.refused == (Refused(str(report), reason),)
    assert done.files == 1
    assert table(store, "test", "test_results") == sorted((test,) for test in [*tests, "C::good"])


def test_of_an_archive_the_sound_files_are_kept(store: Store, put: Put, tmp_path: Path) -> None:
    report = put("in/a.zip", SLIPPED)
    done = take(store, (report, to()))
    assert done.refused == (Refused(f"{report}/deep/cut.xml", "malformed XML in line 1"),)
    assert table(store, "test", "test_results") == [("C::from a zip",)]
    assert not (tmp_path / "evil.xml").exists()


def test_what_is_not_there_leaves_no_gap(store: Store, put: Put, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = take(store, (tmp_path / "no.xml", to()), (tmp_path / "empty", to()), (put("p.xml", "<project/>"), to()))
    assert [(Path(one.name).name, one.reason) for one in done.refused] == [
        ("no.xml", "no such file"),
        ("empty", "no file in it ends with .xml or .trx"),
        ("p.xml", "no test report, but <project>"),
    ]
    assert {name: rows for name, rows in everything(store).items() if rows} == {}
    assert table(store, "fetched_at", "sources") == [(None,)]


def test_a_gap_alone_makes_no_run(store: Store, put: Put) -> None:
    take(store, (put("a.xml", BOMB), to()))
    assert [name for name, rows in everything(store).items() if rows] == ["fetch_gaps"]


def test_nothing_found_is_an_error(store: Store, put: Put) -> None:
    directory = put("in/pom.xml", "<project/>").parent
    with pytest.raises(UsageError, match="none of the files that were found is a report"):
        take(store, (directory, to()))


def test_an_empty_report_is_a_job_that_passed(store: Store, put: Put) -> None:
    assert take(store, (put("a.xml", "<testsuites/>"), to())) == Ingested(1, 0, 0, ())
    assert table(store, "result", "jobs") == [("success",)]


@pytest.mark.parametrize("origin", ["live", "recording", "simulated"])
def test_a_host_that_was_fetched_from_is_left_alone(origin: str, store: Store, put: Put) -> None:
    store.record_source(host="github.com", forge="github", origin=origin, fetched_at=NOW, outcome="complete")
    report = put("a.xml", suite(passed("a")))
    with pytest.raises(UsageError, match=r"--host github\.com: what it holds was fetched"):
        take(store, (report, to()), host="github.com")
    assert take(store, (report, to()), host="jenkins").new == 1


def test_names_are_redacted_and_bounded(store: Store, put: Put) -> None:
    report = put(f"{TOKEN}.xml", suite(passed(f"t[{TOKEN}]"), passed("n" * 3_000), name="a.b@example.org") + "<")
    done = take(store, (report, to(f"r {TOKEN}", job=f"j {TOKEN}", branch=f"b/{TOKEN}")))
    assert len(done.refused) == 1
    held = json.dumps(everything(store), default=str)
    assert TOKEN not in held
    assert "a.b@example.org" not in held
    assert "t[<redacted:github_token>]" in held
    assert max(len(test) for (test,) in table(store, "test", "test_results")) == 1_003


def test_a_name_in_an_archive_is_told_bounded_in_one_line_and_without_secrets(
    store: Store, put: Put, tmp_path: Path
) -> None:
    before = f"{tmp_path / 'a.zip'}/"
    padding = "n" * (1_000 - len(before) - len(TOKEN) // 2 - 1)
    names = [f"a\nok: b\x1b[2J\u202e{TOKEN}.xml", f"{padding}/{TOKEN}/{'n' * 60_000}.xml"]
    archive = put("a.zip", zipped(dict.fromkeys(names, "<testsuite><")))
    told = [one.name.removeprefix(before) for one in take(store, (archive, to())).refused]
    assert told[0] == "a\ufffdok: b\ufffd[2J\ufffd<redacted:github_token>.xml"
    assert told[1].startswith(f"{padding}/<redacted")
    assert len(before + told[1]) == 1_000
    assert "ghp_" not in json.dumps(everything(store)), "nor half a secret, where a name is cut"


@pytest.mark.parametrize(("limit", "least"), [("RESULTS", 250), ("CHARACTERS", 1), ("JOBS", 1)])
def test_batches_make_no_difference(
    limit: str, least: int, put: Put, new_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [failed(f"t{n % 700}") if n % 97 == 0 else passed(f"t{n % 700}") for n in range(1_500)]
    handed = [(put(f"{n}.xml", suite(*cases)), to(str(n // 2), job=f"j{n % 2}")) for n in range(4)]
    handed += [(put("cut.xml", suite(*cases)[:-50]), to("1", job="j1"))]
    stores = []
    for size in (None, least):
        if size:
            monkeypatch.setattr(core, limit, size)
        with new_store() as store:
            for _ in range(2):
                take(store, *handed)
            stores.append(everything(store))
    assert stores[1] == stores[0]
    assert len(stores[0]["test_results"]) > 7_000


def test_a_killed_ingestion_is_made_whole_by_the_next(store: Store, put: Put, new_store: Callable[[], Store]) -> None:
    handed = [(put(f"{n}.xml", suite(*(passed(f"t{k}") for k in range(50)))), to(str(n))) for n in range(4)]

    def breaking() -> Iterator[Handed]:
        yield from files([Handed(*one) for one in handed])

    class Killed(Silent):
        def advance(self, task: str, steps: int = 1) -> None:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "RESULTS", 10)
        with pytest.raises(KeyboardInterrupt):
            ingest(store, "local", breaking(), NOW, Killed())
    take(store, *handed)
    with new_store() as undisturbed:
        take(undisturbed, *handed)
        assert everything(store) == everything(undisturbed)


tests = st.sampled_from([passed("a"), failed("a"), passed("b"), failed("b", f"key={TOKEN}"), "<testcase/>",
    "<testcase name='a'><skipped/></testcase>", f"<testcase name='{TOKEN}'><failure>a.b@example.org</failure></testcase>",
    "<testcase name='f'><flakyFailure message='m'/></testcase>", "<testcase name='r'><error/><rerunError/></testcase>",
    "<testsuite name='in'><testcase name='n' time='1,000'/></testsuite>", "<testcase name='s' status='disabled'/>",
])  # fmt: skip
reports = st.lists(st.tuples(st.lists(tests, max_size=12), st.sampled_from(["x", "y"])), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def shared(new_store: Callable[[], Store]) -> Iterator[tuple[Store, Store]]:
    """Two stores for the examples of a law."""
    with new_store() as one, new_store() as other:
        yield one, other


@given(reports)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_store_what_rows_would(
    shared: tuple[Store, Store], tmp_path: Path, made: Sequence[tuple[list[str], str]]
) -> None:
    """The way of the fetchers, row by row, gives the same results of tests."""
    ours, theirs = shared
    for store in shared:
        for name in (*TABLES, "sources"):
            store.connection.execute(f"DELETE FROM {name}")
    handed = []
    ledgers: dict[str, Ledger] = {}
    rows = []
    for number, (cases, job) in enumerate(made):
        path = tmp_path / f"{number}.xml"
        path.write_text(suite(*cases))
        handed.append((path, to(job=job)))
    for path, belonging in sorted(handed, key=lambda one: [job for _, job in made].index(one[1].job)):
        ids = Ids.of(belonging)
        ledger = ledgers.setdefault(belonging.job, Ledger("local", ids.run, ids.job, 1))
        rows += [ledger.enter(execution) for execution in executions(io.BytesIO(path.read_bytes()))]
    theirs.write("local", redacted(rows))
    for _ in range(2):
        take(ours, *handed)
        assert table(ours, "*", "test_results") == table(theirs, "*", "test_results")


def test_runs_of_the_default_branch_are_its_history_and_the_branch_is_remembered(store: Store, put: Put) -> None:
    report = put("a.xml", suite(passed("adds")))
    take(store, (report, to("1", branch="main", default_branch="main")), (report, to("2", branch="main")))
    take(store, (report, to("3", branch="main")), (report, to("4", branch="feature")), (report, to("5")))
    assert table(store, "default_branch", "repositories") == [("main",)]
    assert table(store, "title, event, event_class", "run_history") == [
        ("1", "unknown", "default"),
        ("2", "unknown", "default"),
        ("3", "unknown", "default"),
        ("4", "unknown", "other"),
        ("5", "unknown", "other"),
    ]


def test_without_a_default_branch_no_run_is_of_it(store: Store, put: Put) -> None:
    take(store, (put("a.xml", suite(passed("adds"))), to(branch="main")))
    assert table(store, "default_branch, event_class", "run_history") == [(None, "other")]
