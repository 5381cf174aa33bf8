from datetime import timedelta

import pytest

from pipelinedoctor.findings import Answer, Measure
from pipelinedoctor.model import Severity, Verdict
from pipelinedoctor.store.connection import Store
from queries.lead_time import Options, lead_time
from tests.helpers.branch import START, Ran, fill, sha

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
HALF_YEAR = 26 * 7


def ask(store: Store, runs: list[Ran], options: Options | None = None, *, every: timedelta = DAY) -> Answer:
    return lead_time(fill(store, runs, every=every), options or Options())


def measure(answer: Answer, name: str) -> Measure:
    return next(one for one in answer.measures if one.id == name)


def times(answer: Answer) -> dict[str, tuple[int, float | None, int]]:
    return {row["what"]: (row["n"], row["median"], row["all"]) for row in measure(answer, "times").rows}


def green(number: int = 1, **changed: object) -> list[Ran]:
    return [Ran(jobs={"build": "s"}, **changed)] * number  # type: ignore[arg-type]


def test_from_commit_to_the_end_of_the_green_run(store: Store) -> None:
    found = times(ask(store, green(3)))

    # Committed five minutes before the run was made, which took half an hour.
    assert found["Lead time to green main"] == (3, 35 * 60, 3)
    assert found["Run duration"] == (3, 30 * 60, 3)


def test_a_failed_run_becomes_green_with_its_rerun(store: Store) -> None:
    # The second attempt starts 90 minutes after the first.
    assert times(ask(store, [Ran(jobs={"build": "fs"})]))["Lead time to green main"] == (1, (5 + 90 + 30) * 60, 1)


def test_a_commit_is_green_with_the_first_later_one_that_is(store: Store) -> None:
    runs = [Ran(jobs={"build": "f"}), Ran(jobs={"build": "f"}), *green(1)]

    weeks = measure(ask(store, runs, every=HOUR), "lead_time").rows

    assert [(row["n"], row["median"]) for row in weeks] == [(3, 60 * 60 + 35 * 60)]


def test_a_scheduled_run_makes_a_commit_green_but_is_no_commit(store: Store) -> None:
    runs = [
        Ran(jobs={"build": "f"}, commit=sha(0)),
        Ran(jobs={"build": "s"}, commit=sha(0), event="schedule", committed=None),
    ]

    assert times(ask(store, runs, every=HOUR))["Lead time to green main"] == (1, 95 * 60, 1)


def test_what_is_left_out_is_counted(store: Store) -> None:
    runs = [*green(2), *green(1, committed=-2 * HOUR), *green(3, committed=None), Ran(jobs={"build": "f"})]

    answer = ask(store, runs)

    assert times(answer)["Lead time to green main"][0] == 5
    assert [note for note in answer.notes if note.startswith("Lead time")] == [
        "Lead time: 1 of 7 commits left out: they have not become green yet, by themselves or by a later commit.",
        "Lead time: 1 of 7 commits left out: they carry a commit time after their green run.",
        "Lead time: of 3 of 7 commits the time is not known; their run's creation stands for it.",
    ]
    assert "5 of 7 commits" in measure(answer, "lead_time").caption


@pytest.mark.parametrize("letters", ["f", "fs", "c"])
def test_only_whole_successful_attempts_have_a_duration(store: Store, letters: str) -> None:
    partial = Ran(jobs={"build": letters, "unit": "s" if len(letters) == 1 else "s."})

    assert times(ask(store, [partial, *green(2)]))["Run duration"] == (2, 30 * 60, 2)


def test_a_rerun_of_all_jobs_has_a_duration(store: Store) -> None:
    assert times(ask(store, [Ran(jobs={"build": "fs", "unit": "ss"})]))["Run duration"] == (1, 30 * 60, 1)


def test_a_skipped_job_does_not_count_for_the_duration(store: Store) -> None:
    assert times(ask(store, [Ran(jobs={"build": "s", "deploy": "k"})] * 2))["Run duration"][0] == 2


def test_the_kind_of_runs_a_pipeline_has_more_of_is_timed(store: Store) -> None:
    changes = [Ran(jobs={"build": "s"}, event="pull_request", branch="topic", minutes=50)] * 3

    assert times(ask(store, green(2) + changes))["Run duration"] == (3, 50 * 60, 3)


def test_queue_time_is_by_host_and_labels(store: Store) -> None:
    answer = ask(store, green(3, queue_s=12.0))

    assert times(answer)["Queue time"] == (3, 12, 3)
    assert [row["panel"] for row in measure(answer, "queue_time").rows] == ["ubuntu on github.com"]


def test_queue_time_that_was_not_told_is_no_data(store: Store) -> None:
    answer = ask(store, green(3))

    assert measure(answer, "queue_time").reason == "no queue time: of 3 jobs the forge told none for 3"
    assert answer.notes == []


def test_jobs_without_a_queue_time_are_noted_where_others_have_one(store: Store) -> None:
    answer = ask(store, [*green(2, queue_s=12.0), *green(1)])

    assert answer.notes == ["Queue time: of 3 jobs the forge told none for 1."]


def test_jobs_of_which_only_the_outcome_was_read_are_noted_apart(store: Store) -> None:
    answer = ask(store, [*green(2, queue_s=12.0), *green(1), *green(3, detail="outcomes")])

    assert answer.notes == [
        "Queue time: of 6 jobs it was not read for 3, to save requests, and the forge told none for 1."
    ]


def growing(monthly: float, *, queue_s: float | None = None, jobs: int = HALF_YEAR) -> list[Ran]:
    # A few per cent up and down, so that weeks differ.
    return [
        Ran(
            jobs={"build": "s"},
            minutes=30 * (1 + monthly) ** (day / 30) * (1 + 0.03 * (day * 7 % 5 - 2) / 2) if queue_s is None else 30,
            queue_s=None if queue_s is None else queue_s * (1 + monthly) ** (day / 30),
        )
        for day in range(jobs)
    ]


def test_a_duration_that_grows_is_worsening(store: Store) -> None:
    answer = ask(store, growing(0.15))
    found = {finding.key: finding for finding in answer.findings}

    assert set(found) == {"lead_time", "run_duration"}
    one = found["run_duration"]
    assert (one.verdict, one.severity) == (Verdict.WORSENING, Severity.HIGH)
    assert (one.subject.repository, one.subject.pipeline, one.subject.job) == ("o/r", "ci7.yml", None)
    assert one.title == "Run duration of ci7.yml grows by 15 % a month"
    assert one.evidence.summary.startswith(
        "26 weekly medians of 182 runs rise from 31 min to 1 h 10 min: 15 % a month, 95 % interval "
    )
    # 2026-01-01 is a Thursday: the first whole week begins on the Monday after.
    assert one.since == START + 4 * DAY
    assert one.cost is not None
    # From 30 to about 69 minutes, 30 runs in the window.
    assert one.cost.wait_minutes == pytest.approx(30 * 39, rel=0.05)
    *slow, usual = [int(link.url.rpartition("/")[2]) for link in one.evidence.links]
    assert len(slow) == 2
    assert min(slow) > HALF_YEAR - 30
    assert 4 < usual <= 18
    assert len({finding.fingerprint for finding in answer.findings}) == 2


@pytest.mark.parametrize("monthly", [0.03, 0.0, -0.15])
def test_what_grows_little_or_falls_is_not_told(store: Store, monthly: float) -> None:
    assert ask(store, growing(monthly)).findings == []


def test_the_least_growth_is_an_option(store: Store) -> None:
    assert len(ask(store, growing(0.03), Options(least_monthly=0.02)).findings) == 2


def test_growth_of_a_few_seconds_is_not_told(store: Store) -> None:
    assert ask(store, growing(0.15, queue_s=5)).findings == []


def test_a_queue_that_grows_is_worsening_for_the_host(store: Store) -> None:
    (found,) = ask(store, growing(0.15, queue_s=60)).findings

    assert found.key == "queue_time ubuntu on github.com"
    assert (found.subject.host, found.subject.repository) == ("github.com", None)


def test_less_than_eight_weeks_are_too_few(store: Store) -> None:
    answer = ask(store, growing(0.5, jobs=7 * 6))

    assert answer.findings == []
    assert {row["trend"] for row in measure(answer, "times").rows} == {"too few weeks"}


def test_a_series_that_has_stopped_is_not_told(store: Store) -> None:
    history = fill(store, growing(0.15, jobs=120), every=DAY, end=START + timedelta(days=HALF_YEAR))

    assert lead_time(history, Options()).findings == []


def test_the_pipelines_with_most_runs_are_drawn(store: Store) -> None:
    runs = [Ran(jobs={"build": "s"}, pipeline_id=one) for one in range(8) for _ in range(one + 1)]

    answer = ask(store, runs, every=HOUR)

    assert {row["panel"] for row in measure(answer, "run_duration").rows} == {f"o/r ci{one}.yml" for one in range(2, 8)}
    assert measure(answer, "run_duration").caption.endswith("The 6 of 8 with most runs; the table has all.")
    assert len([row for row in measure(answer, "times").rows if row["what"] == "Run duration"]) == 8


def test_what_ended_after_the_report_is_not_known(store: Store) -> None:
    history = fill(store, green(3), every=DAY, end=START + 2 * DAY + timedelta(minutes=20))

    assert times(lead_time(history, Options()))["Lead time to green main"] == (2, 35 * 60, 2)


def test_no_data_gives_reasons(store: Store) -> None:
    answer = ask(store, [])

    assert (answer.findings, answer.measures) == ((), ())
    assert answer.reason == (
        "no commit of a default branch with a push run has become green; no run with job data has succeeded; no jobs"
    )


def test_asking_twice_gives_the_same_answer(store: Store) -> None:
    assert ask(store, growing(0.15, queue_s=60)) == ask(store, growing(0.15, queue_s=60))
