"""Which pipeline started which child: lists do not say, but the bridges of a pipeline do, for a request each."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pipelinedoctor.fetch.gitlab.client import Body, Client
from pipelinedoctor.fetch.gitlab.details import in_passing
from pipelinedoctor.fetch.gitlab.project import Project
from pipelinedoctor.fetch.gitlab.rows import OddError, lacking, mapping, number, run_row
from pipelinedoctor.fetch.interface import Page
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Row, Run


def children_of(client: Client, project: Project, run_id: int) -> Page:
    """The children that a pipeline started, with their parent. What is refused tells nothing: the children are known.

    What failed in passing leaves a mark, so that the next fetch asks again while the pipeline is recent.
    """
    made = client.made
    rows: list[Row] = []
    again = False
    try:
        found = client.pages(f"{project.path}/pipelines/{run_id}/bridges")
        bridges = [body for page in found for body in page.entries]
        rows += [replace(child, parent_run_id=run_id) for child in _started(client, project, run_id, bridges)]
    except (RefusedError, OddError) as error:
        if isinstance(error, RefusedError) and error.status == 401:
            raise
        mark = project.known.get(run_id)
        again = in_passing(error) and mark is not None and project.recent(mark)
    was = run_id in project.family.left
    marks = [project.left_mark(run_id, wanted=again)] if again != was else []
    return Page(rows=rows, marks=marks, requests=client.made - made)


def _started(client: Client, project: Project, run_id: int, bridges: Iterable[Body]) -> Iterator[Run]:
    family, repository = project.family, project.repository
    for bridge in bridges:
        child_id = number(mapping(bridge, "downstream_pipeline").get("id"))
        if child_id is None:
            continue
        if child_id in family.children:
            yield family.children[child_id]
        elif run_id in family.left and child_id in project.known:
            # Its row was written by the fetch that asked in vain, and stays without a parent unless it is written anew.
            body = client.ask(f"{project.path}/pipelines/{child_id}")
            if not isinstance(body, dict):
                lacking("pipeline", "id")
            yield run_row(repository.host, body, repository.repository_id, project.known[child_id].attempt)
