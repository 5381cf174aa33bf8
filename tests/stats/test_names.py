"""The identity of a job over time: what is folded, what is joined, and what must stay apart."""

import gzip
import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.stats.names import job_names, normalised

START = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "host": pl.String,
    "repository_id": pl.Int64,
    "pipeline_id": pl.Int64,
    "name": pl.String,
    "run_id": pl.Int64,
    "run_created_at": pl.Datetime("us", "UTC"),
}


def history(runs: Sequence[Sequence[str]], pipeline: int = 1, first_id: int = 1) -> pl.DataFrame:
    """A pipeline's history: for each run, in order of time, the names of its jobs."""
    rows = [
        ("github.com", 1, pipeline, name, first_id + place, START + timedelta(hours=place))
        for place, names in enumerate(runs)
        for name in names
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def renames(runs: Sequence[Sequence[str]]) -> dict[str, str]:
    found = job_names(history(runs)).filter(pl.col("name") != pl.col("job"))
    return dict(found.select("name", "job").iter_rows())


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("test (1/4)", "test"),
        ("shard 2 of 8", "shard"),
        ("e2e-3-of-5", "e2e"),
        ("rspec 1/4", "rspec"),
        ("e2e (shard 3)", "e2e"),
        ("e2e, shard 2/3", "e2e"),
        ("test (ubuntu, 1/4)", "test (ubuntu)"),
        ("test (1/4, ubuntu)", "test (ubuntu)"),
        ("test (a, 1/4, b)", "test (a, b)"),
        ("build / test (2 of 3)", "build / test"),
        ("(1/2)", "shard"),
        ("rspec: [1/4]", "rspec"),
    ],
)
def test_shard_suffixes_are_removed(name: str, plain: str) -> None:
    assert normalised(name) == plain


@pytest.mark.parametrize(
    "name",
    [
        "test (windows, 3.12)",
        "test (3, 8)",
        "node 20/18",
        "release 1.2/3",
        "docs/v1/2",
        "run 1/1",
        "sharding (3)",
        "test (${{ matrix.os }}) 1/4",
        "",
    ],
)
def test_all_else_is_kept(name: str) -> None:
    assert normalised(name) == name


def test_white_space_is_folded() -> None:
    assert normalised("  unit \t tests\n(linux) ") == "unit tests (linux)"


PIECES = ["test", " ", "1/4", "2 of 3", "-3-of-5", "(", ")", "[", "]", ",", "shard ", "shard-2", "7", "/", "_", ": "]


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=40) | st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_normalising_twice_changes_nothing_and_never_empties(name: str) -> None:
    once = normalised(name)
    assert bool(once) == bool(name.strip())
    assert normalised(once) == once


def test_shards_are_one_job_however_many_they_are() -> None:
    runs = [["test (1/2)", "test (2/2)"]] * 5 + [["test (1/3)", "test (2/3)", "test (3/3)"]] * 5
    assert set(renames(runs).values()) == {"test"}
    assert len(renames(runs)) == 5


def test_renames_at_one_cut_that_swap_the_same_words_are_joined() -> None:
    runs = [["build", "it-a", "it-b", "it-a-b"]] * 10 + [
        ["build", "integration (a)", "integration (b)", "integration (a-b)"]
    ] * 10
    assert renames(runs) == {"it-a": "integration (a)", "it-b": "integration (b)", "it-a-b": "integration (a-b)"}


def test_a_lone_rename_that_only_adds_words_is_joined() -> None:
    assert renames([["build", "unit"]] * 8 + [["build", "basic (unit)"]] * 8) == {"unit": "basic (unit)"}


def test_a_lone_rename_that_only_changes_an_ending_is_joined() -> None:
    assert renames([["build", "unit test"]] * 8 + [["build", "unit tests"]] * 8) == {"unit test": "unit tests"}


def test_spelling_alone_is_a_rename() -> None:
    assert renames([["build", "Unit Test"]] * 8 + [["build", "unit-test"]] * 8) == {"Unit Test": "unit-test"}


def test_a_chain_of_renames_ends_in_the_newest_name() -> None:
    runs = [["build", "unit"]] * 30 + [["build", "unit tests"]] * 30 + [["build", "basic (unit tests)"]] * 30
    assert renames(runs) == {"unit": "basic (unit tests)", "unit tests": "basic (unit tests)"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["acceptance"], ["acceptance (a)", "acceptance (b)"]),
        (["it-hdds-om"], ["it-hdds", "it-om"]),
        (["it-hdds", "it-om"], ["it-hdds-om"]),
        (["a-and-b", "c"], ["a", "b-c"]),
        (["e2e", "load"], ["e2e (x)", "load (x)", "e2e (y)"]),
        (["test (3.8)"], ["test (3.13)"]),
        (["test (3.8, a)", "test (3.8, b)"], ["test (3.9, a)", "test (3.9, b)"]),
        (["test (windows)", "lint (windows)"], ["test (macos)", "lint (macos)"]),
        (["py38-unit"], ["py39-unit"]),
        (["py38-unit", "py38-lint"], ["py39-unit", "py39-lint"]),
        (["test"], ["test (${{ matrix.os }})"]),
        (["test (${{ matrix.os }})"], ["test"]),
        (["deploy staging"], ["deploy production"]),
        (["lint"], ["style"]),
        (["compile (8)"], ["package (8)"]),
    ],
    ids="+".join,
)
def test_splits_merges_and_other_matrix_values_are_not_joined(before: list[str], after: list[str]) -> None:
    joined = renames([["build", *before]] * 10 + [["build", *after]] * 10)
    assert not {old: new for old, new in joined.items() if old != "load"}


def test_a_name_whose_words_live_on_in_another_job_is_not_joined() -> None:
    assert renames([["test (linux)", "test"]] * 10 + [["test (linux)", "test (windows)"]] * 10) == {}


def test_a_name_that_comes_long_after_the_other_went_is_not_joined() -> None:
    assert renames([["build", "unit"]] * 10 + [["build"]] * 30 + [["build", "basic (unit)"]] * 10) == {}


@pytest.mark.parametrize(("gap", "joined"), [(0, True), (9, True), (15, False), (25, False)])
def test_a_name_comes_within_a_few_runs_of_the_others_end(gap: int, joined: bool) -> None:
    runs = [["build", "unit"]] * 100 + [["build"]] * gap + [["build", "basic (unit)"]] * 100
    assert renames(runs) == ({"unit": "basic (unit)"} if joined else {})


@pytest.mark.parametrize(("both", "joined"), [(1, True), (2, False), (9, False)])
def test_names_that_run_together_are_two_jobs(both: int, joined: bool) -> None:
    runs = [["build", "unit"]] * 60 + [["build", "unit", "basic (unit)"]] * both + [["build", "basic (unit)"]] * 60
    assert renames(runs) == ({"unit": "basic (unit)"} if joined else {})


def test_a_name_that_began_then_as_well_leaves_doubt() -> None:
    """Even where it is in too few of the runs to be a successor itself."""
    slow = [["build", "unit tests", *(["unit slow"] if place % 3 == 0 else [])] for place in range(30)]
    assert renames([["build", "unit"]] * 20 + slow) == {}
    assert renames([["build", "unit"]] * 20 + [["build", "unit tests"]] * 30) == {"unit": "unit tests"}


def test_a_job_in_few_of_the_runs_is_not_joined() -> None:
    runs = [["build", "unit"] if place % 5 == 0 else ["build"] for place in range(60)]
    runs += [["build", "basic (unit)"] if place % 5 == 0 else ["build"] for place in range(60)]
    assert renames(runs) == {}


def test_branches_that_take_the_change_over_later_do_not_hide_a_rename() -> None:
    rng = random.Random(7)
    runs = [["build", "unit"] for _ in range(80)]
    runs[-12:] = [["build", rng.choice(["unit", "unit", "basic (unit)"])] for _ in range(12)]
    runs += [["build", rng.choice(["unit", "basic (unit)", "basic (unit)"])] for _ in range(20)]
    runs += [["build", "basic (unit)"] for _ in range(60)]
    assert renames(runs) == {"unit": "basic (unit)"}


def test_a_name_taken_back_stays_what_it_was() -> None:
    assert renames([["build", "unit"]] * 20 + [["build", "basic (unit)"]] * 20 + [["build", "unit"]] * 20) == {}


def test_a_name_seen_once_or_twice_is_not_joined() -> None:
    assert renames([["build", "unit"]] * 10 + [["build", "basic (unit)"]] * 2) == {}


def test_pipelines_do_not_touch_each_other() -> None:
    frame = pl.concat(
        [history([["unit"]] * 10, pipeline=1), history([["basic (unit)"]] * 10, pipeline=2, first_id=100)]
    )
    assert job_names(frame).select("name", "job").rows() == [("unit", "unit"), ("basic (unit)", "basic (unit)")]


def test_nothing_gives_nothing() -> None:
    assert job_names(history([])).schema == {
        "host": pl.String,
        "repository_id": pl.Int64,
        "pipeline_id": pl.Int64,
        "name": pl.String,
        "job": pl.String,
    }


NAMES = st.lists(
    st.builds(
        lambda head, values, shape: shape.format(head, values),
        st.sampled_from(["test", "it", "unit", "basic", "build"]),
        st.sampled_from(["a", "b", "a-b", "3.8", "3.9", "linux"]),
        st.sampled_from(["{0}", "{0} ({1})", "{0}-{1}", "{1}"]),
    ),
    min_size=1,
    max_size=6,
    unique=True,
)
RUNS = st.lists(st.tuples(NAMES, st.integers(1, 12)), min_size=1, max_size=4).map(
    lambda eras: [names for names, length in eras for _ in range(length)]
)


@settings(deadline=None, max_examples=60)
@given(RUNS)
def test_names_that_run_together_are_never_joined(runs: list[list[str]]) -> None:
    identity = dict(job_names(history(runs)).select("name", "job").iter_rows())
    for names in runs:
        # A run may hold both names of a rename only where that is rarer than one in fifty: never in these few runs.
        assert len({identity[name] for name in names}) == len(names)


@settings(deadline=None, max_examples=40)
@given(RUNS, st.randoms(use_true_random=False))
def test_order_of_rows_and_numbers_of_runs_change_nothing(runs: list[list[str]], rng: random.Random) -> None:
    frame = history(runs)
    ids = list(range(1, len(runs) + 1))
    rng.shuffle(ids)
    order = list(range(len(frame)))
    rng.shuffle(order)
    other = frame.with_columns(pl.col("run_id").replace_strict(list(range(1, len(runs) + 1)), ids))[order]
    assert job_names(other).equals(job_names(frame))


@settings(deadline=None, max_examples=40)
@given(RUNS)
def test_an_identity_is_the_identity_of_itself(runs: list[list[str]]) -> None:
    identity = dict(job_names(history(runs)).select("name", "job").iter_rows())
    assert all(identity[job] == job for job in identity.values())


def ozone(folder: Path) -> pl.DataFrame:
    runs: Mapping[int, dict[str, object]] = {}
    with gzip.open(folder / "ozone" / "runs.jsonl.gz", "rt") as lines:
        runs = {run["id"]: run for run in (json.loads(line)["run"] for line in lines)}
    rows = set()
    with gzip.open(folder / "ozone" / "jobs.jsonl.gz", "rt") as lines:
        for job in (job for line in lines for job in json.loads(line)["jobs"]):
            run = runs.get(job["run_id"])
            if run is not None:
                rows.add(("github.com", 1, run["workflow_id"], job["name"], job["run_id"], run["created_at"]))
    text: dict[str, pl.DataType | type[pl.DataType]] = {**SCHEMA, "run_created_at": pl.String}
    frame = pl.DataFrame(sorted(rows), schema=text, orient="row")
    return frame.with_columns(pl.col("run_created_at").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC"))


def test_the_twelve_renames_of_a_real_history_and_no_other(data: Path) -> None:
    found = job_names(ozone(data)).filter(pl.col("name") != pl.col("job")).select("name", "job").rows()
    parts = ["client", "filesystem", "filesystem-contract", "freon", "hdds-om", "ozone"]
    basic = ["author", "bats", "checkstyle", "findbugs", "rat", "unit"]
    expected = [(f"it-{part}", f"integration ({part})") for part in parts] + [(one, f"basic ({one})") for one in basic]
    assert sorted(found) == sorted(expected)
