"""How it is told that a job is flaky, was, or grows so: a title, a summary, details and the next step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelinedoctor.derive.complaints import Complaints
from pipelinedoctor.derive.flakiness import counted, day
from pipelinedoctor.model import Verdict
from pipelinedoctor.units import share

NAMES_TOLD = 3

_EVENTS = {"default": "default branch", "change": "changes", "merge_group": "merge queue", "other": "other"}


def title(row: Mapping[str, Any]) -> str:
    """Of a row of `JobVerdicts.units` with a verdict."""
    job, flaky, proved = row["job"], row["verdict"] == Verdict.FLAKY, row["contradicted"] > 0
    if row["state"] == Verdict.RECOVERED:
        return f"{job} was flaky, and has not been since {day(row['last_at'])}"
    if row["state"] == Verdict.WORSENING:
        return f"{job} is flaky, and more often than it was"
    if flaky and proved:
        return f"{job} fails and passes on the same commit"
    if flaky:
        return f"{job} fails between passing commits"
    return f"{job} may be flaky"


def summary(row: Mapping[str, Any]) -> str:
    """The counts behind the verdict."""
    said = f"Failed on {row['failed']} of {counted(row['commits'], 'commit')}"
    if row["contradicted"]:
        said += f"; on {row['contradicted']} of those it passed on the same commit"
    if row["isolated"]:
        between = "stands" if row["isolated"] == 1 else "stand"
        said += f"; {row['isolated']} {between} alone between passing commits of the default branch"
    if row["state"] == Verdict.RECOVERED:
        said += f". None in {counted(row['since'], 'execution')} since {day(row['last_at'])}; {_chance(row)}"
    if row["state"] == Verdict.WORSENING:
        newer, older = (f"{row[half]} of {counted(row[f'{half}_of'], 'commit')}" for half in ("newer", "older"))
        said += f". In the newer half of the window {newer}, in the older half {older}"
    return f"{said}."


def _chance(row: Mapping[str, Any]) -> str:
    return f"if nothing had changed, the odds of that were {share(row['silence'])}"


def details(row: Mapping[str, Any], proofs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Facts beside the counts; `proofs` are those of the job, newest first."""
    since = f"none in {counted(row['since'], 'execution')} since" if row["since"] else "no pass since"
    other = f"; {counted(row['pending'], 'other failure')} of the default branch" if row["pending"] else ""
    yield "last seen", f"{day(row['last_at'])} on {proofs[0]['commit_sha'][:9]}, {since}{other}"
    classes = sorted({one["event_class"] for one in proofs})
    counts = (f"{_EVENTS.get(one, one)} {sum(other['event_class'] == one for other in proofs)}" for one in classes)
    yield "commits by event", ", ".join(counts)
    again = sum(bool(one["same_run"]) for one in proofs)
    elsewhere = sum(one["same_run"] is False for one in proofs)
    passed = (("another attempt of the run", again), ("another run", elsewhere))
    if again or elsewhere:
        yield "passed in", ", ".join(f"{text} {number}" for text, number in passed if number)
    if row["other_names"]:
        yield "also named", ", ".join(row["other_names"][:NAMES_TOLD])
    if row["broken"]:
        yield "set aside", f"{counted(row['broken'], 'failure')} while the default branch was broken"
    if row["sceptical"]:
        yield "kind", "it compiles or lints, so only failures with a pass on the same commit count"


def next_step(
    row: Mapping[str, Any], proofs: Sequence[Mapping[str, Any]], complaints: Complaints, reason: str | None
) -> str:
    """Where to begin: with what its failures say, then with what they go together with or what to hold them against."""
    if row["state"] == Verdict.RECOVERED:
        ago = day(row["last_at"])
        return f"Find the change after {ago} that mended it; if there is none, expect it back and keep its evidence."
    newest, begin = proofs[0]["commit_sha"][:9], complaints.begin()
    if begin is None:
        why = f" ({complaints.unread})" if complaints.unread else ""
        age = f"{complaints.age} failure" if complaints.age else "failure"
        failures = counted(complaints.of, age)
        begin = f"No log of its {failures} was read{why}: run it on {newest} until it fails, and read that one."
    if reason:
        return f"{begin} {reason}"
    pair = next((one for one in proofs if one["passed_run_id"] is not None), None)
    if pair is None:
        return f"{begin} Rerun the job on {newest}: a pass there is the proof that is still missing."
    if not complaints.logs:
        return begin
    return f"{begin} On {pair['commit_sha'][:9]} it failed and passed: what differs in the two logs is not the code."
