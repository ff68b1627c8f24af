"""The text that a reader of HTML sees.

One function for both sides: the ingest turns the HTML parts of mails into text with it, and
features use it on text that holds markup. Its time is linear in the length of the input.
"""

import re
from collections.abc import Iterator
from html import unescape

MAX_CHARACTERS = 200_000
"""What is read of HTML; of a newsletter that begins with its style sheets this is the most."""
# Elements whose content is not shown.
_UNSEEN = frozenset(("script", "style", "title", "template", "noscript", "svg", "object"))
_SECTIONS = "address article aside blockquote center div footer form header main nav section"
_TEXTS = "br dd dl dt fieldset h1 h2 h3 h4 h5 h6 hr li ol p pre table tr ul"
_BLOCKS = frozenset((*_SECTIONS.split(), *_TEXTS.split()))
_CELLS = frozenset(("td", "th"))
_TOKEN = re.compile(
    r"<!--.*?(?:--!?>|\Z)|<[!?][^<>]*+>"
    r"""|<(/?)([a-zA-Z][^\s/<>]*+)((?:[^<>"']|"[^"]*"|'[^']*')*+[^<>]*+)>""",
    re.DOTALL,
)
_MARKUP = re.compile(r"<[a-zA-Z/!?]|&[#a-zA-Z]")
_TARGET = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_SPACES, _EMPTY_LINES = re.compile(r"[ \t\r\f\v\xa0]+"), re.compile(r"\n{3,}")


def has_markup(text: str) -> bool:
    """Return whether `text` may hold tags, comments or character references."""
    return _MARKUP.search(text) is not None


def visible_text(html: str) -> str:
    """Return what is shown of `html`, a line per block; where a link leads stands before its text.

    Tags inside a line join what is around them: `fr<b></b>ee` is one word.
    """
    shown = _SPACES.sub(" ", "".join(_pieces(html[:MAX_CHARACTERS])))
    lines = "\n".join(line.strip(" ") for line in shown.split("\n"))
    return _EMPTY_LINES.sub("\n\n", lines).strip()


def _pieces(html: str) -> Iterator[str]:
    start, unclosed = 0, set[str]()
    while token := _TOKEN.search(html, start):
        yield unescape(html[start : token.start()].replace("\n", " "))
        start, name = token.end(), (token[2] or "").lower()
        if name in _UNSEEN and not token[1] and name not in unclosed:
            end = re.compile(rf"</{name}\b[^<>]*>?", re.IGNORECASE).search(html, start)
            start = end.end() if end else start
            unclosed |= set() if end else {name}
            yield " "
        else:
            yield _between(name, "" if token[1] else token[3])
    yield unescape(html[start:].replace("\n", " "))


def _between(name: str, attributes: str | None) -> str:
    """Return what stands in place of a tag (or comment)."""
    if name in _BLOCKS:
        return "\n"
    if name in _CELLS:
        return " "
    target = _TARGET.search(attributes) if name == "a" and attributes else None
    address = unescape(target[1] or target[2] or target[3] or "").strip() if target else ""
    return f" {address} " if _LINK.fullmatch(address) else ""
