"""What a fetch asked a forge, line by line of the account that the docs page shows."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from pipelinedoctor.fetch.github.wire import Connection

OUTCOMES, DETAILS, AROUND, ANNOTATIONS, SAMPLES = LINES = (
    "runs and outcomes",
    "details of failed and rerun runs",
    "changes, commits, deployments, releases",
    "annotations",
    "samples of green runs",
)
_OPERATIONS = {
    "Outcomes": OUTCOMES, "MoreOutcomes": OUTCOMES, "Repositories": OUTCOMES, "Overview": AROUND, "Annotations": ANNOTATIONS,
}  # fmt: skip
_JOBS = re.compile(r"/actions/runs/([0-9]+)/jobs\?")
_DETAILS = ("/logs", "/artifacts", "/zip", "/trace", "/test_report")
_RUNS = re.compile(r"/projects/:id(/(jobs|pipelines)(/:[a-z_]+/(jobs|bridges))?)?|/projects/:id/pipelines/:pipeline_id")


@dataclass(frozen=True, slots=True)
class Call:
    """A request to GitHub's API as it was sent; `content` is the body of a question in GraphQL."""

    verb: str
    url: str
    content: str | None
    status: int

    @property
    def operation(self) -> str:
        """The name of the question."""
        query = json.loads(self.content or "{}").get("query", "")
        return str(query).partition("(")[0].removeprefix("query ").strip()


@contextmanager
def watched() -> Iterator[list[Call]]:
    """All requests to GitHub's API while the `with` lasts."""
    calls: list[Call] = []
    answered = Connection.getresponse

    def spied(self: Connection) -> Any:
        verb, url, _, content = self._asked
        response = answered(self)
        calls.append(Call(verb, url, content, response.status))
        return response

    with mock.patch.object(Connection, "getresponse", spied):
        yield calls


@dataclass(slots=True)
class Account:
    """What was paid, by line, and how many requests were free."""

    paid: Counter[str] = field(default_factory=Counter)
    free: int = 0

    @property
    def total(self) -> int:
        """All that was paid."""
        return self.paid.total()


def of_github(calls: Sequence[Call], told: Collection[int], *, checks: bool) -> Account:
    """The account of a fetch from GitHub; `told` are the runs whose details are wanted, for they failed or were rerun.

    Without `checks`, the list of jobs of each run is what tells its outcomes.
    """
    account = Account()
    for call in calls:
        if call.status == 304:
            account.free += 1
        else:
            account.paid[_line(call, told, checks=checks)] += 1
    return account


def _line(call: Call, told: Collection[int], *, checks: bool) -> str:
    path = call.url.partition("?")[0]
    jobs = _JOBS.search(call.url)
    if call.verb == "POST":
        return _OPERATIONS[call.operation]
    if jobs:
        return OUTCOMES if not checks else DETAILS if int(jobs[1]) in told else SAMPLES
    if path.endswith(_DETAILS):
        return DETAILS
    return AROUND if path.endswith("/commits") else OUTCOMES


def of_gitlab(routes: Sequence[str]) -> Account:
    """The account of a fetch from GitLab, by the routes it took. Nothing is free there."""
    account = Account()
    for route in routes:
        line = DETAILS if route.endswith(_DETAILS) else OUTCOMES if _RUNS.fullmatch(route) else AROUND
        account.paid[line] += 1
    return account
