"""Chooses what is sick in the projects on GitLab: of each kind a few, and the outages that all of the organisation met."""

from collections.abc import Sequence
from random import Random

from pipelinedoctor.simulate.changes import Past
from pipelinedoctor.simulate.clock import AS_OF, DAY
from pipelinedoctor.simulate.faults import Faults, FlakyJob, FlakyTest, Outage, Regression
from pipelinedoctor.simulate.gitlab.plan import CHILD, CI, NIGHTLY
from pipelinedoctor.simulate.planting import RECENT, broken_span, suite_jobs

# expected failures in the last 30 days; the last is too rare to be told
_FLAKY_TESTS = (10.0, 9.0, 9.0, 0.4)
# project, pipeline, job, manner, expected failures in the last 30 days
_FLAKY_JOBS = (
    ("platform/billing-api", CI, "integration", "out of memory", 8),
    ("mobile/companion", CI, "build", "npm reset", 8),
    ("platform/billing-api", CHILD, "smoke", "health check", 7),
    ("platform/edge-proxy", NIGHTLY, "e2e: [firefox]", "timeout", 7),
    ("mobile/companion", CHILD, "apply", "state lock", 2),
)
# project, days before the end, what is broken; the first stays broken
_REGRESSIONS = (("platform/edge-proxy", 6.4, "test"), ("mobile/companion", 12.5, "lint"))


def plant(random: Random, pasts: Sequence[Past], outages: Sequence[Outage]) -> Faults:
    """Choose what is sick; what is of a project that is not there is left out."""
    tests = _flaky_tests(random, pasts)
    regressions = _regressions(random, pasts, {(one.repository, one.test) for one in tests})
    return Faults(tests, _flaky_jobs(random, pasts), regressions, list(outages), [], [])


def _flaky_tests(random: Random, pasts: Sequence[Past]) -> list[FlakyTest]:
    found: list[FlakyTest] = []
    for number, expected in enumerate(_FLAKY_TESTS, 1):
        one = pasts[(number - 1) % len(pasts)]
        name = one.repository.name
        taken = {flaky.test for flaky in found if flaky.repository == name}
        jobs = suite_jobs(one)[: 1 + number % 2]
        p = round(min(expected / max(_executions(one, jobs[0]), 1), 0.14), 4)
        test = random.choice(_free(one, taken))
        found.append(FlakyTest(f"flaky-test-gitlab-{number}", name, jobs, test, p, None, 0, AS_OF))
    return found


def _flaky_jobs(random: Random, pasts: Sequence[Past]) -> list[FlakyJob]:
    by_name = {one.repository.name: one for one in pasts}
    found = []
    for number, (name, pipeline, job, kind, expected) in enumerate(_FLAKY_JOBS, 1):
        if name in by_name:
            p = min(expected * random.uniform(0.9, 1.2) / max(_executions(by_name[name], job), 1), 0.25)
            found.append(FlakyJob(f"flaky-job-gitlab-{number}", name, pipeline, job, kind, round(p, 4)))
    return found


def _regressions(random: Random, pasts: Sequence[Past], taken: set[tuple[str, int]]) -> list[Regression]:
    by_name = {one.repository.name: one for one in pasts}
    found = []
    for number, (name, days, what) in enumerate(_REGRESSIONS, 1):
        one = by_name.get(name)
        span = broken_span(random, one, AS_OF - int(days * DAY), number == 1) if one else None
        if one is None or span is None:
            continue
        test = (
            random.choice(_free(one, {test for project, test in taken if project == name})) if what == "test" else None
        )
        jobs = suite_jobs(one) if what == "test" else (what,)
        found.append(Regression(f"regression-gitlab-{number}", name, CI, jobs, test, *span))
    return found


def _free(one: Past, taken: set[int]) -> list[int]:
    """The tests that can be given a fault."""
    return [number for number, test in enumerate(one.repository.tests) if not test.skipped and number not in taken]


def _executions(one: Past, job: str) -> int:
    """How often a job was to run in the last 30 days."""
    return sum(
        trigger.at >= RECENT and any(plan.name == job for plan in trigger.pipeline.jobs) for trigger in one.triggers
    )
