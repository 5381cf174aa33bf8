"""What `fetch` and `nightly` hand on to the fetchers, and what they tell of each source when it is read."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelinedoctor import commands
from pipelinedoctor.cli import app
from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.interface import Level, Order, Page, Progress, Source, SyncState
from pipelinedoctor.simulate.forge import serve
from pipelinedoctor.store.connection import Store
from tests.helpers.recordings import job, run, write_recording

ASKED: list[tuple[str, Order]] = []
ENDS: dict[str, ForgeError] = {}


class Told:
    """A fetcher that notes its order, asks three times, is answered "unchanged" once, and ends as `ENDS` says."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def pages(self, order: Order, state: SyncState, progress: Progress) -> Iterator[Page]:
        ASKED.append((self.source.host, order))
        yield Page(requests=3, free=1, dirty=2)
        for name in (self.source.host, *self.source.repositories):
            if name in ENDS:
                raise ENDS[name]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    ASKED.clear()
    ENDS.clear()
    return tmp_path


@pytest.fixture
def told(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with two sources, both read by `Told`."""
    monkeypatch.setattr(commands, "fetcher_of", Told)
    sections = (f'[[sources]]\nurl = "https://{host}"\nrepositories = ["a/b"]\n' for host in ("one.test", "two.test"))
    (here / "pipelinedoctor.toml").write_text("".join(sections) + 'detail = "full"\n', encoding="utf-8")
    return here


def ask(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def test_a_line_for_each_source_goes_to_stdout(told: Path) -> None:
    line = "3 requests (1 free), nothing new, no gaps, 2 times that cannot be, complete\n"
    assert ask("fetch") == (0, f"one.test: {line}two.test: {line}", "")
    assert ask("fetch", "-q") == (0, "", "")


def test_a_source_that_ended_early_is_told_of_as_well(told: Path) -> None:
    ENDS["one.test"] = ForgeError("one.test: gone")
    code, out, err = ask("fetch")
    assert code == 3
    assert out.splitlines()[0].endswith("not complete")
    assert out.splitlines()[1].endswith(", complete")
    assert "one.test: gone" in err


@pytest.mark.parametrize(
    ("options", "levels", "wait"),
    [
        ([], [Level.SAMPLED, Level.FULL], 60),
        (["--detail", "outcomes"], [Level.OUTCOMES, Level.OUTCOMES], 60),
        (["--max-wait", "10m"], [Level.SAMPLED, Level.FULL], 600),
    ],
)
@pytest.mark.parametrize("command", ["fetch", "nightly"])
def test_depth_and_patience_reach_the_fetchers(
    told: Path, command: str, options: list[str], levels: list[Level], wait: float
) -> None:
    assert ask(command, *options)[0] == 0
    assert [order.level for _, order in ASKED] == levels
    assert {order.max_wait for _, order in ASKED} == {wait}


@pytest.mark.parametrize(
    ("options", "said"), [(["--detail", "all"], "outcomes"), (["--max-wait", "1d"], "write a number and s, m or h")]
)
def test_what_is_wrong_with_them_is_told(told: Path, options: list[str], said: str) -> None:
    code, _, err = ask("fetch", *options)
    assert (code, said in err, ASKED) == (2, True, [])


def test_what_a_source_spent_is_gone_for_the_next_however_it_ended(told: Path) -> None:
    ENDS["one.test"] = ForgeError("one.test: gone")
    ask("fetch", "--max-requests", "10")
    assert [order.max_requests for _, order in ASKED] == [5, 8]


def outcomes(folder: Path) -> dict[str, str]:
    with Store.open(folder / "pipelinedoctor.duckdb", read_only=True) as store:
        return dict(store.connection.sql("SELECT host, outcome FROM sources").fetchall())


def test_of_two_sources_of_one_host_the_one_that_failed_is_what_the_report_knows(told: Path) -> None:
    sections = [f'[[sources]]\nurl = "https://one.test"\nrepositories = ["{name}"]\n' for name in ("a/b", "c/d")]
    (told / "pipelinedoctor.toml").write_text("".join(sections), encoding="utf-8")
    ENDS["a/b"] = ForgeError("one.test: gone")
    assert ask("fetch")[0] == 3
    assert outcomes(told) == {"one.test": "not all of its sources were read: one.test: gone"}
    ENDS.clear()
    assert ask("fetch")[0] == 0
    assert outcomes(told) == {"one.test": "complete"}


def test_what_a_killed_fetch_did_not_come_to_is_known(told: Path) -> None:
    ENDS["one.test"] = KeyboardInterrupt()  # type: ignore[assignment]  # what Ctrl-C raises
    assert ask("fetch")[0] == 130
    assert outcomes(told)["two.test"] == "not read by the newest fetch, which was broken off"


def test_a_mistake_in_the_options_of_a_question_is_told_before_anything_is_asked(told: Path) -> None:
    with (told / "pipelinedoctor.toml").open("a", encoding="utf-8") as file:
        file.write("[queries.flaky_job]\nleast_commits = 3\n")
    code, _, err = ask("fetch")
    assert (code, ASKED) == (2, [])
    assert "did you mean 'flaky_jobs'?" in err


def test_a_limit_of_one_forge_is_none_of_the_next(told: Path) -> None:
    ENDS["one.test"] = BudgetError("one.test: its rate limit is met")
    assert ask("fetch", "--max-requests", "10")[0] == 3
    assert [host for host, _ in ASKED] == ["one.test", "two.test"]
    ASKED.clear()
    assert ask("fetch", "--max-requests", "2")[0] == 3
    assert [host for host, _ in ASKED] == ["one.test"]


def test_a_real_fetch_is_told_in_numbers(here: Path) -> None:
    runs = [run(1, jobs=[job("test"), job("lint")], created="2026-01-05T12:00:00Z")]
    with serve(write_recording(here / "recording", runs)) as forge:
        config = f'[[sources]]\nurl = "{forge.url}/"\nrepositories = ["acme/shop", "acme/absent"]\n'
        (here / "pipelinedoctor.toml").write_text(config, encoding="utf-8")
        _, out, _ = ask("fetch", "--since", "2026-01-01")
        code, screen, err = ask("nightly", "--since", "2026-01-01", "--as-of", "2026-01-20")
    line = r"127\.0\.0\.1:\d+: \d+ requests?.*, 1 run new, 2 jobs new, \d gaps?, complete"
    assert re.fullmatch(f"{line}; nothing could be read of acme/absent\n", out)
    assert code == 0, err
    assert re.search(r"^127\.0\.0\.1:\d+: \d+ requests?.*, nothing new, .*complete", err, re.MULTILINE)
    assert "requests" not in screen
