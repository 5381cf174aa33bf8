"""What findings cost together: nothing twice, nothing of roll-ups, people once; and the order that follows from it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.derive.costs import Accounts, settled
from pipelinedoctor.findings import Claims, Cost, Evidence, Finding, Subject
from pipelinedoctor.model import Cause, Severity, Verdict
from pipelinedoctor.stats.prices import Price, Rates
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import History
from tests.helpers.verdicts import HOST, Made, fill, pushes

RATES = Rates(prices=(Price(host=HOST, label="ubuntu-latest", dollars=0.01, billed="minute"),))


def finding(name: str, cause: Cause, executions: Sequence[tuple[int, float]], cost: Cost | None = None) -> Finding:
    return Finding(
        query="q",
        subject=Subject(host=HOST, forge="github", repository="o/r1", job=name),
        verdict=Verdict.FLAKY,
        severity=Severity.LOW,
        confidence=None,
        title=name,
        evidence=Evidence(summary="s"),
        cost=cost,
        since=None,
        next_step="n",
        claims=Claims(cause=cause, executions=tuple(executions)),
    )


def failing(history: History) -> list[int]:
    rows = history.jobs(["job_id", "result"]).collect()
    return rows.filter(rows["result"] == "failure")["job_id"].to_list()


@pytest.fixture
def history(store: Store) -> History:
    """Three commits on which `unit` fails and passes again, between some on which it passes."""
    runs = [Made(commit=f"x{number}", jobs={"unit": "fp"}) for number in range(3)]
    return fill(store, [*pushes("p" * 3), *runs, *pushes("p" * 3, first=50)])


def minutes(accounts: Accounts) -> list[Any]:
    return [(one.cost.runner_minutes, one.cost.elsewhere_minutes) for one in accounts.findings if one.cost]


def test_a_minute_that_two_findings_claim_counts_with_the_primary_cause(history: History) -> None:
    jobs = failing(history)
    alone = minutes(settled([finding("job", Cause.FLAKY_JOB, [(job, 1.0) for job in jobs])], history, RATES))
    ((whole, nothing),) = alone
    assert whole > 0
    assert nothing == 0
    both = settled(
        [
            finding("job", Cause.FLAKY_JOB, [(job, 1.0) for job in jobs]),
            finding("test", Cause.FLAKY_TEST, [(job, 0.25) for job in jobs]),
            finding("outage", Cause.INFRASTRUCTURE, [(jobs[0], 1.0)]),
        ],
        history,
        RATES,
    )
    each = whole / 3
    assert minutes(both) == [
        (pytest.approx(1.5 * each), pytest.approx(1.5 * each)),
        (pytest.approx(0.5 * each), pytest.approx(0.25 * each)),
        (pytest.approx(each), 0.0),
    ]
    assert both.minutes == pytest.approx(whole)
    counted = [one.cost.people.minutes.expected for one in both.findings if one.cost and one.cost.people]
    assert both.people.expected == pytest.approx(sum(counted))
    assert [one.cost.people.interruptions for one in both.findings if one.cost and one.cost.people] == [2, 2, 1]


def test_people_wait_for_a_green_run_up_to_the_limit_and_are_interrupted_once(history: History) -> None:
    claim = finding("job", Cause.FLAKY_JOB, [(job, 1.0) for job in failing(history)])
    for cap in (0.0, 1.0, 60.0):
        (one,) = settled([claim], history, replace(RATES, wait_cap=cap, hourly=60.0)).findings
        assert one.cost is not None
        people = one.cost.people
        assert people is not None
        assert people.interruptions == 3
        assert people.wait_minutes <= 3 * cap
        assert people.minutes.low == pytest.approx(15 + people.wait_minutes)
        assert people.minutes.expected == pytest.approx(30 + people.wait_minutes)
        assert people.minutes.high == pytest.approx(84 + people.wait_minutes)
        assert people.dollars is not None
        assert people.dollars.expected == pytest.approx(people.minutes.expected)
        assert (people.wait_minutes > 0) is (cap > 0)


def test_a_job_that_only_reports_is_never_counted(store: Store) -> None:
    letters = ["f" if number % 4 == 0 else "p" for number in range(24)]
    runs = [Made(commit=f"c{number}", jobs={"unit": each, "all_after": each}) for number, each in enumerate(letters)]
    history = fill(store, runs)
    rows = history.jobs(["job_id", "job", "result"]).collect()
    red = rows.filter(rows["result"] == "failure")
    of = {job: red.filter(red["job"] == job)["job_id"].to_list() for job in ("unit", "all_after")}
    accounts = settled(
        [finding(job, Cause.FLAKY_JOB, [(each, 1.0) for each in jobs]) for job, jobs in of.items()], history, RATES
    )
    unit, rolled = accounts.findings
    assert unit.cost is not None
    assert rolled.cost is not None
    assert unit.cost.runner_minutes > 0
    assert (rolled.cost.runner_minutes, rolled.cost.jobs, rolled.last_at) == (0.0, 0, None)


def test_a_claim_on_what_the_window_does_not_hold_costs_nothing(history: History) -> None:
    (one,) = settled(
        [finding("x", Cause.OTHER, [(999_999, 1.0)], Cost(runner_minutes=7, jobs=1))], history, RATES
    ).findings
    assert one.cost is not None
    assert (one.cost.runner_minutes, one.cost.jobs, one.cost.dollars) == (0.0, 0, None)


def test_a_finding_without_claims_keeps_its_cost(history: History) -> None:
    own = replace(finding("x", Cause.OTHER, []), claims=None, cost=Cost(runner_minutes=7, jobs=1))
    assert settled([own], history, RATES) == Accounts(findings=(own,))


@given(st.data())
def test_findings_never_cost_more_than_ran(data: st.DataObject) -> None:
    history, jobs, ran = SHARED[0]
    claim = st.tuples(st.sampled_from(jobs), st.floats(0, 1))
    claims = data.draw(st.lists(st.tuples(st.sampled_from(list(Cause)), st.lists(claim, max_size=5)), max_size=6))
    found = [finding(f"f{number}", cause, made) for number, (cause, made) in enumerate(claims)]
    accounts = settled(found, history, RATES)
    assert accounts.minutes <= ran + 1e-9
    assert accounts.priced <= accounts.minutes + 1e-9
    assert sum(one.cost.runner_minutes for one in accounts.findings if one.cost) == pytest.approx(accounts.minutes)
    interruptions = 3
    assert accounts.people.high <= interruptions * (28 + 60) + 1e-9


SHARED: list[tuple[History, list[int], float]] = []


@pytest.fixture(autouse=True, scope="module")
def _shared(new_store: Callable[[], Store]) -> Iterator[None]:
    """A history that the law is tried on many times: it only reads."""
    store = new_store()
    runs = [Made(commit=f"x{number}", jobs={"unit": "fp"}) for number in range(3)]
    history = fill(store, [*pushes("p" * 3), *runs])
    SHARED.append((history, failing(history), float(history.totals().failing_minutes)))
    yield
    SHARED.clear()
    store.close()
