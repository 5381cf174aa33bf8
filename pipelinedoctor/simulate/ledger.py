"""Keeps account of what is written, and sums it up as the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelinedoctor.simulate.causes import Failure
from pipelinedoctor.simulate.changes import Past
from pipelinedoctor.simulate.clock import AS_OF, stamp
from pipelinedoctor.simulate.execution import Execution, Run
from pipelinedoctor.simulate.faults import Faults, FlakyJob, FlakyTest
from pipelinedoctor.simulate.plan import HOST
from pipelinedoctor.simulate.planting import RECENT
from pipelinedoctor.simulate.tooltext import INFRASTRUCTURE_LINES, OUTAGE_LINES
from pipelinedoctor.simulate.truth import (
    DETECTABLE_FROM,
    VERSION,
    Duration,
    FailingJob,
    Flaky,
    Outage,
    Regression,
    Rename,
    Truth,
)

# repository, pipeline, job, commit, is it a pull request's
_Unit = tuple[str, str, str, str, bool]


@dataclass(frozen=True, slots=True)
class _Failed:
    run: Run
    attempt: int
    job: Execution
    failure: Failure


def _unit(run: Run, job: Execution) -> _Unit:
    trigger = run.trigger
    return (
        trigger.repository.name, trigger.pipeline.path, job.plan.name, trigger.commit.sha, trigger.event == "pull_request"
    )  # fmt: skip


class Ledger:
    """Takes in runs and reports as they are written; `truth` sums them up."""

    def __init__(self, seed: int, start: int, pasts: Sequence[Past], faults: Faults) -> None:
        self._seed = seed
        self._start = start
        self._pasts = {one.repository.name: one for one in pasts}
        self._faults = faults
        self._failed: list[_Failed] = []
        self._passed: set[_Unit] = set()
        self._reports: dict[_Unit, list[frozenset[int]]] = {}
        commits = sum(len(one.main) for one in pasts)
        names = ("runs", "attempts", "jobs", "failing_jobs", "red_runs", "artifacts", "test_results")
        self._counts = dict.fromkeys(names, 0) | {"commits": commits}

    def add_run(self, run: Run) -> None:
        """Take in a run."""
        self._counts["runs"] += 1
        self._counts["red_runs"] += run.red
        self._counts["attempts"] += len(run.attempts)
        for number, attempt in enumerate(run.attempts, 1):
            self._counts["jobs"] += len(attempt.jobs)
            for job in attempt.jobs:
                if job.failure is not None:
                    self._counts["failing_jobs"] += 1
                    self._failed.append(_Failed(run, number, job, job.failure))
                elif job.conclusion == "success":
                    self._passed.add(_unit(run, job))

    def add_report(self, run: Run, job: Execution) -> None:
        """Take in a test report."""
        self._counts["artifacts"] += 1
        self._counts["test_results"] += len(run.trigger.repository.tests)
        failing = frozenset(number for number, _ in job.failure.tests) if job.failure is not None else frozenset()
        self._reports.setdefault(_unit(run, job), []).append(failing)

    def truth(self) -> Truth:
        """What is known now that all is written."""
        return Truth(
            version=VERSION,
            seed=self._seed,
            host=HOST,
            start=stamp(self._start),
            as_of=stamp(AS_OF),
            counts=self._counts,
            flaky_tests=[self._flaky_test(one) for one in self._faults.flaky_tests],
            flaky_jobs=[self._flaky_job(one) for one in self._faults.flaky_jobs],
            regressions=self._regressions(),
            outages=self._outages(),
            durations=self._durations(),
            renames=[
                Rename(
                    repository=self._full(one.repository),
                    pipeline=one.pipeline,
                    old=one.old,
                    new=one.new,
                    at=stamp(one.at),
                )
                for one in self._faults.renamed
            ],
            infrastructure_lines=sorted({*OUTAGE_LINES.values(), *INFRASTRUCTURE_LINES}),
            failing_jobs=[self._failing_job(one) for one in sorted(self._failed, key=lambda one: one.job.id)],
        )

    def _full(self, name: str) -> str:
        return self._pasts[name].repository.full_name

    def _of(self, key: str) -> list[_Failed]:
        return [one for one in self._failed if one.failure.key == key]

    def _test_id(self, repository: str, number: int) -> str:
        return self._pasts[repository].repository.tests[number].id

    def _flaky_test(self, one: FlakyTest) -> Flaky:
        units = {
            _unit(failed.run, failed.job): failed.run.trigger.at
            for failed in self._failed
            if (one.test, one.key) in failed.failure.tests and failed.run.trigger.repository.name == one.repository
        }
        failures = sum(
            (one.test, one.key) in failed.failure.tests and failed.run.trigger.at >= RECENT
            for failed in self._failed
            if failed.run.trigger.repository.name == one.repository
        )
        contradicted = [unit for unit, at in units.items() if at >= RECENT and self._test_contradicted(unit, one.test)]
        most = max((sum(unit[2] == job for unit in contradicted) for job in one.jobs), default=0)
        return Flaky(
            key=one.key,
            repository=self._full(one.repository),
            pipeline=self._pasts[one.repository].repository.pipelines[0].path,
            jobs=list(one.jobs),
            test=self._test_id(one.repository, one.test),
            kind="test",
            p=one.p,
            cluster=one.cluster,
            since=stamp(one.since) if one.since else None,
            until=stamp(one.until) if one.until < AS_OF else None,
            recent_failures=failures,
            recent_contradictions=most,
            detectable=most >= DETECTABLE_FROM,
        )

    def _test_contradicted(self, unit: _Unit, test: int) -> bool:
        reports = self._reports.get(unit, [])
        return any(test in failing for failing in reports) and any(test not in failing for failing in reports)

    def _flaky_job(self, one: FlakyJob) -> Flaky:
        recent = [failed for failed in self._of(one.key) if failed.run.trigger.at >= RECENT]
        contradicted = {unit for unit in (_unit(failed.run, failed.job) for failed in recent) if unit in self._passed}
        return Flaky(
            key=one.key,
            repository=self._full(one.repository),
            pipeline=one.pipeline,
            jobs=[one.job],
            test=None,
            kind=one.kind,
            p=one.p,
            cluster=None,
            since=None,
            until=None,
            recent_failures=len(recent),
            recent_contradictions=len(contradicted),
            detectable=len(contradicted) >= DETECTABLE_FROM,
        )

    def _regressions(self) -> list[Regression]:
        found = []
        for one in self._faults.regressions:
            main = self._pasts[one.repository].main
            fixed = None if one.fixed is None else main[one.fixed]
            hit = {failed.run.id for failed in self._of(one.key) if failed.run.trigger.event == "push"}
            found.append(
                Regression(
                    key=one.key,
                    repository=self._full(one.repository),
                    pipeline=one.pipeline,
                    jobs=list(one.jobs),
                    test=None if one.test is None else self._test_id(one.repository, one.test),
                    first_bad_sha=main[one.first].sha,
                    first_bad_at=stamp(main[one.first].at),
                    fixed_sha=None if fixed is None else fixed.sha,
                    fixed_at=None if fixed is None else stamp(fixed.at),
                    open=fixed is None,
                    default_runs_hit=len(hit),
                )
            )
        return found

    def _outages(self) -> list[Outage]:
        found = []
        for one in self._faults.outages:
            hit = self._of(one.key)
            found.append(
                Outage(
                    key=one.key,
                    kind=one.kind,
                    start=stamp(one.start),
                    end=stamp(one.end),
                    line=OUTAGE_LINES[one.kind],
                    runs_hit=len({failed.run.id for failed in hit}),
                    repositories_hit=len({failed.run.trigger.repository.name for failed in hit}),
                )
            )
        return found

    def _durations(self) -> list[Duration]:
        found = []
        for one in self._faults.slower:
            commit = None if one.index is None else self._pasts[one.repository].main[one.index]
            found.append(
                Duration(
                    repository=self._full(one.repository),
                    pipeline=one.pipeline,
                    job=one.job,
                    kind="drift" if commit is None else "step",
                    at=stamp(self._start if commit is None else commit.at),
                    sha=None if commit is None else commit.sha,
                    factor=one.factor,
                )
            )
        return found

    def _failing_job(self, one: _Failed) -> FailingJob:
        trigger = one.run.trigger
        return FailingJob(
            job_id=one.job.id,
            run_id=one.run.id,
            attempt=one.attempt,
            repository=trigger.repository.full_name,
            pipeline=trigger.pipeline.path,
            job=one.job.plan.name,
            event=trigger.event,
            sha=trigger.commit.sha,
            made_at=stamp(trigger.at),
            cause=one.failure.cause,
            key=one.failure.key,
            tests=[
                {
                    "test": self._test_id(trigger.repository.name, number),
                    "key": key,
                    "contradicted": self._test_contradicted(_unit(one.run, one.job), number),
                }
                for number, key in one.failure.tests
            ],
            contradicted=_unit(one.run, one.job) in self._passed,
        )
