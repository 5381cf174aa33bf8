"""How a breakage is told: in short fixed sentences with its counts, commits and runs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pipelinedoctor.derive.branch_pipelines import ITSELF, Blame, BranchPipeline
from pipelinedoctor.derive.complaints import Complaints, quoted
from pipelinedoctor.findings import Link
from pipelinedoctor.stats.breakages import Breakage, Stretch
from pipelinedoctor.units import counted, duration

SURE = 0.8
"""Probability from which a breakage is told as a fact; below it is suspected."""

_NAMES = 3


def listed(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    rest = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def title(one: BranchPipeline, broken: Breakage, start: datetime, end: datetime | None) -> str:
    """What is or was broken (the culprit, else the jobs, else the pipeline), and since when or for how long."""
    culprit = broken.culprit
    names = [each.job for each in broken.stretches] if culprit is None else [culprit.job]
    jobs = [job for job in names if job != ITSELF] or [str(one.subject.pipeline)]
    if lead(broken).partial:
        return f"{listed(jobs)} {_at_times(broken, one.branch, start, end)}"
    if end is not None:
        was = "was" if len(jobs) == 1 else "were"
        return f"{listed(jobs)} {was} broken on {one.branch} for {duration((end - start).total_seconds())}"
    if not red_now(broken):
        return f"{listed(jobs)} may still be broken on {one.branch}, since {start:%Y-%m-%d}"
    be = "may be" if lead(broken).confidence < SURE else "is" if len(jobs) == 1 else "are"
    return f"{listed(jobs)} {be} broken on {one.branch} since {start:%Y-%m-%d}"


def _at_times(broken: Breakage, branch: str, start: datetime, end: datetime | None) -> str:
    """What is said of jobs that passed, too: how often they fail. Several jobs need not have failed alike."""
    most = lead(broken)
    of = f"{len(most.failing)} of {most.runs} runs"
    if len(most.failing) == most.runs:
        of = f"{most.failures} of {most.executions} executions"
    if broken.culprit is None and len(broken.stretches) > 1:
        of = f"up to {of}"
    if end is not None:
        return f"failed in {of} on {branch} for {duration((end - start).total_seconds())}"
    if not red_now(broken):
        return f"failed in {of} on {branch} since {start:%Y-%m-%d}, and may again"
    fails = "fails" if broken.culprit or len(broken.stretches) == 1 else "fail"
    return f"{fails} in {of} on {branch} since {start:%Y-%m-%d}"


def lead(broken: Breakage) -> Stretch:
    """The stretch that the counts are told of: the culprit's, else that of the job that failed most."""
    return broken.culprit or broken.stretches[0]


def red_now(broken: Breakage) -> bool:
    """Whether a job of it failed in its newest run."""
    return any(not stretch.over and stretch.passed is None for stretch in broken.stretches)


def summary(one: BranchPipeline, broken: Breakage, blame: Blame) -> str:
    """One sentence: how often, since which commit, what was before, how it stands; and one on the range of blame."""
    most = lead(broken)
    first = one.runs[most.first]["commit_sha"]
    before = "it had not passed before in the time looked at"
    if most.ever_passed:
        good = one.runs[most.cleared]["commit_sha"]
        before = "it had passed before at this very commit" if good == first else f"it last passed at {good[:8]}"
    if red_now(broken):
        now = "its newest run failed"
    elif not broken.over:
        now = "its newest run passed, but too few did to call it mended"
    elif one.executions.get((most.job, -1 if most.passed is None else most.passed)) or most.job == ITSELF:
        now = "it passes again"
    else:
        now = "the pipeline has succeeded without it since"
    return f"{_counts(broken)}, first at commit {first[:8]}; {before}; {now}. {_range(blame)}".rstrip()


def _range(blame: Blame) -> str:
    if blame.unchanged:
        return f"It {_when(blame)} without a change of code: date, environment or a service."
    if not blame.commits or blame.before is None:
        return ""
    commits = counted(len(blame.commits), "commit")
    if not blame.whole:
        commits = f"{commits} of those in between had a run"
    return f"It began after {blame.before[:8]} and not after {blame.until[:8]}, 99 %: {commits}."


def _when(blame: Blame) -> str:
    return " and ".join(["began"] * blame.began + ["ended"] * blame.ended)


def _counts(broken: Breakage) -> str:
    """How often: of the job in the title, of each of those that failed alike, or of the one that failed most."""
    most = lead(broken)
    failed = f"ailed in {len(most.failing)} of {most.runs} runs"
    if broken.culprit or len(broken.stretches) == 1:
        return f"F{failed}"
    alike = all((one.failing, one.runs) == (most.failing, most.runs) for one in broken.stretches)
    return f"Each f{failed}" if alike else f"{most.job or 'The pipeline itself'}, which failed most, f{failed}"


def links(one: BranchPipeline, broken: Breakage) -> Iterator[Link]:
    """The first failing job, the last passing run, and the run that passed next or the job that failed last."""
    most = lead(broken)
    yield Link(text="first failing job", url=one.failures(most.job, most.first)[0]["html_url"])
    if most.ever_passed:
        yield Link(text="last passing run", url=one.runs[most.cleared]["html_url"])
    if most.passed is not None:
        yield Link(text="next passing run", url=one.runs[most.passed]["html_url"])
    elif most.last != most.first:
        yield Link(text="newest failing job", url=one.failures(most.job, most.last)[-1]["html_url"])


def failing_jobs(one: BranchPipeline, broken: Breakage) -> list[int]:
    """The failing executions of the job that the counts are told of, the newest first; none where it is the pipeline."""
    most = lead(broken)
    rows = [row for position in reversed(most.failing) for row in reversed(one.failures(most.job, position))]
    return [row["job_id"] for row in rows if most.job != ITSELF]


def details(
    one: BranchPipeline, broken: Breakage, blame: Blame, subjects: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The commits to blame, the jobs that failed, and where it passed again."""
    if blame.commits:
        marked = blame.likely if blame.likely < len(blame.commits) else 0
        told = [
            f"{_named(sha, subjects)}{' (likeliest)' if place < marked else ''}"
            for place, sha in enumerate(blame.commits[:_NAMES])
        ]
        rest = len(blame.commits) - _NAMES
        more = f"; and {rest} more" if rest > 0 else ""
        known = "" if blame.whole else " (those that had a run; others may lie between)"
        yield f"commits that can be to blame{known}", f"{len(blame.commits)}: {'; '.join(told)}{more}"
    jobs = [f"{each.job or 'the pipeline itself'} {len(each.failing)} of {each.runs}" for each in broken.stretches]
    yield "jobs broken, failing runs of all from first to last failure", listed(jobs)
    if broken.over:
        last = max(each.passed for each in broken.stretches if each.passed is not None)
        sha = one.runs[last]["commit_sha"]
        yield "passed again at", f"{sha[:12]}, the commit that had failed" if blame.ended else _named(sha, subjects)


def _named(sha: str, subjects: Mapping[str, str]) -> str:
    return f"{sha[:12]} {subjects.get(sha, '')}".rstrip()


def next_step(
    one: BranchPipeline, broken: Breakage, blame: Blame, subjects: Mapping[str, str], complaints: Complaints
) -> str:
    """What to do, as far as the range of blame tells, and what the failing jobs say of it."""
    sha = one.runs[broken.first]["commit_sha"]
    said = f" {begin}" if (begin := complaints.begin()) else ""
    if blame.unchanged:
        same = one.runs[broken.first if blame.began else broken.failing[-1]]["commit_sha"][:12]
        over = "It is over, and nothing landed that mended it: compare" if broken.over else "Compare"
        return (
            f"{over} what ran on the one commit {same}, which both passed and failed: runner image, date, versions of"
            f" dependencies, services.{said}"
        )
    if broken.over:
        return (
            "It is over. Where this job does not run on changes, running it there shows such a failure before it lands."
        )
    if not blame.commits:
        return f"The code was the same ({sha[:12]}) when it last passed: look at what the job takes from outside.{said}"
    return f"{_blamed(broken, blame, subjects)}{said}"


def _blamed(broken: Breakage, blame: Blame, subjects: Mapping[str, str]) -> str:
    """Which commits to look at, where there are some to blame."""
    likely = blame.commits[0]
    first = f"{likely[:12]} {quoted(subjects[likely])}" if subjects.get(likely) else likely[:12]
    if lead(broken).failures < lead(broken).executions:
        return f"It fails only at times: look at {first} first, but what broke it may have come before."
    if blame.whole and len(blame.commits) == 1:
        return f"Fix or revert {first}, the only commit between the last pass and the first failure."
    if blame.whole:
        return f"Fix or revert what broke it: {first}, or another of the {len(blame.commits)} commits to blame."
    return f"Fix or revert what broke it: {first}, or a commit between it and the last pass."
