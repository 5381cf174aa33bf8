"""The ignore file: what it may hold, what it hides, what comes back, and that nothing is silently gone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelinedoctor.cli import app
from pipelinedoctor.errors import ConfigError
from pipelinedoctor.findings import Evidence, Finding, Subject
from pipelinedoctor.ignore_file import NAME, Entry, read
from pipelinedoctor.ignoring import sentence, without_ignored
from pipelinedoctor.model import Severity, Verdict

TODAY = date(2026, 3, 2)
GOOD = 'owner = "ann"\nreason = "moves to the new runners"\nexpires = 2026-03-31\n'


def finding(job: str | None = "unit", test: str | None = None) -> Finding:
    return Finding(
        query="flaky_jobs",
        subject=Subject(
            host="github.com", forge="github", repository="acme/web", pipeline="ci.yml", job=job, test=test
        ),
        verdict=Verdict.FLAKY,
        severity=Severity.LOW,
        confidence=None,
        title=f"{test or job} is flaky",
        evidence=Evidence(summary="s"),
        cost=None,
        since=None,
        next_step="n",
    )


def entry(expires: date = TODAY, **what: str) -> Entry:
    return Entry.model_validate({"owner": "ann", "reason": "moves", "expires": expires, **(what or {"job": "unit"})})


def write(folder: Path, text: str) -> Path:
    (folder / NAME).write_text(text, encoding="utf-8")
    return folder / NAME


def test_a_file_is_read_entry_by_entry(tmp_path: Path) -> None:
    text = (
        f'[[ignore]]\n{GOOD}fingerprint = "0123456789abcdef"\n\n[[ignore]]\n{GOOD}job = "unit*"\nquery = "flaky_jobs"\n'
    )
    one, two = read(write(tmp_path, text), TODAY)
    assert (one.fingerprint, one.owner, one.expires) == ("0123456789abcdef", "ann", date(2026, 3, 31))
    assert two.what == "query flaky_jobs, job unit*"


def test_no_file_is_no_entry_unless_it_is_named(tmp_path: Path) -> None:
    assert read(tmp_path / NAME, TODAY) == ()
    with pytest.raises(ConfigError, match="no such file; it is named by the key `ignore`"):
        read(tmp_path / NAME, TODAY, needed=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[ignore]\n", r"toml: is not TOML: .*line 1"),
        ('[ignore]\na = "b"\n', "ignore: write .* in double brackets"),
        (f"[[ignored]]\n{GOOD}", r"toml: ignored: no such key; write \[\[ignore\]\]"),
        (f"[[ignore]]\n{GOOD}", "entry 1: name a fingerprint, or patterns"),
        (f'[[ignore]]\n{GOOD}query = "flaky_jobs"\n', "entry 1: name a fingerprint, or patterns"),
        (
            f'[[ignore]]\n{GOOD}job = "a"\n[[ignore]]\n{GOOD}jobs = "a"\n',
            "entry 2: jobs: no such key; known are: owner",
        ),
        ('[[ignore]]\nreason = "r"\nexpires = 2026-03-31\njob = "a"\n', "entry 1: owner: is needed"),
        ('[[ignore]]\nowner = "o"\nreason = "r"\njob = "a"\n', "entry 1: expires: is needed"),
        (
            '[[ignore]]\nowner = " "\nreason = "r"\nexpires = 2026-03-31\njob = "a"\n',
            "entry 1: owner and reason are needed",
        ),
        (
            f'[[ignore]]\n{GOOD.replace("2026-03-31", "2026-06-01")}job = "a"\n',
            "more than 90 days ahead; 2026-05-31 is the",
        ),
        (f'[[ignore]]\n{GOOD.replace("2026-03-31", chr(34) + "soon" + chr(34))}job = "a"\n', "entry 1: expires: "),
        (f'[[ignore]]\n{GOOD}fingerprint = "xyz"\n', "entry 1: fingerprint: "),
        (f'[[ignore]]\n{GOOD}fingerprint = "0123456789abcdef"\njob = "a"\n', "has fingerprint and job"),
    ],
)
def test_a_bad_file_is_told_in_one_line_with_its_entry(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read(write(tmp_path, text), TODAY)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("what", "covered"),
    [
        ({"job": "unit"}, True),
        ({"job": "un*"}, True),
        ({"job": "uni"}, False),
        ({"job": "Unit"}, False),
        ({"job": "unit", "repository": "acme/*"}, True),
        ({"job": "unit", "repository": "other/*"}, False),
        ({"job": "unit", "query": "flaky_tests"}, False),
        ({"test": "*"}, False),
        ({"pipeline": "ci.yml"}, True),
        ({"fingerprint": finding().fingerprint}, True),
        ({"fingerprint": "0" * 16}, False),
    ],
)
def test_an_entry_is_about_what_it_names(what: dict[str, str], covered: bool) -> None:
    assert entry(TODAY, **what).covers(finding()) is covered


def test_brackets_of_a_test_are_no_pattern() -> None:
    assert entry(test="t::works[a-b]").covers(finding(job=None, test="t::works[a-b]"))
    assert not entry(test="t::works[a-b]").covers(finding(job=None, test="t::worksa"))


def test_what_is_ignored_is_counted_and_listed() -> None:
    left = without_ignored([finding(), finding("lint")], [entry()], TODAY)
    assert [one.title for one in left.kept] == ["lint is flaky"]
    assert left.section is not None
    (table,) = left.section.measures
    (row,) = table.rows
    assert (row["finding"], row["owner"], row["until"], row["reason"]) == ("unit is flaky", "ann", TODAY, "moves")
    assert row["fingerprint"] == finding().fingerprint
    assert table.caption == "1 finding: 1 low."
    assert sentence(left.section) == "Ignored until a day that is set: 1 finding."
    assert (left.section.findings, left.section.notes) == ((), ())


def test_an_entry_that_has_expired_is_a_finding_and_its_findings_are_back() -> None:
    left = without_ignored([finding()], [entry(TODAY - timedelta(days=2))], TODAY)
    assert [one.title for one in left.kept] == ["unit is flaky"]
    assert left.section is not None
    (told,) = left.section.findings
    assert (told.verdict, told.query) == (Verdict.EXPIRED, left.section.id)
    assert told.title == "The entry on job unit expired on 2026-02-28"
    assert told.evidence.summary == "It ended 2 days ago and is about 1 finding back in the report: 1 low."
    assert told.since == datetime(2026, 3, 1, tzinfo=UTC)
    assert sentence(left.section).endswith("Expired: 1 entry.")
    later = without_ignored([finding()], [entry(TODAY - timedelta(days=2))], TODAY + timedelta(days=9)).section
    assert later is not None
    assert later.findings[0].fingerprint == told.fingerprint


def test_a_later_entry_on_the_same_takes_the_place_of_an_expired_one() -> None:
    left = without_ignored([finding()], [entry(TODAY - timedelta(days=2)), entry()], TODAY)
    assert left.section is not None
    assert (left.kept, left.section.findings) == ((), ())


def test_an_entry_about_nothing_is_noted() -> None:
    left = without_ignored([finding("lint")], [entry()], TODAY)
    assert left.section is not None
    assert left.section.notes == (f"{NAME}, entry 1 (job unit), is about nothing that was found: it can be taken out.",)


def test_without_entries_there_is_no_section() -> None:
    found = replace(finding())
    assert without_ignored([found], [], TODAY).section is None


def test_a_bad_file_ends_a_report_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, f"[[ignore]]\n{GOOD}")
    done = CliRunner().invoke(app, ["report", "--out", "out"])
    assert done.exit_code == 2
    assert f"{NAME}: entry 1: name a fingerprint" in done.stderr
    assert not (tmp_path / "out").exists()
