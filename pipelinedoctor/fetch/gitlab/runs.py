"""The pipelines of a project and their jobs, with the fewest requests: two lists, and a few pipelines one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pipelinedoctor.fetch.bounds import bounded, instant
from pipelinedoctor.fetch.gitlab.client import Body, Client
from pipelinedoctor.fetch.gitlab.details import reason
from pipelinedoctor.fetch.gitlab.lists import Listing, by_update
from pipelinedoctor.fetch.gitlab.marks import Phase, RunMark
from pipelinedoctor.fetch.gitlab.project import Project, Tools
from pipelinedoctor.fetch.gitlab.rows import (
    CHILD,
    OddError,
    gap,
    identity,
    lacking,
    mapping,
    number,
    repository_row,
    run_row,
)
from pipelinedoctor.fetch.gitlab.scan import Scan
from pipelinedoctor.fetch.interface import Closed, Mark, Page
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Forge, Repository, Row

_GONE = frozenset({404, 410})
_NOT_FOR_JOBS = {
    "runs": "pipelines without jobs",
    "log": "logs",
    "tests": "test reports",
    "commits": "commits",
    "changes": "merge requests",
    "releases": "releases",
}


def opened(name: str, tools: Tools) -> tuple[Project, Page]:
    """The project that the configuration calls `name`, and the page that tells of it. Raises `RefusedError` where there is none, `OddError` where it is not described."""
    client = tools.clients.mine()
    made = client.made
    if tools.source.job_token:
        return _opened_by_job(name, tools)
    body = client.ask(f"/projects/{quote(name, safe='')}")
    repository = repository_row(tools.source.host, body if isinstance(body, dict) else {})
    key = str(repository.repository_id)
    project = Project(tools, name, key, f"/projects/{key}", repository)
    project.recall()
    # Logs and tests have a gap of the whole project where only a job's token was at hand.
    back = [Closed(repository=name, kind=kind, subject=name) for kind in ("runs", "log", "tests")]
    return project, Page(rows=[repository], closed=back, requests=client.made - made)


def _opened_by_job(name: str, tools: Tools) -> tuple[Project, Page]:
    """The same with a job's token, which may read no project: its jobs tell what is known of it."""
    client, host, path = tools.clients.mine(), tools.source.host, f"/projects/{quote(name, safe='')}"
    made = client.made
    newest = client.page(f"{path}/jobs", {"per_page": 1}).entries
    body: Body = newest[0] if newest else {}
    told = number(mapping(body, "pipeline").get("project_id")) or number(int(name) if name.isdecimal() else None)
    repository = Repository(
        host=host,
        repository_id=told if told is not None else lacking("job", "pipeline.project_id") if newest else 0,
        forge=Forge.GITLAB.value,
        full_name=name,
        default_branch=None,
        html_url=(bounded(body.get("web_url")) or "").partition("/-/")[0],
    )
    project = Project(tools, name, name, path, repository)
    project.recall()
    rows: list[Row] = [repository] if newest else []
    rows += [
        gap(host, name, kind, name, f"{what} are not read with CI_JOB_TOKEN") for kind, what in _NOT_FOR_JOBS.items()
    ]
    return project, Page(rows=rows, requests=client.made - made)


@dataclass(slots=True)
class Runs:
    """Reads the pipelines and jobs of one project."""

    project: Project
    _made_at: dict[int, datetime] = field(default_factory=dict)

    def pages(self) -> Iterator[Page]:
        """The pipelines, then the jobs of the project; what of them is to be asked for alone `Project.lacking` tells."""
        project, tools = self.project, self.project.tools
        listings = {source: self._listing(source) for source in ("", CHILD)}
        state = tools.state
        project.children = state.get("list", listings[CHILD].key) is not None
        project.tops.recall([one.key for one in listings.values()], state.all("list"))
        wanted = [listing for source, listing in listings.items() if not source or project.children]
        for listing in [] if tools.source.job_token else wanted:
            yield from self._updated(listing)
        yield from Scan(project, self._made_at, children_listed=len(wanted) > 1).pages()
        if project.children and len(wanted) == 1 and not tools.source.job_token:
            # Only now it shows that there are child pipelines, which the other list leaves out.
            yield from self._updated(listings[CHILD])

    def _updated(self, listing: Listing) -> Iterator[Page]:
        """What a list of pipelines tells that is not known yet."""
        tools = self.project.tools
        window = (tools.order.since, tools.order.until)
        for page in by_update(tools.clients, listing, window, tools.state, self._listed):
            self.project.tops.note(page.marks)
            yield page

    def _listing(self, source: str) -> Listing:
        name, parameters = (f"pipelines {source}", {"source": source}) if source else ("pipelines", {})
        return Listing(f"{self.project.key} {name}", f"{self.project.path}/pipelines", parameters)

    def _listed(self, entries: Sequence[Body]) -> tuple[list[Row], list[Mark]]:
        repository = self.project.repository
        rows: list[Row] = []
        marks: list[Mark] = []
        for body in entries:
            run_id, updated = identity(body, "pipeline"), bounded(body.get("updated_at"))
            before = self.project.known.get(run_id)
            mark = before.listed(updated) if before else RunMark(updated=updated)
            self.project.listed.add(run_id)
            if mark is before:
                continue
            rows.append(self.project.note(run_row(repository.host, body, repository.repository_id, mark.attempt)))
            marks.append(self.project.mark(run_id, mark))
            made = instant(body.get("created_at"))
            if mark.state == 0 and made is not None:
                self._made_at[run_id] = made
        return rows, marks


def jobs_of(client: Client, project: Project, run_id: int) -> tuple[Any, int]:
    """All jobs of a pipeline, retried ones too, or the `RefusedError` or `OddError` instead; and the requests it took."""
    made = client.made
    try:
        pages = client.pages(f"{project.path}/pipelines/{run_id}/jobs", {"include_retried": "true"})
        found: Any = [body for page in pages for body in page.entries]
    except OddError as error:
        found = error
    except RefusedError as error:
        if error.status == 401:
            raise
        found = error
    return found, client.made - made


def settled_alone(project: Project, run_id: int, found: Any, requests: int) -> Page:
    """The page of a pipeline that was asked for alone."""
    name, host, subject = project.repository.full_name, project.repository.host, f"run {run_id}"
    client = project.tools.clients.mine()
    made = client.made
    try:
        if isinstance(found, RefusedError | OddError):
            raise found
        page = project.settle(run_id, found)
    except (RefusedError, OddError) as error:
        if isinstance(error, RefusedError) and error.status == 401:
            raise
        mark = project.known.get(run_id) or RunMark(updated=None)
        row = gap(host, name, "jobs", subject, reason("jobs", error))
        gone = isinstance(error, RefusedError) and error.status in _GONE
        again = not gone and project.recent(mark)
        marks = [] if again else [project.mark(run_id, replace(mark, phase=Phase.DONE))]
        return Page(rows=[row], marks=marks, requests=requests + client.made - made)
    closed = [Closed(repository=name, kind="jobs", subject=subject)]
    return replace(page, closed=closed, requests=requests + client.made - made)
