"""Who changed what, when: commits on the default branch, heads of pull requests, and what starts runs.

Of algorithms.md, section 7: commits come as a Poisson process by weekday at N(14 h, 3.6 h), heads 2.5 times as often; 0.08 of
heads are wrong and break 1 + Geom(.15) tests; 0.25 of commits are run a second time.
Chosen here: every commit on the default branch is a pull request's, whose 1 + Poisson(1.5) heads lie Exp(5 h) apart, the last
10 min + Exp(3 h) before it is merged; the head that is merged is never wrong, the others are so much the more often; a fault shows in
one pipeline (the more often the more tests it has) and, with a chance of 0.7 each, in the others, there in a single test; beside the
wrong tests 0.01 of heads break lint and 0.006 the build, of all pipelines; the second run of a commit comes 2 min + Exp(2 h) after the
first on the default branch, as a scheduled one, and 1 min + Exp(5 min) after it for a change, as where two things start a pipeline.
A run for a pull request is one of the merge with the default branch as it is then, so it suffers from what is broken there.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipelinedoctor.simulate.clock import DAY, HOUR, MINUTE, weekday
from pipelinedoctor.simulate.fleet.plan import Bools, Floats, Ints, Pipeline, Repository
from pipelinedoctor.simulate.fleet.settings import LAST_RUN, Settings, source

WEEKDAYS = (1.0, 1.0, 1.0, 1.0, 0.9, 0.2, 0.15)
EVENTS = ("push", "pull_request", "schedule")
PUSH, PULL, SCHEDULE = range(3)
WRONG_HEADS = 0.08
_LINT, _BUILD = 0.01, 0.006
_ELSEWHERE = 0.7
_MORE_HEADS = 1.5
_BEYOND = 3 * DAY


@dataclass(frozen=True)
class Traffic:
    """The changes of one repository, all times in whole seconds.

    `main_*`: commits on the default branch, oldest first, with the number of their change. `head_*`: heads of changes, by time.
    `change_*`: of each change when it was opened, by whom (a place in `people`), and its commit on the default branch (-1: open).
    """

    repository: Repository
    main_at: Ints
    main_sha: list[str]
    main_change: Ints
    head_at: Ints
    head_sha: list[str]
    head_change: Ints
    head_last: Bools
    change_at: Ints
    change_author: Ints
    change_merged: Ints
    wrong: "Wrong"
    again: Floats
    delay: Floats

    @cached_property
    def shas(self) -> list[str]:
        """All commits, those of the default branch first."""
        return [*self.main_sha, *self.head_sha]


@dataclass(frozen=True, slots=True)
class Wrong:
    """By head: whether it breaks `tests`, `lint`, `build`; by head and pipeline, which tests (see `spread`)."""

    tests: Bools
    lint: Bools
    build: Bools
    places: Ints
    counts: Ints


@dataclass(frozen=True)
class Triggers:
    """What starts runs, by time. `commit` is a place in `Traffic.shas`, `base` the newest commit of the default branch then."""

    at: Ints
    commit: Ints
    event: Ints
    base: Ints
    change: Ints


def traffic(seed: int, settings: Settings, repository: Repository) -> Traffic:
    """Draw the changes of a repository."""
    random = source(seed, "traffic", repository.place)
    merges = _times(random, settings, repository.commits_a_day)
    authors = random.integers(0, len(repository.people), len(merges))
    counts = 1 + random.poisson(_MORE_HEADS, len(merges))
    of = np.repeat(np.arange(len(merges)), counts)
    last = np.append(of[1:] != of[:-1], [True]) if len(of) else np.zeros(0, dtype=bool)
    gaps = np.where(last, 10 * MINUTE + random.exponential(3 * HOUR, len(of)), random.exponential(5 * HOUR, len(of)))
    # From the last head of each change backwards: the sum of the gaps behind it.
    behind = np.cumsum(gaps[::-1])[::-1]
    ends = np.append(behind, 0.0)[np.cumsum(counts)][of] if len(of) else behind
    heads = (merges[of] - (behind - ends)).astype(np.int64)
    first = heads[np.cumsum(counts) - counts] if len(of) else heads
    within = (merges >= settings.start) & (merges <= LAST_RUN)
    main = np.flatnonzero(within)
    merged = np.full(len(merges), -1)
    merged[main] = np.arange(len(main))
    shas = [random.bytes(20).hex() for _ in range(len(merges) + len(of))]
    kept = np.flatnonzero((heads >= settings.start) & (heads <= LAST_RUN))
    kept = kept[np.argsort(heads[kept], kind="stable")]
    doubled = source(seed, "duplicates", repository.place)
    return Traffic(
        repository=repository,
        main_at=merges[main],
        main_sha=[shas[at] for at in main],
        main_change=main,
        head_at=heads[kept],
        head_sha=[shas[len(merges) + at] for at in kept],
        head_change=of[kept],
        head_last=last[kept],
        change_at=first - 30,
        change_author=authors,
        change_merged=merged,
        wrong=_wrong(source(seed, "wrong", repository.place), settings, repository, last[kept]),
        again=doubled.random(len(main) + len(kept)),
        delay=np.concatenate(
            [
                2 * MINUTE + doubled.exponential(2 * HOUR, len(main)),
                MINUTE + doubled.exponential(5 * MINUTE, len(kept)),
            ]
        ),
    )


def _times(random: np.random.Generator, settings: Settings, rate: float) -> Ints:
    """When commits come to the default branch, rising; to some days beyond the end, for changes that are open then."""
    days = np.arange(settings.start, LAST_RUN + _BEYOND, DAY)
    counts = random.poisson([rate * WEEKDAYS[weekday(int(day))] for day in days])
    clock = np.clip(random.normal(14 * HOUR, 3.6 * HOUR, counts.sum()), 0, DAY - 1)
    times = np.unique(np.repeat(days, counts) + clock.astype(np.int64))
    return times.astype(np.int64)


def _wrong(random: np.random.Generator, settings: Settings, repository: Repository, last: Bools) -> Wrong:
    count = len(last)
    share = WRONG_HEADS * (1 + _MORE_HEADS) / _MORE_HEADS
    draws = random.random((3, count))
    places, counts = spread(random, repository, random.geometric(0.15, count))
    may = ~last & (not settings.healthy)
    return Wrong(
        tests=may & (draws[0] < share),
        lint=may & (draws[1] < _LINT),
        build=may & (draws[2] < _BUILD),
        places=places,
        counts=counts,
    )


def spread(random: np.random.Generator, repository: Repository, many: Ints) -> tuple[Ints, Ints]:
    """For faults that break so many tests in one pipeline, and perhaps one in others: by fault and pipeline about where, and how many."""
    count = len(many)
    sizes = np.array([len(one.tests) for one in repository.pipelines])
    first = np.searchsorted(np.cumsum(sizes) / sizes.sum(), random.random(count), side="right")
    too = random.random((count, len(sizes))) < _ELSEWHERE
    counts = too.astype(np.int64)
    counts[np.arange(count), np.minimum(first, len(sizes) - 1)] = many
    return (random.random((count, len(sizes))) * sizes).astype(np.int64), counts


def neighbours(pipeline: Pipeline, place: int, count: int) -> Ints:
    """So many tests of a pipeline that stand together from about a place on."""
    first = max(min(place, len(pipeline.tests) - count), 0)
    return np.arange(first, min(first + count, len(pipeline.tests)))


def triggers(settings: Settings, one: Traffic) -> Triggers:
    """What starts runs of each of the repository's pipelines."""
    mains, heads = len(one.main_at), len(one.head_at)
    commit = np.arange(mains + heads)
    at = np.concatenate([one.main_at + 4, one.head_at + 6])
    twice = np.flatnonzero(one.again < settings.duplicates)
    later = at[twice] + one.delay[twice].astype(np.int64)
    twice, later = twice[later <= LAST_RUN], later[later <= LAST_RUN]
    on_main = commit < mains
    event = np.concatenate([np.where(on_main, PUSH, PULL), np.where(twice < mains, SCHEDULE, PULL)])
    commit, at = np.concatenate([commit, twice]), np.concatenate([at, later])
    order = np.lexsort((event, commit, at))
    commit, at, event = commit[order], at[order], event[order]
    newest = np.searchsorted(one.main_at, at, side="right") - 1
    change = np.concatenate([one.main_change, one.head_change])[commit]
    return Triggers(
        at=at.astype(np.int64),
        commit=commit,
        event=event,
        base=np.where(commit < mains, commit, newest),
        change=np.where(commit < mains, -1, change),
    )
