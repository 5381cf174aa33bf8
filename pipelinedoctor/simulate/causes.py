"""Why a job fails: which of the planted faults, wrong changes and chances strikes an execution."""

from dataclasses import dataclass, field
from random import Random

from pipelinedoctor.simulate.changes import Past, Trigger
from pipelinedoctor.simulate.faults import Faults, FlakyJob, FlakyTest, Outage, Regression
from pipelinedoctor.simulate.plan import JobPlan

_RUNNER_LOSS = 4e-4


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: the cause, the planted fault's key, the manner in which its log tells it, and the failing tests.

    `tests` are pairs of a test's number and its own cause's key (None: genuine), in the order of the suite.
    """

    cause: str
    key: str | None
    kind: str
    tests: tuple[tuple[int, str | None], ...] = ()


@dataclass
class _Sickness:
    """The faults of one repository, found quickly."""

    tests: dict[str, list[FlakyTest]] = field(default_factory=dict)
    jobs: dict[tuple[str, str], FlakyJob] = field(default_factory=dict)
    regressions: list[Regression] = field(default_factory=list)


class Causes:
    """Decides, execution by execution, for one repository."""

    def __init__(self, random: Random, past: Past, faults: Faults) -> None:
        self._random = random
        self._outages = faults.outages
        self._sick = _sickness(past.repository.name, faults)

    def met_outage(self, start: int, end: int) -> bool:
        """Whether a run that lasts from `start` to `end` meets an outage of that time."""
        share = max((one.share for one in self._outages if one.start < end and start < one.end), default=0.0)
        return bool(share) and self._random.random() < share

    def failure(self, trigger: Trigger, plan: JobPlan, at: int, hit: bool) -> Failure | None:  # noqa: FBT001
        """Why an execution that starts `at` fails, None where it does not; `hit`: its run has met an outage."""
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


def _sickness(name: str, faults: Faults) -> _Sickness:
    sick = _Sickness()
    for test in faults.flaky_tests:
        if test.repository == name:
            for job in test.jobs:
                sick.tests.setdefault(job, []).append(test)
    sick.jobs = {(one.pipeline, one.job): one for one in faults.flaky_jobs if one.repository == name}
    sick.regressions = [one for one in faults.regressions if one.repository == name]
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
