"""Who changed what, when: pull requests, their heads, the commits on the default branch, and the runs these start.

Times are whole seconds since 1970 in UTC. Changes come as a Poisson process over working days and hours; each pull request has
one or more heads, of which some are wrong (they fail genuinely) and are mended by the next.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from pipelinedoctor.simulate.clock import AS_OF, DAY, HOUR, weekday
from pipelinedoctor.simulate.plan import PipelinePlan, RepositoryPlan

_WEEKDAYS = (1.0, 1.0, 1.0, 1.0, 0.9, 0.2, 0.15)
_WRONG_HEADS = 0.08
PEOPLE = ("Alder", "Birch", "Cedar", "Elm", "Hazel", "Juniper", "Larch", "Maple", "Oak", "Poplar", "Rowan", "Willow")
_VERBS = ("Add", "Simplify", "Speed up", "Tidy", "Document", "Extend", "Guard", "Split", "Rework", "Allow")
_THINGS = (
    "the import",
    "the retry loop",
    "paging",
    "the cache",
    "the audit trail",
    "error texts",
    "the schema",
    "settings",
)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit; `authored` comes before `at`, the time it was committed."""

    sha: str
    parent: str | None
    at: int
    authored: int
    author: str
    message: str

    @property
    def tree(self) -> str:
        """The id of its tree."""
        return self.sha[::-1]


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a run. `base` is the index of the default branch's newest commit at that moment.

    `wrong` says which kind of genuine failure the head carries; `superseded_at` when a newer head cancels the run;
    `merged_as` is the index on the default branch that a pull request came to.
    """

    repository: RepositoryPlan
    pipeline: PipelinePlan
    event: str
    at: int
    commit: Commit
    branch: str
    number: int | None
    base: int
    base_sha: str
    wrong: str | None = None
    superseded_at: int | None = None
    merged_as: int | None = None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request: its heads, oldest first, each with the kind of its genuine failure; and when it was merged."""

    number: int
    heads: list[tuple[Commit, str | None]]
    merged: int | None


@dataclass(frozen=True, slots=True)
class Past:
    """All that happened in a repository: its default branch, oldest first, and what started runs, oldest first.

    `merged_as` is, by the number of a pull request, the index on the default branch that it came to.
    """

    repository: RepositoryPlan
    main: list[Commit]
    triggers: list[Trigger]
    pulls: list[PullRequest]
    merged_as: dict[int, int]


def past(random: Random, repository: RepositoryPlan, start: int, changes_a_day: float) -> Past:
    """The history of one repository from `start` to `AS_OF`, with `changes_a_day` pull requests on a working day."""
    proposals = [
        _proposal(random, number, at)
        for number, at in enumerate(_openings(random, start, changes_a_day * repository.weight), 101)
    ]
    if repository.id % 2:  # in half of the repositories the history ends in the middle of work
        proposals.append(_proposal(random, 101 + len(proposals), AS_OF - random.randint(200, 600)))
    main = [Commit(_sha(random), None, start, start - HOUR, "Oak", "Start the history")]
    merged_as: dict[int, int] = {}
    merged = ((one.merged, one) for one in proposals if one.merged is not None)
    for at, one in sorted(merged, key=lambda pair: (pair[0], pair[1].number)):
        merged_as[one.number] = len(main)
        head = one.heads[-1][0]
        message = f"{one.heads[0][0].message} (#{one.number})"
        main.append(Commit(_sha(random), main[-1].sha, at, head.authored, head.author, message))
    triggers = [*_pushes(repository, main), *_nights(repository, main, start)]
    for one in proposals:
        triggers.extend(_heads(repository, one, main, merged_as.get(one.number)))
    triggers.sort(key=lambda trigger: (trigger.at, trigger.pipeline.path, trigger.branch))
    return Past(repository, main, triggers, proposals, merged_as)


def _openings(random: Random, start: int, rate: float) -> list[int]:
    """When pull requests are opened: as many as `rate` comes to over the whole time, more of them on working days."""
    days = range(start, AS_OF, DAY)
    weights = [_WEEKDAYS[weekday(day)] for day in days]
    chosen = random.choices(days, weights, k=round(rate * sum(weights)))
    return sorted(day + int(min(max(random.gauss(12.5, 3.2), 0.5), 23.0) * HOUR) for day in chosen)


def _proposal(random: Random, number: int, at: int) -> PullRequest:
    author = random.choice(PEOPLE)
    subject = f"{random.choice(_VERBS)} {random.choice(_THINGS)}"
    heads: list[tuple[Commit, str | None]] = []
    parent: str | None = None
    more = True
    while more and len(heads) < 6:
        wrong = random.choices(("test", "build", "lint"), (5, 3, 2))[0] if random.random() < _WRONG_HEADS else None
        message = subject if not heads else f"Mend {subject.split(' ', 1)[1]}, round {len(heads)}"
        authored = at - int(random.expovariate(1 / 5_400)) - 60
        heads.append((Commit(_sha(random), parent, at - 20, authored, author, message), wrong))
        parent = heads[-1][0].sha
        more = wrong is not None or random.random() < 0.5
        at += 180 + int(random.expovariate(1 / 7_900))
    merged = heads[-1][0].at + 1_500 + int(random.expovariate(1 / 9_000))
    good = heads[-1][1] is None and random.random() > 0.07
    heads = [head for head in heads if head[0].at + 20 < AS_OF]
    return PullRequest(number, heads, merged if good and heads and merged < AS_OF else None)


def _heads(
    repository: RepositoryPlan, one: PullRequest, main: list[Commit], merged_as: int | None
) -> Iterator[Trigger]:
    branch = f"change/{one.number}"
    for position, (commit, wrong) in enumerate(one.heads):
        at = commit.at + 20
        newer = one.heads[position + 1][0].at + 25 if position + 1 < len(one.heads) else None
        base = bisect_right(main, at, key=_time) - 1
        for pipeline in repository.pipelines:
            if "pull_request" in pipeline.events:
                why = wrong if "push" in pipeline.events else None  # what checks the default branch checks the change
                yield Trigger(
                    repository,
                    pipeline,
                    "pull_request",
                    at,
                    commit,
                    branch,
                    one.number,
                    base,
                    main[base].sha,
                    why,
                    newer,
                    merged_as,
                )


def _pushes(repository: RepositoryPlan, main: list[Commit]) -> Iterator[Trigger]:
    for index, commit in enumerate(main):
        for pipeline in repository.pipelines:
            if "push" in pipeline.events:
                yield Trigger(repository, pipeline, "push", commit.at + 4, commit, "main", None, index, commit.sha)


def _nights(repository: RepositoryPlan, main: list[Commit], start: int) -> Iterator[Trigger]:
    nightly = [pipeline for pipeline in repository.pipelines if "schedule" in pipeline.events]
    for pipeline in nightly:
        for day in range(start + DAY, AS_OF, DAY):
            at = day + int(2.5 * HOUR) + repository.id % 600
            base = bisect_right(main, at, key=_time) - 1
            yield Trigger(repository, pipeline, "schedule", at, main[base], "main", None, base, main[base].sha)


def _time(commit: Commit) -> int:
    return commit.at


def _sha(random: Random) -> str:
    return f"{random.getrandbits(160):040x}"
