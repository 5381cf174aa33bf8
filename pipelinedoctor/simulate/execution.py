"""What happens when a run is started: which jobs run, when, how they end and why; and whether somebody reruns them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from pipelinedoctor.simulate.causes import Causes, Failure
from pipelinedoctor.simulate.changes import Past, Trigger
from pipelinedoctor.simulate.clock import AS_OF, HOUR, MINUTE
from pipelinedoctor.simulate.faults import Faults
from pipelinedoctor.simulate.plan import JobPlan

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


class Executor:
    """Executes the runs of one repository, in the order they were started."""

    def __init__(self, random: Random, past: Past, faults: Faults) -> None:
        self._random = random
        self._start = past.main[0].at
        self._outages = faults.outages
        self._causes = Causes(random, past, faults)
        mine = past.repository.name
        self._slower = {(one.pipeline, one.job): one for one in faults.slower if one.repository == mine}
        self._renamed = {(one.pipeline, one.new): one for one in faults.renamed if one.repository == mine}

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
        hit = self._causes.met_outage(at, at + 2 * HOUR)
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
        failure = self._causes.failure(trigger, plan, started, hit)
        seconds = self._seconds(trigger, plan)
        conclusion = "success"
        if failure is not None:
            conclusion = "timed_out" if failure.kind == "timeout" else "failure"
            seconds = _shortened(self._random, failure, seconds)
        completed = started + max(int(seconds), 12)
        return Execution(plan, self._name(trigger, plan), ready, started, completed, "completed", conclusion, failure)

    def _name(self, trigger: Trigger, plan: JobPlan) -> str:
        renamed = self._renamed.get((trigger.pipeline.path, plan.name))
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
        slower = self._slower.get((trigger.pipeline.path, plan.name))
        if slower is None:
            return seconds
        if slower.index is None:
            return float(seconds * slower.factor ** ((trigger.at - self._start) / (AS_OF - self._start)))
        return seconds * slower.factor if trigger.base >= slower.index else seconds

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
