"""Histories of JUnit reports whose truth is known: which tests are flaky, which were broken, which runs met an outage.

One repository, one job, one report a run, all runs on the default branch. Same shape, same bytes.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from hashlib import sha1
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FLAKY_SHARE = 0.02
BROKEN_SHARE = 0.005
"""Of tests with a regression that is still open; as many have one that was fixed."""
RATES = (0.01, 0.3)
"""Between these the rate of a flaky test lies; its logarithm is uniform."""
FIXED_AFTER = (0.02, 0.1)
"""How long a fixed regression lasted, as a share of the commits."""
BROKEN_FROM = (0.1, 0.85)
"""Where in the history a regression begins."""
OUTAGE_SHARE = 0.03
OUTAGE_FAILS = 0.1
"""The share of the tests that fails in a run that met an outage."""

REPOSITORY = "acme/shop"
BRANCH = "main"
MANIFEST = "manifest.jsonl"
START = datetime(2026, 5, 1, 6, tzinfo=UTC)
DAYS = 25
"""How long a history is, whatever the number of its runs."""
END = START + timedelta(days=DAYS)
_MODULE = 20
"""Tests of a module."""

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class Kind(IntEnum):
    """What is true of a test."""

    SOUND = 0
    FLAKY = 1
    OPEN = 2
    """Broken by a commit, and not mended since."""
    FIXED = 3
    """Broken by a commit and mended by another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a history is like. `reruns` is the share of the runs that repeat the commit before them."""

    runs: int
    tests: int
    reruns: float
    outages: bool
    seed: int


@dataclass(frozen=True, slots=True)
class History:
    """What happened: `kinds` a test; `commits` and `outages` a run; `flakes`, `breaks` and `struck` a run and test.

    `commits` counts from 0; `attempts` from 1, for runs that repeat a commit are attempts of one run. `flakes`, `breaks` and
    `struck` tell for each execution whether flakiness, a regression or an outage made it fail; several may.
    """

    shape: Shape
    kinds: Ints
    commits: Ints
    attempts: Ints
    outages: Bools
    flakes: Bools
    breaks: Bools
    struck: Bools

    def name(self, test: int) -> str:
        """The test as the store names it."""
        group, name = _names(test)
        return f"{group}::{name}"


def history(shape: Shape) -> History:
    """Draw a history. Runs are spread evenly over `DAYS` days."""
    chance = np.random.default_rng((shape.seed, shape.runs, shape.tests))
    again = chance.random(shape.runs) < shape.reruns
    again[0] = False
    commits = np.cumsum(~again) - 1
    kinds = _kinds(shape.tests, chance)
    flaky, size = kinds == Kind.FLAKY, (shape.runs, shape.tests)
    rates = np.where(flaky, np.exp(chance.uniform(math.log(RATES[0]), math.log(RATES[1]), shape.tests)), 0)
    flakes = np.zeros(size, dtype=np.bool_)
    flakes[:, flaky] = chance.random((shape.runs, int(flaky.sum()))) < rates[flaky]
    outages = chance.random(shape.runs) < (OUTAGE_SHARE if shape.outages else 0)
    struck = np.zeros(size, dtype=np.bool_)
    for run in np.flatnonzero(outages):
        struck[run, chance.choice(shape.tests, round(OUTAGE_FAILS * shape.tests), replace=False)] = True
    return History(
        shape=shape,
        kinds=kinds,
        commits=commits,
        attempts=_attempts(again),
        outages=outages,
        flakes=flakes,
        breaks=_breaks(kinds, commits, chance),
        struck=struck,
    )


def write(made: History, folder: Path) -> Path:
    """Write a report for each run, and the manifest, whose path is handed back; the folder is made if it lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    times = np.random.default_rng((made.shape.seed, 1))
    heads = [_head(test) for test in range(made.shape.tests)]
    with (folder / MANIFEST).open("w", encoding="utf-8") as manifest:
        for run in range(made.shape.runs):
            report = folder / f"run-{run:04}.xml"
            report.write_text(_report(made, run, heads, times), encoding="utf-8")
            manifest.write(json.dumps(_line(made, run, report.name)) + "\n")
    return folder / MANIFEST


def _kinds(tests: int, chance: np.random.Generator) -> Ints:
    kinds = np.full(tests, int(Kind.SOUND), dtype=np.int64)
    flaky, broken = round(FLAKY_SHARE * tests), round(BROKEN_SHARE * tests)
    drawn = chance.permutation(tests)
    kinds[drawn[:flaky]] = Kind.FLAKY
    kinds[drawn[flaky : flaky + broken]] = Kind.OPEN
    kinds[drawn[flaky + broken : flaky + 2 * broken]] = Kind.FIXED
    return kinds


def _breaks(kinds: Ints, commits: Ints, chance: np.random.Generator) -> Bools:
    breaks = np.zeros((len(commits), len(kinds)), dtype=np.bool_)
    total = int(commits[-1]) + 1
    for test in np.flatnonzero((kinds == Kind.OPEN) | (kinds == Kind.FIXED)):
        first = int(chance.uniform(*BROKEN_FROM) * total)
        lasts = max(2, round(chance.uniform(*FIXED_AFTER) * total)) if kinds[test] == Kind.FIXED else total
        breaks[:, test] = (commits >= first) & (commits < first + lasts)
    return breaks


def _attempts(again: Bools) -> Ints:
    attempts = np.ones(len(again), dtype=np.int64)
    for run in np.flatnonzero(again):
        attempts[run] = attempts[run - 1] + 1
    return attempts


def _names(test: int) -> tuple[str, str]:
    module = test // _MODULE
    return f"tests.package_{module // 10:02}.test_module_{module:03}", f"test_case_{test:05}_totals"


def _head(test: int) -> str:
    group, name = _names(test)
    return f'<testcase classname="{group}" name="{name}" time="'


def _report(made: History, run: int, heads: Sequence[str], times: np.random.Generator) -> str:
    took = times.gamma(1.5, 0.1, len(heads)).tolist()
    cases = [f'{head}{time:.3f}" />' for head, time in zip(heads, took, strict=True)]
    failing = dict(_failing(made, run))
    for test, text in failing.items():
        message = text.partition("\n")[0]
        cases[test] = f'{cases[test][:-3]}><failure message="{message}">{text}</failure></testcase>'
    counts = f'tests="{len(heads)}" failures="{len(failing)}" errors="0" skipped="0"'
    at = _at(made, run).isoformat()
    suite = f'<testsuite name="pytest" {counts} time="{sum(took):.3f}" timestamp="{at}">'
    return "\n".join(
        ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>", suite, *cases, "</testsuite>", "</testsuites>", ""]
    )


def _failing(made: History, run: int) -> Iterator[tuple[int, str]]:
    """The tests that failed in a run, each with what it says: of several causes the outage speaks, then the regression."""
    failed = made.flakes[run] | made.breaks[run] | made.struck[run]
    for test in np.flatnonzero(failed).tolist():
        if made.struck[run, test]:
            yield test, "ConnectionError: could not connect to db.internal:5432\ntests/conftest.py:31: in database"
        elif made.breaks[run, test]:
            yield test, f"AssertionError: total is {test} and not {test + 1}\ntests/test_module.py:{test}: in test"
        else:
            waited = 1_000 + 7 * run
            yield test, f"TimeoutError: waited {waited} ms for worker {test}\ntests/test_module.py:{test}: in test"


def _at(made: History, run: int) -> datetime:
    return START + timedelta(seconds=int(run * DAYS * 86_400 / made.shape.runs))


def _line(made: History, run: int, report: str) -> dict[str, Any]:
    commit = int(made.commits[run])
    return {
        "file": report,
        "repository": REPOSITORY,
        "run_id": str(commit + 1),
        "commit": sha1(f"{made.shape.seed}/{commit}".encode()).hexdigest(),  # noqa: S324  it is to look like Git's
        "branch": BRANCH,
        "default_branch": BRANCH,
        "attempt": int(made.attempts[run]),
        "started_at": _at(made, run).isoformat(),
    }
