"""What happens when a run is started: which jobs run, when, how they end and why; and whether somebody reruns them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from pipelinedoctor.simulate.changes import Past, Trigger
from pipelinedoctor.simulate.clock import AS_OF, HOUR, MINUTE
from pipelinedoctor.simulate.faults import Faults, FlakyJob, FlakyTest, Outage, Regression, Renamed, Slower
from pipelinedoctor.simulate.plan import JobPlan, RepositoryPlan

_RUNNER_LOSS = 4e-4
_OUTLIERS = 0.03
_ALL_JOBS_RERUN = 0.05
_RERUN = {
    "flaky_test": 0.85,
    "flaky_job": 0.85,
    "runner_loss": 0.85,
    "outage": 0.8,
    "regression": 0.06,
    "genuine": 0.03,
}
_MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: the cause, the planted fault's key, the manner in which its log tells it, and the failing tests.

    `tests` are pairs of a test's number and its own cause's key (None: genuine), in the order of the suite.
    """

    cause: str
    key: str | None
    kind: str
    tests: tuple[tuple[int, str | None], ...] = ()


@dataclass(slots=True)
class Execution:
    """One execution of a job. `completed` is None while it runs; `started` equals `created` while it waits."""

    plan: JobPlan
    name: str
    created: int
    started: int
    completed: int | None
    status: str
    conclusion: str | None
    failure: Failure | None = None
    id: int = 0


@dataclass(slots=True)
class Attempt:
    """An attempt of a run and the jobs that it executed; jobs that were not rerun are in an earlier attempt."""

    started: int
    jobs: list[Execution]


@dataclass(slots=True)
class Run:
    """A run with all of its attempts. `conclusion` is None while it goes on."""

    trigger: Trigger
    attempts: list[Attempt]
    status: str
    conclusion: str | None
    updated: int
    id: int = 0
    number: int = 0

    @property
    def red(self) -> bool:
        """Whether any execution failed, or any was rerun: the runs whose test reports are worth reading."""
        return len(self.attempts) > 1 or any(job.failure for attempt in self.attempts for job in attempt.jobs)


@dataclass
class _Sickness:
    """The faults of one repository, found quickly."""

    tests: dict[str, list[FlakyTest]] = field(default_factory=dict)
    jobs: dict[tuple[str, str], FlakyJob] = field(default_factory=dict)
    regressions: list[Regression] = field(default_factory=list)
    slower: dict[tuple[str, str], Slower] = field(default_factory=dict)
    renamed: dict[tuple[str, str], Renamed] = field(default_factory=dict)


class Executor:
    """Executes the runs of one repository, in the order they were started."""

    def __init__(self, random: Random, past: Past, faults: Faults) -> None:
        self._random = random
        self._repository: RepositoryPlan = past.repository
        self._main = past.main
        self._start = past.main[0].at
        self._outages = faults.outages
        self._sick = _sickness(past.repository.name, faults)

    def run(self, trigger: Trigger) -> Run:
        """The run that `trigger` starts, with its reruns."""
        if not self._random.randrange(1_500):
            return Run(trigger, [Attempt(trigger.at, [])], "completed", "startup_failure", trigger.at + 2)
        first = self._attempt(trigger, trigger.at, trigger.pipeline.jobs, set())
        attempts = [first]
        cancelled = _cancel(first, trigger.superseded_at)
        while not cancelled and len(attempts) < _MOST_ATTEMPTS:
            again = self._again(trigger, attempts)
            if again is None:
                break
            attempts.append(again)
        last = attempts[-1]
        conclusion = "cancelled" if cancelled else _conclusion(last)
        ends = [job.completed for job in last.jobs]
        if any(end is None or end > AS_OF for end in ends):
            _stop_the_clock(last)
            return Run(trigger, attempts, "in_progress", None, min(AS_OF, last.started + MINUTE))
        return Run(trigger, attempts, "completed", conclusion, max(end for end in ends if end is not None) + 3)

    def _attempt(self, trigger: Trigger, at: int, jobs: Iterable[JobPlan], done: set[str]) -> Attempt:
        hit = self._met_outage(at, at + 2 * HOUR)
        ends: dict[str, int] = {}
        executed: list[Execution] = []
        passed = set(done)
        jobs = tuple(jobs)
        for plan in jobs:
            ready = max([at, *(ends[name] for name in plan.needs if name in ends)]) + 2
            if not passed.issuperset(plan.needs):
                _skip(executed, plan, ready, self._name(trigger, plan))
                ends[plan.name] = ready
                continue
            execution = self._execute(trigger, plan, ready, hit)
            executed.append(execution)
            ends[plan.name] = execution.completed or ready
            if execution.conclusion == "success":
                passed.add(plan.name)
        return Attempt(at, executed)

    def _execute(self, trigger: Trigger, plan: JobPlan, ready: int, hit: bool) -> Execution:  # noqa: FBT001
        started = ready + self._queue(ready)
        failure = self._failure(trigger, plan, started, hit)
        seconds = self._seconds(trigger, plan)
        conclusion = "success"
        if failure is not None:
            conclusion = "timed_out" if failure.kind == "timeout" else "failure"
            seconds = _shortened(self._random, failure, seconds)
        completed = started + max(int(seconds), 12)
        return Execution(plan, self._name(trigger, plan), ready, started, completed, "completed", conclusion, failure)

    def _name(self, trigger: Trigger, plan: JobPlan) -> str:
        renamed = self._sick.renamed.get((trigger.pipeline.path, plan.name))
        return renamed.old if renamed is not None and trigger.at < renamed.at else plan.name

    def _queue(self, ready: int) -> int:
        waited = int(self._random.gammavariate(1.6, 7))
        for outage in self._outages:
            if outage.kind == "runner pool" and outage.start <= ready < outage.end:
                waited += int(self._random.uniform(0.2, 0.9) * (outage.end - ready))
        return waited

    def _seconds(self, trigger: Trigger, plan: JobPlan) -> float:
        seconds = plan.minutes * MINUTE * self._random.lognormvariate(0, 0.1)
        if self._random.random() < _OUTLIERS:
            seconds *= self._random.uniform(1.4, 2.2)
        slower = self._sick.slower.get((trigger.pipeline.path, plan.name))
        if slower is None:
            return seconds
        if slower.index is None:
            return float(seconds * slower.factor ** ((trigger.at - self._start) / (AS_OF - self._start)))
        return seconds * slower.factor if trigger.base >= slower.index else seconds

    def _met_outage(self, start: int, end: int) -> bool:
        share = max((one.share for one in self._outages if one.start < end and start < one.end), default=0.0)
        return bool(share) and self._random.random() < share

    def _failure(self, trigger: Trigger, plan: JobPlan, at: int, hit: bool) -> Failure | None:  # noqa: FBT001
        return (
            (self._outage_failure(trigger, plan, at) if hit else None)
            or self._job_failure(trigger, plan)
            or (self._test_failure(trigger, plan) if plan.suite else None)
            or self._chance_failure(trigger, plan)
        )

    def _outage_failure(self, trigger: Trigger, plan: JobPlan, at: int) -> Failure | None:
        outage: Outage | None = next((one for one in self._outages if one.start <= at < one.end), None)
        # What every run starts with meets the outage; of the jobs beside it only some need what is away.
        if outage is None or (plan is not trigger.pipeline.jobs[0] and self._random.random() > 0.25):
            return None
        return Failure("outage", outage.key, outage.kind)

    def _broken(self, trigger: Trigger) -> list[Regression]:
        # The change that mends the default branch does not suffer from what it mends.
        return [
            one
            for one in self._sick.regressions
            if one.pipeline == trigger.pipeline.path
            and one.covers(trigger.base)
            and (one.fixed is None or trigger.merged_as != one.fixed)
        ]

    def _job_failure(self, trigger: Trigger, plan: JobPlan) -> Failure | None:
        for one in self._broken(trigger):
            if one.test is None and plan.name in one.jobs:
                return Failure("regression", one.key, plan.tool)
        if trigger.wrong in {"build", "lint"} and plan.name == trigger.wrong:
            return Failure("genuine", None, plan.tool)
        if trigger.wrong == "test" and plan.tool == "cargo test":
            return Failure("genuine", None, plan.tool)
        return None

    def _test_failure(self, trigger: Trigger, plan: JobPlan) -> Failure | None:
        failing: dict[int, str | None] = {}
        if trigger.wrong == "test":
            failing.update(dict.fromkeys(_wrong_tests(trigger)))
        regressions = [one for one in self._broken(trigger) if one.test is not None and plan.name in one.jobs]
        failing.update({one.test: one.key for one in regressions if one.test is not None})
        for flaky in self._flaky_tests(trigger, plan):
            failing.setdefault(flaky.test, flaky.key)
        if not failing:
            return None
        tests = tuple(sorted(failing.items()))
        if regressions:
            return Failure("regression", regressions[0].key, plan.tool, tests)
        if trigger.wrong == "test":
            return Failure("genuine", None, plan.tool, tests)
        return Failure("flaky_test", tests[0][1], plan.tool, tests)

    def _flaky_tests(self, trigger: Trigger, plan: JobPlan) -> list[FlakyTest]:
        found = []
        fired: dict[str, bool] = {}
        for flaky in self._sick.tests.get(plan.name, ()):
            if not flaky.since <= trigger.at < flaky.until:
                continue
            if flaky.cluster is None:
                fails = self._random.random() < flaky.p
            else:
                if flaky.cluster not in fired:
                    fired[flaky.cluster] = self._random.random() < flaky.p
                fails = fired[flaky.cluster] and self._random.random() < 0.85
            if fails:
                found.append(flaky)
        return found

    def _chance_failure(self, trigger: Trigger, plan: JobPlan) -> Failure | None:
        flaky = self._sick.jobs.get((trigger.pipeline.path, plan.name))
        if flaky is not None and self._random.random() < flaky.p:
            return Failure("flaky_job", flaky.key, flaky.kind)
        if self._random.random() < _RUNNER_LOSS:
            return Failure("runner_loss", None, "runner lost")
        return None

    def _again(self, trigger: Trigger, attempts: Sequence[Attempt]) -> Attempt | None:
        last = attempts[-1]
        causes = sorted({job.failure.cause for job in last.jobs if job.failure is not None})
        if not causes or self._random.random() > min(_RERUN[cause] for cause in causes):
            return None
        ended = max(job.completed or AS_OF for job in last.jobs)
        at = ended + 2 * MINUTE + int(self._random.expovariate(1 / (35 * MINUTE)))
        if "outage" in causes:
            over = max(
                (one.end for one in self._outages if one.start <= ended + HOUR and ended - 3 * HOUR < one.end),
                default=at,
            )
            at = max(at, over + 5 * MINUTE)
        if at > AS_OF - 2 * HOUR:
            return None
        state = {job.plan.name: job.conclusion for attempt in attempts for job in attempt.jobs}
        if self._random.random() < _ALL_JOBS_RERUN:
            return self._attempt(trigger, at, trigger.pipeline.jobs, set())
        done = {name for name, conclusion in state.items() if conclusion == "success"}
        return self._attempt(trigger, at, [plan for plan in trigger.pipeline.jobs if plan.name not in done], done)


def _sickness(name: str, faults: Faults) -> _Sickness:
    sick = _Sickness()
    for test in faults.flaky_tests:
        if test.repository == name:
            for job in test.jobs:
                sick.tests.setdefault(job, []).append(test)
    sick.jobs = {(one.pipeline, one.job): one for one in faults.flaky_jobs if one.repository == name}
    sick.regressions = [one for one in faults.regressions if one.repository == name]
    sick.slower = {(one.pipeline, one.job): one for one in faults.slower if one.repository == name}
    sick.renamed = {(one.pipeline, one.new): one for one in faults.renamed if one.repository == name}
    return sick


def _wrong_tests(trigger: Trigger) -> list[int]:
    """The tests that a wrong head breaks: a few of one part of the suite, the same in every job and attempt."""
    choice = Random(f"{trigger.commit.sha}/tests")
    tests = trigger.repository.tests
    first = choice.randrange(len(tests))
    count = 1
    while choice.random() < 0.6 and count < 12:
        count += 1
    return [i for i in range(first, min(first + count, len(tests))) if not tests[i].skipped] or [
        next(i for i, test in enumerate(tests) if not test.skipped)
    ]


def _skip(executed: list[Execution], plan: JobPlan, at: int, name: str) -> None:
    """List a job as skipped; a matrix that was never expanded is listed once, under its raw name."""
    name = plan.unexpanded or name
    if all(job.name != name for job in executed):
        executed.append(Execution(plan, name, at, at, at, "completed", "skipped"))


def _shortened(random: Random, failure: Failure, seconds: float) -> float:
    if failure.kind == "timeout":
        return 60.0 * 60
    if failure.cause == "outage":
        return random.uniform(40, 200)
    if failure.tests:
        return seconds
    return seconds * random.uniform(0.25, 0.95)


def _conclusion(attempt: Attempt) -> str:
    conclusions = {job.conclusion for job in attempt.jobs}
    return "failure" if conclusions & {"failure", "timed_out"} else "success"


def _cancel(attempt: Attempt, at: int | None) -> bool:
    """Cancel what still ran, or had not begun, at `at`; False when all was over by then."""
    if at is None or all(job.completed is not None and job.completed <= at for job in attempt.jobs):
        return False
    for job in attempt.jobs:
        if job.completed is not None and job.completed <= at:
            continue
        if job.conclusion == "skipped":
            job.created = job.started = job.completed = at
            continue
        begun = job.started <= at
        job.created, job.started = min(job.created, at), min(job.started, at)
        job.completed = at + 4 if begun else at
        job.conclusion, job.failure = "cancelled", None
    return True


def _stop_the_clock(attempt: Attempt) -> None:
    """What is not over at `AS_OF` still runs, waits, or is not listed yet."""
    attempt.jobs = [job for job in attempt.jobs if job.created <= AS_OF]
    for job in attempt.jobs:
        if job.completed is not None and job.completed <= AS_OF:
            continue
        job.completed = job.conclusion = job.failure = None
        job.status = "in_progress" if job.started <= AS_OF else "queued"
        job.started = min(job.started, AS_OF)
