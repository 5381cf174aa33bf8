"""The list of a project's jobs, read from the newest down, and put together to pipelines.

GitLab lists the jobs of all pipelines in one list, by id, retried ones too. A pipeline is complete once the list has gone
down past the time it was made: then its attempts can be told, and its rows are written. Its jobs are kept until
then; a fetch that ends before has a mark of it, and the next one asks for that pipeline alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.bounds import instant
from pipelinedoctor.fetch.gitlab.client import Body, Client, Entries, Where
from pipelinedoctor.fetch.gitlab.lists import stamp
from pipelinedoctor.fetch.gitlab.marks import Phase, RunMark, Segment, joined, read_segments, write_segments
from pipelinedoctor.fetch.gitlab.project import Project
from pipelinedoctor.fetch.gitlab.rows import CHILD, identity, mapping
from pipelinedoctor.fetch.interface import Mark, Page
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.model import Row

SKEW = timedelta(minutes=1)
"""Jobs may stand in the list this much beside the place that their time says."""
_BY_KEY = {"pagination": "keyset", "order_by": "id", "sort": "desc"}
_NO_KEYS = 405
_MOST = 100_000
_NEVER = 2**63


@dataclass(slots=True)
class Scan:
    """The reading of one project's list of jobs. `made_at` are times of pipelines that were listed and never read before.

    `children_listed`: child pipelines were listed too, so that those of interest are known.
    """

    project: Project
    made_at: dict[int, datetime] = field(default_factory=dict)
    children_listed: bool = False
    _held: dict[int, list[Body]] = field(default_factory=dict)
    _barred: frozenset[int] = frozenset()
    _parameters: dict[str, str] = field(default_factory=lambda: dict(_BY_KEY))

    def pages(self) -> Iterator[Page]:
        """The new jobs, then those that earlier fetches left, down to the start of the order."""
        project = self.project
        segments = read_segments(project.tools.state.get("jobs", project.key))
        floor = stamp(project.tools.order.since)
        yield from self._down(None, segments, floor)
        while segments and self._unfinished(segments[0], floor):
            # What is between was read by an earlier fetch: of a pipeline that began there, the rest alone tells nothing.
            self._held.clear()
            self._barred = frozenset(run for run, mark in project.known.items() if mark.phase is Phase.PART)
            low = segments[0].low
            yield from self._down(segments[0], segments, floor)
            if segments[0].low == low and segments[0].onward is not None:
                return

    def _down(self, start: Segment | None, segments: list[Segment], floor: str) -> Iterator[Page]:
        """Pages from the top, or from where a segment ends, down to what is known or to `floor`; keeps `segments` up to date."""
        rest = segments[1:] if start else segments[:]
        seen = _NEVER if start else rest[0].top if rest else 0
        where: Where | None = start.onward if start else None
        segment, lowest, beyond = start, None, 0
        # Below what is new, a few pages more may tell what would be asked for alone, pipeline by pipeline; where all of
        # the list was read before, that is.
        whole = start is None and bool(rest) and not self._unfinished(rest[0], floor)
        for _ in range(_MOST):
            client = self.project.tools.clients.mine()
            made = client.made
            found = self._page(client, where)
            if not found.entries and segment is None:
                yield Page(requests=client.made - made, marks=self._empty(None))
                return
            times = [time for body in found.entries if (time := instant(body.get("created_at")))]
            lowest = min([*times, *([lowest] if lowest else [])], default=lowest)
            segment = self._further(segment, found, lowest)
            segments[:] = joined([segment, *rest])
            page = self._take(found.entries, (seen, floor), None if segment.onward is None else lowest)
            mark = Mark(kind="jobs", key=self.project.key, value=write_segments(segments))
            reached = bool(rest) and segment.low <= rest[0].top
            over = segment.onward is None or (segment.since or floor) < floor
            over = over or (reached and (not whole or beyond + 1 >= len(self.project.lacking())))
            empty = self._empty(None if segment.onward is None else lowest) if over and not start else []
            yield replace(page, marks=[*page.marks, *empty, mark], requests=client.made - made)
            if over:
                return
            beyond += reached
            where = segment.onward
        raise ForgeError("the forge's list of jobs does not come to an end")

    @staticmethod
    def _unfinished(segment: Segment, floor: str) -> bool:
        return segment.onward is not None and (segment.since or floor) >= floor

    def _page(self, client: Client, where: Where | None) -> Entries:
        try:
            return client.page(f"{self.project.path}/jobs", self._parameters, where)
        except RefusedError as error:
            if error.status != _NO_KEYS or not self._parameters or where:
                raise
            self._parameters = {}
            return client.page(f"{self.project.path}/jobs", self._parameters)

    def _further(self, segment: Segment | None, found: Entries, lowest: datetime | None) -> Segment:
        ids = [identity(body, "job") for body in found.entries]
        onward = dict(found.onward) if found.onward and ids else None
        since = stamp(lowest) if lowest else None
        if segment is None:
            return Segment(max(ids), min(ids), onward, since)
        if self._parameters and onward and not min(ids) < segment.low:
            raise ForgeError("the forge lists the same jobs again and again")
        return Segment(segment.top, min([segment.low, *ids]), onward, since)

    def _take(self, entries: Sequence[Body], known: tuple[int, str], lowest: datetime | None) -> Page:
        """Keep the jobs of pipelines that are wanted; settle those that are complete. `lowest` is None at the list's end."""
        for body in entries:
            run_id = identity(mapping(body, "pipeline"), "job's pipeline")
            if self._wants(run_id, body, *known):
                self._held.setdefault(run_id, []).append(body)
        rows: list[Row] = []
        marks: list[Mark] = []
        dirty = 0
        for run_id in [one for one in self._held if lowest is None or self._complete(one, lowest)]:
            page = self.project.settle(run_id, self._held.pop(run_id))
            rows += page.rows
            marks += page.marks
            dirty += page.dirty
        for run_id in self._held:
            mark = self.project.known.get(run_id) or RunMark(updated=None)
            if mark.phase is not Phase.PART or run_id not in self.project.known:
                marks.append(self.project.mark(run_id, replace(mark, phase=Phase.PART)))
        return Page(rows=rows, marks=marks, dirty=dirty)

    def _wants(self, run_id: int, body: Body, seen: int, floor: str) -> bool:
        if run_id in self._held or run_id in self._barred:
            return run_id in self._held
        mark = self.project.known.get(run_id)
        if mark is None:
            made = instant(body.get("created_at"))
            known = identity(body, "job") <= seen and self._let_go(body, below=seen == _NEVER)
            return not known and (made is None or stamp(made) >= floor)
        if seen == _NEVER:
            # Whatever was read of it before stands above: only of what was not is all to come.
            return mark.phase is Phase.LISTED and mark.state == 0
        if mark.unread or (mark.phase is Phase.OPEN and run_id not in self.project.settled):
            return True
        return identity(body, "job") > seen

    def _let_go(self, body: Body, *, below: bool) -> bool:
        """Whether a pipeline without a mark was known once: else it would have been listed before its jobs were.

        No list tells the pipelines that a job's token reads, and marks of these are never let go.
        """
        source = mapping(body, "pipeline").get("source")
        if self.project.tools.source.job_token:
            return False
        if source == CHILD:
            return self.children_listed
        # Old instances do not tell what started a pipeline: of those whose jobs were never read it may be a child.
        return source is not None or not below

    def _complete(self, run_id: int, lowest: datetime) -> bool:
        """Whether all jobs of a pipeline have been seen: the list has gone down past the time it was made."""
        made = instant(mapping(self._held[run_id][0], "pipeline").get("created_at"))
        return made is not None and made - SKEW > lowest

    def _empty(self, lowest: datetime | None) -> Sequence[Mark]:
        """The marks of pipelines that were listed, and have no jobs: the list has gone past them, or ended, without one."""
        marks: list[Mark] = []
        for run_id, made in self.made_at.items():
            past = lowest is None or made - SKEW > lowest
            mark = self.project.known.get(run_id)
            if past and mark is not None and mark.phase is Phase.LISTED and run_id not in self._held:
                marks += self.project.settle(run_id, ()).marks
        return marks
