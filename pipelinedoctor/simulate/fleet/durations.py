"""How long jobs take and wait.

Of algorithms.md, section 7: a job LogNormal(300 s, sigma .05 to .25), on weekends .85 to 1.05 of it, 4 % outliers of 1.5 to 4 times; .3 of
jobs take a step by 10 to 80 %, .65 of these for the worse, .06 have a bump, .08 drift by 10 to 40 % in 90 days; queues are Gamma.
Chosen here: jobs' medians lie around 300 s with a sigma of .5, those of lint at .2 of it, of what neither lints nor tests at .6; a step for the better
is by the same share; steps and bumps begin between a fifth and four fifths of the window, a bump lasts 2 to 5 days and changes like a
step; a drift is for the worse in .8 of them; a closing job has no such change; a queue is Gamma(1.6, 7 s); no
job takes longer than two hours, none less than 3 s.
"""

from dataclasses import dataclass

import numpy as np

from pipelinedoctor.simulate.clock import DAY, HOUR, weekday
from pipelinedoctor.simulate.fleet.plan import Floats, Ints, Pipeline
from pipelinedoctor.simulate.fleet.settings import Settings, source

ATTEMPTS = 3
_SHORTER = {"lint": 0.2, "build": 0.6, "other": 0.6, "test": 1.0, "closing": 0.0}
_SHORTEST, _LONGEST = 3.0, 2.0 * HOUR
_CLOSING = 4.0


@dataclass(frozen=True, slots=True)
class Series:
    """What a job's duration does: `kind` is steady, step, bump or drift; from `day` on (a bump: `days` long) it is
    `factor` of what it was; a drift reaches its factor at the end of the window.
    """

    kind: str = "steady"
    day: int = 0
    days: int = 0
    factor: float = 1.0


def series(seed: int, settings: Settings, pipeline: Pipeline) -> list[Series]:
    """The course of each job of a pipeline."""
    found = []
    for place, job in enumerate(pipeline.jobs):
        random = source(seed, "series", *pipeline.place, place)
        drawn, worse = random.random(2)
        change = float(random.uniform(0.1, 0.8))
        day = int(random.integers(settings.days // 5, max(4 * settings.days // 5, settings.days // 5 + 1)))
        days = int(random.integers(2, 6))
        drift = float(random.uniform(0.1, 0.4)) * settings.days / 90
        factor = 1 + change if worse < 0.65 else 1 - change
        if settings.healthy or job.kind == "closing" or drawn >= 0.44:
            found.append(Series())
        elif drawn < 0.3:
            found.append(Series("step", day, 0, factor))
        elif drawn < 0.36:
            found.append(Series("bump", day, days, factor))
        else:
            found.append(Series("drift", 0, 0, 1 + drift if worse < 0.8 else 1 - drift))
    return found


@dataclass(frozen=True, slots=True)
class Clock:
    """Whole seconds by attempt, run and job that each execution takes and waits, and `usual`: what it took but for its course."""

    seconds: Ints
    usual: Floats
    queued: Ints


def clock(seed: int, settings: Settings, pipeline: Pipeline, at: Ints, courses: list[Series]) -> Clock:
    """The times of all executions there may be of runs made `at`."""
    random = source(seed, "durations", *pipeline.place)
    jobs = len(pipeline.jobs)
    shape = (ATTEMPTS, len(at), jobs)
    middle = 300 * random.lognormal(0, 0.5, jobs) * [_SHORTER[job.kind] for job in pipeline.jobs]
    sigma, weekend = random.uniform(0.05, 0.25, jobs), random.uniform(0.85, 1.05, jobs)
    usual = middle * np.exp(random.standard_normal(shape) * sigma)
    usual *= np.where(random.random(shape) < 0.04, random.uniform(1.5, 4, shape), 1.0)
    free = np.array([weekday(int(one)) >= 5 for one in at], dtype=bool)
    usual *= np.where(free[:, None], weekend, 1.0)
    day = (at - settings.start) / DAY
    course = np.stack([_course(one, day, settings.days) for one in courses], axis=1)
    if pipeline.closing:
        usual[..., -1] = _CLOSING
    queued = random.gamma(1.6, 7, shape)
    seconds = np.clip(usual * course, _SHORTEST, _LONGEST).astype(np.int64)
    return Clock(seconds, seconds / course, queued.astype(np.int64))


def _course(one: Series, day: Floats, days: int) -> Floats:
    if one.kind == "step":
        return np.where(day >= one.day, one.factor, 1.0)
    if one.kind == "bump":
        return np.where((day >= one.day) & (day < one.day + one.days), one.factor, 1.0)
    drifted: Floats = np.exp(np.log(one.factor) * day / days)
    return drifted
