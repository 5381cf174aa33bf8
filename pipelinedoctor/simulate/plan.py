"""What the simulated organisation is made of: repositories, pipelines, jobs and tests. No times, no chance events.

Nothing here exists: the company, its people and its host are invented.
"""

from dataclasses import dataclass, field
from random import Random

HOST = "git.simulated.invalid"
ORGANISATION = "tarnley"

UBUNTU = "ubuntu-24.04"


@dataclass(frozen=True, slots=True)
class JobPlan:
    """A job of a pipeline. `minutes` is its usual duration, `tool` decides what its log looks like.

    `unexpanded` is the name the forge lists when the job is skipped before its matrix is expanded.
    A job with `suite` runs all tests of its repository and uploads a report of them.
    """

    name: str
    minutes: float
    tool: str
    needs: tuple[str, ...] = ()
    suite: bool = False
    unexpanded: str | None = None
    label: str = UBUNTU


@dataclass(frozen=True)
class PipelinePlan:
    """A pipeline; the first of its jobs is the one all runs start with, and jobs stand after the jobs they need."""

    path: str
    name: str
    events: tuple[str, ...]
    jobs: tuple[JobPlan, ...]


@dataclass(frozen=True, slots=True)
class TestCase:
    """A test of a suite; `skipped` ones are reported as such by every run."""

    __test__ = False

    classname: str
    name: str
    seconds: float
    skipped: bool

    @property
    def id(self) -> str:
        """The name by which findings and the truth call it."""
        return f"{self.classname}::{self.name}"


@dataclass(frozen=True, eq=False)
class RepositoryPlan:
    """A repository: its language, how busy it is (1 is the average), its pipelines and its tests."""

    id: int
    name: str
    language: str
    weight: float
    pipelines: tuple[PipelinePlan, ...]
    tests: tuple[TestCase, ...] = field(repr=False)

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return f"{ORGANISATION}/{self.name}"

    def pipeline(self, path: str) -> PipelinePlan:
        """The pipeline of a path."""
        return next(pipeline for pipeline in self.pipelines if pipeline.path == path)


CI = ".github/workflows/ci.yml"
DEPLOY = ".github/workflows/deploy.yml"
NIGHTLY = ".github/workflows/nightly.yml"
CHECKS = ".github/workflows/checks.yml"

# name, language, weight, does it deploy, has it a nightly pipeline
_REPOSITORIES = (
    ("ledger", "java", 1.5, True, True),
    ("web-shop", "typescript", 1.7, True, True),
    ("gateway", "go", 1.3, True, False),
    ("notifier", "python", 1.1, True, False),
    ("search-index", "rust", 0.9, False, False),
    ("payments", "java", 1.2, True, False),
    ("data-loader", "python", 0.9, False, True),
    ("design-system", "typescript", 0.8, False, False),
    ("image-resizer", "go", 0.7, False, False),
    ("forecast", "python", 0.7, False, False),
    ("accounts", "java", 0.7, True, False),
    ("platform-tools", "go", 0.5, False, True),
)
_MATRIX = {
    "java": ("test (ubuntu-24.04, 17)", "test (ubuntu-24.04, 21)"),
    "typescript": ("test (ubuntu-24.04, node 22)", "test (ubuntu-24.04, node 24)"),
    "go": ("test (ubuntu-24.04, 1.24)", "test (windows-2025, 1.24)"),
    "python": ("test (ubuntu-24.04, 3.11)", "test (ubuntu-24.04, 3.12)"),
    "rust": ("test (stable)", "test (beta)"),
}
TEST_TOOL = {"java": "maven", "typescript": "jest", "go": "go test", "python": "pytest", "rust": "cargo test"}
BUILD_TOOL = {"java": "javac", "typescript": "tsc", "go": "go build", "python": "mypy", "rust": "rustc"}
LINT_TOOL = {"java": "checkstyle", "typescript": "eslint", "go": "golangci", "python": "ruff", "rust": "clippy"}

_NOUNS = (
    "invoice", "basket", "refund", "entry", "route", "token", "session", "catalogue", "shipment", "quota",
    "webhook", "currency", "address", "coupon", "statement", "schedule", "profile", "queue", "snapshot", "digest",
)  # fmt: skip
_ACTIONS = (
    "rounds half even", "keeps order", "rejects empty input", "retries on conflict", "expires after an hour",
    "merges duplicates", "survives a restart", "sorts by date", "escapes quotes", "limits the page size",
    "closes the connection", "reads utf8 names", "ignores unknown fields", "locks the row",
)  # fmt: skip


def repositories(random: Random, count: int) -> tuple[RepositoryPlan, ...]:
    """The first `count` (at most 12) repositories of the organisation."""
    return tuple(_repository(random, number) for number in range(min(count, len(_REPOSITORIES))))


def _repository(random: Random, number: int) -> RepositoryPlan:
    name, language, weight, deploys, nightly = _REPOSITORIES[number]
    pipelines = [_ci(language, random.uniform(0.8, 1.3))]
    if deploys:
        pipelines.append(_deploy())
    if nightly:
        pipelines.append(_nightly())
    if name == "payments":
        pipelines.append(_checks())
    tests = () if language == "rust" else suite(random, name, language)
    return RepositoryPlan(710_001 + 37 * number, name, language, weight, tuple(pipelines), tests)


def _ci(language: str, pace: float) -> PipelinePlan:
    build, lint, test = BUILD_TOOL[language], LINT_TOOL[language], TEST_TOOL[language]
    matrix = _MATRIX[language]
    tests = [
        JobPlan(name, round(minutes * pace, 1), test, ("build",), language != "rust", label=_label(name))
        for name, minutes in zip(matrix, (6.5, 7.5), strict=True)
    ]
    package = [
        JobPlan(f"package ({target})", 2.5, "docker", ("build", *matrix), unexpanded="package (${{ matrix.target }})")
        for target in ("amd64", "arm64")
    ]
    jobs = (
        JobPlan("build", round(4.0 * pace, 1), build),
        JobPlan("lint", 1.6, lint),
        JobPlan("docs", 2.2, "sphinx"),
        JobPlan("licences", 0.7, "shell"),
        *tests,
        JobPlan("integration", round(8.0 * pace, 1), "compose", ("build",)),
        *package,
    )
    return PipelinePlan(CI, "CI", ("push", "pull_request"), jobs)


def _label(name: str) -> str:
    return "windows-2025" if "windows" in name else UBUNTU


def _deploy() -> PipelinePlan:
    jobs = (
        JobPlan("image", 3.0, "docker"),
        JobPlan("deploy / plan", 1.0, "terraform", ("image",)),
        JobPlan("deploy / apply", 3.5, "terraform", ("deploy / plan",)),
        JobPlan("deploy / smoke", 2.0, "smoke", ("deploy / apply",)),
        JobPlan("announce", 0.5, "shell", ("deploy / smoke",)),
    )
    return PipelinePlan(DEPLOY, "Deploy", ("push",), jobs)


def _nightly() -> PipelinePlan:
    jobs = (
        JobPlan("prepare", 3.0, "docker"),
        JobPlan("e2e (chromium)", 18.0, "compose", ("prepare",)),
        JobPlan("e2e (firefox)", 19.0, "compose", ("prepare",)),
        JobPlan("load", 25.0, "compose", ("prepare",)),
        JobPlan("migration", 9.0, "compose", ("prepare",)),
        JobPlan("audit", 1.5, "shell"),
        JobPlan("backup restore", 12.0, "compose", ("prepare",)),
    )
    return PipelinePlan(NIGHTLY, "Nightly", ("schedule",), jobs)


def _checks() -> PipelinePlan:
    jobs = (
        JobPlan("scan sources", 5.0, "shell"),
        JobPlan("scan secrets", 0.8, "shell"),
        JobPlan("scan image", 2.0, "docker"),
        JobPlan("labels", 0.4, "shell"),
    )
    return PipelinePlan(CHECKS, "Checks", ("pull_request",), jobs)


def suite(random: Random, repository: str, language: str) -> tuple[TestCase, ...]:
    """The tests of a repository."""
    nouns = random.sample(_NOUNS, 11)
    tests = []
    for noun in nouns:
        for action in random.sample(_ACTIONS, random.randint(9, len(_ACTIONS))):
            classname, name = _named(language, repository, noun, action)
            seconds = round(min(random.lognormvariate(-2.3, 1.1), 20.0), 3)
            tests.append(TestCase(classname, name, seconds, skipped=random.random() < 0.02))
    return tuple(tests)


def _named(language: str, repository: str, noun: str, action: str) -> tuple[str, str]:
    words = action.split()
    if language == "python":
        return f"tests.unit.test_{noun}", f"test_{'_'.join(words)}"
    camel = "".join(word.capitalize() for word in words)
    if language == "java":
        return f"com.{ORGANISATION}.{repository}.{noun.capitalize()}ServiceTest", camel[0].lower() + camel[1:]
    if language == "go":
        return f"{HOST}/{ORGANISATION}/{repository}/internal/{noun}", f"Test{noun.capitalize()}{camel}"
    title = f"{noun.capitalize()} {action}"
    return title, title
