"""Logs of failed jobs, in the shape in which the forge hands them out: a time in front of each line, groups, ANSI colours."""

from collections.abc import Sequence
from random import Random

from pipelinedoctor.simulate.bodies import failed_step
from pipelinedoctor.simulate.causes import Failure
from pipelinedoctor.simulate.clock import stamp
from pipelinedoctor.simulate.complaints import Complaint
from pipelinedoctor.simulate.execution import Execution, Run
from pipelinedoctor.simulate.plan import RepositoryPlan, TestCase
from pipelinedoctor.simulate.tooltext import DECOYS, EXIT, WORDINGS

_WORDS = ("invoice", "basket", "refund", "route", "token", "session", "catalogue", "quota", "webhook", "digest")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_GREEN, _RED, _PLAIN = "\u001b[32m", "\u001b[31m", "\u001b[0m"
SECRETS_EVERY = 12
"""One log in so many leaks a secret."""

Broken = Sequence[tuple[TestCase, Complaint]]


def log(run: Run, job: Execution, failure: Failure, broken: Broken) -> str:
    """The log of a job that failed; `broken` are the failing tests of its report."""
    random = Random(f"{job.id}/log")
    early = failed_step(job)
    lines = [*_preamble(run, job), *decoys(random)]
    if early > 2:
        lines += _environment(random)
    lines += [
        f"##[group]Run {job.plan.tool}",
        f"{_GREEN}{job.plan.tool}{_PLAIN}",
        "shell: /usr/bin/bash -e {0}",
        "##[endgroup]",
    ]
    lines += decoys(random)
    lines += told(run, job, failure, broken, random)
    lines += ["Post job cleanup.", "Cleaning up orphan processes"]
    return _timed(lines, job)


def _timed(lines: list[str], job: Execution) -> str:
    seconds = (job.completed or job.started) - job.started
    last = max(len(lines) - 1, 1)
    timed = [
        f"{stamp(job.started + seconds * i // last, '')}.{(i * 7_919_317 + job.id) % 10_000_000:07}Z {line}"
        for i, line in enumerate(lines)
    ]
    # The forge puts a byte order mark in front of a log.
    return "\ufeff" + "\n".join(timed) + "\n"


def _preamble(run: Run, job: Execution) -> list[str]:
    commit = run.trigger.commit.sha
    return [
        "Current runner version: '2.330.0'",
        "##[group]Runner Image", f"Image: {job.plan.label}", "Version: 20260511.1", "##[endgroup]",
        "##[group]GITHUB_TOKEN Permissions", "Contents: read", "Metadata: read", "##[endgroup]",
        "Prepare workflow directory", f"Complete job name: {job.name}",
        "##[group]Run actions/checkout@v5", "with:", f"  repository: {run.trigger.repository.full_name}", "##[endgroup]",
        "[command]/usr/bin/git log -1 --format=%H", commit,
    ]  # fmt: skip


def decoys(random: Random) -> list[str]:
    """Some lines that speak of trouble and mean none."""
    return random.sample(DECOYS, random.randint(2, 4))


def _environment(random: Random) -> list[str]:
    lines = ["##[group]Run ./prepare", "env:", "  CI: true"]
    if not random.randrange(SECRETS_EVERY):
        lines.append(leak(random))
    return [*lines, "##[endgroup]", f"added {random.randint(200, 900)} packages in {random.randint(3, 40)}s"]


def leak(random: Random) -> str:
    """A line that leaks a secret: of the right shape and put together here, so that no such text stands in the source."""
    noise = "".join(random.choice(_LETTERS) for _ in range(36))
    return random.choice(
        (
            "  PUSH_TOKEN: " + "gh" + "p_" + noise.lower(),
            "export AWS_ACCESS_KEY_ID=" + "AK" + "IA" + noise[:16],
            "  NODE_AUTH: " + "np" + "m_" + noise,
            "Authorization: Bearer " + "ey" + "J" + noise[:12] + ".ey" + "J" + noise[12:24] + "." + noise[24:],
        )
    )


def told(run: Run, job: Execution, failure: Failure, broken: Broken, random: Random) -> list[str]:
    """What the tool says of a failure, be it of its tests; the last line is often GitHub's of how it ended."""
    return _tests(run.trigger.repository, broken) if broken else _tool(run, job, failure, random)


def _tool(run: Run, job: Execution, failure: Failure, random: Random) -> list[str]:
    # A broken commit breaks the same place in each of its runs; a flaky job fails each time in the same manner.
    same = Random(failure.key or f"{run.trigger.commit.sha}/{job.plan.name}")
    wordings = WORDINGS.get(failure.kind) or (("The script gave up on {word} {n}", "1"),)
    wording = same.choice(wordings)
    word, other = same.sample(_WORDS, 2)
    chance = same if failure.cause in {"genuine", "regression"} else random
    values = {
        "word": word, "other": other, "Word": word.capitalize(), "Other": other.capitalize(),
        "n": chance.randint(2, 9), "m": chance.randint(10, 60),
    }  # fmt: skip
    said = [line.format(**values) for line in wording[:-1]]
    if failure.kind == "eslint":
        said = [line.replace("error  ", f"{_RED}error{_PLAIN}  ") for line in said]
    return [*said, EXIT.format(code=wording[-1])] if wording[-1] else said


def _tests(repository: RepositoryPlan, broken: Broken) -> list[str]:
    total = len(repository.tests)
    shape = {"python": _pytest, "java": _maven, "typescript": _jest, "go": _go}[repository.language]
    return [*shape(total, broken), EXIT.format(code="1")]


def _pytest(total: int, broken: Broken) -> list[str]:
    lines = [
        "============================= test session starts ==============================",
        f"collected {total} items",
    ]
    lines += ["=================================== FAILURES ==================================="]
    for test, complaint in broken:
        lines += [f"_____________________ {test.name} _____________________", "", *complaint.trace]
    lines.append("=========================== short test summary info ============================")
    for test, complaint in broken:
        path = test.classname.replace(".", "/") + ".py"
        lines.append(f"FAILED {path}::{test.name} - {complaint.type}: {complaint.message}")
    return [
        *lines,
        f"{_RED}=================== {len(broken)} failed, {total - len(broken)} passed in 41.27s ==================={_PLAIN}",
    ]


def _maven(total: int, broken: Broken) -> list[str]:
    lines = ["[INFO]  T E S T S", "[INFO] -------------------------------------------------------"]
    for test, complaint in broken:
        lines.append(
            f"[ERROR] Tests run: 12, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 3.2 s <<< FAILURE! -- in {test.classname}"
        )
        lines.append(f"[ERROR] {test.classname}.{test.name} -- Time elapsed: 2.1 s <<< FAILURE!")
        lines += complaint.trace
    lines += ["[INFO] Results:", "[ERROR] Failures: "]
    lines += [
        f"[ERROR]   {test.classname.rsplit('.', 1)[-1]}.{test.name} {complaint.message}" for test, complaint in broken
    ]
    return [
        *lines,
        f"[ERROR] Tests run: {total}, Failures: {len(broken)}, Errors: 0, Skipped: 2",
        "[INFO] BUILD FAILURE",
    ]


def _jest(total: int, broken: Broken) -> list[str]:
    lines = []
    for test, complaint in broken:
        lines += [
            f"{_RED}FAIL{_PLAIN} src/{test.name.split(' ', 1)[0].lower()}.test.ts",
            f"  ● {test.name}",
            "",
            *complaint.trace,
            "",
        ]
    return [
        *lines,
        f"Tests:       {len(broken)} failed, {total - len(broken)} passed, {total} total",
        "Time:        31.4 s",
    ]


def _go(total: int, broken: Broken) -> list[str]:
    lines = [f"ran {total} tests"]
    for test, complaint in broken:
        lines += [
            f"=== RUN   {test.name}",
            *complaint.trace,
            f"--- FAIL: {test.name} (2.31s)",
            "FAIL",
            f"FAIL\t{test.classname}\t4.812s",
        ]
    return [*lines, "FAIL"]
