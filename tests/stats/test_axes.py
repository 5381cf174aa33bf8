"""What an execution of a job had about it, read from what forges write."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from pipelinedoctor.stats.axes import AMONG_LONGEST, AXES, NEAR_LIMIT, NONE, axes, environment, family

SCHEMA = {
    "job": pl.String(), "name": pl.String(), "labels": pl.String(), "runner": pl.String(), "event": pl.String(),
    "attempt": pl.Int64(), "started_at": pl.Datetime("us", "UTC"), "run_created_at": pl.Datetime("us", "UTC"),
    "duration_s": pl.Float64(), "result": pl.String(),
}  # fmt: skip
MONDAY = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def read(*rows: dict[str, Any]) -> pl.DataFrame:
    plain = {"job": "j", "name": "test", "event": "push", "attempt": 1, "run_created_at": MONDAY, "result": "success"}
    frame = pl.DataFrame([dict.fromkeys(SCHEMA) | plain | row for row in rows], schema=SCHEMA)
    return axes(frame, ["job"]).select(list(AXES))


def one(axis: str, **row: Any) -> list[str] | str | None:
    value: str | None = read(row)[axis].item()
    return value.split("\x1f") if axis in ("matrix", "label") and value else value


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("test (windows-2025, 3.12)", ["3.12", "windows-2025"]),
        ("build / test (a)", ["a"]),
        ("test: [linux, 3.12]", ["3.12", "linux"]),
        ("test (3.12, 1/4)", ["3.12"]),
        ("test (2/4)", None),
        ("test (${{ matrix.os }})", None),
        ("test", None),
        ("test ( , )", None),
    ],
)
def test_values_of_a_matrix_stand_in_the_name(name: str, values: list[str] | None) -> None:
    assert one("matrix", name=name) == values


def test_what_a_matrix_has_in_common() -> None:
    names = pl.DataFrame({"name": ["test (windows-2025, 3.12)", "test: [linux]", "lint", "a (b) c"]})
    assert names.select(family("name")).to_series().to_list() == ["test", "test", "lint", "a (b) c"]


@pytest.mark.parametrize(
    ("row", "system"),
    [
        ({"labels": "ubuntu-24.04"}, "Linux"),
        ({"labels": "self-hosted,Windows,X64"}, "Windows"),
        ({"labels": "macos-15-xlarge"}, "macOS"),
        ({"labels": "gpu", "name": "test (windows-2025)"}, "Windows"),
        ({"labels": "linux", "name": "cross to windows"}, "Linux"),
        ({"name": "darwin"}, "macOS"),
        ({"runner": "win_7"}, "Windows"),
        ({"name": "window_manager winner machinery"}, None),
        ({}, None),
    ],
)
def test_operating_systems(row: dict[str, Any], system: str | None) -> None:
    assert one("os", **row) == system


@pytest.mark.parametrize(
    ("runner", "pool", "machine"),
    [
        ("gpu-pool-17", "gpu-pool", "gpu-pool-17"),
        ("arc-set-x7k2p-runner-abcde", "arc-set", "arc-set-x7k2p-runner-abcde"),
        ("GitHub Actions 117", "GitHub Actions", None),
        ("mini", "mini", "mini"),
        ("42", None, "42"),
        ("", None, None),
        (None, None, None),
    ],
)
def test_runners_and_their_pools(runner: str | None, pool: str | None, machine: str | None) -> None:
    found = read({"runner": runner})
    assert (found["pool"].item(), found["runner"].item()) == (pool, machine)


def test_labels_time_and_attempt() -> None:
    assert one("label", labels="self-hosted, gpu ,gpu") == ["gpu", "self-hosted"]
    assert one("label", labels="") is None
    found = read({}, {"attempt": 3, "started_at": MONDAY.replace(day=6, hour=23)})
    assert found["hour"].to_list() == ["08:00 to 12:00 UTC", "20:00 to 24:00 UTC"]
    assert found["weekday"].to_list() == ["Monday", "Tuesday"]
    assert found["attempt"].to_list() == ["first attempt", "later attempt"]


def test_near_the_limit_that_others_ran_into() -> None:
    durations: list[dict[str, Any]] = [
        {"duration_s": 3600.0, "result": "timed_out"},
        *({"duration_s": at} for at in (3300.0, 600.0, None)),
    ]
    assert read(*durations)["duration"].to_list() == [NEAR_LIMIT, NEAR_LIMIT, NONE, None]


def test_a_lost_machine_tells_of_no_limit() -> None:
    durations: list[dict[str, Any]] = [{"duration_s": 60.0, "result": "timed_out"}, {"duration_s": 600.0}]
    assert read(*durations)["duration"].to_list() == [None, None]


def test_among_the_longest_where_there_are_enough() -> None:
    durations = [{"duration_s": float(at)} for at in range(1, 201)]
    assert read(*durations)["duration"].to_list() == [NONE] * 197 + [AMONG_LONGEST] * 3
    assert read(*durations[:99])["duration"].unique().to_list() == [None]


def test_environments_and_parts_of_the_work() -> None:
    values = pl.DataFrame({"value": ["windows", "3.12", "jdk-17", "ubuntu-24.04", "unit", "checkstyle"]})
    told = values.select(environment("value")).to_series().to_list()
    assert told == [True, True, True, True, False, False]
