from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.fetch.attempts import carry_over, derived_attempts, placed, result_of_jobs
from pipelinedoctor.model import Job

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def listing(job_id: int, attempt: int, name: str, started: datetime | None, result: str = "success") -> Job:
    ended = started + timedelta(minutes=5) if started else None
    return Job(
        host="github.com",
        job_id=job_id,
        run_id=1,
        repository_id=1,
        attempt=attempt,
        name=name,
        status="completed",
        result=result,
        forge_result=result,
        created_at=None,
        started_at=started,
        completed_at=ended,
        queue_s=None,
        duration_s=300.0,
        labels=None,
        runner=None,
        carried_over=False,
        html_url="",
    )


@dataclass(frozen=True)
class History:
    """Listings of a run's jobs; `owner` tells which execution each listing is of."""

    jobs: list[Job]
    owner: dict[int, int]
    starts: dict[int, datetime]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A run rerun a few times: each attempt runs some jobs again and lists some of the others once more.

    Names may repeat, starts may seem to lie up to 50 s before their attempt, ids come in any order.
    """
    names = draw(st.lists(st.sampled_from(["build", "test (a)", "test (b)"]), min_size=1, max_size=5))
    attempts = draw(st.integers(1, 4))
    jobs: list[Job] = []
    owner: dict[int, int] = {}
    ids = iter(draw(st.permutations(range(1, 1 + attempts * len(names)))))
    last: list[tuple[int, datetime]] = []
    executions = 0
    for attempt in range(1, attempts + 1):
        for place, name in enumerate(names):
            how = "ran" if attempt == 1 else draw(st.sampled_from(["ran", "listed again", "absent"]))
            if how == "absent":
                continue
            if how == "ran":
                executions += 1
                started = START + attempt * DAY + timedelta(seconds=draw(st.integers(-50, 3_600)))
                last[place : place + 1] = [(executions, started)]
            job_id = next(ids)
            owner[job_id] = last[place][0]
            jobs.append(listing(job_id, attempt, name, last[place][1]))
    known = draw(st.sets(st.integers(1, attempts)))
    return History(draw(st.permutations(jobs)), owner, {attempt: START + attempt * DAY for attempt in known})


@given(histories())
@settings(deadline=None, max_examples=300)
def test_each_execution_counts_once_in_the_first_attempt_that_lists_it(history: History) -> None:
    marked = carry_over(history.jobs, history.starts)
    assert [replace(job, carried_over=False) for job in marked] == history.jobs
    counted = Counter(history.owner[job.job_id] for job in marked if not job.carried_over)
    assert counted == dict.fromkeys(history.owner.values(), 1)
    first = {owner: min(job.attempt for job in marked if history.owner[job.job_id] == owner) for owner in counted}
    assert all(job.attempt == first[history.owner[job.job_id]] for job in marked if not job.carried_over)


def test_a_copy_with_other_times_is_known_by_the_start_of_its_attempt() -> None:
    jobs = [listing(1, 1, "build", START), listing(2, 2, "build", START + timedelta(seconds=3))]
    assert [job.carried_over for job in carry_over(jobs, {2: START + DAY})] == [False, True]
    assert [job.carried_over for job in carry_over(jobs, {})] == [False, False]


def test_a_job_listed_late_for_the_first_time_still_counts() -> None:
    jobs = [listing(1, 2, "build", START), listing(2, 3, "build", START)]
    assert [job.carried_over for job in carry_over(jobs, {2: START + DAY})] == [False, True]


def test_jobs_that_never_started_are_not_copies() -> None:
    jobs = [listing(1, 1, "deploy", None, "skipped"), listing(2, 2, "deploy", None, "skipped")]
    assert not any(job.carried_over for job in carry_over(jobs, {2: START + DAY}))


@pytest.mark.parametrize(
    ("results", "result"),
    [
        (["success", "failure", "cancelled"], "failure"),
        (["success", "timed_out"], "failure"),
        (["success", "cancelled"], "cancelled"),
        (["success", "unknown"], "unknown"),
        (["success", "skipped"], "success"),
        (["skipped"], "skipped"),
        ([], "unknown"),
    ],
)
def test_the_result_of_an_attempt_follows_from_its_jobs(results: list[str], result: str) -> None:
    assert result_of_jobs(results) == result


def test_earlier_attempts_are_put_together_from_their_jobs() -> None:
    jobs = carry_over(
        [
            listing(1, 1, "build", START),
            listing(2, 1, "test", START + timedelta(minutes=1), "failure"),
            listing(3, 2, "build", START),
            listing(4, 2, "test", START + DAY),
        ],
        {},
    )
    (first,) = derived_attempts(jobs, newest=2)
    assert (first.attempt, first.result, first.forge_result, first.derived) == (1, "failure", None, True)
    assert (first.started_at, first.completed_at) == (START, START + timedelta(minutes=6))
    (second,) = derived_attempts(jobs, newest=1)
    assert (second.result, second.started_at) == ("success", START + DAY)


# --- Reckoned from times: GraphQL tells no attempt ------------------------------------------------------------------


@dataclass(frozen=True)
class Rerun:
    """A run as GitHub runs it: jobs of all attempts, as lists tell them (`attempt` is exact), and when the last began.

    `owner` tells which execution each listing is of, `ran` the attempt it ran in.
    """

    jobs: list[Job]
    owner: dict[int, int]
    ran: dict[int, int]
    newest: int
    began: datetime
    each_ran_all: bool


@st.composite
def reruns(draw: st.DrawFn, most: int = 4) -> Rerun:
    """Each attempt begins once the one before has ended, runs all jobs again or the failed ones, and may list the rest once
    more under new ids. An attempt may be over in seconds."""
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    attempts = draw(st.integers(1, most))
    copies = draw(st.booleans())
    ids = iter(range(1, 1 + attempts * len(names)))
    began, jobs, owner, ran = START, list[Job](), dict[int, int](), dict[int, int]()
    last: dict[str, Job] = {}
    all_again = True
    for attempt in range(1, attempts + 1):
        again = set(names) if attempt == 1 else draw(st.sets(st.sampled_from(names), min_size=1))
        all_again = all_again and (again == set(names) or attempt == 1)
        for name in names:
            if name in again:
                started = began + timedelta(seconds=draw(st.integers(0, 90)))
                ended = started + timedelta(seconds=draw(st.integers(1, 90)))
                number = next(ids)
                job = replace(listing(number, attempt, name, started), completed_at=ended)
                owner[number], ran[number] = number, attempt
                last[name] = job
                jobs.append(job)
            elif copies:
                number = next(ids)
                first = last[name]
                owner[number] = owner[first.job_id]
                jobs.append(replace(first, job_id=number, attempt=attempt))
        newest_began = began
        began = max(job.completed_at for job in jobs if job.completed_at) + timedelta(seconds=draw(st.integers(1, 99)))
    return Rerun(draw(st.permutations(jobs)), owner, ran, attempts, newest_began, all_again)


def told_by_graphql(history: Rerun) -> list[Job]:
    unknown = [replace(job, attempt=history.newest) for job in history.jobs]
    return carry_over(placed(unknown, history.newest, history.began), {history.newest: history.began})


@settings(max_examples=300)
@given(reruns())
def test_of_what_graphql_tells_each_execution_counts_once(history: Rerun) -> None:
    counted = Counter(history.owner[job.job_id] for job in told_by_graphql(history) if not job.carried_over)
    assert counted == dict.fromkeys(history.ran, 1)


@settings(max_examples=300)
@given(reruns(most=2))
def test_after_one_rerun_each_execution_counts_in_the_attempt_it_ran_in(history: Rerun) -> None:
    found = {history.owner[job.job_id]: job.attempt for job in told_by_graphql(history) if not job.carried_over}
    assert found == history.ran


@settings(max_examples=300)
@given(reruns().filter(lambda history: history.each_ran_all))
def test_where_each_attempt_ran_every_job_attempts_are_exact(history: Rerun) -> None:
    assert {job.job_id: job.attempt for job in told_by_graphql(history)} == history.ran


@settings(max_examples=300)
@given(reruns())
def test_lists_tell_the_attempt_of_each_execution(history: Rerun) -> None:
    marked = carry_over(history.jobs, {history.newest: history.began})
    assert {job.job_id: job.attempt for job in marked if not job.carried_over} == history.ran


def test_jobs_of_one_name_are_all_counted() -> None:
    jobs = [
        listing(1, 2, "build", START),
        listing(2, 2, "build", START + timedelta(seconds=1)),
        listing(3, 2, "build", START + DAY),
        listing(4, 2, "build", START + DAY),
    ]
    found = carry_over(placed(jobs, 2, START + DAY), {2: START + DAY})
    assert [(job.attempt, job.carried_over) for job in found] == [(1, False), (1, False), (2, False), (2, False)]


def test_what_never_started_belongs_to_the_newest_attempt() -> None:
    jobs = [listing(1, 1, "deploy", None, "skipped"), listing(2, 1, "deploy", START, "success")]
    assert [job.attempt for job in placed(jobs, 3, START + DAY)] == [3, 1]
    assert [job.attempt for job in placed(jobs, 3, None)] == [3, 3]
