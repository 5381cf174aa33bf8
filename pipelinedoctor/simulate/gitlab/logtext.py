"""Logs of failed jobs in the shape in which GitLab hands them out: sections between marks, ANSI colours, no times."""

import re
from dataclasses import dataclass
from random import Random

from pipelinedoctor.simulate.causes import Failure
from pipelinedoctor.simulate.clock import AS_OF
from pipelinedoctor.simulate.execution import Execution, Run
from pipelinedoctor.simulate.gitlab.plan import HOST
from pipelinedoctor.simulate.logtext import SECRETS_EVERY, Broken, decoys, leak, told

_CLEAR = "\u001b[0K"
_TITLE, _GREEN, _RED, _YELLOW, _PLAIN = "\u001b[36;1m", "\u001b[32;1m", "\u001b[31;1m", "\u001b[0;33m", "\u001b[0;m"
_EXIT = re.compile(r"##\[error\]Process completed with exit code (\d+)\.")
_WORDS = (
    (re.compile(r"^(##)?\[command\](/usr/bin/)?"), "$ "),
    (re.compile(r"^##\[error\]"), f"{_RED}ERROR: {_PLAIN}"),
    (re.compile(r"^##\[warning\]"), f"{_YELLOW}WARNING: {_PLAIN}"),
    (re.compile(r"/home/runner/work"), "/builds/tarnley"),
)
"""What GitHub's runner says otherwise than GitLab's."""


@dataclass(frozen=True, slots=True)
class _Own:
    """What GitLab's runner itself says of a failure: in which section, what, and how the job ended."""

    section: int
    lines: tuple[str, ...]
    end: str


_IMAGE = "registry.simulated.invalid/tarnley/toolbox:2026.4"
_SCANNER = "registry.simulated.invalid/base/scanner:3"
_AWAY = "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable"
_LIMITED = "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit."
_UNRESOLVED = "fatal: unable to access 'https://git.simulated.invalid/tarnley/shared.git/': Could not resolve host: git.simulated.invalid"
_SYSTEM = "Job failed (system failure)"


def _unpulled(image: str, said: str) -> _Own:
    lines = (
        f"Pulling docker image {image} ...",
        f'{_YELLOW}WARNING: Failed to pull image with policy "always": {said} (manager.go:261:0s){_PLAIN}',
    )
    return _Own(0, lines, f'{_SYSTEM}: failed to pull image "{image}" with specified policies [always]: {said}')


_RUNNERS = {
    "registry down": _unpulled(_IMAGE, _AWAY),
    "rate limit": _unpulled(_SCANNER, _LIMITED),
    "network": _Own(
        2,
        (
            _UNRESOLVED,
            "fatal: clone of submodule path 'shared' failed",
            "Failed to clone 'shared'. Retry scheduled",
            _UNRESOLVED,
        ),
        "Job failed: exit code 1",
    ),
    "runner lost": _Own(3, ("> running the suite",), f"{_SYSTEM}: aborted: terminated"),
    "timeout": _Own(3, ("  ✓ opens the start page",), "Job failed: execution took longer than 1h0m0s seconds"),
}
_BEGIN = (0, 3, 5, 9)
"""How many seconds after its start a job comes to each section."""
UNSTARTED = frozenset({"runner pool"})
"""Manners of failing in which no runner took the job: there is no log."""


def log(run: Run, job: Execution, failure: Failure, broken: Broken) -> str:
    """The log of a job that failed; `broken` are the failing tests of its report."""
    random = Random(f"{job.id}/log")
    own = _RUNNERS.get(failure.kind) or _tools(run, job, failure, broken)
    sections = _sections(run, job, random)[: own.section + 1]
    sections[-1][-1].extend(own.lines)
    seconds = (job.completed or AS_OF) - job.started
    lines = [
        f"{_CLEAR}Running with gitlab-runner 18.5.0 (bda84871){_PLAIN}",
        f"{_CLEAR}  on shared-{job.id % 9 + 1} Ab3dE6gHi, system ID: s_0123456789ab{_PLAIN}",
    ]
    for place, (name, title, inside) in enumerate(sections):
        end_of_this = seconds if place == len(sections) - 1 else _BEGIN[place + 1]
        begin, end = (job.started + min(after, seconds) for after in (_BEGIN[place], end_of_this))
        lines.append(f"section_start:{begin}:{name}\r{_CLEAR}{_CLEAR}{_TITLE}{title}{_PLAIN}{_PLAIN}")
        lines += [*inside, f"section_end:{end}:{name}\r{_CLEAR}"]
    return "\n".join([*lines, f"{_RED}ERROR: {own.end}", _PLAIN]) + "\n"


def _sections(run: Run, job: Execution, random: Random) -> list[tuple[str, str, list[str]]]:
    """The sections of a log with their titles and what stands in them before anything fails."""
    trigger = run.trigger
    ref = "main" if trigger.number is None else f"refs/merge-requests/{trigger.number}/head"
    where = f"runner-{job.id % 9 + 1}-project-{trigger.repository.id}-concurrent-0"
    sources = [
        f"{_GREEN}Fetching changes with git depth set to 20...{_PLAIN}",
        f"Initialized empty Git repository in /builds/{trigger.repository.full_name}/.git/",
        f"{_GREEN}Checking out {trigger.commit.sha[:8]} as detached HEAD (ref is {ref})...{_PLAIN}",
        f"From https://{HOST}/{trigger.repository.full_name}",
        f"{_GREEN}Updating/initializing submodules...{_PLAIN}",
    ]
    script = [f"{_GREEN}$ ./prepare{_PLAIN}", *decoys(random)]
    script += [leak(random)] if not random.randrange(SECRETS_EVERY) else []
    script += [f"{_GREEN}$ {job.plan.tool}{_PLAIN}", *decoys(random)]
    return [
        ("prepare_executor", 'Preparing the "docker" executor', [f"Using Docker executor with image {_IMAGE} ..."]),
        ("prepare_script", "Preparing environment", [f"Running on {where} via {where[:8]}..."]),
        ("get_sources", "Getting source from Git repository", sources),
        ("step_script", 'Executing "step_script" stage of the job script', script),
    ]


def _tools(run: Run, job: Execution, failure: Failure, broken: Broken) -> _Own:
    """What a tool says, which GitHub's runner would end otherwise."""
    code = "1"
    lines = []
    for line in told(run, job, failure, broken, Random(f"{job.id}/tool")):
        ended = _EXIT.fullmatch(line)
        if ended:
            code = ended.group(1)
        else:
            lines.append(_worded(line))
    return _Own(3, tuple(lines), f"Job failed: exit code {code}")


def _worded(line: str) -> str:
    for pattern, word in _WORDS:
        line = pattern.sub(word, line)
    return line
