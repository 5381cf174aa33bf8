import dataclasses
import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipelinedoctor.findings import Column, Evidence, Finding, Link, Measure
from pipelinedoctor.model import Severity, Verdict
from pipelinedoctor.report.json import JsonRenderer, document, plain
from pipelinedoctor.report.model import Report

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
Make = Callable[..., Report]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_report_keeps_the_schema(make_report: Make) -> None:
    assert list(VALIDATOR.iter_errors(json.loads(JsonRenderer().text(make_report())))) == []


def test_the_schema_refuses_what_the_report_does_not_say(make_report: Make) -> None:
    made = document(make_report())
    changes: tuple[Callable[[Any], Any], ...] = (
        lambda one: one.pop("origin"),
        lambda one: one.update(more=1),
        lambda one: one["findings"][0].update(verdict="odd"),
        lambda one: one["findings"][0].update(confidence=1.2),
        lambda one: one["findings"][0]["evidence"]["links"][0].update(url="javascript:alert(1)"),
        lambda one: one.update(generated_at="yesterday"),
    )
    for change in changes:
        broken = json.loads(json.dumps(made))
        change(broken)
        assert not VALIDATOR.is_valid(broken)


def test_the_schema_knows_the_words_of_the_model() -> None:
    finding = SCHEMA["$defs"]["finding"]["properties"]
    assert finding["verdict"]["enum"] == list(Verdict)
    assert finding["severity"]["enum"] == list(Severity)
    units = SCHEMA["$defs"]["measure"]["properties"]["columns"]["items"]["properties"]["unit"]["enum"]
    assert tuple(units) == Column.__annotations__["unit"].__args__


def test_all_findings_and_all_rows_are_in_it(make_report: Make) -> None:
    report = make_report()
    made = document(report)
    assert [one["fingerprint"] for one in made["findings"]] == [one.fingerprint for one in report.findings]
    assert {one["id"]: len(one["rows"]) for one in made["measures"]} == {"clusters": 845, "release": 26, "merge": 36}
    assert made["failed_queries"] == ["broken"]
    assert made["sections"][0]["findings"] == [one.fingerprint for one in report.sections[0].findings]


def test_a_finding_reads_as_it_was_found(make_report: Make) -> None:
    one = document(make_report())["findings"][0]
    assert one["query"] == "flaky_jobs"
    assert one["subject"] == {
        "host": "github.com",
        "forge": "github",
        "repository": "acme/checkout",
        "pipeline": ".github/workflows/ci.yml",
        "job": "integration (payments)",
        "test": None,
        "service": None,
        "environment": None,
    }
    assert (one["verdict"], one["severity"], one["confidence"]) == ("flaky", "critical", 0.994)
    assert (one["evidence"]["k"], one["evidence"]["n"]) == (17, 515)
    assert one["since"] == "2026-01-12T09:30:00Z"
    assert one["cost"]["runner_minutes"] == 1236


def test_the_same_report_is_the_same_text(make_report: Make) -> None:
    assert JsonRenderer().text(make_report()) == JsonRenderer().text(make_report())


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (math.nan, None),
        (-math.inf, None),
        (Decimal("1.5"), 1.5),
        (Decimal("NaN"), None),
        (Verdict.FLAKY, "flaky"),
        (date(2022, 6, 14), "2022-06-14"),
        (datetime(2022, 6, 14, 1, tzinfo=timezone(timedelta(hours=2))), "2022-06-13T23:00:00Z"),
        (datetime(2022, 6, 14, 1, tzinfo=UTC).replace(tzinfo=None), "2022-06-14T01:00:00Z"),
        ("half \ud800 pair \x00", "half \ufffd pair \x00"),
        (("a", 1), ["a", 1]),
        ({"a": math.inf}, {"a": None}),
    ],
)
def test_values_become_plain(value: Any, made: Any) -> None:
    assert plain(value) == made
    assert type(plain(value)) is type(made)


def test_what_has_no_place_is_refused() -> None:
    with pytest.raises(TypeError, match="timedelta has no place in a report"):
        plain(timedelta(1))


def test_hostile_text_is_bounded_and_the_document_still_whole(
    make_report: Make, make_finding: Callable[..., Finding]
) -> None:
    evidence = Evidence(
        summary="x" * 1_000_000,
        links=(Link(text="\ud800", url="javascript:alert(1)"), Link(text="ok", url="https://a.example/1")),
        excerpt="\x1b[31m\x00</script>",
    )
    text = JsonRenderer().text(make_report(findings=(make_finding(evidence=evidence),)))
    assert text.isascii()
    made = json.loads(text)
    assert list(VALIDATOR.iter_errors(made)) == []
    found = made["findings"][0]["evidence"]
    assert found["summary"].endswith("… (980,000 more characters)")
    assert found["links"] == [{"text": "\ufffd", "url": None}, {"text": "ok", "url": "https://a.example/1"}]
    assert found["excerpt"] == "\x1b[31m\x00</script>"


def test_an_empty_report_keeps_the_schema(make_empty: Callable[[], Report]) -> None:
    made = document(make_empty())
    assert list(VALIDATOR.iter_errors(made)) == []
    assert made["sections"][0]["reason"] == "too little history: 0 of 10 runs"


def test_a_measure_without_rows_says_why(make_report: Make, make_table: Callable[[int], Measure]) -> None:
    report = make_report()
    empty = dataclasses.replace(make_table(0), reason="logs expired")
    section = dataclasses.replace(report.sections[1], measures=(empty,))
    assert document(dataclasses.replace(report, sections=(section,)))["measures"][0]["reason"] == "logs expired"


def test_writes_one_file(tmp_path: Path, make_report: Make) -> None:
    assert JsonRenderer().render(make_report(), tmp_path) == [tmp_path / "report.json"]
    assert json.loads((tmp_path / "report.json").read_text())["schema_version"] == "1"
