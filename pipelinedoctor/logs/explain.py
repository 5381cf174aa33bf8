"""Why a job failed, as far as its log tells: strip, bound, redact, choose the line, mask, fingerprint."""

from collections.abc import Sequence

import polars as pl

from pipelinedoctor.fetch.interface import RawLog
from pipelinedoctor.logs.excerpt import MAX_EXCERPT, candidates, excerpt
from pipelinedoctor.logs.mask import fingerprint, masked
from pipelinedoctor.logs.match import matcher
from pipelinedoctor.logs.redact import redact
from pipelinedoctor.logs.rules import Rules, shipped_rules
from pipelinedoctor.logs.strip import clean, cut, lines, unmark
from pipelinedoctor.model import Category, Failure

MAX_MESSAGE = 1_000
"""Characters of the explaining line that are stored."""

_TOLD = {"timed_out": Category.TIMEOUT, "cancelled": Category.CANCELLED, "startup_failure": Category.CONFIG}
"""What the forge's own word says where no rule spoke."""


def explain(log: RawLog, rules: Rules | None = None) -> list[Failure]:
    """One failure, or none where the log holds no text; `rules` are the shipped ones unless given."""
    return explain_all([log], rules)


def explain_all(logs: Sequence[RawLog], rules: Rules | None = None) -> list[Failure]:
    """The failures of many logs, in the order of the logs."""
    known = shipped_rules() if rules is None else rules
    found: list[tuple[RawLog, str, str, str, str | None]] = []
    for log in logs:
        text = lines(_without_keys(clean(log.text)))
        chosen = matcher(known).choose(text, candidates(text, log.failed_step))
        if chosen is None:
            continue
        at, rule = chosen
        line = cut(redact(unmark(text[at])).strip(), MAX_MESSAGE)
        found.append((log, line, _fitted(redact(excerpt(text, at))), _category(log, rule, known), rule))
    return _failures(found)


def _without_keys(text: str) -> str:
    # A private key is the one secret of many lines: it goes before the text is taken apart.
    return redact(text) if "PRIVATE KEY" in text else text


def _fitted(context: str) -> str:
    # What redaction puts in may be longer than what it took out.
    return context.encode()[:MAX_EXCERPT].decode(errors="ignore")


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
