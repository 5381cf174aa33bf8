"""Fetching from several sources by the command line: what is kept apart, what a limit and a start mean."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest
from typer.testing import CliRunner

from pipelinedoctor.cli import app
from pipelinedoctor.simulate.forge import Forge, serve
from pipelinedoctor.store.connection import Store
from tests.helpers.recordings import job, run, write_recording

EQUAL = "SELECT host, id FROM (SELECT host, {key} AS id FROM {table}) ORDER BY ALL"


@pytest.fixture(scope="module")
def forges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Forge, Forge]]:
    """Two forges, as github.com and an Enterprise server may be: other hosts, equal ids."""
    log = "Error: boom\n"
    runs = [
        run(1, jobs=[job("test", "failure", log=log), job("test", attempt=2)], created="2026-01-05T12:00:00Z"),
        run(2, jobs=[job("test")], created="2026-01-08T12:00:00Z"),
    ]
    folder = write_recording(tmp_path_factory.mktemp("recording"), runs)
    with serve(folder) as one, serve(folder) as other:
        yield one, other


@pytest.fixture
def here(forges: tuple[Forge, Forge], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a configuration of both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    sections = [f'[[sources]]\nurl = "{forge.url}/"\nrepositories = ["acme/shop"]\n' for forge in forges]
    (tmp_path / "pipelinedoctor.toml").write_text("".join(sections), encoding="utf-8")
    for forge in forges:
        forge.reset()
    return tmp_path


def fetch(*options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["fetch", "--since", "2026-01-01", "-q", *options])
    return done.exit_code, done.stderr


def rows(here: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(here / "pipelinedoctor.duckdb", read_only=True) as connection:
        return connection.sql(sql).fetchall()


def asked(forge: Forge) -> int:
    return sum(not request.route.startswith("blob ") for request in forge.requests())


EACH = {
    ("repositories", "repository_id"): 1,
    ("runs", "run_id"): 2,
    ("run_attempts", "attempt"): 3,
    ("jobs", "job_id"): 3,
    ("failures", "job_id"): 1,
    ("commits", "sha"): 2,
    ("job_history", "job_id"): 3,
}
"""Rows of each host, by table and a part of its key."""


def test_equal_ids_of_two_hosts_are_kept_apart(here: Path) -> None:
    assert fetch() == (0, "")
    for (table, key), each in EACH.items():
        found = rows(here, EQUAL.format(table=table, key=key))
        one, other = found[:each], found[each:]
        assert len({host for host, _ in one}) == len({host for host, _ in other}) == 1, table
        assert one[0][0] != other[0][0], table
        assert [number for _, number in one] == [number for _, number in other], table


def test_a_start_leaves_out_what_was_made_before(here: Path) -> None:
    done = CliRunner().invoke(app, ["fetch", "--since", "2026-01-07", "-q"])
    assert done.exit_code == 0
    assert {number for (number,) in rows(here, "SELECT run_id FROM runs")} == {2}


def test_a_limit_is_for_all_sources_together(here: Path, forges: tuple[Forge, Forge]) -> None:
    assert fetch()[0] == 0
    whole = asked(forges[0])
    assert asked(forges[1]) == whole
    (here / "pipelinedoctor.duckdb").unlink()
    for forge in forges:
        forge.reset()
    code, said = fetch("--max-requests", str(whole + 2))
    assert code == 3
    assert "the limit of" in said
    assert asked(forges[0]) + asked(forges[1]) == whole + 2
    # Each had its share, and none waited for the other to be done.
    assert min(asked(forges[0]), asked(forges[1])) == (whole + 2) // 2


def test_what_one_source_leaves_is_for_the_one_that_needs_more(here: Path, forges: tuple[Forge, Forge]) -> None:
    assert fetch()[0] == 0
    whole = asked(forges[0])
    with Store.open(here / "pipelinedoctor.duckdb") as store:
        # The first is to be read anew; the second has nothing new and spends little.
        store.connection.execute("DELETE FROM sync_state WHERE host = ?", [urlsplit(forges[0].url).netloc])
    for forge in forges:
        forge.reset()
    assert fetch("--max-requests", str(whole + 4))[0] == 0
    assert asked(forges[0]) > (whole + 4) // 2


def test_a_source_that_was_not_come_to_is_told_and_goes_on_the_next_time(
    here: Path, forges: tuple[Forge, Forge]
) -> None:
    code, said = fetch("--max-requests", "1")
    assert code == 3
    assert "not read to the end: the requests were spent on the others" in said
    outcomes = [outcome for (outcome,) in rows(here, "SELECT outcome FROM sources")]
    assert "not read to the end: --max-requests was spent on the other sources" in outcomes
    assert fetch()[0] == 0
    assert len(rows(here, "SELECT * FROM runs")) == 4
