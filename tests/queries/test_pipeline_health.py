from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelinedoctor.accuracy.loading import fill as load
from pipelinedoctor.findings import Answer, Finding, Measure
from pipelinedoctor.model import Failure, Severity, Verdict
from pipelinedoctor.simulate.fleet.fleet import draw
from pipelinedoctor.simulate.fleet.settings import Settings
from pipelinedoctor.store.connection import Store
from pipelinedoctor.timespan import Window
from queries.pipeline_health import Options, pipeline_health
from tests.helpers.branch import HOST, START, Ran, fill, sha

HOUR = timedelta(hours=1)


def ran(letters: str, job: str = "build", **others: str) -> list[Ran]:
    """A run for each letter of `letters` in the job, and of the strings in `others` in the jobs of these names."""
    return [
        Ran(jobs={job: letter, **{name: of[i] for name, of in others.items() if of[i] != "."}})
        for i, letter in enumerate(letters)
    ]


def ask(store: Store, runs: list[Ran], options: Options | None = None, *, days: float = 30) -> Answer:
    return pipeline_health(fill(store, runs, days=days), options or Options())


def measure(answer: Answer, name: str) -> Measure:
    return next(one for one in answer.measures if one.id == name)


def only(answer: Answer) -> Finding:
    (finding,) = answer.findings
    return finding


def test_a_job_that_keeps_failing_is_broken(store: Store) -> None:
    found = only(ask(store, ran("s" * 20 + "fff", unit="s" * 23)))

    assert (found.verdict, found.severity) == (Verdict.BROKEN, Severity.CRITICAL)
    assert (found.subject.repository, found.subject.pipeline, found.subject.job) == ("o/r", "ci7.yml", "build")
    assert found.title == "build is broken on main since 2026-01-04"
    assert found.since == START + 80 * HOUR + 0.5 * HOUR
    assert (found.evidence.k, found.evidence.n) == (3, 3)
    assert found.confidence is not None
    assert found.confidence > 0.9
    assert found.evidence.summary == (
        f"Failed in 3 of 3 runs, first at commit {sha(20)[:8]}; it last passed at {sha(19)[:8]}; its newest run failed."
        f" It began after {sha(19)[:8]} and not after {sha(20)[:8]}, 99 %: 1 commit."
    )
    assert [link.text for link in found.evidence.links] == [
        "first failing job",
        "last passing run",
        "newest failing job",
    ]
    assert [link.url.split("/o/r/")[1] for link in found.evidence.links] == ["jobs/20-0-1", "runs/20", "jobs/22-0-1"]
    assert found.evidence.details[0] == ("commits that can be to blame", f"1: {sha(20)[:12]} Change 20")
    assert found.next_step == (
        f"Fix or revert {sha(20)[:12]} “Change 20”, the only commit between the last pass and the first failure."
    )
    assert found.key == sha(20)[:12]


def test_its_cost_is_time_red_and_failing_minutes(store: Store) -> None:
    cost = only(ask(store, ran("s" * 20 + "fff"))).cost

    assert cost is not None
    # Red from the end of the first failing run, half an hour after it was made, until the report.
    assert (cost.wait_minutes, cost.runner_minutes, cost.jobs) == (11.5 * 60, 90, 3)


def test_what_was_mended_is_recovered(store: Store) -> None:
    found = only(ask(store, ran("s" * 20 + "fff" + "s" * 10)))

    assert (found.verdict, found.severity) == (Verdict.RECOVERED, Severity.MEDIUM)
    assert found.title == "build was broken on main for 12 h 00 min"
    assert found.evidence.links[2].text == "next passing run"
    assert found.evidence.links[2].url.endswith("/24")
    assert found.evidence.details[-1] == ("passed again at", f"{sha(23)[:12]} Change 23")
    assert found.cost is not None
    assert found.cost.wait_minutes == 720
    assert "It is over." in found.next_step


def test_the_fingerprint_outlives_the_repair(store: Store) -> None:
    broken = only(ask(store, ran("s" * 20 + "fff")))
    mended = only(ask(store, ran("s" * 20 + "fff" + "s" * 10)))

    assert broken.fingerprint == mended.fingerprint


def test_a_mended_breakage_before_the_window_is_not_told(store: Store) -> None:
    runs = ran("s" * 20 + "fff" + "s" * 30)

    assert ask(store, runs, days=4).findings == []
    assert len(ask(store, runs, days=6).findings) == 1


def test_a_breakage_from_before_the_window_costs_what_lies_in_it(store: Store) -> None:
    found = only(ask(store, ran("s" * 20 + "f" * 12), days=1))

    assert found.verdict is Verdict.BROKEN
    assert found.cost is not None
    assert found.cost.wait_minutes == 24 * 60
    assert found.cost.jobs == 6
    assert found.since == START + 80.5 * HOUR


def test_a_branch_that_has_been_silent_is_not_called_broken_now(store: Store) -> None:
    history = fill(store, ran("s" * 20 + "fff"), end=START + timedelta(days=60))

    answer = pipeline_health(history, Options())

    assert answer.findings == []
    assert measure(answer, "pipelines").reason == "no run of the window has ended with a result that counts"


@pytest.mark.parametrize("letters", ["s" * 20 + "f", "s" * 20 + "f" + "s" * 10, "s" * 40, "sssf" * 15])
def test_single_failures_and_flakes_break_nothing(store: Store, letters: str) -> None:
    assert ask(store, ran(letters)).findings == []


def test_flaky_jobs_that_take_turns_are_red_but_not_broken(store: Store) -> None:
    jobs = {name: "".join("f" if i % 5 == turn else "s" for i in range(60)) for turn, name in enumerate("abcde")}
    runs = [Ran(jobs={name: letters[i] for name, letters in jobs.items()}) for i in range(60)]

    answer = ask(store, runs)

    assert answer.findings == []
    assert measure(answer, "pipelines").rows[0]["success"] == 0
    assert [row["kind"] for row in measure(answer, "red_periods").rows] == ["not known"]


def test_the_culprit_is_the_job_that_failed_most(store: Store) -> None:
    found = only(ask(store, ran("s" * 20 + "ffff", unit="s" * 20 + "fffs")))

    assert found.subject.job == "build"
    assert found.evidence.details[1][1] == "build 4 of 4, unit 3 of 3"


def test_jobs_that_failed_alike_are_told_together(store: Store) -> None:
    found = only(ask(store, ran("s" * 20 + "ffff", unit="s" * 20 + "ffff")))

    assert found.subject.job is None
    assert found.title == "build, unit are broken on main since 2026-01-04"
    assert found.evidence.summary.startswith("Each failed in 4 of 4 runs")


def test_of_jobs_without_a_culprit_the_counts_are_those_of_the_one_that_failed_most(store: Store) -> None:
    # Each failed in less than four of five of the failing runs.
    found = only(ask(store, ran("s" * 20 + "ffff..", unit="s" * 20 + "ff..ff")))

    assert found.title == "build, unit are broken on main since 2026-01-04"
    assert found.evidence.summary.startswith("build, which failed most, failed in 4 of 4 runs")


def test_a_flake_before_does_not_part_jobs_that_broke_together(store: Store) -> None:
    found = only(ask(store, ran("s" * 20 + "ffsfff", unit="s" * 23 + "fff")))

    assert found.title == "build, unit are broken on main since 2026-01-04"
    assert found.since == START + 23 * 4 * HOUR + 0.5 * HOUR
    assert found.evidence.summary.startswith(f"Each failed in 3 of 3 runs, first at commit {sha(23)[:8]}")
    assert "Fix or revert" in found.next_step


def test_what_the_failing_jobs_say_is_told(store: Store) -> None:
    store.write(HOST, [_failure(job) for job in (21_100, 22_100, 23_100)])
    found = only(ask(store, ran("s" * 20 + "fff")))

    assert found.next_step.endswith(
        "the first failure. Begin with what 3 of its 3 failures say: “undefined: total”. Correct the source at the place that"
        " is named."
    )
    assert found.evidence.excerpt == "# o/r\nundefined: total"
    assert found.evidence.details[-1] == ("what the logs say (3 of 3 failures have one)", "undefined: total (3)")


def _failure(job_id: int) -> Failure:
    return Failure(
        host=HOST, job_id=job_id, ordinal=0, run_id=job_id // 1000, step=None, line="undefined: total",
        excerpt="# o/r\nundefined: total", masked="undefined: total", category="compile", rule="go-build", fingerprint="x",
    )  # fmt: skip


def test_a_breakage_whose_newest_run_passed_may_be_over(store: Store) -> None:
    found = only(ask(store, ran("s" * 40 + "fffsfffffs")))

    assert (found.verdict, found.severity) == (Verdict.SUSPECTED, Severity.HIGH)
    assert found.title == "build failed in 8 of 9 runs on main since 2026-01-07, and may again"
    assert "its newest run passed, but too few did to call it mended" in found.evidence.summary


def test_jobs_broken_by_different_commits_are_told_apart(store: Store) -> None:
    answer = ask(store, ran("s" * 20 + "ffffff", unit="s" * 23 + "fff"))

    assert {finding.subject.job: finding.key for finding in answer.findings} == {
        "build": sha(20)[:12],
        "unit": sha(23)[:12],
    }


def test_a_failure_that_was_allowed_breaks_nothing(store: Store) -> None:
    runs = [Ran(jobs={"build": "s", "nightly": "f"}, result="success") for _ in range(20)]

    answer = ask(store, runs)

    assert answer.findings == []
    assert measure(answer, "pipelines").rows[0]["failures"] == 0


@pytest.mark.parametrize(("failing", "told"), [(3, False), (4, True)])
def test_where_the_commit_had_passed_it_takes_more(store: Store, failing: int, told: bool) -> None:
    runs = ran("s" * 40) + [Ran(jobs={"build": "f"}, commit=sha(39), event="schedule")] * failing

    findings = ask(store, runs).findings

    assert bool(findings) is told
    if told:
        assert "it had passed before at this very commit" in findings[0].evidence.summary
        assert findings[0].evidence.summary.endswith(
            "It began without a change of code: date, environment or a service."
        )
        assert findings[0].next_step.startswith(f"Compare what ran on the one commit {sha(39)[:12]}, which both passed")
        assert all("blame" not in name for name, _ in findings[0].evidence.details)


def test_what_began_and_ended_at_one_commit_blames_and_praises_no_commit(store: Store) -> None:
    again = [Ran(jobs={"build": letter}, commit=sha(39), event="schedule") for letter in "fffffs"]

    found = only(ask(store, [*ran("s" * 40), *again, *ran("s" * 5)]))

    assert found.verdict is Verdict.RECOVERED
    assert "It began and ended without a change of code: date, environment or a service." in found.evidence.summary
    assert found.evidence.details[-1] == ("passed again at", f"{sha(39)[:12]}, the commit that had failed")
    assert all("blame" not in name for name, _ in found.evidence.details)
    assert found.next_step.startswith(
        "It is over, and nothing landed that mended it: compare what ran on the one commit"
    )


def test_what_ended_at_the_commit_that_had_failed_is_no_commits(store: Store) -> None:
    runs = [*ran("s" * 40 + "fff"), Ran(jobs={"build": "s"}, commit=sha(42), event="schedule"), *ran("s" * 5)]

    found = only(ask(store, runs))

    assert "It ended without a change of code" in found.evidence.summary
    assert f"the one commit {sha(42)[:12]}" in found.next_step
    assert all("blame" not in name for name, _ in found.evidence.details)


def test_a_pass_at_one_commit_tells_nothing_of_what_fails_only_in_part(store: Store) -> None:
    again = [Ran(jobs={"build": letter}, commit=sha(39), event="schedule") for letter in "fffsfffs"]

    found = only(ask(store, [*ran("s" * 40), *again, *ran("s" * 15)]))

    assert "without a change of code" not in found.evidence.summary


def test_what_fails_in_part_of_its_runs_is_told_so_with_a_wider_range(store: Store) -> None:
    found = only(ask(store, ran("s" * 40 + "fffs" * 5 + "f")))

    assert found.verdict is Verdict.BROKEN
    assert found.title == "build fails in 16 of 21 runs on main since 2026-01-07"
    assert found.evidence.summary.endswith(
        f"It began after {sha(35)[:8]} and not after {sha(41)[:8]}, 99 %: 6 commits."
    )
    name, commits = found.evidence.details[0]
    assert name == "commits that can be to blame"
    assert commits.startswith(
        f"6: {sha(40)[:12]} Change 40 (likeliest); {sha(41)[:12]} Change 41; {sha(39)[:12]} Change 39"
    )
    assert found.next_step.startswith(f"It fails only at times: look at {sha(40)[:12]}")


def test_where_not_all_commits_are_known_it_says_so(store: Store) -> None:
    runs = [*ran("s" * 20), Ran(jobs={"build": "f"}, commit="f" * 40, committed=None), *ran("ff")]

    found = only(ask(store, runs))

    assert f"It began after {sha(19)[:8]} and not after ffffffff, 99 %: 1 commit of those in between had a run." in (
        found.evidence.summary
    )
    assert f"{'f' * 12}, or a commit between it and the last pass." in found.next_step


def test_all_commits_since_the_last_pass_are_as_likely(store: Store) -> None:
    runs = ran("s" * 20 + "ffff")
    runs[20:22] = [Ran(jobs={"build": "c"}, result="cancelled")] * 2

    found = only(ask(store, runs))

    assert found.evidence.details[0] == (
        "commits that can be to blame",
        f"3: {sha(22)[:12]} Change 22; {sha(21)[:12]} Change 21; {sha(20)[:12]} Change 20",
    )
    assert found.next_step.startswith(
        f"Fix or revert what broke it: {sha(22)[:12]} “Change 22”, or another of the 3 commits to blame."
    )


def test_what_failed_in_part_of_its_runs_is_told_so(store: Store) -> None:
    found = only(ask(store, ran("s" * 40 + "fffs" * 5 + "s" * 20)))

    assert found.title == "build failed in 15 of 19 runs on main for 3.2 d"


def test_what_passes_when_it_is_run_again_fails_in_part_of_its_executions(store: Store) -> None:
    runs = ran("s" * 40) + [Ran(jobs={"build": letters}) for letters in ("f", "fs", "f", "ffs", "f")]

    assert only(ask(store, runs)).title == "build fails in 6 of 8 executions on main since 2026-01-07"


JOBS = ("build", "unit", "lint", "docs")


def test_a_short_mass_failure_is_infrastructure(store: Store) -> None:
    every = timedelta(minutes=40)
    runs = [Ran(jobs=dict.fromkeys(JOBS, letter), minutes=10) for letter in "s" * 40 + "fff" + "s" * 20]

    answer = pipeline_health(fill(store, runs, every=every), Options(recovered_hours=0))

    assert answer.findings == []
    (note,) = answer.notes
    assert note == (
        "12 failing job executions in 3 runs of the default branch count as infrastructure and not for what is broken: mass"
        " failures in at most 4 runs in a row, within 2 h 00 min."
    )


@pytest.mark.parametrize(("failing", "minutes"), [(3, 70), (5, 20)], ids=["too long", "too many runs"])
def test_what_breaks_all_jobs_for_longer_than_an_outage_is_broken(store: Store, failing: int, minutes: int) -> None:
    letters = "s" * 40 + "f" * failing + "s" * 20
    runs = [Ran(jobs=dict.fromkeys(JOBS, letter), minutes=10) for letter in letters]

    answer = pipeline_health(fill(store, runs, every=timedelta(minutes=minutes)), Options(recovered_hours=0))

    assert only(answer).title.startswith("build, docs, lint and 1 more were broken")
    assert answer.notes == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_outages_alone_break_nothing(store: Store, seed: int) -> None:
    fleet = draw(seed, Settings(repositories=3, days=21, tests=40))
    load(store, fleet)
    window = Window(fleet.since, fleet.until)

    answer = pipeline_health(store.history(window, window), Options(recovered_at_most=1000, recovered_hours=0))

    causes = dict(fleet.truth.job_causes.select("job_id", "cause").iter_rows())
    assert answer.findings
    for found in answer.findings:
        if found.verdict is not Verdict.SUSPECTED and found.claims is not None:
            assert {causes[job] for job, _ in found.claims.executions} - {"outage"}, found.title


def test_a_breakage_of_less_than_an_hour_is_only_counted(store: Store) -> None:
    quick = [Ran(jobs={"build": "s"}, at=80 * HOUR + i * 0.2 * HOUR, minutes=5) for i in range(6)]
    quick[1:4] = [Ran(jobs={"build": "f"}, at=run.at, minutes=5) for run in quick[1:4]]
    later = [Ran(jobs={"build": "s"}, at=90 * HOUR + i * HOUR) for i in range(6)]

    answer = ask(store, ran("s" * 20) + quick + later)

    assert answer.findings == []
    assert measure(answer, "pipelines").rows[0]["breakages"] == 1
    assert len(ask(store, ran("s" * 20) + quick + later, Options(recovered_hours=0.5)).findings) == 1


def test_of_what_is_over_the_longest_are_told(store: Store) -> None:
    runs = ran("".join("s" * 20 + "f" * length for length in (3, 5, 3, 4)) + "s" * 20)

    answer = ask(store, runs, Options(recovered_at_most=2))

    assert [finding.evidence.k for finding in answer.findings] == [5, 4]
    assert measure(answer, "pipelines").rows[0]["breakages"] == 4


def test_a_pipeline_that_cannot_start_is_broken_itself(store: Store) -> None:
    runs = ran("s" * 20) + [Ran(result="failure", forge_result="startup_failure")] * 3

    found = only(ask(store, runs))

    assert found.subject.job is None
    assert found.title == "ci7.yml is broken on main since 2026-01-04"
    assert ("the pipeline itself 3 of 3") in found.evidence.details[1][1]


def test_failing_runs_without_job_data_are_noted_and_blamed_on_no_one(store: Store) -> None:
    answer = ask(store, ran("s" * 20) + [Ran(result="failure")] * 3)

    assert answer.findings == []
    assert answer.notes == ["3 failing runs of the default branch without job data: what broke there is not known."]


def test_without_any_job_data_the_runs_tell(store: Store) -> None:
    runs = [Ran(result="success")] * 20 + [Ran(result="failure")] * 3

    assert only(ask(store, runs)).verdict is Verdict.BROKEN


def test_a_job_taken_out_while_it_failed_is_no_longer_broken(store: Store) -> None:
    runs = ran("s" * 20 + "fff", unit="s" * 23) + [Ran(jobs={"unit": "s"})] * 3

    found = only(ask(store, runs))

    assert found.verdict is Verdict.RECOVERED
    assert "the pipeline has succeeded without it since" in found.evidence.summary


def test_a_closing_job_that_only_reports_is_not_the_culprit(store: Store) -> None:
    runs = [Ran(jobs={"all green": letter, "build": letter}, closing="all green") for letter in "s" * 20 + "ffff"]

    assert only(ask(store, runs)).subject.job == "build"


def test_what_happened_after_the_report_is_not_known(store: Store) -> None:
    runs = ran("s" * 20 + "fff" + "s" * 10)
    history = fill(store, runs, end=START + 23 * timedelta(hours=4))

    assert only(pipeline_health(history, Options())).verdict is Verdict.BROKEN


@pytest.mark.parametrize("change", [{"branch": "topic"}, {"event": "pull_request"}, {"result": "cancelled"}])
def test_runs_that_do_not_speak_of_the_default_branch_are_no_data(store: Store, change: dict[str, str]) -> None:
    answer = ask(store, [Ran(jobs={"build": "c"}, **change)] * 5)  # type: ignore[arg-type]

    assert answer.reason == "no run of a default branch has ended with a result that counts"
    assert (answer.findings, answer.measures) == ((), ())


def test_an_empty_store_gives_a_reason(store: Store) -> None:
    assert ask(store, []).reason is not None


def test_the_table_counts_what_counts(store: Store) -> None:
    runs = [*ran("ssssfs"), Ran(jobs={"build": "c"}), Ran(jobs={"build": "fs"})]

    answer = ask(store, runs)
    row = measure(answer, "pipelines").rows[0]

    assert (row["runs"], row["success"]) == (7, 6 / 7)
    assert row["low"] < row["success"] < row["high"] < 1
    # Run 4 fails at 16:30 and run 5 passes at 20:30; the first attempt of run 7 fails at 28:30, the rerun passes at 30:00.
    assert (row["red"], row["time_to_green"]) == (5.5, 2.75)
    assert (row["failures"], row["contradicted"]) == (2, 1)
    assert (
        "7 of the window's 8 runs, as their newest attempt left them; the others"
        in measure(answer, "pipelines").caption
    )


def test_where_all_runs_count_no_others_are_spoken_of(store: Store) -> None:
    assert "the others" not in measure(ask(store, ran("ss")), "pipelines").caption


def test_red_time_is_summed_alike_by_every_python(store: Store) -> None:
    runs = [Ran(jobs={"build": letter}, minutes=3) for letter in "sf" * 10 + "s"]

    answer = pipeline_health(fill(store, runs, every=timedelta(minutes=6)), Options())

    # Ten times 0.1 h, which Python 3.11 adds to 0.9999999999999999 and later ones to 1.0.
    assert measure(answer, "pipelines").rows[0]["red"] == 1.0


@pytest.mark.parametrize(
    ("letters", "now", "told"),
    [
        (
            "sssf",
            "red since 2026-01-01 12:30 UTC",
            "red now, since 2026-01-01 12:30 UTC (build).",
        ),
        (
            "sfff",
            "red since 2026-01-01 04:30 UTC",
            "red now, since 2026-01-01 04:30 UTC (build).",
        ),
        ("ssfs", "green", "green now."),
    ],
)
def test_whether_it_is_red_now_is_told_first(store: Store, letters: str, now: str, told: str) -> None:
    answer = ask(store, ran(letters))

    assert measure(answer, "pipelines").rows[0]["now"] == now
    assert answer.headline == f"The default branch is {told}"


def test_of_many_pipelines_the_longest_red_are_named(store: Store) -> None:
    pipelines = [Ran(jobs={"build": "f"}, pipeline_id=number) for number in range(5)]
    green = [Ran(jobs={"build": "s"}, pipeline_id=number) for number in range(5)]

    assert ask(store, [*green, *pipelines]).headline == (
        "The default branch is red now in 5 of 5 pipelines: o/r ci0.yml since 2026-01-01 20:30 UTC (build); o/r ci1.yml since"
        " 2026-01-02 00:30 UTC (build); o/r ci2.yml since 2026-01-02 04:30 UTC (build); and 2 more."
    )


def test_pipelines_that_are_red_now_come_first_in_the_table(store: Store) -> None:
    runs = [Ran(jobs={"build": "f" if number in (3, 5) else "s"}, pipeline_id=number) for number in range(6)]

    rows = measure(ask(store, runs), "pipelines").rows

    assert [row["pipeline"] for row in rows] == [f"ci{number}.yml" for number in (3, 5, 0, 1, 2, 4)]


def test_green_pipelines_are_counted(store: Store) -> None:
    runs = [Ran(jobs={"build": "s"}, pipeline_id=number) for number in range(3)]

    assert ask(store, runs).headline == "The default branch is green now in all 3 pipelines."


def test_a_pipeline_that_has_not_run_in_the_window_is_neither_red_nor_green(store: Store) -> None:
    history = fill(store, ran("sssf"), end=START + timedelta(days=60))

    assert pipeline_health(history, Options()).headline is None


def test_red_periods_say_of_what_kind_they_were(store: Store) -> None:
    runs = [
        *ran("s" * 60 + "fff" + "s" * 60),
        Ran(jobs={"build": "fs"}),
        *ran("sss"),
        Ran(jobs={"build": "f"}),
        *ran("s"),
    ]

    rows = measure(ask(store, runs), "red_periods").rows

    assert [(row["kind"], row["hours"], row["runs"], row["jobs"]) for row in rows] == [
        ("broken", 12, 3, "build 3"),
        ("not known", 4, 1, "build 1"),
        ("passed on the same commit", 1.5, 1, "build 1"),
    ]


def test_only_so_many_red_periods_are_listed(store: Store) -> None:
    listed = measure(ask(store, ran("sf" * 10), Options(red_periods_at_most=4)), "red_periods")

    assert len(listed.rows) == 4
    assert listed.caption.startswith("The 4 longest of 10 red periods in the window")
    assert measure(ask(store, ran("sf" * 10)), "red_periods").caption.startswith("10 red periods in the window")


def test_success_by_week_is_told_of_the_pipelines_with_most_runs(store: Store) -> None:
    runs = [Ran(jobs={"build": "s"}, pipeline_id=one) for one in range(8) for _ in range(one + 1)]

    weeks = measure(ask(store, runs), "weekly_success")

    assert {row["panel"] for row in weeks.rows} == {f"o/r ci{one}.yml" for one in range(2, 8)}
    assert weeks.caption.endswith("The 6 of 8 pipelines with most runs.")


def test_a_suspicion_is_not_critical(store: Store) -> None:
    found = only(ask(store, ran("s" * 60 + "ffssffsfsf")))

    assert (found.verdict, found.severity) == (Verdict.SUSPECTED, Severity.HIGH)
    assert found.title == "build fails in 6 of 10 runs on main since 2026-01-11"


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(letters=st.text("sf", min_size=1, max_size=40))
def test_asking_twice_gives_the_same_answer_and_red_time_fits_the_window(store: Store, letters: str) -> None:
    store.connection.execute("DELETE FROM runs; DELETE FROM jobs; DELETE FROM commits")
    first, second = ask(store, ran(letters)), ask(store, ran(letters))

    assert first == second
    row = measure(first, "pipelines").rows[0]
    assert 0 <= row["red"] <= 4 * len(letters)
    assert row["success"] == letters.count("s") / len(letters)
    assert sum(row["runs"] for row in measure(first, "red_periods").rows) == letters.count("f")
