"""Which runs a query selects. Pure."""

from collections.abc import Mapping, Sequence

from pipelinedoctor.simulate.paging import RefusedError, created
from pipelinedoctor.simulate.recorded import RecordedRun

SEARCH_CAP = 1_000
"""A search shows at most so many results; what lies behind is left out without a word."""

_STATUSES = frozenset({"completed", "in_progress", "pending", "queued", "requested", "waiting"})
_CONCLUSIONS = frozenset(
    {
        "action_required",
        "cancelled",
        "failure",
        "neutral",
        "skipped",
        "stale",
        "startup_failure",  # not in GitHub's description, but its own command line asks for it
        "success",
        "timed_out",
    }
)
_PLAIN = ("actor", "branch", "event", "head_sha")
_SEARCHES = (*_PLAIN, "created", "status")


def is_search(query: Mapping[str, str]) -> bool:
    """Whether a list of runs is a search, and so under the cap."""
    return any(query.get(key) for key in _SEARCHES)


def select_runs(runs: Sequence[RecordedRun], query: Mapping[str, str]) -> Sequence[RecordedRun]:
    """Those of `runs` (newest first) that the query is after; raises `RefusedError` for a bad value."""
    if query.get("created"):
        first, last = created(query["created"])
        runs = [run for run in runs if first <= run.created_at <= last]
    for key in _PLAIN:
        if query.get(key):
            runs = [run for run in runs if getattr(run, key) == query[key]]
    status = query.get("status")
    if status and status not in _STATUSES | _CONCLUSIONS:
        raise RefusedError(422, f"`status` is none GitHub knows: {status[:40]}")
    return [run for run in runs if status in (run.status, run.conclusion)] if status else runs
