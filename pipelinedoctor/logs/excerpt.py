"""Which of a log's lines may explain the failure, and how much of what stands around it belongs to it."""

import re

from pipelinedoctor.logs.strip import unmark

MAX_EXCERPT = 8_192
"""Bytes of an excerpt, in UTF-8."""
BEFORE, AFTER = 5, 20
"""Lines of context."""
MAX_GROWTH = 80
"""Lines that a traceback may reach further than the context."""

_AFTERWARDS = frozenset(
    {"after_script", "upload_artifacts_on_failure", "cleanup_file_variables", "archive_cache_on_failure"}
)
"""Sections of GitLab's runner that come after the script has failed."""

_PYTHON_HEAD = re.compile(r"^\s*(?:[|+] *)*Traceback \(most recent call last\):|^_{3,} .{1,300} _{3,}$")
_TRACE_BODY = re.compile(
    r"^\s*(?:at |\.\.\. [0-9]+ (?:more|common frames)|Caused by|Suppressed:|-->|\||[0-9]+ \||File \"|=|goroutine |\^|~)|^E  "
)


def candidates(lines: list[str], failed_step: str | None) -> list[bool]:
    """For each line whether it may explain the failure.

    Out are the echoed commands of steps (`##[group]Run …` to its end), what ran after the script, and, where the
    failed step is found by its group, everything outside it.
    """
    start, end = _step(lines, failed_step)
    allowed = [start <= number < end for number in range(len(lines))]
    skipped = False
    for number in range(start, end):
        line = lines[number]
        if line.startswith("##[group]"):
            name = line.removeprefix("##[group]")
            skipped = name.startswith("Run ") or name in _AFTERWARDS
        if skipped or line.startswith(("##[group]", "##[endgroup]", "##[debug]", "##[command]")):
            allowed[number] = False
        if line.startswith("##[endgroup]"):
            skipped = False
    return allowed


def _step(lines: list[str], failed_step: str | None) -> tuple[int, int]:
    """First line and end of the failed step, the whole log where it cannot be told.

    GitHub's log of a job names a step only where it has no name of its own: by the group of its command. Such a step
    ends with the first error that the runner writes after it, for steps that follow run only to tidy up.
    """
    heads = [number for number, line in enumerate(lines) if line.startswith("##[group]Run ")]
    head = next((n for n in heads if failed_step and lines[n].removeprefix("##[group]").startswith(failed_step)), None)
    if head is None or failed_step is None or not failed_step.startswith("Run "):
        return 0, len(lines)
    following = [number for number in heads if number > head]
    ended = next((n for n in range(head, len(lines)) if lines[n].startswith("##[error]Process completed with")), None)
    if ended is not None and (not following or ended < following[0]):
        return head, ended + 1
    return head, following[0] if following else len(lines)


def excerpt(lines: list[str], at: int) -> str:
    """The line `at` with its context, grown to the head and the end of the trace it stands in, at most 8 KiB."""
    first, last = _grown(lines, at)
    kept = {at: unmark(lines[at])}
    room = MAX_EXCERPT - _size(kept[at])
    # Nearest first, in turns, so that what falls off is what is farthest.
    up, down = at - 1, at + 1
    while up >= first or down <= last:
        for number in (up, down):
            if first <= number <= last and number not in kept:
                text = unmark(lines[number])
                room -= _size(text) + 1
                if room < 0:
                    return _joined(kept)
                kept[number] = text
        up, down = up - 1, down + 1
    return _joined(kept)


def _grown(lines: list[str], at: int) -> tuple[int, int]:
    first, last = max(0, at - BEFORE), min(len(lines) - 1, at + AFTER)
    for number in range(at, max(-1, at - BEFORE - MAX_GROWTH), -1):
        if _PYTHON_HEAD.match(lines[number]):
            first = min(first, number)
            break
    top = at
    while top > max(0, at - MAX_GROWTH) and _TRACE_BODY.match(lines[top]):
        top -= 1
    bottom = at
    while bottom < min(len(lines) - 1, at + MAX_GROWTH) and _TRACE_BODY.match(lines[bottom + 1]):
        bottom += 1
    return min(first, top), max(last, bottom)


def _size(text: str) -> int:
    return len(text.encode())


def _joined(kept: dict[int, str]) -> str:
    return "\n".join(kept[number] for number in sorted(kept)).strip("\n")
