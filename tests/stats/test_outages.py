"""Mass failures and roll-ups, each rule at its boundary, on frames made by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import polars as pl
import pytest

from pipelinedoctor.model import Category
from pipelinedoctor.stats.outages import roll_ups, with_outages

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
UNIT = ("job",)
Ran = dict[str, Any]
TIMES = {"started_at": pl.Datetime("us", "UTC"), "completed_at": pl.Datetime("us", "UTC")}


def ran(
    run: int, job: str, letter: str, *, attempt: int = 1, minute: float = 0, repository: int = 1, host: str = "h"
) -> Ran:
    """An execution of a minute; `f` failed, `p` passed."""
    at = START + timedelta(minutes=minute)
    return {
        "host": host, "repository_id": repository, "run_id": run, "attempt": attempt, "job": job, "run_created_at": at,
        "started_at": at, "completed_at": at + timedelta(minutes=1), "failed": letter == "f",
    }  # fmt: skip


def numbered(rows: Sequence[Ran]) -> pl.DataFrame:
    return pl.DataFrame([{**row, "job_id": number} for number, row in enumerate(rows)], schema_overrides=TIMES)


def struck(*rows: Ran, explained: Sequence[tuple[int, str, str]] = ()) -> list[int]:
    """The places of the executions that count as infrastructure; `explained`: place, category and fingerprint."""
    errors = pl.DataFrame(
        [(rows[place]["host"], place, category, text) for place, category, text in explained],
        schema={"host": pl.String, "job_id": pl.Int64, "category": pl.String, "fingerprint": pl.String},
        orient="row",
    )
    found = with_outages(numbered(rows), errors)
    assert found["job_id"].to_list() == list(range(len(rows)))
    assert found.columns == [*rows[0], "job_id", "infrastructure"]
    return found.filter("infrastructure")["job_id"].to_list()


@pytest.mark.parametrize(
    ("letters", "mass"),
    [
        ("fffp", True),
        ("ffff", True),
        ("fff", False),
        ("ffpp", False),
        ("fffpp", True),
        ("fffppp", True),
        ("fffpppp", False),
    ],
)
def test_an_attempt_fails_throughout_with_half_of_four_jobs_and_three(letters: str, mass: bool) -> None:
    found = struck(*(ran(1, f"job {place}", letter) for place, letter in enumerate(letters)))
    assert found == ([place for place, letter in enumerate(letters) if letter == "f"] if mass else [])


def test_attempts_and_hosts_are_looked_at_each_for_itself() -> None:
    first = [ran(1, f"job {place}", letter) for place, letter in enumerate("fffp")]
    again = [ran(1, f"job {place}", letter, attempt=2) for place, letter in enumerate("fppp")]
    elsewhere = [ran(1, f"job {place}", letter, host="other") for place, letter in enumerate("ffpp")]
    assert struck(*first, *again, *elsewhere) == [0, 1, 2]


def quiet(attempts: int, *, host: str = "h", letter: str = "p") -> list[Ran]:
    """Attempts of one job each, each in an hour of its own."""
    return [ran(1000 + n, "unit", letter, minute=-60 * (n + 1), host=host) for n in range(attempts)]


def red_hour(*repositories: int) -> list[Ran]:
    """An attempt of one failing job in each of the repositories, all in one hour."""
    runs = count(1)
    return [ran(next(runs), "unit", "f", minute=place * 5, repository=one) for place, one in enumerate(repositories)]


def test_an_hour_is_bad_where_chance_hardly_makes_so_many_red() -> None:
    # At 4 red of 34 attempts four in a row have p = 1.9e-4, at 5 of 35 five have p = 5.9e-5.
    assert struck(*red_hour(1, 2, 3, 4), *quiet(30)) == []
    assert struck(*red_hour(1, 2, 3, 4, 5), *quiet(30)) == [0, 1, 2, 3, 4]


def test_an_hour_is_bad_only_by_the_rate_of_its_own_host() -> None:
    assert struck(*red_hour(1, 2, 3, 4), *quiet(30), *quiet(500, host="other")) == []
    assert struck(*red_hour(1, 2, 3, 4, 5), *quiet(30), *quiet(90, host="other", letter="f"))[:6] == [0, 1, 2, 3, 4]


def test_an_hour_of_a_host_that_is_always_red_is_no_news() -> None:
    assert struck(*red_hour(1, 2, 3, 4, 5, 6), *quiet(30, letter="f")) == []


def test_an_hour_is_bad_with_failures_in_three_repositories() -> None:
    assert struck(*red_hour(1, 1, 2, 2, 2, 2), *quiet(60)) == []
    assert struck(*red_hour(1, 1, 2, 2, 2, 3), *quiet(60)) == [0, 1, 2, 3, 4, 5]
    passing = ran(50, "unit", "p", minute=3, repository=3)
    assert struck(*red_hour(1, 1, 2, 2, 2, 2), passing, *quiet(60)) == []


def test_what_passed_in_a_bad_hour_is_no_infrastructure() -> None:
    passing = ran(50, "unit", "p", minute=3, repository=3)
    assert struck(*red_hour(1, 2, 3, 4, 5, 6), passing, *quiet(60)) == [0, 1, 2, 3, 4, 5]


def test_the_hour_is_that_in_which_the_attempt_began() -> None:
    late = [{**row, "run_created_at": START - timedelta(hours=n)} for n, row in enumerate(red_hour(1, 2, 3, 4, 5))]
    assert struck(*late, *quiet(30)) == [0, 1, 2, 3, 4]
    unknown = [{**row, "started_at": None} for row in red_hour(1, 2, 3, 4, 5)]
    assert struck(*unknown, *quiet(30)) == [0, 1, 2, 3, 4]


def three(
    minutes: Sequence[float], *, jobs: Sequence[str] = "abc", repositories: Sequence[int] = (1, 2, 3)
) -> list[Ran]:
    """Three failing executions, in runs of their own that have another job that passed."""
    return [
        ran(number, job, "f", minute=minute, repository=repository)
        for number, (minute, job, repository) in enumerate(zip(minutes, jobs, repositories, strict=True))
    ]


def all_say(category: str, text: str = "x") -> list[tuple[int, str, str]]:
    return [(place, category, text) for place in range(3)]


@pytest.mark.parametrize("category", list(Category))
def test_one_error_in_three_repositories_within_an_hour_is_shared(category: Category) -> None:
    shared = {Category.RUNNER, Category.NETWORK, Category.REGISTRY, Category.RATE_LIMIT}
    found = struck(*three((0, 20, 40)), *quiet(20), explained=all_say(category.value))
    assert found == ([0, 1, 2] if category in shared else [])


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        ((0, 30, 60), [0, 1, 2]),  # each has the two others within an hour
        ((0, 60, 120), [1]),  # only the second has
        ((0, 60, 121), []),
    ],
)
def test_an_hour_goes_before_and_after(minutes: Sequence[float], found: list[int]) -> None:
    assert struck(*three(minutes), *quiet(20), explained=all_say("network")) == found


def test_different_errors_are_not_shared() -> None:
    differ = [(0, "network", "x"), (1, "network", "y"), (2, "network", "x")]
    assert struck(*three((0, 1, 2)), *quiet(20), explained=differ) == []


@pytest.mark.parametrize(
    ("jobs", "repositories", "found"),
    [("abc", (1, 1, 1), [0, 1, 2]), ("aab", (1, 1, 1), []), ("abc", (1, 1, 2), [])],
    ids=["three jobs", "two jobs", "two repositories"],
)
def test_three_jobs_of_one_repository_share_an_error(jobs: str, repositories: Sequence[int], found: list[int]) -> None:
    rows = three((0, 20, 40), jobs=jobs, repositories=repositories)
    assert struck(*rows, *quiet(20), explained=all_say("runner")) == found


def test_an_error_counts_at_the_end_of_its_job() -> None:
    rows = three((0, 0, 0))
    ends = [{**row, "completed_at": START + timedelta(minutes=55 * place)} for place, row in enumerate(rows)]
    assert struck(*ends, *quiet(20), explained=all_say("network")) == [1]


def test_nothing_failed_nothing_struck() -> None:
    assert struck(*quiet(3)) == []


# Roll-ups


def after(run: int, *, unit: str, closing: str, wait: float = 1) -> list[Ran]:
    """A run whose job `closing` starts `wait` minutes after `unit` did, which takes one."""
    start = run * 60
    return [ran(run, "unit", unit, minute=start), ran(run, "closing", closing, minute=start + wait)]


def rolled(*runs: list[Ran]) -> list[tuple[str, int]]:
    return roll_ups(numbered([row for run in runs for row in run]), UNIT).rows()


GREEN = [after(n, unit="p", closing="p") for n in range(10, 40)]


def test_a_job_that_fails_only_after_others_is_a_roll_up() -> None:
    red = [after(n, unit="f", closing="f") for n in range(2)]
    assert rolled(*red, *GREEN) == [("closing", 2)]


def test_once_is_no_habit() -> None:
    assert rolled(after(1, unit="f", closing="f"), *GREEN) == []


def test_a_job_that_started_before_the_other_had_failed_reports_nothing() -> None:
    red = [after(n, unit="f", closing="f", wait=wait) for n, wait in enumerate((1, 0.9))]
    assert rolled(*red, *GREEN) == []


def test_a_job_that_once_failed_alone_is_none() -> None:
    red = [after(n, unit="f", closing="f") for n in range(5)]
    assert rolled(*red, after(6, unit="p", closing="f"), *GREEN) == []


def test_a_job_that_ended_as_it_began_did_not_fail_after_itself() -> None:
    red = [{**ran(n, "unit", "f"), "completed_at": START} for n in range(2)]
    assert rolled(red, *GREEN) == []


def test_what_chance_explains_is_no_roll_up() -> None:
    # The other failed before it in 2 of 8 runs: that both of its failures lie there has p = 1/16; in 2 of 9, 4/81.
    red = [after(n, unit="f", closing="f") for n in range(2)]
    assert rolled(*red, *GREEN[:6]) == []
    assert rolled(*red, *GREEN[:7]) == [("closing", 2)]
