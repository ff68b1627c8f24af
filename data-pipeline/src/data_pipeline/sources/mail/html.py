"""HTML to the text a reader sees."""

import re
from collections import Counter
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

# Markup beyond this is not looked at: readers do not see so much either.
MAX_CHARACTERS = 2_000_000
# A parser's time and memory grow with the sum of how deep each tag stands; a long newsletter
# has under a million.
MAX_WORK = 3_000_000
# Elements that HTML ends by itself.
_VOID = ("area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr")
UNENDED = frozenset((*_VOID, "dd", "dt", "li", "option", "p", "tbody", "td", "th", "thead", "tr"))
UNSEEN = ["head", "script", "style", "template", "noscript", "title", "svg", "object"]
_SECTIONS = (
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "div",
    "footer",
    "form",
    "header",
)
_TEXTS = ("h1", "h2", "h3", "h4", "h5", "h6", "main", "nav", "p", "pre", "section", "br", "hr")
_ROWS = ("dd", "dl", "dt", "fieldset", "li", "ol", "table", "tr", "ul")
BLOCKS = frozenset((*_SECTIONS, *_TEXTS, *_ROWS))
CELLS = frozenset(("td", "th"))
_SPACES, _LINES = re.compile(r"[ \t\r\f\v\xa0]+"), re.compile(r"\s*\n\s*\n\s*")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


def html_text(html: str) -> str:
    """Return the visible text, a line per block; where a link leads stands behind its start.

    (Words alone would hide the most telling part of many a mail.)
    """
    tree = LexborHTMLParser(_bounded(html[:MAX_CHARACTERS]))
    tree.strip_tags(UNSEEN)
    root = tree.body or tree.root
    if root is None:
        return ""
    text = _SPACES.sub(" ", "".join(_pieces(root)))
    lines = (line.strip() for line in _LINES.sub("\n\n", text).split("\n"))
    return "\n".join(lines).strip()


def _bounded(html: str) -> str:
    """Return the start of `html` whose tags are not nested beyond what is affordable."""
    opened: Counter[str] = Counter()
    depth = work = 0
    for match in _TAG.finditer(html):
        name = match[2].lower()
        if match[1]:
            depth -= opened[name] > 0
            opened[name] -= opened[name] > 0
        elif name not in UNENDED:
            opened[name] += 1
            depth += 1
        work += depth
        if work > MAX_WORK:
            return html[: match.start()]
    return html


def _pieces(root: LexborNode) -> Iterator[str]:
    """Yield the text of the nodes below `root` in order, with a line's end around blocks."""
    node = root.child
    above: list[LexborNode] = []
    while node is not None or above:
        if node is None:
            node = above.pop()
            yield "\n" if node.tag in BLOCKS else ""
            node = node.next
            continue
        yield _piece(node)
        if node.tag != "-text" and node.child is not None:
            above.append(node)
            node = node.child
        else:
            node = node.next


def _piece(node: LexborNode) -> str:
    tag = node.tag
    if tag == "-text":
        return (node.text_content or "").replace("\n", " ")
    if tag in BLOCKS:
        return "\n"
    if tag in CELLS:
        return " "
    target = (node.attributes.get("href") or "").strip() if tag == "a" else ""
    return f" {target} " if _LINK.fullmatch(target) else ""
