"""Render Markdown as HTML: headings with anchors, tables that scroll, highlighted programs with a Copy button."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename

from portal.docs.guides import snippet

_ANCHOR = re.compile(r"\s*\{#([a-z0-9-]+)\}$")
_BREAKS = re.compile(r"(?<=\w)([/_.:]+)(?=[\w{])")
_BREAK_AFTER = r"\1<wbr>"
_LEXERS = {".mjs": "x.js"}


class _Renderer(RendererHTML):
    def fence(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        """Render a fence marked `snippet` as the program whose file name it contains."""
        token = tokens[index]
        if token.info.strip() != "snippet":
            return str(super().fence(tokens, index, options, env))
        return code_block(token.content.strip())

    def code_inline(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        """Allow line breaks after `/`, `_`, `.` and `:` only, for names in narrow columns."""
        return f"<code>{_BREAKS.sub(_BREAK_AFTER, escape(tokens[index].content))}</code>"

    def table_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return '<div class="table-frame" tabindex="0"><table class="table">'

    def table_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</table></div>"


def code_block(name: str) -> str:
    """Return the HTML of a program with its file name and a Copy button."""
    code = snippet(name, site_url=settings.SITE_URL)
    suffix = name[name.rindex(".") :]
    lexer = get_lexer_for_filename(_LEXERS.get(suffix, name), code)
    colors = highlight(code, lexer, HtmlFormatter(nowrap=True))
    # Pygments escapes the code.
    shown: str = render_to_string("docs/code.html", {"name": name, "colors": mark_safe(colors)})  # noqa: S308
    return shown


def render(markdown: str) -> tuple[SafeString, list[tuple[str, str]]]:
    """Return the HTML of a page and (anchor, title) of its second-level headings. HTML in the Markdown is escaped."""
    reader = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")
    tokens = reader.parse(markdown)
    headings = []
    for opening, inline_token in pairwise(tokens):
        if opening.type == "heading_open" and (found := _ANCHOR.search(inline_token.content)):
            _strip_anchor(inline_token)
            opening.attrSet("id", found[1])
            if opening.tag == "h2":
                headings.append((found[1], inline_token.content))
    return mark_safe(reader.renderer.render(tokens, reader.options, {})), headings  # noqa: S308


def inline(markdown: str) -> SafeString:
    """Render one line of Markdown, such as a sentence with `code` in it."""
    html: str = MarkdownIt("commonmark", {"html": False}).renderInline(markdown)
    return SafeString(html)


def _strip_anchor(heading: Token) -> None:
    """Remove the `{#anchor}` from the end of a heading."""
    heading.content = _ANCHOR.sub("", heading.content)
    last = (heading.children or [])[-1]
    last.content = _ANCHOR.sub("", last.content)
