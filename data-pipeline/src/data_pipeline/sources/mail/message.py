"""One mail, from its bytes to what a reader sees. No input makes this fail."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

from data_pipeline.sources.formats.opening import MAIL_BYTES, is_header
from data_pipeline.sources.formats.text import decode, printable, starts_utf8
from data_pipeline.sources.mail.encoded import content, decoded, decoded_words, transfer_encoding
from use_cases.visible_text import visible_text

# Beyond these a mail is an attack on its reader; what comes later is cut off.
MAX_PARTS, MAX_CONTAINERS, MAX_LINES = 2_000, 30, 500_000
MAX_HEADER_CHARACTERS = 20_000
SHORT = 400
_BOUNDARY = re.compile(
    r"^--([^\s-][^\r\n]{0,68}?)[ \t]*\r?\ncontent-", re.MULTILINE | re.IGNORECASE
)
_BOUNDARY_LINE = re.compile(rb"^--\S", re.MULTILINE)
_CONTAINER = re.compile(rb"^content-type:\s*(?:multipart|message)/", re.MULTILINE | re.IGNORECASE)
_LINE = re.compile(rb"\n")
# "Your mail program cannot show HTML": placeholder text that senders put into the plain-text part.
_PLACEHOLDER = re.compile(r"\bhtml\b|\bbrowser\b|\bview (?:it|this|the) (?:e-?mail|message) online")
_HEAD_ENDS = (b"\n\n", b"\n\r\n", b"\n\r\r\n")
_SPACED_COLON = re.compile(rb"([!-9;-~]+)[ \t]+:")
_ANY_HEADER = re.compile(rb"[!-9;-~]+:|[ \t]|\r?\n")
_KNOWN_HEADER = re.compile(
    rb"(?:from|to|subject|date|message-id|mime-version|content-[a-z-]+|received|reply-to|"
    rb"return-path)[ \t]*:",
    re.IGNORECASE,
)
_ENCRYPTED = frozenset(("multipart/encrypted", "application/pgp-encrypted"))
_SMIME = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_TNEF = frozenset(("application/ms-tnef", "application/vnd.ms-tnef"))
_META_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE
)
META_BYTES = 1024
_SOFT_BREAK = re.compile(r"(?<=[^ \n])(?<!^--) \n(?!-- \n)", re.MULTILINE)
_PGP = "-----BEGIN PGP MESSAGE-----"
_PGP_PROBLEM = "is encrypted (PGP); its text cannot be read"
_FOLDED = re.compile(r"\r?\n[ \t]*")


@dataclass(frozen=True)
class Mail:
    """What one mail says. `date` is the header as it stands; `message_id` may be empty; `problem`
    says why nothing of it can be read, where that is so.
    """

    message_id: str
    subject: str
    body: str
    sender: str
    date: str | None
    attachments: int
    parts: int
    has_html: bool
    problem: str = ""


def read_mail(data: bytes) -> Mail:
    """Return the mail in `data`, of which the first 32 MB are looked at.

    `body` is the text a reader sees: the plain text where there is some, otherwise the text of
    the HTML; both where the plain text only says that there is HTML.
    """
    message = _parse(_bounded(_repaired(data[:MAIL_BYTES])))
    is_mail = _has_headers(message)  # (reading the parts adds some)
    parts = list(message.walk())
    leaves = [part for part in parts if not part.is_multipart()]
    kinds = {_type(part) for part in parts}
    headers = _headers(message)
    return Mail(
        message_id=headers.get("message-id", "").strip(),
        subject=headers.get("subject", ""),
        body=printable(body := _visible(message) or _named_text(leaves)),
        sender=headers.get("from", ""),
        date=headers.get("date"),
        attachments=sum(_is_attachment(part, _type(part)) for part in parts),
        parts=len(leaves),
        has_html="text/html" in kinds,
        problem=_problem(leaves, kinds, body) if is_mail else "has no mail headers",
    )


def _parse(data: bytes) -> Message:
    try:
        message = BytesParser(policy=compat32).parsebytes(data)
        return _with_found_boundary(message) or message
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # A header that Python's parser stumbles over: the text is worth more than the parts.
        message = Message()
        message["Mime-Version"] = "1.0"
        message.set_payload(decode(data, None))
        return message


def _with_found_boundary(message: Message) -> Message | None:
    """Return a multipart mail parsed by the boundary in its body, where it names another or none.

    Without one in the body, it is a mail with one text.
    """
    if message.get_content_maintype() != "multipart" or message.is_multipart():
        return None
    payload = str(message.get_payload())
    del message["content-transfer-encoding"]
    if not (found := _BOUNDARY.search(payload)):
        message.set_type("text/plain")
        return message
    message.set_param("boundary", found[1])
    return BytesParser(policy=compat32).parsebytes(message.as_bytes())


def _repaired(data: bytes) -> bytes:
    """Return a mail whose headers Python's parser reads to their end.

    The parser takes the first line that is not a header for the start of the body: an envelope
    line, blanks before a colon, or a stray line would hide all headers that follow.
    """
    end = _end_of_headers(data)
    lines = data[: end + 1].replace(b"\r\r\n", b"\r\n").splitlines(keepends=True)
    while len(lines) > 1 and lines[0].startswith((b"From ", b">From ")) and is_header(lines[1]):
        del lines[0]
    last = max((n for n, line in enumerate(lines) if _KNOWN_HEADER.match(line)), default=-1)
    for number, line in enumerate(lines[: last + 1]):
        if _SPACED_COLON.match(line):
            lines[number] = _SPACED_COLON.sub(rb"\1:", line, count=1)
        elif not _ANY_HEADER.match(line):
            lines[number] = b"X-Stray-Line: " + line
    return b"".join(lines) + data[end + 1 :]


def _end_of_headers(data: bytes) -> int:
    """Return the position of the end of the last header line."""
    return min(at for at in (*map(data.find, _HEAD_ENDS), len(data)) if at >= 0)


def _bounded(data: bytes) -> bytes:
    """Return the start of `data` that has a bounded number of lines and, if MIME, of parts."""
    data = _cut(data, _LINE, MAX_LINES)
    if _CONTAINER.search(data, 0, _end_of_headers(data) + 1) is None:
        return data
    return _cut(_cut(data, _BOUNDARY_LINE, MAX_PARTS), _CONTAINER, MAX_CONTAINERS)


def _cut(data: bytes, pattern: re.Pattern[bytes], most: int) -> bytes:
    for number, match in enumerate(pattern.finditer(data)):
        if number == most:
            return data[: match.start()]
    return data


def _headers(message: Message) -> dict[str, str]:
    """Return the first header of each name, decoded; names in lower case."""
    wanted = ("message-id", "subject", "from", "date")
    found: dict[str, str] = {}
    charset = next(filter(None, map(_charset, message.walk())), None)
    for name, value in message.raw_items():
        if name.lower() in wanted and name.lower() not in found:
            found[name.lower()] = _header(str(value)[:MAX_HEADER_CHARACTERS], charset)
    return found


def _header(value: str, charset: str | None) -> str:
    """Return a header as text; bytes that are not UTF-8 are in the `charset` of the mail's text."""
    if value.isascii() and "=?" not in value:
        return printable(_FOLDED.sub(" ", value)).strip()
    # The parser leaves bytes beyond ASCII as surrogates.
    data = value.encode(errors="surrogateescape")
    text = decode(data, None if starts_utf8(data) else charset)
    return printable(decoded_words(_FOLDED.sub(" ", text))).strip()


def _visible(part: Message) -> str:
    kind = _type(part)
    if not part.is_multipart():
        return _leaf_text(part, kind)
    children = [child for child in part.get_payload() if isinstance(child, Message)]
    if kind == "message/rfc822":
        children = [_unpacked(child, transfer_encoding(part)) for child in children]
    if kind == "multipart/alternative":
        return _best(children)
    inner = [child for child in children if _type(child) == "message/rfc822"]
    own = [child for child in children if _type(child) != "message/rfc822"]
    # A mail inside a mail speaks only where the outer one has nothing to say.
    return "\n".join(_spoken(own) or _spoken(inner))


def _unpacked(mail: Message, encoding: str) -> Message:
    """Return an attached mail, decoded where it was encoded, which some programs do against
    RFC 2046.
    """
    if encoding != "base64" or mail.keys() or mail.is_multipart():
        return mail
    data = decoded(str(mail.get_payload()).encode(errors="surrogateescape"), encoding)
    return _parse(_bounded(_repaired(data)))


def _spoken(parts: list[Message]) -> list[str]:
    return [text for part in parts if (text := _visible(part)).strip()]


def _best(children: list[Message]) -> str:
    plain = next((text for text in _texts(children, "text/plain") if text.strip()), "")
    if plain and not _is_placeholder(plain):
        return plain
    others = [child for child in children if _type(child) != "text/plain"]
    rich = next((text for child in reversed(others) if (text := _visible(child)).strip()), "")
    return "\n".join(text for text in (plain, rich) if text)


def _texts(children: list[Message], kind: str) -> Iterator[str]:
    for child in children:
        if _type(child) == kind:
            yield _visible(child)


def _is_placeholder(plain: str) -> bool:
    return len(plain) < SHORT and _PLACEHOLDER.search(plain.lower()) is not None


def _leaf_text(part: Message, kind: str) -> str:
    if not kind.startswith("text/") or _is_attachment(part, kind):
        return ""
    return _decoded(part, kind)


def _named_text(leaves: list[Message]) -> str:
    """Return the first text among parts that look attached: some senders name every part."""
    texts = (_decoded(p, _type(p)) for p in leaves if _type(p) in {"text/plain", "text/html"})
    return next((text for text in texts if text.strip()), "")


def _has_headers(message: Message) -> bool:
    names = (f"{name}:".encode(errors="replace") for name in message)
    return any(map(_KNOWN_HEADER.match, names))


def _problem(leaves: list[Message], kinds: set[str], body: str) -> str:
    """Say why the text of a mail cannot be read, else ""."""
    text = body.strip()
    if text.startswith(_PGP) or (kinds & _ENCRYPTED and not text):
        return _PGP_PROBLEM
    if text:
        return ""
    if kinds & _SMIME:
        return "is encrypted or signed (S/MIME); its text cannot be read"
    if kinds & _TNEF:
        return "has its text in winmail.dat (TNEF), which cannot be read"
    attached = any(content(leaf).lstrip().startswith(_PGP.encode()) for leaf in leaves)
    return _PGP_PROBLEM if attached else ""


def _decoded(part: Message, kind: str) -> str:
    data = content(part)
    if kind == "text/html":
        return visible_text(decode(data, _charset(part) or _charset_in_html(data)))
    text = decode(data, _charset(part)).removeprefix("\ufeff").replace("\r\n", "\n")
    return _unwrapped(part, text) if "flowed" in str(part["content-type"]).lower() else text


def _charset_in_html(data: bytes) -> str | None:
    """Return the character set that the start of an HTML document declares."""
    found = _META_CHARSET.search(data, 0, META_BYTES)
    # Where ASCII bytes can say UTF-16, it is none (HTML Standard, "Prescan a byte stream").
    return found[1].decode().lower().replace("utf-16", "utf-8") if found else None


def _unwrapped(part: Message, text: str) -> str:
    """Return flowed text (RFC 3676) without the line breaks that its sender's program added."""
    deleted = "delsp=yes" in str(part["content-type"]).lower().replace('"', "")
    return _SOFT_BREAK.sub("" if deleted else " ", text)


def _is_attachment(part: Message, kind: str) -> bool:
    if kind == "message/rfc822":
        return True
    if part.is_multipart():
        return False
    return not kind.startswith("text/") or _is_named(part)


def _is_named(part: Message) -> bool:
    # Most texts have neither; the parser of parameters is slow.
    if "content-disposition" not in part and "name" not in str(part["content-type"]).lower():
        return False
    try:
        return part.get_content_disposition() == "attachment" or bool(part.get_filename())
    except (ValueError, LookupError, TypeError, AttributeError):
        return True


def _type(part: Message) -> str:
    try:
        return part.get_content_type()
    except (ValueError, LookupError, TypeError, AttributeError):
        return "text/plain"


def _charset(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
