"""Which executions fail, why, and what is run again: a pipeline at a time, attempt by attempt.

Of algorithms.md, section 7: 10^-3 of jobs lose their runner; runs are run again in .25 of cases if only flakiness or infrastructure
made them red, else in .03, at most 3 attempts, after Exp(45 min). Chosen here: .9 of reruns are of the failed jobs (what passed is
listed again), the others of all; chances do not depend on the attempt; of several causes of one failure regression counts before
genuine before flaky before outage, and of a job the worst of its tests'; a job that lost its runner has no report.
"""

from dataclasses import dataclass

import numpy as np

from pipelinedoctor.simulate.clock import MINUTE
from pipelinedoctor.simulate.fleet.durations import ATTEMPTS, Clock
from pipelinedoctor.simulate.fleet.failing import Cause, Failing, first_causes
from pipelinedoctor.simulate.fleet.plan import Bools, Floats, Ints, Pipeline
from pipelinedoctor.simulate.fleet.settings import LAST_RERUN, Settings, source
from pipelinedoctor.simulate.fleet.sickness import TOGETHER, Group, Outage, Regression, on_axis
from pipelinedoctor.simulate.fleet.traffic import PULL, Traffic, Triggers, neighbours

_RUNNER_LOSS = 1e-3
_ALL_JOBS = 0.1
_WITHOUT_TESTS = 0.3
_GENUINE_RERUNS = 0.12


@dataclass(frozen=True)
class Sick:
    """All that may strike a pipeline's runs."""

    groups: list[Group]
    regressions: list[Regression]
    outages: list[Outage]


@dataclass(frozen=True)
class Outcome:
    """What became of a pipeline's runs. Arrays are by attempt, run and job unless said otherwise; times are seconds.

    `ran`: executed in that attempt; `listed`: there was such an attempt of the run. `cause` is that of a job that ran and
    failed (`Cause.NONE`: it passed); `red` and `began` are by attempt and run.
    """

    pipeline: Pipeline
    triggers: Triggers
    sick: Sick
    ran: Bools
    listed: Bools
    lost: Bools
    cause: Ints
    key: Ints
    created: Ints
    started: Ints
    ended: Ints
    usual: Floats
    began: Ints
    red: Bools
    failing: tuple[Failing, ...]

    @property
    def attempts(self) -> Ints:
        """The number of attempts by run."""
        counts: Ints = self.listed[:, :, 0].sum(axis=0)
        return counts


def outcome(
    seed: int, settings: Settings, pipeline: Pipeline, traffic: Traffic, triggers: Triggers, sick: Sick, clock: Clock
) -> Outcome:
    """Let the pipeline's runs happen."""
    return _Happening(seed, settings, pipeline, traffic, triggers, sick, clock).outcome()


class _Happening:
    def __init__(
        self,
        seed: int,
        settings: Settings,
        pipeline: Pipeline,
        traffic: Traffic,
        triggers: Triggers,
        sick: Sick,
        clock: Clock,
    ) -> None:
        self.seed, self.settings, self.pipeline, self.traffic = seed, settings, pipeline, traffic
        self.triggers, self.sick, self.clock = triggers, sick, clock
        runs, jobs = len(triggers.at), len(pipeline.jobs)
        self.shape = (ATTEMPTS, runs, jobs)
        self.ran, self.listed = np.zeros(self.shape, dtype=bool), np.zeros(self.shape, dtype=bool)
        self.cause = np.full(self.shape, int(Cause.NONE))
        self.key = np.zeros(self.shape, dtype=np.int64)
        self.created, self.started, self.ended = (np.zeros(self.shape, dtype=np.int64) for _ in range(3))
        self.began = np.zeros(self.shape[:2], dtype=np.int64)
        self.red = np.zeros(self.shape[:2], dtype=bool)
        loss = source(seed, "runner", *pipeline.place).random(self.shape)
        self.lost = (loss < _RUNNER_LOSS) & (not settings.healthy)
        if pipeline.closing:
            self.lost[..., -1] = False

    def outcome(self) -> Outcome:
        again = source(self.seed, "reruns", *self.pipeline.place)
        wants, whole = again.random((2, *self.shape[:2]))
        waits = (2 * MINUTE + again.exponential(45 * MINUTE, self.shape[:2])).astype(np.int64)
        planted = self._planted()
        state = np.full(self.shape[1:], int(Cause.NONE))
        ran: Bools = np.ones(self.shape[1:], dtype=bool)
        at: Ints = self.triggers.at + 2
        failing = []
        for attempt in range(ATTEMPTS):
            self.ran[attempt], self.began[attempt] = ran, at
            self.listed[attempt] = np.any(ran, axis=1, keepdims=True)
            failing.append(self._attempt(attempt, planted[attempt]))
            state = np.where(ran, self.cause[attempt], state)
            self.red[attempt] = (state != Cause.NONE).any(axis=1)
            last = np.where(ran, self.ended[attempt], 0).max(axis=1)
            hard = (state <= Cause.GENUINE).any(axis=1)
            chance = np.where(hard, self.settings.reruns * _GENUINE_RERUNS, self.settings.reruns)
            at = last + waits[attempt]
            rerun = self.listed[attempt, :, 0] & self.red[attempt] & (wants[attempt] < chance) & (at <= LAST_RERUN)
            ran = rerun[:, None] & ((state != Cause.NONE) | (whole[attempt] < _ALL_JOBS)[:, None])
            if self.pipeline.closing:
                ran[:, -1] = rerun
        return Outcome(
            self.pipeline, self.triggers, self.sick, self.ran, self.listed, self.lost, self.cause, self.key, self.created,
            self.started, self.ended, self.clock.usual, self.began, self.red, tuple(failing),
        )  # fmt: skip

    def _attempt(self, attempt: int, planted: Failing) -> Failing:
        """Let one attempt of all runs that have it happen, and tell which tests failed."""
        ran, lost = self.ran[attempt], self.lost[attempt]
        struck, backlog = self._struck(attempt)
        found = Failing.of([planted, struck])
        found = first_causes(found.where(ran[found.run, found.job] & ~lost[found.run, found.job]))
        cause, key = self.cause[attempt], self.key[attempt]
        order = np.argsort(-found.cause, kind="stable")  # of a job the worst is set last
        cause[found.run[order], found.job[order]] = found.cause[order]
        key[found.run[order], found.job[order]] = found.key[order]
        self._without_tests(attempt)
        cause[lost & ran] = Cause.RUNNER
        cause[~ran] = Cause.NONE
        self._times(attempt, backlog)
        if self.pipeline.closing:
            self._close(attempt)
        return found

    def _times(self, attempt: int, backlog: Ints) -> None:
        seconds = self.clock.seconds[attempt]
        # What loses its runner does not run to its end.
        short = np.where(self.lost[attempt], np.maximum(seconds // 3, 3), seconds)
        self.created[attempt] = self.began[attempt][:, None]
        self.started[attempt] = self.created[attempt] + self.clock.queued[attempt] + backlog
        self.ended[attempt] = self.started[attempt] + short

    def _close(self, attempt: int) -> None:
        """The closing job waits for the others, those of earlier attempts included, and fails if one of them did."""
        others = np.full(self.shape[1:], int(Cause.NONE))
        for earlier in range(attempt + 1):
            others = np.where(self.ran[earlier], self.cause[earlier], others)
        worst = others[:, :-1].argmin(axis=1)
        rows = np.arange(self.shape[1])
        ran = self.ran[attempt, :, -1]
        self.cause[attempt, :, -1] = np.where(ran, others[rows, worst], Cause.NONE)
        self.key[attempt, :, -1] = self.key[attempt][rows, worst]
        after = np.where(self.ran[attempt, :, :-1], self.ended[attempt, :, :-1], 0).max(axis=1)
        self.created[attempt, :, -1] = np.maximum(after, self.began[attempt])
        self.started[attempt, :, -1] = self.created[attempt, :, -1] + 2
        self.ended[attempt, :, -1] = self.started[attempt, :, -1] + self.clock.seconds[attempt, :, -1]

    def _planted(self) -> list[Failing]:
        """By attempt, the failing tests that are due whatever happens: regressions', wrong heads', flaky ones."""
        lasting = self._genuine()
        found: list[list[Failing]] = [[lasting] for _ in range(ATTEMPTS)]
        for number, one in enumerate(self.sick.regressions):
            chances = source(self.seed, "partial", *self.pipeline.place, number)
            hit = self._all_of(self._met(one), one.tests, Cause.REGRESSION, number)
            for parts in found:
                parts.append(hit if one.p >= 1 else hit.where(chances.random(len(hit.run)) < one.p))
        fires = source(self.seed, "fires", *self.pipeline.place)
        for number, group in enumerate(self.sick.groups):
            for attempt, part in enumerate(self._fired(fires, number, group)):
                found[attempt].append(part)
        return [Failing.of(parts) for parts in found]

    def _met(self, one: Regression) -> Ints:
        """The runs of commits that a regression is in; the change that mends it does not suffer from it."""
        base, change = self.triggers.base, self.triggers.change
        broken = (base >= one.first) & ((base < one.fixed) | (one.fixed < 0))
        if one.fixed >= 0:
            broken &= change != self.traffic.main_change[one.fixed]
        return np.flatnonzero(broken)

    def _genuine(self) -> Failing:
        wrong, mains = self.traffic.wrong, len(self.traffic.main_at)
        runs = np.flatnonzero(self.triggers.event == PULL)
        heads = self.triggers.commit[runs] - mains
        parts = []
        for run, head in zip(runs[wrong.tests[heads]], heads[wrong.tests[heads]], strict=True):
            place, count = (int(one[head, self.pipeline.place[1]]) for one in (wrong.places, wrong.counts))
            if count:
                tests = neighbours(self.pipeline, place, count)
                parts.append(self._all_of(np.array([run]), tests, Cause.GENUINE, int(head)))
        return Failing.of(parts)

    def _all_of(self, runs: Ints, tests: Ints, cause: Cause, key: int) -> Failing:
        """These tests in all test jobs of these runs."""
        run, job, test = (one.ravel() for one in np.meshgrid(runs, self.pipeline.testing, tests, indexing="ij"))
        return Failing(run, job, test, np.full(len(run), int(cause)), np.full(len(run), key))

    def _fired(self, random: np.random.Generator, number: int, group: Group) -> list[Failing]:
        """By attempt, what of a group fails; each takes the same number of chances, whatever happens besides."""
        at = self.triggers.at
        raised = on_axis(group, self.pipeline, at, self.triggers.event)
        p = group.chances(raised) * ((at >= group.since) & (at < group.until))[:, None]
        attempt, run, job = np.nonzero(random.random((ATTEMPTS, *p.shape)) < p)
        fails = random.random((len(run), len(group.tests))) < (TOGETHER if group.cluster >= 0 else 1.0)
        fire, member = np.nonzero(fails)
        every = Failing(
            run[fire], self.pipeline.testing[job[fire]], group.tests[member], np.full(len(fire), int(Cause.FLAKY)),
            np.full(len(fire), number),
        )  # fmt: skip
        return [every.where(attempt[fire] == one) for one in range(ATTEMPTS)]

    def _struck(self, attempt: int) -> tuple[Failing, Ints]:
        """Tests that an outage takes, and how long jobs wait for it."""
        backlog = np.zeros(self.shape[1:], dtype=np.int64)
        parts = []
        at, present = self.began[attempt], self.ran[attempt].any(axis=1)
        for number, one in enumerate(self.sick.outages):
            random = source(self.seed, "struck", number, attempt, *self.pipeline.place)
            hit = random.random(self.shape[1]) < one.hit
            runs = np.flatnonzero(hit & present & (at >= one.start) & (at < one.end))
            waits = random.uniform(0.2, 0.9, (len(runs), self.shape[2]))
            backlog[runs] = np.maximum(backlog[runs], (waits * (one.end - at[runs])[:, None]).astype(np.int64))
            gone = random.random((len(runs), len(self.pipeline.testing), len(self.pipeline.tests))) < one.wiped
            run, job, test = np.nonzero(gone)
            cause = np.full(len(run), int(Cause.OUTAGE))
            parts.append(Failing(runs[run], self.pipeline.testing[job], test, cause, np.full(len(run), number)))
            others = [place for place, job_ in enumerate(self.pipeline.jobs) if job_.kind in ("lint", "build", "other")]
            run, job = np.nonzero(random.random((len(runs), len(others))) < _WITHOUT_TESTS)
            places = np.array(others, dtype=np.int64)[job]
            self.cause[attempt][runs[run], places] = Cause.OUTAGE
            self.key[attempt][runs[run], places] = number
        return Failing.of(parts), backlog

    def _without_tests(self, attempt: int) -> None:
        """Lint and build fail where a head breaks them."""
        wrong, mains = self.traffic.wrong, len(self.traffic.main_at)
        runs = np.flatnonzero(self.triggers.event == PULL)
        heads = self.triggers.commit[runs] - mains
        for place, job in enumerate(self.pipeline.jobs):
            if job.kind in ("lint", "build"):
                broken = wrong.lint if job.kind == "lint" else wrong.build
                self.cause[attempt][runs[broken[heads]], place] = Cause.GENUINE
                self.key[attempt][runs[broken[heads]], place] = heads[broken[heads]]
