"""Chooses what is sick in the simulated organisation: flaky tests and jobs, regressions, outages, slower and renamed jobs.

Chances are set from how often a job runs, so that each fault is seen a stated number of times in the last 30 days.
"""

from bisect import bisect_left
from collections.abc import Sequence
from random import Random

from pipelinedoctor.simulate.changes import Past
from pipelinedoctor.simulate.clock import AS_OF, DAY, HOUR, MINUTE
from pipelinedoctor.simulate.faults import Faults, FlakyJob, FlakyTest, Outage, Regression, Renamed, Slower
from pipelinedoctor.simulate.plan import CHECKS, CI, DEPLOY, NIGHTLY
from pipelinedoctor.simulate.truth import RECENT_DAYS

RECENT = AS_OF - RECENT_DAYS * DAY
"""Where the last 30 days begin."""


def plant(random: Random, pasts: Sequence[Past]) -> Faults:
    """Choose what is sick. An organisation of few repositories has fewer faults: those whose repository is not there."""
    flaky_tests = _flaky_tests(random, pasts)
    taken = {(flaky.repository, flaky.test) for flaky in flaky_tests}
    names = {one.repository.name for one in pasts}
    return Faults(
        flaky_tests=flaky_tests,
        flaky_jobs=_flaky_jobs(random, pasts),
        regressions=_regressions(random, pasts, taken),
        outages=_outages(random, pasts),
        slower=_slower(random, pasts),
        renamed=[one for one in _renamed() if one.repository in names],
    )


def _recent_runs(one: Past, pipeline: str) -> int:
    return sum(1 for trigger in one.triggers if trigger.at >= RECENT and trigger.pipeline.path == pipeline)


def _tested(pasts: Sequence[Past]) -> list[Past]:
    return sorted((one for one in pasts if one.repository.tests), key=lambda one: -one.repository.weight)


def suite_jobs(one: Past) -> tuple[str, ...]:
    """The jobs that run the tests of a repository."""
    return tuple(job.name for job in one.repository.pipelines[0].jobs if job.suite)


def _flaky_tests(random: Random, pasts: Sequence[Past]) -> list[FlakyTest]:
    tested = _tested(pasts)
    busy, calm = tested[:6], tested[6:] or tested
    wanted: list[tuple[Past, float, str | None]] = [
        (busy[number % len(busy)], random.uniform(8, 11), None) for number in range(10)
    ]
    together = random.choice(calm)
    wanted += [(together, 8.0, "cluster-1")] * 3
    wanted += [(random.choice(tested), 0.4, None) for _ in range(3)]
    found: list[FlakyTest] = []
    for number, (one, expected, cluster) in enumerate(wanted, 1):
        used = {flaky.test for flaky in found if flaky.repository == one.repository.name}
        tests = [i for i, test in enumerate(one.repository.tests) if not test.skipped and i not in used]
        jobs = suite_jobs(one)
        if number % 2 and cluster is None:
            jobs = (random.choice(jobs),)
        p = min(expected / max(_recent_runs(one, CI), 1), 0.14)
        since = AS_OF - random.randint(40, 60) * DAY if number in (3, 7) else 0
        until = AS_OF - random.randint(3, 6) * DAY if number == 5 else AS_OF
        found.append(
            FlakyTest(
                f"flaky-test-{number}",
                one.repository.name,
                jobs,
                random.choice(tests),
                round(p, 4),
                cluster,
                since,
                until,
            )
        )
    return found


# repository, pipeline, job, kind, failures to be expected in the last 30 days
_FLAKY_JOBS = (
    ("ledger", CI, "integration", "out of memory", 8),
    ("web-shop", CI, "build", "npm reset", 8),
    ("gateway", CI, "integration", "runner lost", 8),
    ("search-index", CI, "test (beta)", "cargo test", 8),
    ("notifier", DEPLOY, "deploy / smoke", "health check", 7),
    ("data-loader", NIGHTLY, "e2e (firefox)", "timeout", 7),
    ("payments", CHECKS, "scan image", "rate limit", 7),
    ("ledger", DEPLOY, "deploy / apply", "state lock", 0.6),
)


def _flaky_jobs(random: Random, pasts: Sequence[Past]) -> list[FlakyJob]:
    by_name = {one.repository.name: one for one in pasts}
    found = []
    for number, (repository, pipeline, job, kind, expected) in enumerate(_FLAKY_JOBS, 1):
        if repository in by_name:
            runs = _recent_runs(by_name[repository], pipeline)
            p = min(expected * random.uniform(0.9, 1.2) / max(runs, 1), 0.25)
            found.append(FlakyJob(f"flaky-job-{number}", repository, pipeline, job, kind, round(p, 4)))
    return found


# days before the end, what is broken; the first two stay broken
_REGRESSIONS: tuple[tuple[float, str], ...] = (
    (4.6, "test"), (5.4, "docs"), (10.6, "test"), (16.4, "lint"), (24.5, "test"),
    (38.4, "integration"), (52.6, "deploy / plan"), (66.4, "test"), (80.5, "build"),
)  # fmt: skip
_STAY = 2


def _regressions(random: Random, pasts: Sequence[Past], taken: set[tuple[str, int]]) -> list[Regression]:
    pool = random.sample(list(pasts), len(pasts))
    found = []
    for number, (days, what) in enumerate(_REGRESSIONS, 1):
        stays = number <= _STAY
        chosen = _candidate(random, pool, what, AS_OF - int(days * DAY), stays)
        if chosen is None:
            continue
        one, span = chosen
        pool.remove(one)
        pipeline = DEPLOY if what.startswith("deploy") else CI
        test = _free_test(random, one, taken) if what == "test" else None
        jobs = suite_jobs(one) if what == "test" else (what,)
        found.append(Regression(f"regression-{number}", one.repository.name, pipeline, jobs, test, *span))
    return found


_Span = tuple[int, int | None]


def _candidate(random: Random, pool: list[Past], what: str, at: int, stays: bool) -> tuple[Past, _Span] | None:  # noqa: FBT001
    """The first repository in which `what` can break at `at`; what stays broken is in one that many work on."""
    for one in pool:
        if _has(one, what) and (not stays or one.repository.weight >= 0.9):
            span = broken_span(random, one, at, stays)
            if span is not None:
                return one, span
    return None


def _has(one: Past, what: str) -> bool:
    if what == "test":
        return bool(one.repository.tests)
    if what.startswith("deploy"):
        return any(pipeline.path == DEPLOY for pipeline in one.repository.pipelines)
    return one.repository.name not in {flaky[0] for flaky in _FLAKY_JOBS if flaky[2] == what}


def _free_test(random: Random, one: Past, taken: set[tuple[str, int]]) -> int:
    name = one.repository.name
    return random.choice(
        [i for i, test in enumerate(one.repository.tests) if not test.skipped and (name, i) not in taken]
    )


def broken_span(random: Random, one: Past, at: int, stays: bool) -> _Span | None:  # noqa: FBT001
    """First broken and first mended commit of the default branch; three commits at least are broken."""
    times = [commit.at for commit in one.main]
    first = next((i for i, time in enumerate(times) if time >= at), len(times))
    if stays:
        first = min(first, len(times) - 3)
        return (first, None) if first > 0 else None
    until = times[first] + int(random.lognormvariate(-0.5, 0.6) * DAY) if first < len(times) else AS_OF
    fixed = next((i for i, time in enumerate(times) if i >= first + 3 and time >= until), len(times))
    fixed = min(fixed, first + 8)
    return (first, fixed) if first > 0 and fixed < len(times) else None


# a working day, counted from the end, and what went away on it
_OUTAGES = ((4, "registry down"), (12, "runner pool"), (19, "network"), (47, "registry down"), (75, "runner pool"))


def _outages(random: Random, pasts: Sequence[Past]) -> list[Outage]:
    """Outages come with load: each in the busiest hours of its day."""
    started = sorted(trigger.at for one in pasts for trigger in one.triggers)
    found = []
    for number, (days, kind) in enumerate(_OUTAGES, 1):
        length = random.randint(80, 115) * MINUTE
        day = AS_OF - days * DAY
        start = max(
            range(day + 8 * HOUR, day + 18 * HOUR, 10 * MINUTE), key=lambda at: _within(started, at, at + length)
        )
        start += random.randint(0, 5 * MINUTE)
        found.append(Outage(f"outage-{number}", kind, start, start + length, round(random.uniform(0.8, 0.95), 2)))
    return [one for one in found if one.start >= started[0]] if started else []


def _within(times: list[int], start: int, end: int) -> int:
    return bisect_left(times, end) - bisect_left(times, start)


# repository, pipeline, job, days before the end (None: a drift), factor
_SLOWER = (
    ("gateway", CI, "test (windows-2025, 1.24)", 17, 2.6),
    ("forecast", CI, "build", 36, 1.6),
    ("payments", CI, "integration", 58, 0.55),
    ("web-shop", CI, "lint", None, 1.5),
    ("ledger", NIGHTLY, "load", None, 1.35),
)


def _slower(random: Random, pasts: Sequence[Past]) -> list[Slower]:
    by_name = {one.repository.name: one for one in pasts}
    found = []
    for repository, pipeline, job, days, factor in _SLOWER:
        if repository not in by_name:
            continue
        index = None
        if days is not None:
            at = AS_OF - days * DAY + random.randint(-30, 30) * HOUR
            index = next((i for i, commit in enumerate(by_name[repository].main) if commit.at >= at), None)
        if days is None or index is not None:
            found.append(Slower(repository, pipeline, job, index, factor))
    return found


def _renamed() -> list[Renamed]:
    at = AS_OF - 24 * DAY + 9 * HOUR
    return [
        Renamed("notifier", CI, "it", "integration", at),
        Renamed("accounts", DEPLOY, "deploy / health", "deploy / smoke", at - 30 * DAY),
    ]
