"""What was planted in a simulated organisation, and what came of it: the contents of `truth.json`.

`truth.json` is one object, `version` 1. Times are ISO 8601 in UTC; a repository is its full name, a pipeline its path, a job
its name as the forge lists it today, a test `classname::name`; `recent` means: in runs made in the last 30 days before
`as_of`. `key` names a planted fault; the rows of `failing_jobs` point to it.

What of the organisation is on GitLab is told in the same words. A run is there a pipeline, a pipeline's path its source
(`push`, `merge_request_event`, `schedule`, `parent_pipeline`), `event` is `pull_request` for a merge request's, and `attempt`
counts the rounds in which jobs were retried. `host` is that of GitHub; counts are of both.

- `version`, `seed`, `host`, `start`, `as_of`
- `counts`: how many runs, attempts, jobs (executions over all attempts), failing jobs, artifacts, test results, commits
- `flaky_tests`, `flaky_jobs`: `Flaky`; `regressions`: `Regression`; `outages`: `Outage`; `durations`: `Duration`;
  `renames`: `Rename`
- `infrastructure_lines`: lines by which failures show that are the infrastructure's fault, outages or not
- `failing_jobs`: `FailingJob`, one a job execution that failed or timed out, by job id, each with its cause:

  `flaky_test`, `flaky_job`, `regression`, `outage`: a planted fault; `genuine`: a change that was wrong in its pull request;
  `runner_loss`: a runner lost once by chance, which makes no job flaky.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

VERSION = 1
RECENT_DAYS = 30
DETECTABLE_FROM = 3
"""On so many commits of the window must a flaky job or test have both failed and passed to count as detectable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaky:
    """A flaky test (`test` is set; flaky in each of `jobs`, with probability `p` an execution) or a flaky job.

    `recent_contradictions` counts commits on which, in one job and class of event, it both failed and passed; the largest
    over its jobs. `cluster` is common to tests that fail together.
    """

    key: str
    repository: str
    pipeline: str
    jobs: list[str]
    test: str | None
    kind: str
    p: float
    cluster: str | None
    since: str | None
    until: str | None
    recent_failures: int
    recent_contradictions: int
    detectable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A commit on the default branch that broke a test in `jobs`, or the one job of `jobs`, until the fix commit."""

    key: str
    repository: str
    pipeline: str
    jobs: list[str]
    test: str | None
    first_bad_sha: str
    first_bad_at: str
    fixed_sha: str | None
    fixed_at: str | None
    open: bool
    default_runs_hit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A span in which something all repositories use was away. `line` is what each failing log says of it."""

    key: str
    kind: str
    start: str
    end: str
    line: str
    runs_hit: int
    repositories_hit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A job's duration times `factor`: at once from `at` on (`step`), or growing to it over the whole time (`drift`)."""

    repository: str
    pipeline: str
    job: str
    kind: str
    at: str
    sha: str | None
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A job that was called otherwise before `at`."""

    repository: str
    pipeline: str
    old: str
    new: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingJob:
    """An execution that failed. `made_at` is when its run was made.

    `contradicted`: the same job passed on the same commit, in the same class of event (pull request or not).
    `tests` are the failing tests of its report: `test`, `key` (None: a wrong change broke it), `contradicted` likewise.
    """

    job_id: int
    run_id: int
    attempt: int
    repository: str
    pipeline: str
    job: str
    event: str
    sha: str
    made_at: str
    cause: str
    key: str | None
    tests: list[dict[str, Any]]
    contradicted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """All that is known of a simulated organisation; see the module's text for the fields."""

    version: int
    seed: int
    host: str
    start: str
    as_of: str
    counts: dict[str, int]
    flaky_tests: list[Flaky]
    flaky_jobs: list[Flaky]
    regressions: list[Regression]
    outages: list[Outage]
    durations: list[Duration]
    renames: list[Rename]
    infrastructure_lines: list[str]
    failing_jobs: list[FailingJob]

    def json(self) -> str:
        """The text of `truth.json`."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def joined(first: Truth, second: Truth) -> Truth:
    """The truth about two parts of an organisation, which met the same outages; what else holds of both is the first's."""
    counts = {name: first.counts[name] + second.counts[name] for name in first.counts}
    return replace(
        first,
        counts=counts,
        flaky_tests=[*first.flaky_tests, *second.flaky_tests],
        flaky_jobs=[*first.flaky_jobs, *second.flaky_jobs],
        regressions=[*first.regressions, *second.regressions],
        outages=[_both(one, other) for one, other in zip(first.outages, second.outages, strict=True)],
        durations=[*first.durations, *second.durations],
        renames=[*first.renames, *second.renames],
        failing_jobs=sorted([*first.failing_jobs, *second.failing_jobs], key=lambda one: one.job_id),
    )


def _both(one: Outage, other: Outage) -> Outage:
    return replace(
        one,
        runs_hit=one.runs_hit + other.runs_hit,
        repositories_hit=one.repositories_hit + other.repositories_hit,
    )
