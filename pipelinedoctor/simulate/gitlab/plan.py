"""The projects that the simulated organisation has on its GitLab. Nothing here exists either.

What one file of GitLab defines are several plans here, one for what each kind of event starts; a child pipeline is a plan of its own.
"""

from random import Random

from pipelinedoctor.simulate.plan import BUILD_TOOL, LINT_TOOL, TEST_TOOL, JobPlan, PipelinePlan, RepositoryPlan, suite

HOST = "gitlab.simulated.invalid"
CI, NIGHTLY, CHILD = "checks", "nightly", "deploy"
"""Names of plans, of which no body tells. The last is of the child pipeline that a push to the default branch starts."""
BRIDGE = "deploy"
"""The job that starts it."""
DEPLOYS = "apply"
"""The job of it that deploys."""
ENVIRONMENT = "production"

STAGES = {
    "build": "build", "prepare": "build", "image": "build",
    "package: [amd64]": "package", "package: [arm64]": "package",
    "plan": "deploy", "apply": "deploy", "smoke": "verify", "announce": "verify",
}  # fmt: skip
"""The stages of jobs; the others are tests."""
MAY_FAIL = frozenset({"licences"})
"""The jobs that may fail without failing their pipeline."""

# path below the organisation, language, weight, does it deploy, has it a schedule
_PROJECTS = (
    ("platform/billing-api", "python", 1.3, True, True),
    ("mobile/companion", "typescript", 1.1, True, False),
    ("platform/edge-proxy", "go", 0.9, False, True),
)
_MATRIX = {
    "python": ("test: [3.11]", "test: [3.12]"),
    "typescript": ("test: [node22]", "test: [node24]"),
    "go": ("test: [linux]", "test: [windows]"),
}
_FIRST_ID = 4_301


def projects(random: Random, count: int) -> tuple[RepositoryPlan, ...]:
    """The first `count` (at most 3) projects on GitLab."""
    return tuple(_project(random, number) for number in range(min(count, len(_PROJECTS))))


def _project(random: Random, number: int) -> RepositoryPlan:
    path, language, weight, deploys, scheduled = _PROJECTS[number]
    pipelines = [_checks(language, random.uniform(0.8, 1.3))]
    if deploys:
        pipelines.append(_deploy())
    if scheduled:
        pipelines.append(_nightly())
    tests = suite(random, path.rpartition("/")[2], language)
    return RepositoryPlan(_FIRST_ID + 118 * number, path, language, weight, tuple(pipelines), tests)


def _checks(language: str, pace: float) -> PipelinePlan:
    matrix = _MATRIX[language]
    tests = [
        JobPlan(name, round(minutes * pace, 1), TEST_TOOL[language], ("build",), suite=True, label=_tag(name))
        for name, minutes in zip(matrix, (5.5, 6.5), strict=True)
    ]
    packages = [
        JobPlan(f"package: [{target}]", 2.5, "docker", ("build", *matrix), label="linux")
        for target in ("amd64", "arm64")
    ]
    jobs = (
        JobPlan("build", round(4.0 * pace, 1), BUILD_TOOL[language], label="linux"),
        JobPlan("lint", 1.6, LINT_TOOL[language], label="linux"),
        JobPlan("docs", 2.2, "sphinx", label="linux"),
        JobPlan("licences", 0.7, "shell", label="linux"),
        *tests,
        JobPlan("integration", round(8.0 * pace, 1), "compose", ("build",), label="linux"),
        *packages,
    )
    return PipelinePlan(CI, "CI", ("push", "pull_request"), jobs)


def _tag(name: str) -> str:
    return "windows" if "windows" in name else "linux"


def _deploy() -> PipelinePlan:
    jobs = (
        JobPlan("image", 3.0, "docker", label="linux"),
        JobPlan("plan", 1.0, "terraform", ("image",), label="linux"),
        JobPlan("apply", 3.5, "terraform", ("plan",), label="linux"),
        JobPlan("smoke", 2.0, "smoke", ("apply",), label="linux"),
        JobPlan("announce", 0.5, "shell", ("smoke",), label="linux"),
    )
    return PipelinePlan(CHILD, "Deploy", ("push",), jobs)


def _nightly() -> PipelinePlan:
    jobs = (
        JobPlan("prepare", 3.0, "docker", label="linux"),
        JobPlan("e2e: [chromium]", 18.0, "compose", ("prepare",), label="linux"),
        JobPlan("e2e: [firefox]", 19.0, "compose", ("prepare",), label="linux"),
        JobPlan("load", 25.0, "compose", ("prepare",), label="linux"),
        JobPlan("audit", 1.5, "shell", label="linux"),
    )
    return PipelinePlan(NIGHTLY, "Nightly", ("schedule",), jobs)
