"""The rows around the runs: repositories, commits, changes and deployments.

Of algorithms.md, section 7: what is green on the default branch is deployed with a chance of each repository's own; .02 to .2 of
deployments fail; recovery takes LogNormal(1 h to 1 d); half of it is a rollback; .1 to .25 is rework. Chosen here: the chance to be
deployed is .1 to .6 of green runs of the first pipeline on a push; a repository's median recovery lies evenly on a log scale, its
sigma is .5; what is not rolled back is mended by the newest commit; rework is a deployment from a branch `hotfix/...` 10 min + Exp(3 h)
after the one that it mends; a deployment takes 2 min + Exp(3 min). They are the same in a healthy organisation.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelinedoctor.model import Change, ChangeCommit, Commit, Deployment, Repository
from pipelinedoctor.simulate.clock import AS_OF, DAY, HOUR, MINUTE
from pipelinedoctor.simulate.fleet.executions import Happened, frame, last_end, times, words
from pipelinedoctor.simulate.fleet.plan import Ints
from pipelinedoctor.simulate.fleet.plan import Repository as Plan
from pipelinedoctor.simulate.fleet.settings import LAST_RUN, source
from pipelinedoctor.simulate.fleet.traffic import PUSH, Traffic
from pipelinedoctor.simulate.plan import HOST

_FIRST_DEPLOYMENT = 3_700_000_000


def repository_rows(plans: list[Plan]) -> pl.DataFrame:
    """The repositories as rows of `Repository`."""
    return frame(
        Repository,
        {
            "host": HOST,
            "repository_id": pl.Series([one.repository_id for one in plans]),
            "forge": "github",
            "full_name": pl.Series([one.full_name for one in plans]),
            "default_branch": "main",
            "html_url": pl.Series([one.html_url for one in plans]),
            "archived": False,
        },
    )


def commit_rows(one: Traffic) -> pl.DataFrame:
    """The commits of a repository as rows of `Commit`; of heads is known what a run tells of its commit."""
    mains, heads = len(one.main_at), len(one.head_at)
    change = np.concatenate([one.main_change, one.head_change])
    at = np.concatenate([one.main_at, one.head_at])
    on_main = pl.Series(np.arange(mains + heads) < mains)
    parents = pl.Series([*([""] if mains else []), *one.main_sha[:-1], *([None] * heads)], dtype=pl.String)
    people = [name.capitalize() for name in one.repository.people]
    authored = pl.select(pl.when(on_main).then(times(at - 600))).to_series()
    return frame(
        Commit,
        {
            "host": HOST,
            "repository_id": one.repository.repository_id,
            "sha": pl.Series(one.shas, dtype=pl.String),
            "parents": parents,
            "authored_at": authored,
            "committed_at": times(at),
            "author": words(people, one.change_author[change]),
            "subject": pl.select(pl.format("Change {}", pl.Series(change + 1))).to_series(),
        },
    )


def change_rows(one: Traffic) -> pl.DataFrame:
    """The changes of a repository that had a head or were merged in the window, as rows of `Change`."""
    newest = np.full(len(one.change_at), -1)
    newest[one.head_change] = np.arange(len(one.head_change))  # heads are by time: the newest is set last
    merged = one.change_merged >= 0
    kept = np.flatnonzero((newest >= 0) | merged)
    newest, place, merged = newest[kept], one.change_merged[kept], merged[kept]
    done = pl.Series(merged)
    at = times(one.main_at[place] if len(one.main_at) else place)
    shas = pl.Series([*one.main_sha, None], dtype=pl.String)
    heads = pl.Series([*one.head_sha, None], dtype=pl.String)
    number = pl.Series(kept + 1)
    touched = np.where(
        merged, one.main_at[place] if len(one.main_at) else place, one.head_at[newest] if len(one.head_at) else newest
    )
    merged_at = pl.select(pl.when(done).then(at)).to_series()
    return frame(
        Change,
        {
            "host": HOST,
            "repository_id": one.repository.repository_id,
            "number": number,
            "title": pl.select(pl.format("Change {}", number)).to_series(),
            "author": words(one.repository.people, one.change_author[kept]),
            "state": words(("open", "merged"), merged.astype(np.int64)),
            "created_at": times(one.change_at[kept]),
            "merged_at": merged_at,
            "closed_at": merged_at,
            "merge_sha": shas.gather(np.where(merged, place, len(one.main_sha))),
            "base": "main",
            "html_url": pl.select(pl.format("{}/pull/{}", pl.lit(one.repository.html_url), number)).to_series(),
            "updated_at": times(touched),
            "head_sha": heads.gather(np.where(newest >= 0, newest, len(one.head_sha))),
            "head": pl.select(pl.format("change-{}", number)).to_series(),
            "draft": False,
        },
    )


def change_commit_rows(one: Traffic) -> pl.DataFrame:
    """The heads of each change as rows of `ChangeCommit`: those in the window."""
    order = np.argsort(one.head_change, kind="stable")
    change = one.head_change[order]
    first = np.searchsorted(change, change)
    return frame(
        ChangeCommit,
        {
            "host": HOST,
            "repository_id": one.repository.repository_id,
            "number": change + 1,
            "sha": words(one.head_sha, order),
            "position": np.arange(len(change)) - first + 1,
        },
    )


@dataclass(frozen=True, slots=True)
class _Put:
    """Something put in production: commit by place on the default branch, begin, end, outcome, and the branch it came from."""

    commit: int
    at: int
    end: int
    good: bool
    ref: str


def deployment_rows(seed: int, one: Happened) -> pl.DataFrame:
    """What a repository deploys, by its first pipeline, as rows of `Deployment`."""
    made = [put for put in _puts(seed, one) if put.end < AS_OF]
    made.sort(key=lambda put: (put.at, put.commit))
    commits, at, end = (
        np.array([getattr(put, name) for put in made], dtype=np.int64) for name in ("commit", "at", "end")
    )
    good = np.array([put.good for put in made], dtype=np.int64)
    result = words(("failure", "success"), good)
    retired = _retired(end, good)
    states = words(("failure", "active", "inactive"), np.where(good == 0, 0, np.where(retired > end, 2, 1)))
    return frame(
        Deployment,
        {
            "host": HOST,
            "deployment_id": _FIRST_DEPLOYMENT + one.repository.repository_id * 10_000 + np.arange(len(made)),
            "repository_id": one.repository.repository_id,
            "environment": "production",
            "commit_sha": words(one.traffic.main_sha, commits),
            "result": result,
            "forge_result": states,
            "created_at": times(at),
            "finished_at": times(end),
            "ref": pl.Series([put.ref for put in made], dtype=pl.String),
            "task": "deploy",
            "creator": one.repository.people[0],
            "updated_at": times(retired),
        },
    )


def _retired(end: Ints, good: Ints) -> Ints:
    """When a later success took the place of each; its own end where none did."""
    wins = np.flatnonzero(good)
    wins = wins[np.lexsort((wins, end[wins]))]
    retired = end.copy()
    retired[wins[:-1]] = end[wins[1:]]
    return retired


def _puts(seed: int, one: Happened) -> list[_Put]:
    random = source(seed, "deployments", one.repository.place)
    cadence, fails, rework = random.uniform(0.1, 0.6), random.uniform(0.02, 0.2), random.uniform(0.1, 0.25)
    middle = HOUR * (DAY / HOUR) ** random.random()
    triggers, outcome = one.outcome.triggers, one.outcome
    runs = np.flatnonzero(triggers.event == PUSH)
    draws, lasts = random.random((4, len(runs))), random.exponential(1.0, (3, len(runs)))
    recovery = random.lognormal(np.log(middle), 0.5, len(runs))
    red = outcome.red[outcome.attempts - 1, np.arange(len(triggers.at))]
    ended = last_end(outcome)
    found: list[_Put] = []
    good = -1
    for at, run in enumerate(runs.tolist()):
        if red[run] or draws[0, at] >= cadence:
            continue
        begin = int(ended[run]) + 60
        end = begin + 2 * MINUTE + int(3 * MINUTE * lasts[0, at])
        commit, works = int(triggers.commit[run]), bool(draws[1, at] >= fails)
        found.append(_Put(commit, begin, end, works, "main"))
        later = begin + int(recovery[at]) if not works else end + 10 * MINUTE + int(3 * HOUR * lasts[1, at])
        newest = int(np.searchsorted(one.traffic.main_at, min(later, LAST_RUN), side="right")) - 1
        over = later + 2 * MINUTE + int(3 * MINUTE * lasts[2, at])
        if not works:
            back = draws[2, at] < 0.5 and good >= 0
            found.append(_Put(good if back else newest, later, over, True, "main"))  # noqa: FBT003
        elif draws[3, at] < rework:
            found.append(_Put(newest, later, over, True, f"hotfix/{commit}"))  # noqa: FBT003
        good = commit if works else good
    return found
