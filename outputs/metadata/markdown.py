"""Markdown as HTML that may be put in a page: raw HTML is text, pictures are not loaded, links lead only where said."""

from collections.abc import Mapping

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup


def to_html(text: str, *, links: Mapping[str, str] | None = None, shift: int = 0) -> Markup:
    """Render Markdown (CommonMark and tables).

    Args:
        links: where a link leads in the page, by what the text says; one that is neither there nor on the web keeps its
            words and loses its link.
        shift: levels to add to headings, so that they stand under those of the page.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    for token in tokens:
        if token.type.startswith("heading_"):
            token.tag = f"h{min(6, int(token.tag[1:]) + shift)}"
        if token.type == "th_open":
            token.attrSet("scope", "col")
        if token.children:
            token.children = _linked(token.children, links or {})
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 (raw HTML is off)


def _linked(children: list[Token], links: Mapping[str, str]) -> list[Token]:
    kept: list[Token] = []
    opened: list[bool] = []
    for child in children:
        token = Token("text", "", 0, content=child.content) if child.type == "image" else child
        if token.type == "link_open":
            target = str(token.attrs.get("href", ""))
            target = links.get(target, target if target.startswith(("https://", "http://")) else "")
            token.attrs["href"] = target
            opened.append(bool(target))
        if token.type == "link_open" and not opened[-1]:
            continue
        if token.type == "link_close" and not opened.pop():
            continue
        kept.append(token)
    return kept
