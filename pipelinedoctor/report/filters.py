"""Text from outside made safe for one format each.

Every expression of a template passes one of the two finalizers; what is `Markup` already is left alone. So a template
can forget to escape nothing, and a name can break out of no format.
"""

import re
from typing import Any
from urllib.parse import quote, urlsplit

from markupsafe import Markup, escape

from pipelinedoctor.units import NOTHING

INLINE = 600
"""Characters of a name or sentence that are shown."""
BLOCK = 8192
"""Characters of an excerpt that are shown."""


def made(text: str) -> Markup:
    """Mark text as ready for its format; every part of it that came from outside has been escaped by the caller."""
    return Markup(text)  # noqa: S704  the one place where text becomes mark-up


def visible(text: str, *, limit: int = INLINE, lines: bool = False) -> str:
    """The text cut at `limit`, with every character that has no look of its own made visible.

    Control characters (ANSI, NUL, newlines unless `lines`) become control pictures, marks of writing direction and of
    zero width their code point, halves of a surrogate pair the replacement character.
    """
    left_off = len(text) - limit
    if left_off > 0:
        text = text[:limit]
    if not text.isprintable():
        text = "".join(_shown(character, lines=lines) for character in text)
    return f"{text}… ({left_off:,} more characters)" if left_off > 0 else text


def _shown(character: str, *, lines: bool) -> str:
    code = ord(character)
    if character.isprintable() or (lines and character in "\n\t") or (character.isspace() and 0xA0 <= code < 0x2028):
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"\u2039U+{code:04X}\u203a"


def web(url: str | None) -> bool:
    """Whether this is a plain http(s) address that may become a link: no other scheme, no user part, no odd character."""
    if not url or len(url) > 2000 or not url.isprintable() or any(character.isspace() for character in url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc and "\\" not in url


# HTML


def html_final(value: Any) -> Any:
    """Finalizer of the HTML environment; escaping itself is Jinja's autoescape."""
    if isinstance(value, Markup):
        return value
    return NOTHING if value is None else visible(str(value))


def html_block(text: str) -> Markup:
    """Text of several lines for a `<pre>`."""
    return escape(visible(text, limit=BLOCK, lines=True))


def html_link(text: str, url: str | None) -> Markup:
    """A link to a web address; an address of another kind is shown as text."""
    if not web(url):
        return escape(visible(f"{text} ({url})" if url else text))
    return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(url, visible(text))


def html_prose(text: str) -> Markup:
    """The little Markdown of a question's docs: paragraphs, lists of dashes, `code`."""
    return Markup("\n").join(_html_paragraph(part) for part in re.split(r"\n\s*\n", text.strip()) if part.strip())


def _html_paragraph(text: str) -> Markup:
    lines = [line.strip() for line in text.splitlines()]
    if not lines[0].startswith("- "):
        return Markup("<p>{}</p>").format(_html_code(" ".join(lines)))
    items: list[str] = []
    for line in lines:
        if line.startswith("- "):
            items.append(line[2:])
        else:
            items[-1] += f" {line}"
    return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(_html_code(i)) for i in items))


def _html_code(text: str) -> Markup:
    pieces = visible(text, limit=BLOCK).split("`")
    if len(pieces) % 2 == 0:
        return escape("`".join(pieces))
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if odd % 2 else escape(piece) for odd, piece in enumerate(pieces)
    )


# Markdown

# NUL, which visible text has not, holds the place of an empty comment.
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "{": "&#123;", "}": "&#125;", "\0": "<!-- -->"})
_PUNCTUATION = re.compile(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])")
# Forges make mentions, references, emoji and links of plain text; an empty comment in between stops all of them.
_MAGIC = re.compile(r"(@|#(?=\d)|:(?=//|[a-z0-9_+-]+:)|(?<=www)(?=\.))", re.IGNORECASE)
_LEADING = re.compile(r"^(?:([-+=])|(\d{1,9})([.)])(?=\s|$))")


def markdown_final(value: Any) -> Markup:
    """Finalizer of the Markdown environment: all that is not `Markup` is escaped."""
    if isinstance(value, Markup):
        return value
    return made(NOTHING) if value is None else markdown_text(str(value))


def markdown_text(text: str, limit: int = INLINE) -> Markup:
    """One line of text that a Markdown parser reads back as this text: no mark-up, no HTML, no cell border, no link."""
    text = visible(text, limit=limit)
    text = _PUNCTUATION.sub(lambda match: f"\\{match[0]}", text)
    text = _MAGIC.sub(lambda match: f"{match[0]}\0", text)
    text = _LEADING.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}", text)
    text = text.translate(_ENTITIES)
    if text[:1].isspace():
        text = f"&#{ord(text[0])};{text[1:]}"
    return made(f"{text[:-1]}&#{ord(text[-1])};" if text[-1:].isspace() else text)


def markdown_block(text: str) -> Markup:
    """Text of several lines as a fenced block, with a fence longer than any in the text."""
    text = visible(text, limit=BLOCK, lines=True)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return made(f"{fence}text\n{text}\n{fence}")


def markdown_link(text: str, url: str | None) -> Markup:
    """A link to a web address; an address of another kind is shown as text."""
    if not web(url):
        return markdown_text(f"{text} ({url})" if url else text)
    return made(f"[{markdown_text(text)}]({quote(str(url), safe='/:?#=&%+,;@.-~!')})")


def markdown_prose(text: str) -> Markup:
    """A question's docs are Markdown by contract, and part of its code."""
    return made(text.strip())
