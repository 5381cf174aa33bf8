"""Which pipeline started which child: lists do not say, but the bridges of a pipeline do, for a request each."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pipelinedoctor.fetch.gitlab.client import Body, Client
from pipelinedoctor.fetch.gitlab.rows import CHILD, mapping, number
from pipelinedoctor.fetch.interface import Page
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Row, Run


@dataclass(slots=True)
class Family:
    """The pipelines that this fetch read, by commit: a child runs at the commit of its parent."""

    children: dict[int, Run] = field(default_factory=dict)
    _by_commit: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def note(self, run: Run) -> None:
        """Take note of a pipeline."""
        self._by_commit[run.commit_sha].add(run.run_id)
        if run.pipeline == CHILD:
            self.children[run.run_id] = run

    def parents(self) -> list[int]:
        """The pipelines that may have started one of the children, newest first."""
        commits = {child.commit_sha for child in self.children.values()}
        # A child that is the only one at its commit cannot be the parent of another.
        return sorted(
            {run for sha in commits if len(self._by_commit[sha]) > 1 for run in self._by_commit[sha]}, reverse=True
        )

    def told(self, client: Client, path: str, run_id: int) -> Page:
        """The children that a pipeline started, with their parent. What is refused tells nothing: the children are known."""
        made = client.made
        try:
            bridges = [body for page in client.pages(f"{path}/pipelines/{run_id}/bridges") for body in page.entries]
        except RefusedError as error:
            if error.status == 401:
                raise
            bridges = []
        rows: list[Row] = [replace(child, parent_run_id=run_id) for child in self._started(bridges)]
        return Page(rows=rows, requests=client.made - made)

    def _started(self, bridges: list[Body]) -> Iterator[Run]:
        for body in bridges:
            child = self.children.get(number(mapping(body, "downstream_pipeline").get("id")) or 0)
            if child is not None:
                yield child
