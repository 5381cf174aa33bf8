"""Which pipelines may have started which child. Pure: lists do not say, and `parents` asks."""

from collections import defaultdict
from dataclasses import dataclass, field

from pipelinedoctor.fetch.gitlab.rows import CHILD
from pipelinedoctor.model import Run


@dataclass(slots=True)
class Family:
    """The pipelines that this fetch read, by commit: a child runs at the commit of its parent."""

    children: dict[int, Run] = field(default_factory=dict)
    left: frozenset[int] = frozenset()
    """Pipelines that an earlier fetch asked in vain."""
    _by_commit: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def note(self, run: Run) -> None:
        """Take note of a pipeline."""
        self._by_commit[run.commit_sha].add(run.run_id)
        if run.pipeline == CHILD:
            self.children[run.run_id] = run

    def parents(self) -> list[int]:
        """The pipelines that may have started one of the children, those that are `left` too, newest first."""
        commits = {child.commit_sha for child in self.children.values()}
        # A child that is the only one at its commit cannot be the parent of another.
        found = {run for sha in commits if len(self._by_commit[sha]) > 1 for run in self._by_commit[sha]}
        return sorted(found | self.left, reverse=True)
