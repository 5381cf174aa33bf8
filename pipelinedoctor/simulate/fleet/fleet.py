"""Draw a fleet: rows ready for the store, and the truth about them. The same seed and settings draw the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from pipelinedoctor.simulate.clock import AS_OF
from pipelinedoctor.simulate.fleet import executions, failures, surroundings, truth
from pipelinedoctor.simulate.fleet.durations import Series, clock, series
from pipelinedoctor.simulate.fleet.executions import Happened, numbered
from pipelinedoctor.simulate.fleet.outcome import Outcome, Sick, outcome
from pipelinedoctor.simulate.fleet.plan import Repository, repositories
from pipelinedoctor.simulate.fleet.results import result_rows
from pipelinedoctor.simulate.fleet.settings import Settings
from pipelinedoctor.simulate.fleet.sickness import Outage, flaky_groups, outages, regressions
from pipelinedoctor.simulate.fleet.traffic import Traffic, traffic, triggers
from pipelinedoctor.simulate.fleet.truth import Truth
from pipelinedoctor.simulate.plan import HOST


@dataclass(frozen=True)
class Fleet:
    """An organisation's CI from `since` to `until`.

    `frames` has the rows of all tables but test results, by the table's name, in the columns of `model` with times in UTC
    without a zone; `results` has the results of tests, which may be many, a few million rows a frame at most. `happened` is what the rows
    were made of, for those who write them in another form.
    """

    seed: int
    settings: Settings
    host: str
    since: datetime
    until: datetime
    frames: Mapping[str, pl.DataFrame]
    truth: Truth
    happened: tuple[Happened, ...]

    def results(self) -> Iterator[pl.DataFrame]:
        """The results of tests as rows of `TestResult`."""
        for one in self.happened:
            yield from result_rows(self.settings, one)


def draw(seed: int, settings: Settings) -> Fleet:
    """Draw the fleet of a seed."""
    plans = repositories(seed, settings)
    dark = outages(seed, settings)
    found: list[tuple[Repository, Traffic, Outcome]] = []
    courses: list[list[Series]] = []
    for plan in plans:
        changes = traffic(seed, settings, plan)
        starts = triggers(settings, changes)
        broken = regressions(seed, settings, plan, changes)
        for place, pipeline in enumerate(plan.pipelines):
            mine = [one for one in broken if one.pipeline == place]
            course = series(seed, settings, pipeline)
            times = clock(seed, settings, pipeline, starts.at, course)
            sick = Sick(flaky_groups(seed, settings, pipeline), mine, dark)
            found.append((plan, changes, outcome(seed, settings, pipeline, changes, starts, sick, times)))
            courses.append(course)
    happened = numbered(seed, found)
    return Fleet(
        seed=seed,
        settings=settings,
        host=HOST,
        since=datetime.fromtimestamp(settings.start, UTC),
        until=datetime.fromtimestamp(AS_OF, UTC),
        frames=_frames(seed, plans, happened),
        truth=_truth(settings, happened, courses, dark),
        happened=tuple(happened),
    )


def _frames(seed: int, plans: list[Repository], happened: list[Happened]) -> dict[str, pl.DataFrame]:
    firsts = [one for one in happened if one.outcome.pipeline.place[1] == 0]
    return {
        "repositories": surroundings.repository_rows(plans),
        "runs": pl.concat([executions.run_rows(one) for one in happened]).sort("run_id"),
        "run_attempts": pl.concat([executions.attempt_rows(one) for one in happened]).sort("run_id", "attempt"),
        "jobs": pl.concat([executions.job_rows(seed, one) for one in happened]).sort("job_id"),
        "failures": pl.concat([failures.failure_rows(seed, one) for one in happened]).sort("job_id"),
        "commits": pl.concat([surroundings.commit_rows(one.traffic) for one in firsts]),
        "changes": pl.concat([surroundings.change_rows(one.traffic) for one in firsts]),
        "change_commits": pl.concat([surroundings.change_commit_rows(one.traffic) for one in firsts]),
        "deployments": pl.concat([surroundings.deployment_rows(seed, one) for one in firsts]),
    }


def _truth(settings: Settings, happened: list[Happened], courses: list[list[Series]], dark: list[Outage]) -> Truth:
    minutes = pl.concat([truth.minute_rows(one) for one in happened])
    return Truth(
        flaky=truth.flaky_rows(happened, settings),
        regressions=truth.regression_rows(happened),
        causes=pl.concat([truth.cause_rows(one) for one in happened]),
        job_causes=pl.concat([truth.job_cause_rows(one) for one in happened]),
        outages=truth.outage_rows(happened, dark),
        series=truth.series_rows(happened, courses, settings),
        minutes=minutes.group_by("host", "repository_id", "cause", maintain_order=True).agg(
            pl.col("failed", "rerun", "waited").sum()
        ),
        renames=truth.rename_rows(happened),
    )
