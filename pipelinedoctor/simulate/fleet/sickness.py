"""What ails a fleet: flaky tests, regressions of the default branch, outages.

Of algorithms.md, section 7: the share of flaky tests; their chance to fail 10^N(-2.6, .8) within [1e-4, .15] where CI is tended,
10^N(-2.15, 1.26) where not; 0.25 begin and 0.2 end in the window; 0.5 to 0.75 of them in clusters of 2 + Geom(1/6) that fail together,
each member in 0.85 of the cluster's failures; 0.3 to 0.46 of them 3 to 6 times as often on one value of one axis. Regressions: 0.012
a commit, 1 + Geom(.25) tests, LogNormal(.35 d, 1.1), 0.15 of them partial with p .3 to .9. Outages: Poisson(.12 a day),
LogNormal(45 min, .8), hitting .3 to .9 of runs and 5, 30 or 90 % of tests.
Chosen here: Geom counts from 0; untended chances within [1e-5, .95]; a cluster lies in one pipeline, its members share begin, end and
axis, and fire together in one execution of a job; the chance is that of all executions together, on the axis' value at most 0.6; axes are the operating
system .35, the version .2, the hour in six parts of the day .3, the event .15, of those that a pipeline has two values of; tests of a regression are neighbours by name, in the pipelines that
faults lie in (see `traffic`); it ends with the first commit after its time; what an outage
hits is drawn for each run, which tests fail for each job; 0.3 of jobs without tests fail then, too.
"""

from dataclasses import dataclass

import numpy as np

from pipelinedoctor.simulate.clock import DAY, HOUR, MINUTE
from pipelinedoctor.simulate.fleet.plan import SYSTEMS, Bools, Floats, Ints, Pipeline, Repository
from pipelinedoctor.simulate.fleet.settings import LAST_RUN, Settings, source
from pipelinedoctor.simulate.fleet.traffic import EVENTS, Traffic, neighbours, spread

TOGETHER = 0.85
AXES = ("os", "version", "hour", "event")
BINS = 6
_AXIS_SHARES = (0.35, 0.2, 0.3, 0.15)
_HIGHEST = 0.6
OUTAGES = ("network", "registry", "runner", "rate_limit")


@dataclass(frozen=True, slots=True)
class Group:
    """Flaky tests that fail alike: one, or a cluster (`cluster` is its number in the pipeline, -1 for a single test).

    `since` and `until` are the window's bounds where it did not begin or end within. `axis` is empty where it has none.
    """

    tests: Ints
    p: float
    since: int
    until: int
    cluster: int
    axis: str = ""
    value: str = ""
    risk: float = 1.0

    def chance(self) -> float:
        """The chance of each member to fail, over all executions."""
        return self.p if self.cluster < 0 else self.p * TOGETHER

    def chances(self, raised: Bools) -> Floats:
        """The chance to fail of each execution, `risk` times as high in those that are `raised`; `p` is their mean."""
        usual = self.p / (1 + raised.mean() * (self.risk - 1)) if raised.size else self.p
        chances: Floats = np.where(raised, min(usual * self.risk, _HIGHEST), usual)
        return chances


@dataclass(frozen=True, slots=True)
class Regression:
    """Tests of a pipeline that commits `first` up to before `fixed` (-1: none) of the default branch fail with chance `p`."""

    pipeline: int
    tests: Ints
    first: int
    fixed: int
    p: float


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which `hit` of the runs lose `wiped` of their tests."""

    start: int
    end: int
    hit: float
    wiped: float
    kind: str


def flaky_groups(seed: int, settings: Settings, pipeline: Pipeline) -> list[Group]:
    """The flaky tests of a pipeline."""
    random = source(seed, "flaky", *pipeline.place)
    traits = source(seed, "attributes", *pipeline.place)
    count = int(random.binomial(len(pipeline.tests), settings.flaky_share))
    tests = random.choice(len(pipeline.tests), count, replace=False)
    # Over the fleet these shares are one number each: they come from a place that all pipelines share.
    shares = source(seed, "shares").random(2)
    groups: list[Group] = []
    for cluster, members in _parted(random, tests, 0.5 + 0.25 * shares[0]):
        p = float(10 ** (random.normal(-2.6, 0.8) if settings.tended else random.normal(-2.15, 1.26)))
        p = min(max(p, 1e-4), 0.15) if settings.tended else min(max(p, 1e-5), 0.95)
        since, until = _lasting(random, settings.start)
        axis, value, risk = _axis(traits, pipeline, 0.3 + 0.16 * shares[1])
        if not settings.attributes:
            axis, value, risk = "", "", 1.0
        groups.append(Group(members, p, since, until, cluster, axis, value, risk))
    return [] if settings.healthy else groups


def _parted(random: np.random.Generator, tests: Ints, clustered: float) -> list[tuple[int, Ints]]:
    """The tests in clusters, numbered, until a share of them is, and alone, numbered -1."""
    parts: list[tuple[int, Ints]] = []
    at, wanted = 0, round(clustered * len(tests))
    while wanted - at >= 2:
        size = min(1 + int(random.geometric(1 / 6)), wanted - at)
        parts.append((len(parts), np.sort(tests[at : at + size])))
        at += size
    return parts + [(-1, tests[one : one + 1]) for one in range(at, len(tests))]


def _lasting(random: np.random.Generator, start: int) -> tuple[int, int]:
    draws = random.random(2)
    times = np.sort(random.integers(start, LAST_RUN, 2))
    begins, ends = draws[0] < 0.25, draws[1] < 0.2
    if begins and ends:
        return int(times[0]), int(times[1])
    return (int(times[0]) if begins else start), (int(times[1]) if ends else LAST_RUN + 1)


def _axis(random: np.random.Generator, pipeline: Pipeline, share: float) -> tuple[str, str, float]:
    draws = random.random(3)
    jobs = [pipeline.jobs[at] for at in pipeline.testing]
    values = {
        "os": [name for name in SYSTEMS if any(job.system == name for job in jobs)],
        "version": sorted({job.version for job in jobs}),
        "hour": [hours(at) for at in range(BINS)],
        "event": ["push", "pull_request"],
    }
    shares = np.array([part * (len(values[axis]) > 1) for axis, part in zip(AXES, _AXIS_SHARES, strict=True)])
    axis = str(random.choice(AXES, p=shares / shares.sum()))
    if draws[0] >= share:
        return "", "", 1.0
    # Night hours see few runs: what is worse then is not to be seen.
    among = values[axis][1:] if axis == "hour" else values[axis]
    return axis, among[int(draws[1] * len(among))], 3 + 3 * float(draws[2])


def hours(part: int) -> str:
    """The name of a sixth of the day, `08-12` for part 2."""
    width = 24 // BINS
    return f"{part * width:02}-{(part + 1) * width:02}"


def on_axis(group: Group, pipeline: Pipeline, at: Ints, event: Ints) -> Bools:
    """Where the group fails more often: by run (made `at` through `event`) and test job."""
    jobs = [pipeline.jobs[one] for one in pipeline.testing]
    runs = np.zeros(len(at), dtype=bool)
    places = np.zeros(len(jobs), dtype=bool)
    if group.axis == "hour":
        runs = at % DAY // (DAY // BINS) == [hours(part) for part in range(BINS)].index(group.value)
    elif group.axis == "event":
        runs = event == EVENTS.index(group.value)
    elif group.axis:
        places = np.array([group.value == (job.system if group.axis == "os" else job.version) for job in jobs])
    return runs[:, None] | places[None, :]


def regressions(seed: int, settings: Settings, repository: Repository, traffic: Traffic) -> list[Regression]:
    """What broke the default branch of a repository, by first commit."""
    random = source(seed, "regressions", repository.place)
    count = len(traffic.main_at)
    begun, partial = random.random((2, count))
    places, counts = spread(random, repository, random.geometric(0.25, count))
    lasts = random.lognormal(np.log(0.35 * DAY), 1.1, count)
    p = np.where(partial < 0.15, 0.3 + 0.6 * random.random(count), 1.0)
    found = []
    for first in np.flatnonzero((begun < 0.012) & (not settings.healthy)).tolist():
        mends = int(np.searchsorted(traffic.main_at, traffic.main_at[first] + max(lasts[first], 1)))
        fixed = mends if mends < count else -1
        found += [
            Regression(
                place,
                neighbours(pipeline, int(places[first, place]), int(counts[first, place])),
                first,
                fixed,
                float(p[first]),
            )
            for place, pipeline in enumerate(repository.pipelines)
            if counts[first, place]
        ]
    return found


def outages(seed: int, settings: Settings) -> list[Outage]:
    """The outages of the fleet, by begin."""
    random = source(seed, "outages")
    count = int(random.poisson(0.12 * settings.days))
    starts = np.sort(random.integers(settings.start, LAST_RUN - HOUR, count))
    lasts = np.maximum(random.lognormal(np.log(45 * MINUTE), 0.8, count), MINUTE)
    hit: Floats = random.uniform(0.3, 0.9, count)
    wiped = random.choice((0.05, 0.3, 0.9), count)
    kinds = random.choice(OUTAGES, count)
    if not settings.outages or settings.healthy:
        return []
    return [
        Outage(int(starts[at]), int(starts[at] + lasts[at]), float(hit[at]), float(wiped[at]), str(kinds[at]))
        for at in range(count)
    ]
