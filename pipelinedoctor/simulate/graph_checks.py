"""Check suites, check runs and workflow runs of a recording as GitHub's GraphQL objects."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pipelinedoctor.simulate.graph_paging import GraphRefusedError, connection
from pipelinedoctor.simulate.graph_repository import Repositories
from pipelinedoctor.simulate.graph_thing import Thing, word
from pipelinedoctor.simulate.holdings import Holdings
from pipelinedoctor.simulate.recorded import RecordedRun


def forbidden() -> GraphRefusedError:
    """The refusal of what the token may not read."""
    return GraphRefusedError("FORBIDDEN", "Resource not accessible by personal access token")


class Checks:
    """The checks of all runs; where the token may not read checks (`readable`), each is refused."""

    def __init__(self, holdings: Holdings, repositories: Repositories, *, readable: bool) -> None:
        self._holdings = holdings
        self._repositories = repositories
        self._readable = readable

    def nodes(self) -> Iterator[tuple[str, Callable[[], Thing]]]:
        """The node ids of all check suites, check runs and workflow runs, and how to show each."""
        recording = self._holdings.recording
        for run_id in recording.attempts:
            run = recording.run(run_id)
            if run is not None and run.suite_node:
                yield run.suite_node, partial(self.suite, run)
            if run is not None and run.node:
                yield run.node, partial(self.run, run)
        for listed, position in self._holdings.jobs.values():
            run, node = recording.run(listed.run_id), listed.jobs[position].node
            if run is not None and node:
                yield (
                    node,
                    lambda run=run, at=position, listed=listed: self._check(  # type: ignore[misc]  # bound now
                        run, json.loads(listed.bodies([at])[0])
                    ),
                )

    def suite(self, run: RecordedRun) -> Thing:
        """The check suite of a run."""
        self._admit()
        body = json.loads(run.body)
        return {
            "__typename": "CheckSuite",
            "id": run.suite_node,
            "databaseId": body.get("check_suite_id"),
            "status": word(run.status),
            "conclusion": word(run.conclusion),
            "createdAt": body.get("created_at"),
            "updatedAt": body.get("updated_at"),
            "url": body.get("html_url"),
            "repository": lambda *_: self._repositories.numbered(run.repository_id),
            "workflowRun": lambda *_: self.run(run),
            "commit": lambda *_: self._repositories.commit(run.repository_id, run.head_sha),
            "checkRuns": partial(self._checks, run),
        }

    def run(self, run: RecordedRun) -> Thing:
        """A workflow run, which takes no right to read checks."""
        body = json.loads(run.body)
        workflow = body.get("workflow_id")
        return {
            "__typename": "WorkflowRun",
            "id": run.node,
            "databaseId": run.run_id,
            "event": run.event,
            "runNumber": body.get("run_number"),
            "createdAt": body.get("created_at"),
            "updatedAt": body.get("updated_at"),
            "url": body.get("html_url"),
            "workflow": {"id": f"W_{workflow}", "databaseId": workflow, "name": body.get("name")},
            "checkSuite": lambda *_: self.suite(run),
        }

    def _admit(self) -> None:
        if not self._readable:
            raise forbidden()

    def _checks(self, run: RecordedRun, _: object, **asked: Any) -> Thing:
        listed = self._holdings.recording.job_lists.get(run.run_id)
        bodies = [json.loads(body) for body in listed.bodies(range(len(listed.jobs)))] if listed else []
        found = _selected(bodies, asked.get("filterBy") or {})
        return connection("checkRuns", found, asked, partial(self._check, run))

    def _check(self, run: RecordedRun, body: Mapping[str, Any]) -> Thing:
        self._admit()
        return {
            "__typename": "CheckRun",
            "id": body.get("node_id"),
            "databaseId": body.get("id"),
            "name": body.get("name"),
            "status": word(body.get("status")),
            "conclusion": word(body.get("conclusion")),
            "startedAt": body.get("started_at"),
            "completedAt": body.get("completed_at"),
            "detailsUrl": body.get("html_url"),
            "permalink": body.get("html_url"),
            "url": body.get("html_url"),
            "repository": lambda *_: self._repositories.numbered(run.repository_id),
            "checkSuite": lambda *_: self.suite(run),
            "annotations": partial(self._annotations, body["id"]),
            "steps": partial(_steps, body.get("steps") or []),
        }

    def _annotations(self, job_id: int, _: object, **asked: Any) -> Thing:
        found = self._holdings.attachments.annotations.get(job_id, ())
        return connection("annotations", found, asked, lambda body: _annotation(json.loads(body)))


def _selected(bodies: Sequence[Thing], asked: Mapping[str, Any]) -> list[Thing]:
    """Those that `filterBy` is after; without a type, only the latest of each name."""
    found = list(bodies)
    if asked.get("checkType") != "ALL":
        newest: dict[object, Thing] = {}
        for body in found:
            rival = newest.get(body.get("name"))
            if rival is None or (rival.get("run_attempt") or 1) <= (body.get("run_attempt") or 1):
                newest[body.get("name")] = body
        found = [body for body in found if newest[body.get("name")] is body]
    statuses = asked.get("statuses") or ([asked["status"]] if asked.get("status") else None)
    return [
        body
        for body in found
        if asked.get("checkName") in (None, body.get("name"))
        and (statuses is None or word(body.get("status")) in statuses)
        and (asked.get("conclusions") is None or word(body.get("conclusion")) in asked["conclusions"])
    ]


def _steps(steps: Sequence[Thing], _: object, **asked: Any) -> Thing:
    number = asked.get("number")
    found = [step for step in steps if number in (None, step.get("number"))]
    return connection("steps", found, asked, _step)


def _step(body: Thing) -> Thing:
    return {
        "name": body.get("name"),
        "number": body.get("number"),
        "status": word(body.get("status")),
        "conclusion": word(body.get("conclusion")),
        "startedAt": body.get("started_at"),
        "completedAt": body.get("completed_at"),
    }


def _annotation(body: Thing) -> Thing:
    return {
        "annotationLevel": word(body.get("annotation_level")),
        "blobUrl": body.get("blob_href"),
        "databaseId": None,
        "location": {
            "start": {"line": body.get("start_line"), "column": body.get("start_column")},
            "end": {"line": body.get("end_line"), "column": body.get("end_column")},
        },
        "message": body.get("message"),
        "path": body.get("path"),
        "rawDetails": body.get("raw_details"),
        "title": body.get("title"),
    }
