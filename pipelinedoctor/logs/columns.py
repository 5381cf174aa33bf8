"""Secrets and addresses out of whole columns of text: `redact` for those few texts that hold a hint of any."""

from collections.abc import Sequence

import polars as pl

from pipelinedoctor.logs.redact import HINT, redact


def redacted(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame with these of its columns redacted; each distinct text is looked at once."""
    return frame.with_columns(_redacted(frame[name]) for name in names)


def _redacted(texts: pl.Series) -> pl.Series:
    distinct = texts.unique()
    # Rust's engine looks for all hints in one pass; Python's tries each of them at each sign.
    hinting = distinct.filter(distinct.str.contains(HINT.pattern)).to_list()
    changed = {text: clean for text in hinting if (clean := redact(text)) != text}
    return texts.replace(changed) if changed else texts
