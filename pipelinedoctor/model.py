"""The vocabulary: the enumerations, and one dataclass a table; nothing else.

Field names, order and types equal the columns of `store/migrations/`; a test holds them equal.
All times are UTC (`datetime` with `tzinfo=UTC`), all durations are seconds. `None` means "not known".
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, get_args


class Forge(StrEnum):
    """The software that runs the CI. `files`: whatever it is, reports of tests were handed in as files."""

    GITHUB = "github"
    GITLAB = "gitlab"
    FILES = "files"


class Result(StrEnum):
    """How an execution ended, in the words of OpenTelemetry's CI/CD conventions."""

    SUCCESS = "success"
    FAILURE = "failure"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    ERROR = "error"
    UNKNOWN = "unknown"


class Detail(StrEnum):
    """How much of a job was read: with `OUTCOMES`, no queue time, labels, runner and steps, to save requests."""

    OUTCOMES = "outcomes"
    FULL = "full"


class Verdict(StrEnum):
    """What a finding says of its subject. A new word is a change of the JSON schema."""

    FLAKY = "flaky"
    SUSPECTED = "suspected"
    BROKEN = "broken"
    REGRESSED = "regressed"
    INFRASTRUCTURE = "infrastructure"
    RECOVERED = "recovered"
    WORSENING = "worsening"
    BREACH = "breach"
    EXPIRED = "expired"


class Severity(StrEnum):
    """Fixed cuts, not relative to neighbours, most severe first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Cause(StrEnum):
    """What findings blame for an execution, the primary cause first: it takes its share before those that follow it."""

    INFRASTRUCTURE = "infrastructure"
    BROKEN = "broken"
    FLAKY_TEST = "flaky_test"
    FLAKY_JOB = "flaky_job"
    OTHER = "other"


class Label(StrEnum):
    """What kind of failure an execution was, in the order in which that is decided: the first that holds."""

    INFRASTRUCTURE = "infrastructure"
    BROKEN = "broken"
    PASSED_LATER = "passed_later"
    KNOWN_FLAKY = "known_flaky"
    LIKELY_GENUINE = "likely_genuine"
    NOT_ENOUGH_DATA = "not_enough_data"


class Category(StrEnum):
    """The kind of cause of a failure."""

    RUNNER = "runner"
    NETWORK = "network"
    REGISTRY = "registry"
    RATE_LIMIT = "rate_limit"
    AUTH = "auth"
    DEPENDENCY = "dependency"
    CHECKOUT = "checkout"
    TIMEOUT = "timeout"
    RESOURCE = "resource"
    COMPILE = "compile"
    LINT = "lint"
    TEST = "test"
    CRASH = "crash"
    CONFIG = "config"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository, known by the forge's id, which survives renames and transfers."""

    table: ClassVar[str] = "repositories"
    key: ClassVar[tuple[str, ...]] = ("host", "repository_id")

    host: str
    repository_id: int
    forge: str
    full_name: str
    default_branch: str | None
    html_url: str
    archived: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a pipeline at a commit; `attempt` is the newest of its attempts."""

    table: ClassVar[str] = "runs"
    key: ClassVar[tuple[str, ...]] = ("host", "run_id")

    host: str
    run_id: int
    repository_id: int
    pipeline_id: int
    pipeline: str | None
    pipeline_name: str | None
    run_number: int | None
    event: str
    branch: str | None
    commit_sha: str
    change_number: int | None
    title: str | None
    actor: str | None
    status: str
    result: str
    forge_result: str | None
    attempt: int
    created_at: datetime
    updated_at: datetime
    html_url: str
    parent_run_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAttempt:
    """One attempt of a run. `derived` tells that it was put together from its jobs, not read from the forge."""

    table: ClassVar[str] = "run_attempts"
    key: ClassVar[tuple[str, ...]] = ("host", "run_id", "attempt")

    host: str
    run_id: int
    attempt: int
    result: str
    forge_result: str | None
    started_at: datetime | None
    completed_at: datetime | None
    derived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One execution of a job in an attempt. `carried_over`: it ran in an earlier attempt and is only listed again.

    `detail` tells how much of it was read (`Detail`); `failure_reason` is the forge's own word, where it has one.
    """

    table: ClassVar[str] = "jobs"
    key: ClassVar[tuple[str, ...]] = ("host", "job_id")

    host: str
    job_id: int
    run_id: int
    repository_id: int
    attempt: int
    name: str
    status: str
    result: str
    forge_result: str | None
    created_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    queue_s: float | None
    duration_s: float | None
    labels: str | None
    runner: str | None
    carried_over: bool
    html_url: str
    detail: str = Detail.FULL.value
    stage: str | None = None
    allow_failure: bool | None = None
    failure_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a job that did not succeed."""

    table: ClassVar[str] = "steps"
    key: ClassVar[tuple[str, ...]] = ("host", "job_id", "number")

    host: str
    job_id: int
    number: int
    name: str
    result: str
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job failed, as far as its log tells: the line that explains it, and what it is like."""

    table: ClassVar[str] = "failures"
    key: ClassVar[tuple[str, ...]] = ("host", "job_id", "ordinal")

    host: str
    job_id: int
    ordinal: int
    run_id: int
    step: str | None
    line: str
    excerpt: str
    masked: str
    category: str
    rule: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One execution of a test. `job_id` is 0 where the report could not be put to a job of its run."""

    __test__: ClassVar[bool] = False
    table: ClassVar[str] = "test_results"
    key: ClassVar[tuple[str, ...]] = ("host", "run_id", "job_id", "attempt", "test", "ordinal")

    host: str
    run_id: int
    job_id: int
    attempt: int
    test: str
    ordinal: int
    suite: str | None
    result: str
    duration_s: float | None
    message: str | None
    detail: str | None
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit. `author` is a name; addresses are never stored."""

    table: ClassVar[str] = "commits"
    key: ClassVar[tuple[str, ...]] = ("host", "repository_id", "sha")

    host: str
    repository_id: int
    sha: str
    parents: str | None
    authored_at: datetime | None
    committed_at: datetime | None
    author: str | None
    subject: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A proposal to merge: pull request or merge request."""

    table: ClassVar[str] = "changes"
    key: ClassVar[tuple[str, ...]] = ("host", "repository_id", "number")

    host: str
    repository_id: int
    number: int
    title: str | None
    author: str | None
    state: str
    created_at: datetime
    merged_at: datetime | None
    closed_at: datetime | None
    merge_sha: str | None
    base: str | None
    html_url: str
    updated_at: datetime | None = None
    first_review_at: datetime | None = None
    head_sha: str | None = None
    head: str | None = None
    draft: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCommit:
    """A commit of a change, `position` oldest first from 1; what is known of it is a `Commit`."""

    table: ClassVar[str] = "change_commits"
    key: ClassVar[tuple[str, ...]] = ("host", "repository_id", "number", "sha")

    host: str
    repository_id: int
    number: int
    sha: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Something put in an environment."""

    table: ClassVar[str] = "deployments"
    key: ClassVar[tuple[str, ...]] = ("host", "deployment_id")

    host: str
    deployment_id: int
    repository_id: int
    environment: str
    commit_sha: str
    result: str
    forge_result: str | None
    created_at: datetime
    finished_at: datetime | None
    ref: str | None = None
    task: str | None = None
    creator: str | None = None
    updated_at: datetime | None = None
    job_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStatus:
    """What a deployment went through, oldest first from 1; `state` is the forge's own word."""

    table: ClassVar[str] = "deployment_statuses"
    key: ClassVar[tuple[str, ...]] = ("host", "deployment_id", "ordinal")

    host: str
    deployment_id: int
    ordinal: int
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A place that deployments go to."""

    table: ClassVar[str] = "environments"
    key: ClassVar[tuple[str, ...]] = ("host", "repository_id", "name")

    host: str
    repository_id: int
    name: str
    state: str | None
    tier: str | None
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A published release."""

    table: ClassVar[str] = "releases"
    key: ClassVar[tuple[str, ...]] = ("host", "repository_id", "tag")

    host: str
    repository_id: int
    tag: str
    name: str | None
    created_at: datetime | None
    published_at: datetime | None
    prerelease: bool | None
    html_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag and the commit it leads to."""

    table: ClassVar[str] = "tags"
    key: ClassVar[tuple[str, ...]] = ("host", "repository_id", "name")

    host: str
    repository_id: int
    name: str
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What a failed job said in an annotation. `level` is failure, warning or notice."""

    table: ClassVar[str] = "annotations"
    key: ClassVar[tuple[str, ...]] = ("host", "job_id", "ordinal")

    host: str
    job_id: int
    ordinal: int
    level: str
    title: str | None
    message: str | None
    path: str | None
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchGap:
    """What could not be had, and why. `subject` names the thing.

    `kind` is runs, jobs, log, tests, commits, annotations, changes, deployments or releases.
    """

    table: ClassVar[str] = "fetch_gaps"
    key: ClassVar[tuple[str, ...]] = ("host", "repository", "kind", "subject")

    host: str
    repository: str
    kind: str
    subject: str
    reason: str
    rows_missing: int | None


Row = (
    Repository
    | Run
    | RunAttempt
    | Job
    | Step
    | Failure
    | TestResult
    | Commit
    | Change
    | ChangeCommit
    | Deployment
    | DeploymentStatus
    | Environment
    | Release
    | Tag
    | Annotation
    | FetchGap
)
TABLES: tuple[type[Row], ...] = get_args(Row)
