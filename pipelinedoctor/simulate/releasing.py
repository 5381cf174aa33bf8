"""Deployments, releases and tags of a simulated repository, and the annotations of its failed jobs, as a recording holds them."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from pipelinedoctor.simulate import bodies
from pipelinedoctor.simulate.changes import Past
from pipelinedoctor.simulate.clock import AS_OF, DAY, HOUR, MINUTE, stamp
from pipelinedoctor.simulate.delivery_bodies import (
    Deployment,
    Place,
    Release,
    annotation_body,
    deployment_body,
    release_body,
    status_bodies,
    tag_body,
)
from pipelinedoctor.simulate.execution import Execution, Run
from pipelinedoctor.simulate.plan import DEPLOY

_ENVIRONMENTS = {"deploy / plan": "staging", "deploy / apply": "production"}
_SMOKE = "deploy / smoke"
_ROLLED_BACK = 0.5
_ENDS = {"success": "success", "failure": "failure", "timed_out": "failure", "cancelled": "error"}
_FIRST_DEPLOYMENT = 2_900_000_000
_ERROR = "##[error]"


def deployments(random: Random, runs: Sequence[Run], place: Place) -> Iterator[dict[str, Any]]:
    """The lines of `deployments.jsonl`, without their repository, oldest first, from the runs that deploy.

    Each execution of a job that deploys is one; where production then does not work, the one before is at times put back.
    One that succeeds makes its environment's last success inactive.
    """
    made = [one for run in runs for one in _deployed(run)]
    made += _rollbacks(random, runs, made)
    made.sort(key=lambda one: (one.created, one.environment, one.sha))
    first = _FIRST_DEPLOYMENT + int(place.repository["id"]) * 1_000
    numbered = [replace(one, id=first + at) for at, one in enumerate(made)]
    for one in _retired(numbered):
        yield {"deployment": deployment_body(place, one), "statuses": status_bodies(place, one)}


def _deployed(run: Run) -> Iterator[Deployment]:
    for attempt in run.attempts:
        for job in attempt.jobs:
            began = job.conclusion != "skipped" and job.status != "queued" and job.started != job.completed
            if job.plan.name in _ENVIRONMENTS and began:
                ends = [(_ENDS[job.conclusion], stamp(job.completed))] if job.conclusion and job.completed else []
                yield _deployment(run, job, _ENVIRONMENTS[job.plan.name], ends)


def _deployment(run: Run, job: Execution, environment: str, ends: Sequence[tuple[str, str]]) -> Deployment:
    commit = run.trigger.commit
    return Deployment(
        id=0,
        sha=commit.sha,
        ref=run.trigger.branch,
        environment=environment,
        creator=commit.author.lower(),
        created=stamp(job.started),
        statuses=[("in_progress", stamp(job.started)), *ends],
        log_url=f"{bodies.WEB}/{run.trigger.repository.full_name}/actions/runs/{run.id}/job/{job.id}",
    )


def _rollbacks(random: Random, runs: Sequence[Run], made: Sequence[Deployment]) -> Iterator[Deployment]:
    """Where the smoke test failed in production: the last good commit, deployed anew by hand."""
    good = [one for one in made if one.environment == "production" and one.statuses[-1][0] == "success"]
    for run in runs:
        smoke = [job for attempt in run.attempts for job in attempt.jobs if job.plan.name == _SMOKE and job.failure]
        if not smoke or random.random() > _ROLLED_BACK:
            continue
        at = (smoke[0].completed or AS_OF) + 5 * MINUTE + int(random.expovariate(1 / (15 * MINUTE)))
        before = [one for one in good if one.sha != run.trigger.commit.sha and one.created < stamp(smoke[0].started)]
        if before and at + 3 * MINUTE < AS_OF:
            times = [("in_progress", stamp(at)), ("success", stamp(at + 3 * MINUTE))]
            yield replace(before[-1], created=stamp(at), statuses=times, log_url="", creator="oak")


def _retired(made: Sequence[Deployment]) -> list[Deployment]:
    """The deployments, each success with the time at which a later one of its environment took its place."""
    found = list(made)
    current: dict[str, int] = {}
    wins = [(one.statuses[-1][1], at) for at, one in enumerate(found) if one.statuses[-1][0] == "success"]
    for time, at in sorted(wins):
        before = current.get(found[at].environment)
        if before is not None:
            found[before] = replace(found[before], statuses=[*found[before].statuses, ("inactive", time)])
        current[found[at].environment] = at
    return found


def releases(random: Random, past: Past, place: Place) -> dict[str, list[dict[str, Any]]]:
    """The lines of `releases.jsonl` and of `tags.jsonl`, without their repository.

    Some repositories are released every week or two, all among them that do not deploy; the others tag a build now and then.
    """
    deploys = any(pipeline.path == DEPLOY for pipeline in past.repository.pipelines)
    released = not deploys or past.repository.id % 4 == 0
    tags, found = [], []
    at = past.main[0].at
    for number in itertools.count(1):
        at += int((5 + random.expovariate(1 / 5)) * DAY)
        if at >= AS_OF - HOUR:
            break
        commit = next(one for one in reversed(past.main) if one.at <= at)
        early = released and random.random() < 0.2
        name = f"v1.{number}.0{'-rc.1' if early else ''}" if released else f"build-{number * 7}"
        line = {"tag": tag_body(place.api, name, commit.sha)}
        tags.append(line | {"object": f"{random.getrandbits(160):040x}"} if random.random() < 0.5 else line)
        if released:
            found.append(_release(past, number, name, commit.author.lower(), (at, at + 4 * MINUTE), prerelease=early))
    if found:
        found.append(_release(past, len(found) + 1, "untagged-next", "oak", (AS_OF - HOUR, None), prerelease=False))
    return {"releases": [{"release": release_body(place, one)} for one in found], "tags": tags}


def _release(
    past: Past, number: int, tag: str, author: str, times: tuple[int, int | None], *, prerelease: bool
) -> Release:
    created, published = times
    return Release(
        id=past.repository.id * 100 + number,
        tag=tag,
        author=author,
        created=stamp(created),
        published=None if published is None else stamp(published),
        draft=published is None,
        prerelease=prerelease,
    )


def annotations(run: Run, log: str) -> list[dict[str, Any]]:
    """The annotations of a job: the errors of its log, as the forge makes them."""
    trigger = run.trigger
    return [
        annotation_body(bodies.place(trigger.repository), trigger.commit.sha, ".github", number, "failure", message)
        for number, line in enumerate(log.splitlines(), 1)
        for _, found, message in [line.partition(_ERROR)]
        if found
    ]
