"""Pull requests of a simulated repository as a recording holds them: with their commits and reviews."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from pipelinedoctor.simulate.bodies import commit_of
from pipelinedoctor.simulate.changes import PEOPLE, Past, PullRequest
from pipelinedoctor.simulate.clock import AS_OF, DAY, HOUR, MINUTE, stamp
from pipelinedoctor.simulate.delivery_bodies import Place, Pull, pull_body, review_body

_UNREVIEWED = 0.1
_OBJECTIONS = 0.3
_DRAFTS = 0.2
_FORGOTTEN = 5 * DAY
"""A pull request that nothing happened in for so long was mostly given up."""

_Review = tuple[int, str, str]


def proposals(random: Random, past: Past, place: Place) -> Iterator[dict[str, Any]]:
    """The lines of `pulls.jsonl`, without their repository, by number."""
    for one in past.pulls:
        if one.heads:
            yield _proposal(random, past, place, one)


def _proposal(random: Random, past: Past, place: Place, one: PullRequest) -> dict[str, Any]:
    first, last = one.heads[0][0], one.heads[-1][0]
    created = first.at + 20
    bases = [past.main[bisect_right(past.main, at, key=lambda commit: commit.at) - 1].sha for at in (created, last.at)]
    closed = one.merged or _given_up(random, last.at)
    reviews = _reviews(random, first.author, last.at + 20, closed)
    merged_as = past.merged_as.get(one.number)
    pull = Pull(
        # What a run says of its pull request has the same id.
        id=past.repository.id * 1_000 + one.number,
        number=one.number,
        title=first.message,
        author=first.author.lower(),
        branch=f"change/{one.number}",
        head_sha=last.sha,
        base_sha=bases[1],
        created=stamp(created),
        updated=stamp(max([last.at + 20, closed or 0, *(at for at, _, _ in reviews)])),
        closed=stamp(closed) if closed else None,
        merged=stamp(one.merged) if one.merged else None,
        merge_sha=past.main[merged_as].sha if merged_as is not None else None,
        draft=closed is None and random.random() < _DRAFTS,
    )
    commits = [head if head.parent else replace(head, parent=bases[0]) for head, _ in one.heads]
    return {
        "pull": pull_body(place, pull),
        "commits": [commit_of(past.repository, commit) for commit in commits],
        "reviews": [
            review_body(place, one.number, pull.id * 10 + at, login, state, stamp(time), last.sha)
            for at, (time, login, state) in enumerate(reviews)
        ],
    }


def _given_up(random: Random, last: int) -> int | None:
    """When somebody closed a pull request that was not merged."""
    at = last + _FORGOTTEN + int(random.expovariate(1 / (2 * DAY)))
    return at if at < AS_OF and random.random() < 0.8 else None


def _reviews(random: Random, author: str, ready: int, closed: int | None) -> list[_Review]:
    """Who said what when: at times an objection, then an approval; not all is reviewed."""
    end = closed or AS_OF
    if random.random() < _UNREVIEWED or end - ready < 2 * MINUTE:
        return []
    reviewer = random.choice([name for name in PEOPLE if name != author]).lower()
    states = ["APPROVED"]
    if random.random() < _OBJECTIONS:
        states.insert(0, random.choice(("COMMENTED", "CHANGES_REQUESTED")))
    at, found = ready, []
    for state in states:
        at += MINUTE + int(random.expovariate(1 / HOUR))
        if at >= end:
            # Who merges in haste is looked at in haste.
            at = end - MINUTE
        found.append((at, reviewer, state))
    return found
