"""What surrounds the pipelines of a project: merge requests, deployments, releases, tags, and commits of the default branch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipelinedoctor.fetch.bounds import bounded, instant
from pipelinedoctor.fetch.clients import Clients
from pipelinedoctor.fetch.gitlab.change_rows import (
    change_number,
    change_row,
    commits_of_change,
    deployment_row,
    environment_row,
    first_review,
    release_row,
    tag_row,
)
from pipelinedoctor.fetch.gitlab.client import Body, Client
from pipelinedoctor.fetch.gitlab.details import reason
from pipelinedoctor.fetch.gitlab.lists import Listing, Take, by_update, in_window, stamp, until_known
from pipelinedoctor.fetch.gitlab.marks import ChangeMark, folded
from pipelinedoctor.fetch.gitlab.project import Project
from pipelinedoctor.fetch.gitlab.rows import OddError, commit_row, gap, lacking
from pipelinedoctor.fetch.interface import Closed, Level, Mark, Page
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Row

_Make = Callable[[str, Body, int], Row]
_COMMITS_MOST = 10
"""Pages of the commits of one merge request that are read."""
_NOT_HERE = frozenset({403, 404})


def surroundings(project: Project) -> Iterator[Page]:
    """All of it, kind by kind; what is refused becomes a gap, and the rest follows. A job's token reads deployments alone."""
    surroundings = _Surroundings(project)
    sections: Sequence[tuple[str, str, Iterator[Page]]] = (
        ("commits", "commits of the default branch", surroundings.commits()),
        ("changes", "merge requests", surroundings.changes()),
        ("deployments", "deployments", surroundings.deployments()),
        ("releases", "releases and tags", surroundings.releases()),
    )
    if project.tools.source.job_token:
        # Of a project without jobs such a token tells no id.
        sections = sections[2:3] if project.repository.repository_id else ()
    for kind, what, pages in sections:
        yield from _section(project, kind, what, pages)


def _section(project: Project, kind: str, what: str, pages: Iterator[Page]) -> Iterator[Page]:
    name = project.repository.full_name
    while True:
        client = project.tools.clients.mine()
        made = client.made
        try:
            page = next(pages)
        except StopIteration:
            yield Page(closed=[Closed(repository=name, kind=kind, subject=name)])
            return
        except (RefusedError, OddError) as error:
            bad_token = isinstance(error, RefusedError) and error.status == 401
            if bad_token and not project.tools.source.job_token:
                raise
            row = gap(project.repository.host, name, kind, name, reason(what, error))
            yield Page(rows=[row], requests=client.made - made)
            return
        yield page


@dataclass(slots=True)
class _Surroundings:
    project: Project
    marks: dict[int, ChangeMark] = field(default_factory=dict)

    @property
    def _clients(self) -> Clients[Client]:
        return self.project.tools.clients

    @property
    def _where(self) -> tuple[str, int]:
        return self.project.repository.host, self.project.repository.repository_id

    @property
    def _window(self) -> tuple[datetime, datetime]:
        order = self.project.tools.order
        return order.since, order.until

    def _listing(self, name: str, path: str, **parameters: str) -> Listing:
        return Listing(f"{self.project.key} {name}", f"{self.project.path}/{path}", parameters)

    def commits(self) -> Iterator[Page]:
        """The commits of the default branch."""
        state, branch = self.project.tools.state, self.project.repository.default_branch
        if branch is None:
            return  # an empty repository
        listing = self._listing(f"commits {folded(branch)}", "repository/commits", ref_name=branch)
        yield from in_window(self._clients, listing, self._window, state, self._rows(commit_row))

    def changes(self) -> Iterator[Page]:
        """The merge requests, and of each that is new or has changed its commits and its first review."""
        state = self.project.tools.state
        mine = f"{self.project.key}/"
        marks = state.all("change").items()
        self.marks = {int(key.removeprefix(mine)): ChangeMark.read(one) for key, one in marks if key.startswith(mine)}
        left = {number for number, mark in self.marks.items() if mark.wanted}
        listing = self._listing("merge_requests", "merge_requests", state="all", scope="all")
        bodies: dict[int, Body] = {}
        tops = self.project.tops
        tops.recall([listing.key], state.all("list"))
        for page in by_update(
            self._clients, listing, self._window, state, lambda entries: self._changed(entries, bodies)
        ):
            tops.note(page.marks)
            yield page
            for number in list(bodies):
                yield self._change(number, bodies.pop(number))
                left.discard(number)
        for number in sorted(left, reverse=True):
            yield self._change(number, None)
        done = tops.outlived({number: mark.updated for number, mark in self.marks.items() if not mark.wanted})
        if done:
            yield Page(marks=[Mark(kind="change", key=f"{self.project.key}/{number}", value=None) for number in done])

    def deployments(self) -> Iterator[Page]:
        """The deployments; the environments too where there are new ones."""
        state, tops = self.project.tools.state, self.project.tops
        listing, places = self._listing("deployments", "deployments"), self._listing("environments", "environments")
        now = state.get("list", listing.key)
        tops.recall([listing.key], state.all("list"))
        for page in by_update(self._clients, listing, self._window, state, self._rows(deployment_row)):
            now = next((mark.value for mark in page.marks if mark.key == listing.key), now)
            tops.note(page.marks)
            yield page
        # Told by what they stand for and not by what is new to this fetch: one before may have been broken off between the two.
        told = now or "{}"
        if state.get("list", places.key) != told:
            client = self._clients.mine()
            made = client.made
            entries = [body for found in client.pages(places.path) for body in found.entries]
            rows, _ = self._rows(environment_row)(entries)
            yield Page(rows=rows, marks=[places.mark(told)], requests=client.made - made)

    def releases(self) -> Iterator[Page]:
        """The releases; the tags where anything is new at all."""
        state = self.project.tools.state
        releases = self._listing("releases", "releases", order_by="released_at", sort="desc")
        names = ("tag_name", "released_at", "name")
        newest = state.get("list", releases.key)
        for page in until_known(self._clients, releases, names, state, self._rows(release_row)):
            newest = next((mark.value for mark in page.marks if mark.key == releases.key), newest)
            yield page
        tags = self._listing("tags", "repository/tags", order_by="updated", sort="desc")
        seen = Mark(kind="seen", key=f"{self.project.key} tags", value=f"{self.project.tops} {newest}")
        if state.get("seen", seen.key) != seen.value:
            yield from until_known(self._clients, tags, ("name", "target"), state, self._rows(tag_row))
            yield Page(marks=[seen])

    def _rows(self, row: _Make) -> Take:
        host, repository_id = self._where

        def take(entries: Sequence[Body]) -> tuple[list[Row], list[Mark]]:
            return [row(host, body, repository_id) for body in entries], []

        return take

    def _changed(self, entries: Sequence[Body], bodies: dict[int, Body]) -> tuple[list[Row], list[Mark]]:
        host, repository_id = self._where
        rows: list[Row] = []
        marks: list[Mark] = []
        for body in entries:
            number, updated = change_number(body), bounded(body.get("updated_at"))
            before = self.marks.get(number) or ChangeMark(updated=None, wanted=True)
            if before.updated != updated or updated is None:
                rows.append(change_row(host, body, repository_id, instant(before.review)))
                marks.append(self._mark(number, replace(before, updated=updated, wanted=True)))
                bodies[number] = body
        return rows, marks

    def _change(self, number: int, body: Body | None) -> Page:
        """The commits of a merge request where it has a new head, and its first review where that is not known."""
        client, mark = self._clients.mine(), self.marks[number]
        made = client.made
        (host, repository_id), path = self._where, f"{self.project.path}/merge_requests/{number}"
        rows: list[Row] = []
        try:
            body = client.ask(path) if body is None else body
            if not isinstance(body, Mapping):
                lacking("merge request", "iid")
            head = bounded(body.get("sha"))
            if head is None or head != mark.head:
                found = [one for page in client.pages(f"{path}/commits", most=_COMMITS_MOST) for one in page.entries]
                rows += commits_of_change(host, found, repository_id, number)
            review = instant(mark.review) or self._review(client, path, body)
            rows.append(change_row(host, body, repository_id, review))
            told = replace(mark, wanted=False, head=head, review=stamp(review) if review else None)
        except RefusedError as error:
            if error.status not in _NOT_HERE:
                raise
            told = replace(mark, wanted=False)
            name = self.project.repository.full_name
            rows.append(gap(host, name, "changes", f"!{number}", reason("merge request", error)))
        return Page(rows=rows, marks=[self._mark(number, told)], requests=client.made - made)

    def _review(self, client: Client, path: str, body: Body) -> datetime | None:
        if self.project.tools.order.level is Level.OUTCOMES:
            return None
        notes = client.page(f"{path}/notes", {"sort": "asc", "order_by": "created_at"}).entries
        author = body.get("author")
        return first_review(bounded(author.get("username")) if isinstance(author, dict) else None, notes)

    def _mark(self, number: int, mark: ChangeMark) -> Mark:
        self.marks[number] = mark
        return Mark(kind="change", key=f"{self.project.key}/{number}", value=str(mark))
