"""Rows for tests of the store: plain ones with something in every field, and strategies for any."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any, get_args, get_type_hints

from hypothesis import strategies as st

from pipelinedoctor.model import TABLES, Detail, Job, Repository, Row, Run

HOST = "github.com"
START = datetime(2026, 3, 1, tzinfo=UTC)
Values = dict[str, Any]


def at(minutes: float) -> datetime:
    """A time in the month that the tests are about."""
    return START + timedelta(minutes=minutes)


def repository(**changes: Any) -> Repository:
    """A repository with the default branch `main`."""
    values: Values = {
        "host": HOST,
        "repository_id": 1,
        "forge": "github",
        "full_name": "octo/app",
        "default_branch": "main",
        "html_url": "https://github.com/octo/app",
    }
    return Repository(**values | changes)


def run(run_id: int, **changes: Any) -> Run:
    """A push to the default branch that succeeded."""
    values: Values = {
        "host": HOST,
        "run_id": run_id,
        "repository_id": 1,
        "pipeline_id": 7,
        "pipeline": ".github/workflows/ci.yml",
        "pipeline_name": "CI",
        "run_number": run_id,
        "event": "push",
        "branch": "main",
        "commit_sha": "a" * 40,
        "change_number": None,
        "title": "Change it",
        "actor": "octocat",
        "status": "completed",
        "result": "success",
        "forge_result": "success",
        "attempt": 1,
        "created_at": at(run_id),
        "updated_at": at(run_id + 30),
        "html_url": f"https://github.com/octo/app/actions/runs/{run_id}",
    }
    return Run(**values | changes)


def job(job_id: int, run_id: int, **changes: Any) -> Job:
    """A job `test` that succeeded in 90 seconds, a minute after its run was made."""
    values: Values = {
        "host": HOST,
        "job_id": job_id,
        "run_id": run_id,
        "repository_id": 1,
        "attempt": 1,
        "name": "test",
        "status": "completed",
        "result": "success",
        "forge_result": "success",
        "created_at": at(run_id),
        "started_at": at(run_id + 1),
        "completed_at": at(run_id + 2.5),
        "queue_s": 60.0,
        "duration_s": 90.0,
        "labels": "ubuntu-latest",
        "runner": "runner 1",
        "carried_over": False,
        "html_url": f"https://github.com/octo/app/actions/runs/{run_id}/job/{job_id}",
    }
    return Job(**values | changes)


_TEXT = st.text(max_size=6) | st.sampled_from(["", "\0", "a\0b", "\ud800", "\udc00x", "\ud83d\ude00", "'; --", "{}"])
_VALUES: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    str: _TEXT,
    datetime: st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
}
_KEYS: dict[type, st.SearchStrategy[Any]] = {int: st.integers(1, 2), str: st.sampled_from(["", "x", "X"])}


def rows_of(table: type[Row]) -> st.SearchStrategy[Row]:
    """Any rows of a table, with keys from so few values that they repeat."""
    hints = get_type_hints(table)
    build: Callable[..., Row] = table
    values = {field.name: _values(hints[field.name], key=field.name in table.key) for field in fields(table)}
    if table is Job:
        values["detail"] = st.sampled_from(Detail).map(str)
    return st.builds(build, **values)


def _values(hint: Any, *, key: bool) -> st.SearchStrategy[Any]:
    if isinstance(hint, UnionType):
        return st.none() | st.one_of([_VALUES[part] for part in get_args(hint) if part is not type(None)])
    return _KEYS[hint] if key else _VALUES[hint]


any_row = st.one_of([rows_of(table) for table in TABLES])
