"""Whole columns are redacted as single texts are."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.logs.columns import redacted
from pipelinedoctor.logs.redact import HINT, redact

SECRETS = (
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "password=hunter2hunter2", "a.b@example.org", "plain", "",
    "Authorization: Bearer abcDEF123456abcDEF", "key: 8fj3Kd92Lsdf83Jd", "\u212aey=8fj3Kd92Lsdf83Jd", "https://u:p@host/",
)  # fmt: skip
texts = st.none() | st.text(max_size=20) | st.sampled_from(SECRETS) | st.from_regex(HINT)


@given(st.lists(st.tuples(texts, texts), max_size=30))
def test_a_column_is_redacted_text_by_text(rows: list[tuple[str | None, str | None]]) -> None:
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String}, orient="row")
    clean = redacted(frame, ["a"])
    assert clean["a"].to_list() == [None if text is None else redact(text) for text, _ in rows]
    assert clean["b"].equals(frame["b"])
