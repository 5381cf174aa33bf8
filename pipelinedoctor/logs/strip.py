"""From the text of a log to the lines a person would have read: no escapes, no progress redraws, no stamps.

Markers of sections come out in one form, whatever forge wrote them: `##[group]name` and `##[endgroup]`.
Each pattern starts at a character that its own body excludes, or is possessive, so hostile text costs linear time.
"""

import re

MAX_TEXT = 4_000_000
"""Characters of a log that are looked at; of a longer one, the first fifth of that and the end."""
MAX_LINE = 2_000
"""Characters of a line that are kept."""
CUT = " …[cut]"

_STRING = r"\x1b[\]PX^_][^\x07\x1b\n]*+(?:\x07|\x1b\\)"  # OSC (OSC-8 links too), DCS, SOS, PM, APC, up to BEL or ST
_CSI = r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"
_ESCAPE = r"\x1b[ -/]*+[0-~]?"
_ESCAPES = re.compile(f"{_STRING}|{_CSI}|{_ESCAPE}")
# Direction marks go too: they make a line read otherwise than it is.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_STAMP = re.compile(
    r"^\ufeff?[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6,9}Z ?(?:[0-9]{2}[OE][ +])?", re.MULTILINE
)
_GITLAB_SECTION = re.compile(r"section_(start|end):[0-9]{1,19}:([\w.-]{1,200})(?:\[[^\]\n]{0,200}\])?\r?")
_GITHUB_COMMAND = re.compile(r"^::(group|endgroup|error|warning|debug)(?: [^\n:]{0,300})?::", re.MULTILINE)
_AZURE_SECTION = re.compile(r"^##\[section\](Starting|Finishing): ?", re.MULTILINE)
_WORD_AT_END = re.compile(r"(?<=[^\w-])[\w-]*\Z")
_MARK = re.compile(r"##\[[a-z-]{1,20}\]")


def bound(text: str, limit: int = MAX_TEXT) -> str:
    """The text, or its first fifth of `limit` and its end when it is longer; the gap is marked."""
    if len(text) <= limit:
        return text
    head = limit // 5
    return f"{text[:head]}\n…[{len(text) - limit} characters cut]\n{text[len(text) - (limit - head) :]}"


def cut(line: str, limit: int = MAX_LINE) -> str:
    """The line, or its start with a mark. No word is halved, if it is not very long: half a token is not known as one."""
    if len(line) <= limit:
        return line
    word = _WORD_AT_END.search(line, limit - limit // 10, limit)
    return line[: word.start() if word else limit].rstrip() + CUT


def clean(text: str) -> str:
    """The text of a log without escapes, stamps, redraws and control characters; one line stays one line."""
    text = bound(text).encode("utf-8", "replace").decode("utf-8")
    text = _STAMP.sub("", text.replace("\r\n", "\n"))
    if "section_" in text:
        text = _GITLAB_SECTION.sub(_marker, text)
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = "\n".join(_last_drawn(line) if "\r" in line else line for line in text.split("\n"))
    text = _CONTROLS.sub("", text)
    text = _GITHUB_COMMAND.sub(r"##[\1]", text)
    return _AZURE_SECTION.sub(lambda found: "##[group]" if found[1] == "Starting" else "##[endgroup]", text)


def lines(text: str) -> list[str]:
    """The lines of a cleaned text, each bounded, without blanks at their ends."""
    return [cut(line).rstrip() for line in text.split("\n")]


def unmark(line: str) -> str:
    """The line without the forge's marker in front: what a person sees."""
    return _MARK.sub("", line, count=1).strip() if line.lstrip().startswith("##[") else line


def _marker(found: re.Match[str]) -> str:
    return f"\n##[group]{found[2]}\n" if found[1] == "start" else "\n##[endgroup]\n"


def _last_drawn(line: str) -> str:
    """What a terminal shows in the end of a line that was drawn over and over."""
    drawn = (part for part in reversed(line.split("\r")) if part.strip())
    return next(drawn, "")
