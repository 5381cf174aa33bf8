"""Secrets and addresses out of text, before it is stored anywhere.

What is told by its own shape: tokens of known providers, JSON web tokens, private keys, user information in URLs.
What is told by the word beside it: authorization headers, and values of `password=`, `token:` and the like.
Addresses become `<email:…>` with the first 8 digits of their SHA-256, so that they stay tellable apart.
Commit shas, digests and UUIDs stay where no such word is beside them.
"""

import hashlib
import itertools
import re

HINT = re.compile(
    r"gh[pousr]_|github_pat_|gl[a-z]{2,5}-|GR1348941|A[A-Z]{2}A[A-Z0-9]|xox|xapp-|sk-|[rs]k_|npm_|pypi-|dckr_|hf_|SG\.|AIza|ya29"
    r"|eyJ|PRIVATE KEY|@|services/T|[Bb]asic|BASIC|[Bb]earer|BEARER|[Aa]uthoriz|AUTHORIZ|[Ss]ig|SIG"
    r"|[Pp]ass|PASS|[Pp]wd|PWD|[Ss]ecret|SECRET|[Tt]oken|TOKEN|[Kk]ey|KEY|[Cc]redential|CREDENTIAL|-u |--user"
)
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
# The tail of a key whose head was cut off: up to 100 lines of base64 in front of the end mark.
_PEM_TAIL = re.compile(
    r"(?:^[^\n]{0,60}?[A-Za-z0-9+/=]{16,80}[ \t]*\n){0,100}+[^\n]{0,60}-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
    re.MULTILINE,
)
_SHAPES: tuple[tuple[str, str], ...] = (
    ("github_token", r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_[A-Za-z0-9_]{20,}+)"),
    ("gitlab_token", r"(?<![A-Za-z0-9])gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|oas)-[A-Za-z0-9_.-]{20,}+"),
    ("gitlab_token", r"(?<![A-Za-z0-9])GR1348941[A-Za-z0-9_-]{20,}+"),
    ("aws_key", r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ANVA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("slack_token", r"(?<![A-Za-z0-9])(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}+"),
    ("slack_webhook", r"(?<=hooks\.slack\.com/services/)T[A-Za-z0-9]{4,}+/B[A-Za-z0-9]{4,}+/[A-Za-z0-9]{8,}+"),
    ("api_key", r"(?<![A-Za-z0-9_-])sk-(?=[A-Za-z_-]*+[0-9])(?=[a-z0-9_-]*+[A-Z])[A-Za-z0-9_-]{20,}+"),
    ("stripe_key", r"(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{10,}+"),
    ("npm_token", r"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}+"),
    ("pypi_token", r"(?<![A-Za-z0-9])pypi-[A-Za-z0-9_-]{40,}+"),
    ("docker_token", r"(?<![A-Za-z0-9])dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}+"),
    ("hugging_face_token", r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}+"),
    ("sendgrid_key", r"(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}+"),
    ("google_key", r"(?<![A-Za-z0-9_-])(?:AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])|ya29\.[A-Za-z0-9_-]{20,}+)"),
    ("jwt", r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,}+\.[A-Za-z0-9_-]{6,}+\.[A-Za-z0-9_-]*+"),
)
_PLAIN: tuple[tuple[re.Pattern[str], str], ...] = (
    *((re.compile(shape), f"<redacted:{kind}>") for kind, shape in _SHAPES),
    (re.compile(r"://(?!git@)[^\s/?#\"'<>]*@"), "://<redacted:userinfo>@"),
    (re.compile(r"(?<![\w-])(-u|--user)([ =])([^\s:\"'<]{1,100}):[^\s\"'<]{3,}+"), r"\1\2\3:<redacted:password>"),
    (
        re.compile(r"(?<=[?&])((?:X-Amz-Signature|X-Amz-Credential|sig|signature)=)[^\s&\"'<>]{8,}+"),
        r"\1<redacted:signature>",
    ),
)
_SCHEME = re.compile(
    r"(?i)\b(authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?:[a-z]{1,20}\s{1,4})?|basic\s{1,4}|bearer\s{1,4})([^\s\"',;<>]{8,}+)"
)
# The separator decides how much the value has to look like a secret: `password=hunter2` is one, `token: string` is not.
_KEY_VALUE = re.compile(
    r"(?i)((?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|credentials?)"
    r"[a-z0-9_.-]{0,40})([\"']?\s{0,4}(?:==?|=>|:=?(?!:)|\s)\s{0,4}[\"']?)([^\s\"',;<>()\[\]{}]{4,}+)"
)
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]++(?<!git)@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*+)\.)+[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
_DIGEST = re.compile(r"(?i)sha[0-9]{1,3}[:-]|\$|%|\*|https?:|/|\\|\.{2}")
_DIGIT = re.compile("[0-9]")
_LETTER = re.compile("[A-Za-z]")
_ROUNDS = 8


def redact(text: str) -> str:
    """The text without secrets and addresses; what is taken out leaves `<redacted:kind>` or `<email:ab12cd34>`.

    Never raises, is idempotent, and costs linear time; text without any hint of a secret is handed back at once.
    """
    # A replacement can uncover another secret (a boundary is new), so go round until nothing changes.
    for _ in range(_ROUNDS):
        if HINT.search(text) is None:
            return text
        redacted = _once(text)
        if redacted == text:
            return text
        text = redacted
    return text


def _once(text: str) -> str:
    if "PRIVATE KEY" in text:
        text = _PEM_TAIL.sub("<redacted:private_key>", _PEM.sub("<redacted:private_key>", text))
    for pattern, replacement in _PLAIN:
        text = pattern.sub(replacement, text)
    text = _SCHEME.sub(_scheme, text)
    text = _KEY_VALUE.sub(_key_value, text)
    return _EMAIL.sub(_email, text) if "@" in text else text


def _scheme(found: re.Match[str]) -> str:
    known = found[1].lower().startswith("authorization") and found[1][-1].isspace() and " " in found[1].strip()
    return f"{found[1]}<redacted:authorization>" if known or _random(found[2], 8) else found[0]


def _key_value(found: re.Match[str]) -> str:
    key, separator, value = found[1], found[2], found[3]
    if _DIGEST.match(value):
        return found[0]
    assigned = ("=" in separator and "==" not in separator) or len(re.findall("[\"']", separator)) == 2
    password = key.lower().startswith(("passw", "passphrase", "pwd"))
    if (assigned and password and value.lower() not in _NO_VALUE) or _random(value, 20 if separator.isspace() else 8):
        return f"{key}{separator}<redacted:secret>"
    return found[0]


_NO_VALUE = frozenset({"none", "null", "true", "false", "undefined", "required", "optional", "string", "changeit"})


def _random(value: str, least: int) -> bool:
    """Whether a value looks drawn and not written: long enough, and small letters, capitals and digits are mixed.

    Of two neighbouring signs, about half are of two kinds in hexadecimal digits, two thirds in base64, and less than a
    quarter in words, also where they are strung together in one name.
    """
    if len(value) < least or not _DIGIT.search(value) or not _LETTER.search(value):
        return False
    kinds = "".join(_kind(sign) for sign in value[:200] if sign.isalnum())
    changes = sum(one != next_one for one, next_one in itertools.pairwise(kinds))
    return changes >= 0.3 * len(kinds)


def _kind(sign: str) -> str:
    return "0" if sign.isdigit() else "A" if sign.isupper() else "a"


def _email(found: re.Match[str]) -> str:
    return f"<email:{hashlib.sha256(found[0].lower().encode()).hexdigest()[:8]}>"
