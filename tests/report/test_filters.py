"""The escaping of each format, tested by parsing the output back."""

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from pipelinedoctor.report import filters
from pipelinedoctor.report.filters import markdown_text, visible, web

ODD = "\\`*_{}[]()<>#+-.!|~$&@:/=\"'\t\n\r\x00\x1b\x7f\x9b\u202e\u200b\u2028\ud800\xa0 aZ19é漢"
TEXT = st.text(st.sampled_from(ODD), max_size=30) | st.text(max_size=30)
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "-->",
    "a | b",
    "`` ` ```",
    "](javascript:alert(1))",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "[[Home]]",
    "# heading",
    "heading #",
    "- item",
    "1. item",
    "===",
    "    code",
    "trailing  ",
    "{{7*7}} {% raw %}",
    "line\nbreak\r\n# heading",
    "\x1b[31mred\x1b[0m",
    "nul\x00byte",
    "\u202egnp.exe",
    "half \ud800 pair",
    "https://evil.example www.evil.example a@evil.example",
    "@everyone fixes #12 :bug: $x$ ~~gone~~ &amp; &#35;",
    "_a_ snake_case __init__ *b*",
    "<!-- comment -->",
    "|---|",
]
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
CONTEXTS = {
    "{}": "paragraph",
    "## {}": "heading",
    "- {}": "list item",
    "> {}": "quote",
    "see {} there": "sentence",
    "| a | b |\n|---|---|\n| {} | end |": "table",
    "**high:** [{}](page#1).": "link",
}


def read(markdown: str) -> str:
    """The text a reader sees; anything but text and the empty comment fails."""
    text = ""
    for token in PARSER.parse(markdown):
        assert token.type not in ("html_block", "fence", "code_block", "hr"), token
        for child in token.children or []:
            if child.type == "html_inline":
                assert child.content == "<!-- -->"
            else:
                assert child.type in ("text", "link_open", "link_close", "strong_open", "strong_close"), child
                text += child.content
        text += "\x1e" if token.children is not None else ""
    return text


@pytest.mark.parametrize("context", CONTEXTS, ids=CONTEXTS.values())
@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_reads_back_as_the_text(context: str, text: str) -> None:
    check_read_back(context, text)


@pytest.mark.parametrize("context", CONTEXTS, ids=CONTEXTS.values())
def test_markdown_reads_back_as_any_text(context: str) -> None:
    @given(TEXT)
    @example("")
    def law(text: str) -> None:
        check_read_back(context, text)

    law()


def check_read_back(context: str, text: str) -> None:
    mark = "\x1e"
    seen = read(context.format(markdown_text(text)))
    around = read(context.format("X"))
    if not text:  # an empty heading or paragraph is no token of its own
        return
    assert seen == around.replace("X", visible(text), 1)
    assert seen.count(mark) == around.count(mark)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("@octocat", "@octocat"),
        ("#12", "#12"),
        ("https://evil.example", "://"),
        ("www.evil.example", "www."),
        (":bug:", ":bug:"),
        ("[[Home]]", "[["),
        ("{{7*7}}", "{{"),
    ],
)
def test_markdown_gives_a_forge_nothing_to_make_more_of(text: str, pieces: str) -> None:
    assert pieces not in markdown_text(text)


def test_names_of_code_stay_legible() -> None:
    assert markdown_text("tests.test_api::test_retry (3.11)") == "tests.test_api::test_retry (3.11)"


@given(st.text(st.sampled_from("`~ab\n<>#-"), max_size=60))
def test_a_block_ends_only_where_it_ends(text: str) -> None:
    tokens = PARSER.parse(f"{filters.markdown_block(text)}\n\nafter")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content == f"{text}\n"


@given(TEXT)
def test_nothing_shown_is_without_a_look(text: str) -> None:
    shown = visible(text)
    assert all(one.isprintable() or one.isspace() for one in shown)
    assert not set(shown) & set("\n\r\t\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029")
    shown.encode("utf-8")


def test_every_odd_character_is_shown_for_what_it_is() -> None:
    assert visible("a\x1b[0m\x00\n\x7f\u202e\ud800\x9b") == "a␛[0m␀␊␡‹U+202E›\ufffd‹U+009B›"  # noqa: RUF001
    assert visible("a\n\tb\r", lines=True) == "a\n\tb␍"
    assert visible("plain ünïcode 漢字 🚀") == "plain ünïcode 漢字 🚀"


def test_a_megabyte_is_cut_and_what_was_cut_is_counted() -> None:
    shown = visible("x" * 1_000_000)
    assert len(shown) < 700
    assert shown.endswith("… (999,400 more characters)")
    assert len(filters.markdown_block("y" * 1_000_000)) < 9000
    assert len(filters.html_block("<" * 1_000_000)) < 40_000


@pytest.mark.parametrize("url", ["https://github.com/a/b/actions/runs/1", "http://gitlab.internal:8080/x?y=z#L1"])
def test_web_addresses_become_links(url: str | None) -> None:
    assert web(url)
    assert filters.html_link("run", url) == f'<a href="{escape(url)}" rel="noopener noreferrer">run</a>'
    assert filters.markdown_link("run", url) == f"[run]({url})"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example",
        "/relative",
        "https:",
        "https://",
        "https://github.com@evil.example/",
        "https://evil.example\\@github.com",
        "https://a.example/\nx",
        " https://a.example",
        "https://a.example/\u202e",
        "https://[::1",
        "https://a.example/" + "x" * 3000,
        "",
        None,
    ],
)
def test_other_addresses_are_text(url: str | None) -> None:
    assert not web(url)
    assert "<a" not in filters.html_link("run", url)
    assert all(
        child.type != "link_open"
        for token in PARSER.parse(filters.markdown_link("run", url))
        for child in token.children or []
    )


@pytest.mark.parametrize("tail", ["a)b", "a b"[:1] + ">", '"t', "[x]", "a`b", "a|b", "*b*", "<b>", "{x}"])
def test_no_address_breaks_out_of_a_markdown_link(tail: str) -> None:
    markdown = f"| {filters.markdown_link('a|b]', f'https://a.example/{tail}')} | end |"
    inline = PARSER.parse(f"| a | b |\n|---|---|\n{markdown}")
    links = [child for token in inline for child in token.children or [] if child.type == "link_open"]
    assert len(links) == 1
    assert str(links[0].attrs["href"]).startswith("https://a.example/")
    assert read(f"| a | b |\n|---|---|\n{markdown}").split("\x1e")[2:4] == ["a|b]", "end"]


class Reader(HTMLParser):
    """Collects text and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)


def read_html(text: str) -> Reader:
    reader = Reader()
    reader.feed(f"<b>{text}</b>")
    reader.close()
    return reader


@given(TEXT)
def test_html_reads_back_as_the_text(text: str) -> None:
    reader = read_html(str(escape(filters.html_final(text))))
    assert reader.text == visible(text)
    assert reader.tags == ["b"]


def test_what_is_mark_up_already_is_left_alone() -> None:
    assert filters.html_final(Markup("<i>")) == Markup("<i>")
    assert filters.markdown_final(Markup("*x*")) == Markup("*x*")
    assert filters.html_final(None) == filters.markdown_final(None) == "–"  # noqa: RUF001


def test_prose_knows_paragraphs_lists_and_code_and_nothing_else() -> None:
    html = filters.html_prose("A `job` is\nflaky <b>.\n\n- one\n  more\n- two `x`\n\n`odd")
    assert html == (
        "<p>A <code>job</code> is flaky &lt;b&gt;.</p>\n"
        "<ul><li>one more</li><li>two <code>x</code></li></ul>\n<p>`odd</p>"
    )


@given(TEXT)
def test_prose_lets_no_tag_through(text: str) -> None:
    assert set(read_html(str(filters.html_prose(text))).tags) <= {"b", "p", "ul", "li", "code"}
