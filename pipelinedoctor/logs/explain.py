"""Why a job failed, as far as its log tells: strip, bound, redact, choose the line, mask, fingerprint."""

from collections.abc import Iterator, Sequence

import polars as pl

from pipelinedoctor.fetch.interface import RawLog
from pipelinedoctor.logs.excerpt import MAX_EXCERPT, candidates, excerpt
from pipelinedoctor.logs.mask import fingerprint, masked
from pipelinedoctor.logs.redact import redact
from pipelinedoctor.logs.rules import CERTAIN, Rules, shipped_rules
from pipelinedoctor.logs.strip import clean, cut, lines, unmark
from pipelinedoctor.model import Category, Failure

MAX_MESSAGE = 1_000
"""Characters of the explaining line that are stored."""
_BATCH = 16_000_000
"""Characters of logs that are looked at together."""
_TOGETHER = 20
"""Patterns run as one; with many more the automaton outgrows its cache, and costs twenty times as much."""

_TOLD = {"timed_out": Category.TIMEOUT, "cancelled": Category.CANCELLED, "startup_failure": Category.CONFIG}
"""What the forge's own word says where no rule spoke."""


def explain(log: RawLog, rules: Rules | None = None) -> list[Failure]:
    """One failure, or none where the log holds no text; `rules` are the shipped ones unless given."""
    return explain_all([log], rules)


def explain_all(logs: Sequence[RawLog], rules: Rules | None = None) -> list[Failure]:
    """The failures of many logs, in the order of the logs; far cheaper than one by one."""
    known = shipped_rules() if rules is None else rules
    return [failure for batch in _batches(logs) for failure in _explain(batch, known)]


def _batches(logs: Sequence[RawLog]) -> Iterator[list[RawLog]]:
    batch: list[RawLog] = []
    size = 0
    for log in logs:
        batch.append(log)
        size += len(log.text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _explain(logs: list[RawLog], rules: Rules) -> list[Failure]:
    texts = [lines(_without_keys(clean(log.text))) for log in logs]
    allowed = [candidates(text, log.failed_step) for text, log in zip(texts, logs, strict=True)]
    frame = _frame(texts, allowed)
    chosen = _by_rule(frame, rules)
    fallen = _by_place(frame.filter(~pl.col("log").is_in(list(chosen))), rules)
    found: list[tuple[RawLog, str, str, str, str | None]] = []
    for number, log in enumerate(logs):
        at, rule = chosen.get(number, (fallen.get(number), None))
        if at is None:
            continue
        category = _category(log, rule, rules)
        line = cut(redact(unmark(texts[number][at])).strip(), MAX_MESSAGE)
        found.append((log, line, _fitted(redact(excerpt(texts[number], at))), category, rule))
    return _failures(found)


def _without_keys(text: str) -> str:
    # A private key is the one secret of many lines: it goes before the text is taken apart.
    return redact(text) if "PRIVATE KEY" in text else text


def _fitted(context: str) -> str:
    # What redaction puts in may be longer than what it took out.
    return context.encode()[:MAX_EXCERPT].decode(errors="ignore")


def _frame(texts: list[list[str]], allowed: list[list[bool]]) -> pl.DataFrame:
    """Columns log, line (number), text, allowed; lines without text are left out."""
    numbers = [number for number, text in enumerate(texts) for _ in text]
    places = [place for text in texts for place in range(len(text))]
    return pl.DataFrame(
        {
            "log": numbers,
            "line": places,
            "text": [line for text in texts for line in text],
            "allowed": [one for log in allowed for one in log],
        },
        schema={"log": pl.Int64, "line": pl.Int64, "text": pl.String, "allowed": pl.Boolean},
    ).filter(pl.col("text").str.strip_chars() != "")


def _by_rule(frame: pl.DataFrame, rules: Rules) -> dict[int, tuple[int | None, str | None]]:
    """Line and rule for each log where one speaks: the highest priority, in it the last line."""
    texts = frame.filter(pl.col("allowed") & ~_any(rules.boilerplate)).select("text").unique()
    texts = texts.filter(_any([rule.pattern for rule in rules.rules])).with_columns(_any(rules.noise).alias("noise"))
    matches = [
        texts.filter(pl.col("text").str.contains(rule.pattern)).with_columns(
            pl.lit(order).alias("order"), pl.lit(rule.priority).alias("priority"), pl.lit(rule.first).alias("first")
        )
        for order, rule in enumerate(rules.rules)
    ]
    if not matches:
        return {}
    best = (
        frame.filter("allowed")
        .join(pl.concat(matches), on="text")
        .filter((pl.col("priority") >= CERTAIN) | ~pl.col("noise"))
        .filter(~pl.col("first") | (pl.col("line") == pl.col("line").min().over("log", "order")))
        .sort("log", "priority", "line", "order", descending=[False, True, True, False])
        .unique("log", keep="first", maintain_order=True)
    )
    return {row["log"]: (row["line"], rules.rules[row["order"]].id) for row in best.iter_rows(named=True)}


def _by_place(frame: pl.DataFrame, rules: Rules) -> dict[int, int]:
    """The line where no rule speaks: the last that is marked as error, else the last that says anything, else the last."""
    rank = (
        pl.when(~pl.col("allowed"))
        .then(0)
        .when(_any(rules.boilerplate))
        .then(1)
        .when(_any(rules.noise))
        .then(2)
        .when(pl.col("text").str.contains(r"^\s*(?:##\[error\]|ERROR\b|\[ERROR\]|Error:|error:)"))
        .then(4)
        .otherwise(3)
    )
    best = (
        frame.with_columns(rank.alias("rank"))
        .sort("log", "rank", "line")
        .unique("log", keep="last", maintain_order=True)
    )
    return dict(best.select("log", "line").iter_rows())


def _any(patterns: Sequence[str]) -> pl.Expr:
    """Whether the text matches one of the patterns; twenty run as one, which costs hardly more than a single one."""
    groups = [patterns[start : start + _TOGETHER] for start in range(0, len(patterns), _TOGETHER)]
    joined = ["|".join(f"(?:{pattern})" for pattern in group) for group in groups]
    return pl.any_horizontal(pl.lit(value=False), *(pl.col("text").str.contains(one) for one in joined))


def _category(log: RawLog, rule: str | None, rules: Rules) -> str:
    spoken = rules.get(rule) if rule is not None else None
    return spoken.category if spoken is not None else _TOLD.get(log.forge_result or "", Category.UNKNOWN)


def _failures(found: list[tuple[RawLog, str, str, str, str | None]]) -> list[Failure]:
    column = pl.DataFrame({"line": [line for _, line, *_ in found]}, schema={"line": pl.String})
    masks = column.select(masked(pl.col("line"))).to_series().to_list()
    return [
        Failure(
            host=log.host,
            job_id=log.job_id,
            ordinal=0,
            run_id=log.run_id,
            step=None if log.failed_step is None else redact(cut(log.failed_step, 300)),
            line=line,
            excerpt=context,
            masked=mask,
            category=category,
            rule=rule,
            fingerprint=fingerprint(category, mask),
        )
        for (log, line, context, category, rule), mask in zip(found, masks, strict=True)
    ]
