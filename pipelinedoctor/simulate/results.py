"""What the tests of an execution came to."""

from random import Random

from pipelinedoctor.simulate.complaints import Complaint, complaint
from pipelinedoctor.simulate.execution import Execution
from pipelinedoctor.simulate.plan import RepositoryPlan


def reported(job: Execution) -> bool:
    """Whether the job came as far as to write a test report: it passed, or its tests failed."""
    if not job.plan.suite:
        return False
    return job.conclusion == "success" or (job.failure is not None and bool(job.failure.tests))


def broken_tests(repository: RepositoryPlan, job: Execution) -> dict[int, Complaint]:
    """The failing tests of an execution by their number, and what each said."""
    if job.failure is None:
        return {}
    random = Random(f"{job.id}/tests")
    return {
        number: complaint(repository.tests[number], repository.language, (key or "").startswith("flaky"), random)
        for number, key in job.failure.tests
    }
