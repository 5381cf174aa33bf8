"""The variable parts of a line replaced by typed placeholders, and the fingerprint of what is left.

Each placeholder keeps a digit (`<N0>`, `<PATH0>`): the template miner takes only words with a digit for variable.
Exit codes and HTTP statuses stay, for they carry the cause. The patterns are Rust's: no look-around, and linear time.
While the steps follow one another a placeholder is a single private-use character, so that no later step reads it.
"""

import hashlib

import polars as pl

VERSION = "v1"
"""Grows with every change of the masks: fingerprints of two versions must not be compared."""

_KINDS = ("TIME", "UUID", "URL", "IP", "HEX", "SHA", "TMP", "PATH", "N")
_SIGN = {kind: chr(0xE000 + number) for number, kind in enumerate(_KINDS)}
_NAMES = [f"<{kind}0>" for kind in _SIGN]
_SIGN_LIST = list(_SIGN.values())
_GUARD = "\u02d0"  # counts as a letter: a digit behind it does not begin a word
_SIGNS = f"{_SIGN['TIME']}-{_SIGN['N']}{_GUARD}"
_NAME = rf"[\w.@%+~,={_SIGNS}-]"

_STATUS = (
    r"(?i)\b((?:exit(?:ed|s)?(?: with)?(?: (?:code|status|value))?|return(?:ed|s)?(?: (?:a|an))?(?: (?:non-zero|error|exit))*"
    rf"(?: (?:code|status))?|(?:status|error|response|exit)?[ _-]?(?:code|status)|http(?:/[0-9.]{{1,3}}|/{_SIGN['N']})?|signal|errno|rc|error)"
    r"[\s:=(\[]{1,3})([0-9]{1,3})\b"
)
_SHA = "|".join(rf"[a-fA-F]{{{k}}}[0-9][0-9a-fA-F]{{{6 - k},}}" for k in range(7))
_STEPS: tuple[tuple[str, str], ...] = (
    (
        r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T _][0-9]{2}[:-][0-9]{2}(?:[:-][0-9]{2})?(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?",
        "<TIME0>",
    ),
    (r"\b[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?\b", "<TIME0>"),
    (r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b", "<UUID0>"),
    (r"""\b([a-z][a-z0-9+.-]{1,20}://[^\s/:"'<>()\[\]?#,]*)(?::[0-9]+)?[/?#][^\s"'<>)\]]*""", "${1}/<URL0>"),
    (r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?\b", "<IP0>"),
    (r"\b(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}\b", "<IP0>"),
    (r"\b0[xX][0-9a-fA-F]+\b", "<HEX0>"),
    (r"\b[0-9]{7,}\b", "<N0>"),
    (rf"\b(?:{_SHA})\b", "<SHA0>"),
    (r"@[0-9a-f]{5,6}\b", "@<HEX0>"),
    (r"""(?:/private)?/(?:tmp|var/folders)/[^\s"'<>:,)\]]+""", "<TMP0>"),
    (rf"""(^|[\s"'`(=:,\[{{<>|])/(?:{_NAME}+/)+""", "${1}<PATH0>/"),
    (rf"""\b[A-Za-z]:[\\/](?:{_NAME}+[\\/])+""", "<PATH0>/"),
    (_STATUS, f"${{1}}{_GUARD}${{2}}"),
    (r"\b[0-9]+(?:[.,][0-9]+)*", "<N0>"),
)


def masked(text: pl.Expr) -> pl.Expr:
    """The expression of strings with their variable parts replaced, and blanks run together."""
    text = text.str.replace_all(f"[{_SIGNS}]", "").str.replace_many(_NAMES, _SIGN_LIST)
    for pattern, replacement in _STEPS:
        text = text.str.replace_all(pattern, _signed(replacement))
    text = text.str.replace_all(_GUARD, "", literal=True).str.replace_many(_SIGN_LIST, _NAMES)
    return text.str.replace_all(r"\s+", " ").str.strip_chars()


def mask(line: str) -> str:
    """The same for one line."""
    return str(pl.select(masked(pl.lit(line, dtype=pl.String))).item())


def fingerprint(category: str, masked_line: str) -> str:
    """First 16 hex digits of the SHA-256 over version, category and masked line; the same on every night."""
    return hashlib.sha256(f"{VERSION}|{category}|{masked_line}".encode()).hexdigest()[:16]


def _signed(replacement: str) -> str:
    for kind, sign in _SIGN.items():
        replacement = replacement.replace(f"<{kind}0>", sign)
    return replacement
