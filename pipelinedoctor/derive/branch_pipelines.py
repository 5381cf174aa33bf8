"""What happened to each pipeline on its default branch: its runs, its red periods, and what broke it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from pipelinedoctor.derive.default_branch import KEY, DefaultBranch
from pipelinedoctor.findings import Subject
from pipelinedoctor.stats.breakages import Breakage, Stretch, breakages, commits_between, stretches
from pipelinedoctor.stats.redness import Outcome, Red, red_periods

ITSELF = ""
"""Stands for the pipeline where a run failed before any of its jobs could start."""

SAME_COMMIT_RUNS = 4
"""Failing runs that make a breakage where the job had passed at the very commit: by chance flaky jobs fail in a row, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """The commits of which one began a breakage, with 99 %: after `before` (`None`: not known) up to `until`.

    `commits` are listed from the likeliest on, which are `likely`, the others newest first; `whole` tells whether these
    are all there are in between. `began` and `ended` tell that it did so without a change of code: then it has no commits.
    """

    before: str | None
    until: str
    commits: tuple[str, ...]
    likely: int
    whole: bool
    began: bool
    ended: bool

    @property
    def unchanged(self) -> bool:
        """Whether it began or ended without a change of code."""
        return self.began or self.ended


_NOT_STARTED = "startup_failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchPipeline:
    """One pipeline on one default branch.

    `runs` are rows of `DefaultBranch.runs` by position, `executions` those that failed, and those that
    ended a breakage, by job and position; `failed_in` are the jobs that failed, by position; `contradicted` the jobs and commits with both outcomes.
    """

    subject: Subject
    repository_id: int
    branch: str
    runs: list[dict[str, Any]]
    executions: dict[tuple[str, int], list[dict[str, Any]]]
    failed_in: dict[int, tuple[str, ...]]
    contradicted: set[tuple[str, str]]
    red: list[Red]
    broken: list[Breakage]

    def failures(self, job: str, position: int) -> list[dict[str, Any]]:
        """The failing executions of a job in a run; for the pipeline itself, the run in the place of one."""
        if job == ITSELF:
            run = self.runs[position]
            return [{"at": run["at"], "html_url": run["html_url"], "duration_s": None}]
        rows = self.executions.get((job, position), [])
        return [row for row in rows if row["failed"] and not row["infrastructure"]]

    def failing_jobs(self, positions: Sequence[int]) -> dict[str, int]:
        """The jobs that failed in these runs, with the number of the runs; most first."""
        counts = Counter(job for position in positions for job in self.failed_in.get(position, ()))
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def span(self, broken: Breakage) -> tuple[datetime, datetime | None]:
        """From the end of the first failing job to that of the pass that ended the last stretch; open where none did."""
        start = min(row["at"] for one in broken.stretches for row in self.failures(one.job, one.first))
        if not broken.over:
            return start, None
        return start, max(start, *(self._passed_at(one) for one in broken.stretches))

    def _passed_at(self, stretch: Stretch) -> datetime:
        assert stretch.passed is not None, "a stretch that is over was followed by a pass"
        passes = [row["at"] for row in self.executions.get((stretch.job, stretch.passed), []) if not row["failed"]]
        ended: datetime = min(passes, default=self.runs[stretch.passed]["at"])
        return ended

    def blame(self, broken: Breakage, parents: Mapping[str, str | None]) -> Blame:
        """The commits that can be to blame; see `commits_between`."""
        before, latest, likeliest = broken.blamed
        good, until = self._commit(before), self.runs[latest]["commit_sha"]
        began, ended = self._unchanged(broken)
        if began or ended or good == until:
            return Blame(before=good, until=until, commits=(), likely=0, whole=True, began=began, ended=ended)
        seen = [run["commit_sha"] for run in self.runs[before + 1 : latest]]
        commits, whole = commits_between(parents, good, until, seen)
        first = self.runs[broken.first]["commit_sha"]
        if first not in commits:  # an older commit was run again
            commits, whole = [first, *commits], False
        likely = [sha for sha in self._step(broken, likeliest, parents) if sha in commits]
        others = [sha for sha in commits if sha not in likely]
        return Blame(
            before=good,
            until=until,
            commits=(*likely, *others),
            likely=len(likely),
            whole=whole,
            began=False,
            ended=False,
        )

    def _step(self, broken: Breakage, position: int, parents: Mapping[str, str | None]) -> list[str]:
        """The commits that came with a run: since the last pass where it is the first that failed, else since the run before."""
        sha = self.runs[position]["commit_sha"]
        before = broken.cleared if position == broken.first else position - 1
        step, whole = commits_between(parents, self._commit(before), sha, [])
        return step if whole and step else [sha]

    def _commit(self, position: int) -> str | None:
        sha: str | None = self.runs[position]["commit_sha"] if position >= 0 else None
        return sha

    def _unchanged(self, broken: Breakage) -> tuple[bool, bool]:
        """Whether it began, and ended, at a commit with both results; where it passed in between, that tells nothing."""
        if any(one.partial for one in broken.stretches):
            return False, False
        began = at_one_commit(broken, self.runs)
        ends = [(one.last, one.passed) for one in broken.stretches if one.over]
        ended = broken.over and all(end is not None and self._commit(end) == self._commit(last) for last, end in ends)
        return began, ended


_EXECUTION = ("job", "position", "job_id", "failed", "infrastructure", "at", "duration_s", "html_url")


def branch_pipelines(frames: DefaultBranch) -> Iterator[BranchPipeline]:
    """The pipelines in the order of their keys."""
    outcomes = frames.outcomes.partition_by(KEY, as_dict=True, maintain_order=True)
    executions = frames.executions.partition_by(KEY, as_dict=True, maintain_order=True)
    for key, runs in frames.runs.partition_by(KEY, as_dict=True, maintain_order=True).items():
        rows = runs.to_dicts()
        last = rows[-1]
        ran = executions.get(key, frames.executions.clear())
        ended = outcomes.get(key, frames.outcomes.clear())
        broken = _breakages(ran, rows)
        yield BranchPipeline(
            subject=Subject(
                host=last["host"], forge=last["forge"], repository=last["repository"], pipeline=last["pipeline"]
            ),
            repository_id=last["repository_id"],
            branch=last["default_branch"],
            runs=rows,
            executions=_executions(ran, broken),
            failed_in=_failed_in(ran),
            contradicted=_contradicted(ran, runs),
            red=red_periods(Outcome(*row) for row in ended.select("at", "position", "attempt", "green").rows()),
            broken=broken,
        )


def _executions(ran: pl.DataFrame, broken: Sequence[Breakage]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    ends = [(each.job, each.passed) for one in broken for each in one.stretches if each.passed is not None]
    ended = pl.DataFrame(ends, schema={"job": pl.String, "position": pl.Int64}, orient="row")
    passed = ran.filter(~pl.col("failed")).join(ended.unique(), on=["job", "position"], how="semi")
    told = pl.concat([ran.filter("failed"), passed]).sort("position", "attempt", "job", "job_id")
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in told.select(_EXECUTION).to_dicts():
        rows.setdefault((row["job"], row["position"]), []).append(row)
    return rows


def _failed_in(ran: pl.DataFrame) -> dict[int, tuple[str, ...]]:
    jobs = ran.filter("failed").group_by("position").agg(pl.col("job").unique().sort())
    return {position: tuple(names) for position, names in jobs.rows()}


def _contradicted(ran: pl.DataFrame, runs: pl.DataFrame) -> set[tuple[str, str]]:
    on_commit = ran.join(runs.select("position", "commit_sha"), on="position").group_by("job", "commit_sha")
    both = on_commit.agg(both=pl.col("failed").any() & ~pl.col("failed").all()).filter("both")
    return set(both.select("job", "commit_sha").rows())


def _breakages(ran: pl.DataFrame, runs: Sequence[dict[str, Any]]) -> list[Breakage]:
    told = ran.filter(~pl.col("infrastructure"))
    counts = told.group_by("job", "position").agg(pl.col("failed").sum().cast(pl.Int64), n=pl.len().cast(pl.Int64))
    by_job = counts.sort("job", "position").partition_by("job", as_dict=True, maintain_order=True)
    found = [
        stretch
        for (job,), one in by_job.items()
        for stretch in stretches(job, one["position"].to_list(), one["failed"].to_list(), one["n"].to_list())
    ]
    # A failing run without a job tells something only where the forge says so, or where no jobs are known of any run.
    counted = [run for run in runs if run["green"] is not None]
    own = [
        run for run in counted if run["jobs"] or run["green"] or run["forge_result"] == _NOT_STARTED or ran.is_empty()
    ]
    lost = [int(not run["jobs"] and not run["green"]) for run in own]
    found += stretches(ITSELF, [run["position"] for run in own], lost, [1] * len(own))
    grouped = breakages(found, [run["position"] for run in counted if run["green"]])
    return [one for one in grouped if len(one.failing) >= SAME_COMMIT_RUNS or not at_one_commit(one, runs)]


def at_one_commit(broken: Breakage, runs: Sequence[dict[str, Any]]) -> bool:
    """Whether the last run without it was at the very commit of the first run with it."""
    cleared = broken.cleared
    return cleared >= 0 and bool(runs[cleared]["commit_sha"] == runs[broken.first]["commit_sha"])
