import dataclasses
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelinedoctor.findings import Column, Cost, Estimate, Evidence, Finding, Measure, People
from pipelinedoctor.model import Severity
from pipelinedoctor.report import costs, view
from pipelinedoctor.report.headline import headline, scope
from pipelinedoctor.report.model import Coverage, GapGroup, Report, Section, Source
from pipelinedoctor.store.history import Totals

NO_TOTALS = Totals(0, 0, 0, 0, 0, 0, 0, 0)


def table(rows: list[dict[str, Any]], *columns: Column, **changes: Any) -> view.Table:
    measure = Measure(id="m", title="M", caption="C", columns=columns, rows=rows, **changes)
    section = Section(id="q", title="Q", docs="D", remediation="R", measures=(measure,))
    return view.parts(report_of(section), findings=50, rows=3)[0].measures[0].table


def report_of(*sections: Section) -> Report:
    found = tuple(finding for section in sections for finding in section.findings)
    return Report(
        scope="s", generated_at=None, version="1", window=None, trend=None, origin="live",  # type: ignore[arg-type]
        headline=(), findings=found, sections=sections, sources=(), coverage=(), gaps=(), totals=NO_TOTALS,
    )  # fmt: skip


def test_the_first_findings_come_before_all_others(make_finding: Callable[..., Finding]) -> None:
    found = tuple(make_finding(key=str(n)) for n in range(15))
    section = Section(id="q", title="Q", docs="D", remediation="R", findings=found)
    (part,) = view.parts(report_of(section), findings=3, rows=1)
    assert part.first == found[:10]
    assert part.more == found[10:13]
    assert part.left_off == 2
    assert part.tally == "15 critical"


def test_the_steady_order_follows_severity_and_name_and_no_number(make_finding: Callable[..., Finding]) -> None:
    def found(severity: Severity, job: str, minutes: float) -> Finding:
        subject = dataclasses.replace(make_finding().subject, job=job)
        return make_finding(severity=severity, subject=subject, cost=Cost(runner_minutes=minutes, jobs=1))

    tonight = (found(Severity.HIGH, "b", 90), found(Severity.HIGH, "a", 80), found(Severity.LOW, "c", 2))
    tomorrow = (found(Severity.HIGH, "a", 99), found(Severity.HIGH, "b", 90), found(Severity.LOW, "c", 3))
    orders = []
    for night in (tonight, tomorrow):
        section = Section(id="q", title="Q", docs="D", remediation="R", findings=night)
        (part,) = view.parts(report_of(section), findings=3, rows=1)
        orders.append([one.subject.job for one in part.steady])
    assert orders == [["a", "b", "c"]] * 2


def test_a_table_is_cut_and_counts_all() -> None:
    made = table([{"n": n} for n in range(9)], Column(name="n", title="N", unit="count"))
    assert ([row[0].text for row in made.rows], made.total, made.cut) == (["0", "1", "2"], 9, True)


def test_of_a_series_the_newest_rows_of_each_panel_stay() -> None:
    rows = [{"x": str(x), "y": x, "p": p} for p in "ab" for x in range(5)]
    columns = (Column(name="x", title="X"), Column(name="y", title="Y", unit="count"), Column(name="p", title="P"))
    made = table(rows, *columns, kind="series", x="x", y=("y",), by="p")
    assert [(row[0].text, row[2].text) for row in made.rows] == [("4", "a"), ("4", "b")]


def test_what_is_the_same_in_all_rows_is_said_once() -> None:
    columns = (Column(name="r", title="Repository"), Column(name="n", title="N", unit="count"))
    made = table([{"r": "acme/web", "n": 1}, {"r": "acme/web", "n": 1}], *columns)
    assert made.same == (("Repository", "acme/web"),)
    assert made.columns == columns[1:]
    assert table([{"r": "acme/web", "n": 1}], *columns).same == ()
    assert table([{"r": "a"}, {"r": "a"}], columns[0]).columns == columns[:1]


@pytest.mark.parametrize(
    ("unit", "value", "text", "sort"),
    [
        ("text", "a", "a", "a"),
        ("text", "3768bc6f0c3fc56423dd86815027fc583d0c6260", "3768bc6f0c", "3768bc6f0c3fc56423dd86815027fc583d0c6260"),
        ("count", 1200, "1,200", "1200"),
        ("share", 0.25, "25.0 %", "0.25"),
        ("seconds", None, "–", ""),  # noqa: RUF001
        ("link", "https://a.example/runs/12?x=1", "12", "https://a.example/runs/12?x=1"),
        ("link", None, "–", ""),  # noqa: RUF001
    ],
)
def test_a_cell_has_a_text_and_a_key_to_sort_by(unit: Any, value: Any, text: str, sort: str) -> None:
    cell = table([{"c": value}], Column(name="c", title="C", unit=unit)).rows[0][0]
    assert (cell.text, cell.sort, cell.url) == (text, sort, value if unit == "link" else None)


@pytest.mark.parametrize(
    ("confidence", "text"),
    [(None, "counted"), (1.0, "100 %"), (0.995, "> 99 %"), (0.87, "87 %"), (0.001, "< 1 %"), (0.0, "0 %")],
)
def test_how_sure_never_overstates(confidence: float | None, text: str, make_finding: Callable[..., Finding]) -> None:
    assert view.sure(make_finding(confidence=confidence)) == text


def test_counts_are_shown_as_far_as_they_are_there(make_finding: Callable[..., Finding]) -> None:
    bare = make_finding(evidence=Evidence(summary="s", n=3), cost=None)
    assert (view.seen(bare), view.interval(bare), costs.cost(bare)) == (None, None, None)
    assert view.seen(make_finding(evidence=Evidence(summary="s", k=0, n=0))) is None
    assert view.seen(make_finding(evidence=Evidence(summary="s", k=0, n=9))) == "0 of 9 (0 %)"


def cover(name: str, runs: int, host: str = "github.com") -> Coverage:
    return Coverage(
        host=host, repository=name, runs=runs, jobs=0, jobs_in_full=0, test_results=0, first_run=None, last_run=None
    )


def test_the_scope_names_repositories_or_counts_them() -> None:
    assert scope(()) == "No repository"
    assert scope((cover("a/b", 1),)) == "a/b"
    assert scope((cover("a/c", 1), cover("a/b", 1))) == "a/b and a/c"
    assert scope(tuple(cover(f"a/{n}", 1) for n in range(12))) == "12 repositories on github.com"
    hosts = tuple(cover(f"a/{n}", 1, host=f"h{n}") for n in range(3))
    assert scope(hosts) == "3 repositories on 3 hosts"


def test_the_headline_says_what_was_found_what_it_costs_and_what_was_seen(make_finding: Callable[..., Finding]) -> None:
    totals = Totals(
        runs=3351, jobs=41022, test_results=7, runner_minutes=72240, failing_jobs=1210, failing_minutes=12360,
        contradicted_jobs=205, contradicted_minutes=2460,
    )  # fmt: skip
    whole = Section(id="q", title="Q", docs="D", remediation="R", headline="All is green.")
    silent = Section(id="q", title="Q", docs="D", remediation="R", reason="r")
    broken = dataclasses.replace(silent, failed=True)
    gap = GapGroup(host="h", repository="a/b", kind="log", reason="expired", things=202, rows_missing=None, examples=())
    assert headline((make_finding(),), (whole, silent, broken), totals, (cover("a", 1), cover("b", 0)), (gap,), ()) == (
        "1 finding: 1 critical. 1 of 3 questions had too little data to answer. 1 of 3 questions broke while it was asked.",
        "All is green.",
        (
            "Of 1,204 runner hours 206 (17.1 %) went into failing jobs, among them 41 (3.4 %) into jobs that also passed on the"
            " same commit."
        ),
        (
            "Seen: 3,351 runs, 41,022 jobs, 7 test results of 1 of 2 repositories. Missing from the store, over all its time:"
            " 202 logs."
        ),
    )


ONE, TWO = frozenset({"github.com"}), frozenset({"github.com", "git.example.org"})


def test_hosts_are_those_of_repositories_and_of_what_is_missing(make_report: Callable[..., Report]) -> None:
    report = make_report()
    assert view.hosts(report) == ONE
    gap = dataclasses.replace(report.gaps[0], host="git.example.org")
    assert view.hosts(dataclasses.replace(report, gaps=(gap,))) == TWO


def test_a_repository_is_told_with_its_host_where_there_are_several() -> None:
    assert view.repository(cover("a/b", 1), ONE) == "a/b"
    assert view.repository(cover("a/b", 1), TWO) == "github.com \u203a a/b"


def test_a_place_is_as_short_as_it_can_be(make_finding: Callable[..., Finding]) -> None:
    subject = make_finding().subject
    bare = make_finding(subject=dataclasses.replace(subject, pipeline=None, job=None))
    shared = make_finding(subject=dataclasses.replace(bare.subject, repository=None))
    assert [view.place(one, ONE) for one in (make_finding(), bare, shared)] == [
        "acme/checkout \u203a ci.yml",
        "acme/checkout",
        "github.com",
    ]
    assert [view.place(one, TWO) for one in (make_finding(), shared)] == [
        "github.com \u203a acme/checkout \u203a ci.yml",
        "github.com",
    ]


def test_where_it_is_names_all(make_finding: Callable[..., Finding]) -> None:
    names = ("acme/checkout", ".github/workflows/ci.yml", "integration (payments)")
    assert view.where(make_finding(), ONE) == names
    assert view.where(make_finding(), TWO) == ("github.com", *names)


def lack(kind: str, things: int, rows_missing: int | None = None) -> GapGroup:
    return GapGroup(
        host="h", repository="a/b", kind=kind, reason="r", things=things, rows_missing=rows_missing, examples=()
    )


@pytest.mark.parametrize(
    ("gaps", "told"),
    [
        ([], ""),
        ([lack("log", 585), lack("tests", 4), lack("jobs", 1, 2620)], "2,620 jobs, 585 logs, 4 test reports"),
        ([lack("log", 3), lack("log", 1, 9)], "4 logs"),
        ([lack("jobs", 2), lack("jobs", 1, 1), lack("runs", 1, 0)], "1 job, 2 job lists"),
        (
            [lack("changes", 1), lack("deployments", 1), lack("tags", 2)],
            "1 change list, 1 deployment list, 2 tag lists",
        ),
        ([lack("runs", 1), lack("commits", 1), lack("artifact", 2)], "1 run list, 1 commit list, 2 artifacts"),
    ],
)
def test_what_is_missing_is_told_by_kind(gaps: list[GapGroup], told: str) -> None:
    assert view.missing(gaps) == told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"age_s": 1.9 * 86_400}, None),
        ({"age_s": 12 * 86_400.0}, "Old: github.com was last read 12.0 d before this report."),
        ({"age_s": 12 * 86_400.0, "origin": "recording"}, None),
        ({"outcome": "2 files read; not whole: 1", "origin": "ingested"}, None),
        (
            {"outcome": "github.com: the limit is met"},
            "Not whole: github.com was last read whole on 2026-06-01 04:00 UTC; of its newest fetch: the limit is met.",
        ),
        (
            {"outcome": "not read", "fetched_at": None, "age_s": None},
            "Not whole: github.com was never yet read whole; of its newest fetch: not read.",
        ),
    ],
)
def test_what_was_not_read_comes_before_all_else(changes: dict[str, Any], told: str | None) -> None:
    good = Source(
        host="github.com",
        forge="github",
        origin="live",
        fetched_at=datetime(2026, 6, 1, 4, tzinfo=UTC),
        age_s=60.0,
        outcome="complete",
    )
    source = dataclasses.replace(good, **changes)
    assert view.unread((good, source)) == ((told,) if told else ())
    assert headline((), (), NO_TOTALS, (), (), (source,))[0] == (told or "No findings.")


def test_jobs_that_were_not_read_in_full_are_told_with_their_number() -> None:
    def covered(jobs: int, full: int) -> Coverage:
        return dataclasses.replace(cover("a/b", 1), jobs=jobs, jobs_in_full=full)

    assert view.outcomes_only(()) is None
    assert view.outcomes_only((covered(5, 5), covered(0, 0))) is None
    told = view.outcomes_only((covered(1_005, 5), covered(10, 10)))
    assert told is not None
    assert told.startswith("Of 1,000 of 1,015 jobs only the outcome was read")


def test_the_headline_says_why_it_cannot_say_more() -> None:
    empty = headline((), (), NO_TOTALS, (), (), ())
    assert empty == (
        "No findings.",
        "No job ran in the window, so nothing can be said of what failures cost.",
        "Nothing was seen: the store holds no repository.",
    )
    timeless = headline((), (), dataclasses.replace(NO_TOTALS, runs=1, jobs=4), (cover("a", 1),), (), ())
    assert timeless[1] == "What failures cost is not known: none of 4 jobs tells how long it ran."
    assert timeless[2] == "Seen: 1 run, 4 jobs, 0 test results of the repository."


@pytest.mark.parametrize(
    ("spent", "told"),
    [
        (Cost(runner_minutes=90, jobs=1), "90 min of runner time in 1 job"),
        (
            Cost(runner_minutes=180, jobs=2, wait_minutes=60),
            "3.0 h of runner time in 2 jobs; 60 min of waiting",
        ),
        (Cost(runner_minutes=0, jobs=30, wait_minutes=300), "5.0 h of waiting"),
        (Cost(runner_minutes=0, jobs=3), None),
        (None, None),
    ],
)
def test_what_was_not_spent_is_not_told(
    make_finding: Callable[..., Finding], spent: Cost | None, told: str | None
) -> None:
    assert costs.cost(make_finding(cost=spent)) == told


def test_verdicts_are_all_explained_and_end_alike() -> None:
    assert len(view.VERDICTS) == 9
    assert not [meaning for meaning in view.VERDICTS.values() if meaning.endswith(".")]


def test_times_sort_as_they_read(make_report: Callable[..., Report]) -> None:
    now = make_report().generated_at
    column = Column(name="t", title="T", unit="time")
    made = table([{"t": now - timedelta(days=n)} for n in range(3)], column)
    keys = [row[0].sort for row in made.rows]
    assert keys == sorted(keys, reverse=True)


PEOPLE = People(interruptions=3, wait_minutes=30, minutes=Estimate(low=45, expected=60, high=114))


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (
            Cost(runner_minutes=90, jobs=1, dollars=0.54, priced=1.0),
            "90 min of runner time in 1 job, $0.54 at list prices",
        ),
        (
            Cost(runner_minutes=90, jobs=1, dollars=0.27, priced=0.5),
            "90 min of runner time in 1 job, $0.27 at list prices for the 50.0 % with a known price",
        ),
        (Cost(runner_minutes=90, jobs=1, priced=0.0), "90 min of runner time in 1 job, price not known"),
        (
            Cost(runner_minutes=90, jobs=1, dollars=0.0, priced=1.0),
            "90 min of runner time in 1 job, $0.00 at list prices",
        ),
        (
            Cost(runner_minutes=60, jobs=2, elsewhere_minutes=30),
            "60 min of runner time in 2 jobs; 90 min in all, 30 min of them counted with other findings",
        ),
        (
            Cost(runner_minutes=0, jobs=2, elsewhere_minutes=30),
            "30 min of runner time, all counted with other findings",
        ),
        (Cost(runner_minutes=0, jobs=2, people=PEOPLE), "some 60 min of people's time (45 min to 114 min)"),
        (
            Cost(runner_minutes=0, jobs=2, people=replace(PEOPLE, dollars=Estimate(low=45, expected=60, high=114))),
            "some 60 min of people's time (45 min to 114 min, $60.00)",
        ),
    ],
)
def test_a_settled_cost_says_what_it_rests_on(cost: Cost, said: str, make_finding: Callable[..., Finding]) -> None:
    assert costs.cost(make_finding(cost=cost)) == said


def test_interruptions_and_what_can_be_avoided_are_told_where_there_are_any(
    make_finding: Callable[..., Finding],
) -> None:
    told = make_finding(cost=Cost(runner_minutes=1, jobs=1, people=PEOPLE), loss_minutes=42.0)
    assert costs.interrupted(told) == "in 3 interruptions, 30 min of it waiting"
    assert costs.avoidable(told) == "some 42 min"
    none = make_finding(cost=None, loss_minutes=0.0)
    assert (costs.interrupted(none), costs.avoidable(none), costs.people(none), costs.paid(none)) == (
        None,
        None,
        None,
        None,
    )
