"""What starts pipelines of the simulated GitLab: by that, and by no file, does GitLab tell pipelines of a project apart."""

from dataclasses import replace

from pipelinedoctor.simulate.gitlab.plan import CHILD, NIGHTLY
from pipelinedoctor.simulate.truth import Flaky, Truth

_CHILD = "parent_pipeline"
_CHANGE = "merge_request_event"
_SOURCES = {"push": "push", "pull_request": _CHANGE, "schedule": "schedule"}


def source_of(path: str, event: str) -> str:
    """The source of a pipeline, by the plan it follows and by what happened."""
    return _CHILD if path == CHILD else _SOURCES[event]


def in_words(truth: Truth) -> Truth:
    """The truth with sources for paths. What is flaky in several kinds of pipelines is told of those of merge requests."""
    return replace(
        truth,
        flaky_tests=[_flaky(one) for one in truth.flaky_tests],
        flaky_jobs=[_flaky(one) for one in truth.flaky_jobs],
        regressions=[replace(one, pipeline=source_of(one.pipeline, "push")) for one in truth.regressions],
        failing_jobs=[replace(one, pipeline=source_of(one.pipeline, one.event)) for one in truth.failing_jobs],
    )


def _flaky(one: Flaky) -> Flaky:
    return replace(one, pipeline=source_of(one.pipeline, "schedule" if one.pipeline == NIGHTLY else "pull_request"))
