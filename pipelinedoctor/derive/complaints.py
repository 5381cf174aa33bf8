"""What failing executions of jobs complain of: the line that explains each by its log, and the tests that failed in it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelinedoctor.logs.rules import shipped_rules
from pipelinedoctor.model import Category
from pipelinedoctor.store.history import History, Window
from pipelinedoctor.units import counted

NAMED = 3
LINE = 160

Execution = tuple[str, int]
"""A job's execution: host and job_id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One line of logs, as the newest of the `count` executions with it has it, the log around it, and what may help."""

    line: str
    count: int
    excerpt: str
    category: str
    remedy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaints:
    """What `of` failing executions complain of: `logs` of them have an explained log, `reports` a report of failed tests.

    `lines` and `tests` (with their numbers of executions) have the most frequent first, and of those the newest. Lines
    that differ in their variable parts only are one. `unread` is why executions have no log, if there is one reason only.
    `age` is said of them where they are not all there are: "newest".
    """

    of: int
    logs: int
    reports: int
    lines: tuple[Complaint, ...]
    tests: tuple[tuple[str, int], ...]
    unread: str | None
    age: str = ""

    @property
    def excerpt(self) -> str | None:
        """The log around the most frequent line."""
        return self.lines[0].excerpt if self.lines else None

    def begin(self) -> str | None:
        """Where to begin: with what failures have in common, else with what the newest says; `None` where none is known.

        A test is more than the line that says that tests failed, a crash or a time-out more than the test it struck.
        """
        test, failed = next(iter(self.tests), ("", 0))
        line = next(iter(self.lines), None)
        if failed > 1 and (line is None or line.category == Category.TEST or failed >= line.count):
            return f"Begin with {test}, which failed in {failed} of {self._those(self.reports, 'report of tests')}."
        if line is None:
            return f"Begin with {test}, which failed in {self._one_report()}." if test else None
        read = self._those(self.logs, "log that was read")
        what = f"what {line.count} of {read} say" if line.count > 1 else self._newest()
        remedy = f" {line.remedy}" if line.remedy else ""
        return f"Begin with {what}: {quoted(line.line.rstrip('.'))}.{remedy}"

    def _those(self, some: int, what: str) -> str:
        """`its 12 newest failures`, or those of them that have something."""
        age = f"{self.age} " if self.age else ""
        whole = counted(some, f"{age}failure")
        return f"its {whole}" if some == self.of else f"its {whole} with a {what}"

    def _one_report(self) -> str:
        if self.reports == 1 < self.of:
            return f"the only one of its {self._all()} with a report of tests"
        return f"one of {self._those(self.reports, 'report of tests')}"

    def _newest(self) -> str:
        alike = "no two say the same"
        read = self._those(self.logs, "log that was read")
        return f"what the newest of {read} says ({alike})" if self.logs > 1 else "its only log"

    def details(self) -> Iterator[tuple[str, str]]:
        """Tests and lines with their counts, and of how many executions there is no log."""
        if self.tests:
            yield f"failed tests ({self.reports} of {self._all()} have a report)", _listed(self.tests)
        if self.lines:
            lines = [(one.line, one.count) for one in self.lines]
            yield f"what the logs say ({self.logs} of {self._all()} have one)", _listed(lines)
        elif self.unread:
            yield "why there is no log", self.unread

    def _all(self) -> str:
        return counted(self.of, f"{self.age} failure" if self.age else "failure")


class Asked:
    """The complaints of some executions, read at once."""

    def __init__(self, history: History, executions: Iterable[Execution], window: Window) -> None:
        wanted = pl.DataFrame(sorted(set(executions)), schema={"host": pl.String, "job_id": pl.Int64}, orient="row")
        key = ["host", "job_id"]
        columns = [*key, "ordinal", "fingerprint", "line", "excerpt", "category", "rule"]
        said = history.failures(columns, window=window).filter(pl.col("ordinal") == 0).collect()
        self._said: dict[Execution, dict[str, Any]] = {
            (row["host"], row["job_id"]): row for row in said.join(wanted, on=key, how="semi").iter_rows(named=True)
        }
        tests = history.failed_in(wanted).group_by(key).agg(pl.col("test").sort())
        self._tests: dict[Execution, list[str]] = {(host, job): names for host, job, names in tests.iter_rows()}
        gaps = history.gaps().filter(pl.col("kind") == "log").select("host", "subject", "reason").collect()
        self._unread = {(host, subject): reason for host, subject, reason in gaps.iter_rows()}

    def of(self, executions: Sequence[Execution], age: str = "") -> Complaints:
        """The complaints of these executions, which are the newest first; `age` as in `Complaints`."""
        known = [one for one in executions if one in self._said]
        prints = Counter(self._said[one]["fingerprint"] for one in known)
        newest = {self._said[one]["fingerprint"]: self._said[one] for one in reversed(known)}
        tests = Counter(test for one in executions for test in self._tests.get(one, ()))
        # The fetchers name a log that they could not have by its job.
        reasons = {self._unread.get((host, f"job {job}")) for host, job in executions if (host, job) not in self._said}
        return Complaints(
            of=len(executions),
            logs=len(known),
            reports=sum(one in self._tests for one in executions),
            lines=tuple(_complaint(newest[each], count) for each, count in prints.most_common()),
            tests=tuple(tests.most_common()),
            unread=reasons.pop() if len(reasons) == 1 else None,
            age=age,
        )


def quoted(text: str) -> str:
    """The text in quotation marks."""
    return f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}"


def _complaint(row: Mapping[str, Any], count: int) -> Complaint:
    rule = shipped_rules().get(row["rule"]) if row["rule"] else None
    return Complaint(
        line=_short(row["line"]),
        count=count,
        excerpt=row["excerpt"],
        category=row["category"],
        remedy=rule.remedy if rule else None,
    )


def _listed(counted: Sequence[tuple[str, int]]) -> str:
    rest = len(counted) - NAMED
    told = "; ".join(f"{text} ({count})" for text, count in counted[:NAMED])
    return told + (f"; and {rest} more" if rest > 0 else "")


def _short(line: str) -> str:
    text = " ".join(line.split())
    return text if len(text) <= LINE else text[: LINE - 1].rstrip() + "…"
