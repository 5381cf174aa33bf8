"""Which runs that succeeded at once are read in full: newest first, spread over job names and weeks. Pure but for marks."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime

from pipelinedoctor.fetch.github.details import Task
from pipelinedoctor.fetch.interface import Mark, SyncState

EACH = 3
"""Runs read in full for each job name and week; of the week that is under way fewer, as many as are due by the day."""


class Samples:
    """How many runs of each week were read in full for each job name of one repository; the marks `sample` keep it."""

    def __init__(self, repository_id: int, state: SyncState, until: datetime) -> None:
        """`until` is the moment up to which runs are fetched."""
        self._repository = repository_id
        self._until = until
        prefix = f"{repository_id}/"
        self._read: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for key, value in state.all("sample").items():
            if key.startswith(prefix):
                self._read[key.removeprefix(prefix)] = Counter(json.loads(value))

    def draw(self, offered: Iterable[Task]) -> list[Task]:
        """The runs to read in full: each has a job of a name that was drawn less often in its week than is due."""
        drawn: list[Task] = []
        counted = {name: Counter(counts) for name, counts in self._read.items()}
        for task in sorted(offered, key=lambda task: (task.mark.created_at, task.run_id), reverse=True):
            name = week(task.mark.created_at)
            counts, due = counted.setdefault(name, Counter()), self._due(name)
            if any(counts[name] < due for name in task.mark.names):
                counts.update(task.mark.names)
                drawn.append(task)
        return drawn

    def _due(self, name: str) -> int:
        """How many of a week: of the one under way by the day, so that nightly fetches take them from several days."""
        return EACH if name != week(self._until) else -(-EACH * self._until.isoweekday() // 7)

    def read(self, task: Task) -> Mark:
        """Count a run that was drawn and is read now: the mark of its week, to be committed with its details.

        Those drawn and not yet read do not count: a fetch that goes on with this one draws them again.
        """
        name = week(task.mark.created_at)
        self._read[name].update(task.mark.names)
        return Mark(kind="sample", key=f"{self._repository}/{name}", value=json.dumps(self._read[name], sort_keys=True))

    def ended(self, recent: datetime) -> list[Mark]:
        """Take away the marks of weeks in which nothing more is offered."""
        weeks = sorted(name for name in self._read if name < week(recent))
        return [Mark(kind="sample", key=f"{self._repository}/{name}", value=None) for name in weeks]


def week(moment: datetime) -> str:
    """The week of the calendar that a moment lies in: `2026-W05`."""
    year, number, _ = moment.isocalendar()
    return f"{year}-W{number:02d}"
