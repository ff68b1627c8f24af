"""One mail, from its bytes to what a reader sees. No input makes this fail."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from functools import cached_property

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
_HEAD_END = re.compile(rb"\n\r{0,2}\n")
_SOUND_HEADERS = re.compile(rb"(?:(?:[!-9;-~]+:|[ \t])[^\r\n]*\r?\n)*+")
_SPACED_COLON = re.compile(rb"([!-9;-~]+)[ \t]+:")
_ANY_HEADER = re.compile(rb"[!-9;-~]+:|[ \t]|\r?\n")
_KNOWN_HEADER = re.compile(
    rb"(?:from|to|subject|date|message-id|mime-version|content-[a-z-]+|received|reply-to|"
    rb"return-path)[ \t]*:",
    re.IGNORECASE,
)
_PARSER = BytesParser(policy=compat32)
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
    mail = _Part(_parse(_bounded(_repaired(data[:MAIL_BYTES]))))
    is_mail = _has_headers(mail.message)  # (reading a part may add some)
    parts = list(mail.walk())
    leaves = [part for part in parts if not part.message.is_multipart()]
    kinds = {part.kind for part in parts}
    headers = _headers(mail.message, parts)
    return Mail(
        message_id=headers.get("message-id", "").strip(),
        subject=headers.get("subject", ""),
        body=printable(body := _visible(mail) or _named_text(leaves)),
        sender=headers.get("from", ""),
        date=headers.get("date"),
        attachments=sum(part.is_attachment for part in parts),
        parts=len(leaves),
        has_html="text/html" in kinds,
        problem=_problem(leaves, kinds, body) if is_mail else "has no mail headers",
    )


class _Part:
    """A part of a mail, with what Python's parser would work out again each time it is asked."""

    def __init__(self, message: Message) -> None:
        self.message, self.kind = message, _type(message)
        inner = message.get_payload() if message.is_multipart() else []
        self.children = [_Part(child) for child in inner if isinstance(child, Message)]

    def walk(self) -> Iterator["_Part"]:
        """Yield this part and all inside it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()

    @cached_property
    def content_type(self) -> str:
        """The header in lower case, empty where there is none."""
        return str(self.message.get("content-type", "")).lower()

    @cached_property
    def charset(self) -> str | None:
        """The character set that the headers declare."""
        # Most texts declare none; the parser of parameters is slow.
        if "charset" not in self.content_type:
            return None
        try:
            return self.message.get_content_charset()
        except (ValueError, LookupError, TypeError, AttributeError):
            return None

    @cached_property
    def is_attachment(self) -> bool:
        """Whether it is a file or another mail, not text to be read."""
        if self.kind == "message/rfc822":
            return True
        if self.message.is_multipart():
            return False
        return not self.kind.startswith("text/") or self._is_named()

    def _is_named(self) -> bool:
        if "content-disposition" not in self.message and "name" not in self.content_type:
            return False
        try:
            disposition = self.message.get_content_disposition()
            return disposition == "attachment" or bool(self.message.get_filename())
        except (ValueError, LookupError, TypeError, AttributeError):
            return True


def _parse(data: bytes) -> Message:
    try:
        return _parsed(data)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # A header that Python's parser stumbles over: the text is worth more than the parts.
        message = _PARSER.parsebytes(data, headersonly=True)
        for name in {name for name in message if name.lower().startswith("content-")}:
            del message[name]
        return message


def _parsed(data: bytes) -> Message:
    end = found.end() if (found := _HEAD_END.search(data)) else len(data)
    message = _PARSER.parsebytes(data[:end])
    if message.get_payload() or message.get_content_maintype() in {"multipart", "message"}:
        message = _PARSER.parsebytes(data)
        return _with_found_boundary(message) or message
    # The parser takes a text apart line by line, which only parts need.
    message.set_payload(data[end:].decode("ascii", "surrogateescape"))
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
    return _PARSER.parsebytes(message.as_bytes())


def _repaired(data: bytes) -> bytes:
    """Return a mail whose headers Python's parser reads to their end.

    The parser takes the first line that is not a header for the start of the body: an envelope
    line, blanks before a colon, or a stray line would hide all headers that follow.
    """
    end = _end_of_headers(data)
    if _SOUND_HEADERS.fullmatch(data, 0, end + 1):
        return data
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
    found = _HEAD_END.search(data)
    return found.start() if found else len(data)


def _bounded(data: bytes) -> bytes:
    """Return the start of `data` that has a bounded number of lines and, if MIME, of parts."""
    if data.count(b"\n") > MAX_LINES:
        data = _cut(data, _LINE, MAX_LINES)
    if _CONTAINER.search(data, 0, _end_of_headers(data) + 1) is None:
        return data
    return _cut(_cut(data, _BOUNDARY_LINE, MAX_PARTS), _CONTAINER, MAX_CONTAINERS)


def _cut(data: bytes, pattern: re.Pattern[bytes], most: int) -> bytes:
    for number, match in enumerate(pattern.finditer(data)):
        if number == most:
            return data[: match.start()]
    return data


def _headers(message: Message, parts: list[_Part]) -> dict[str, str]:
    """Return the first header of each name, decoded; names in lower case."""
    wanted = ("message-id", "subject", "from", "date")
    found: dict[str, str] = {}
    for name, value in message.raw_items():
        if name.lower() in wanted and name.lower() not in found:
            found[name.lower()] = _header(str(value)[:MAX_HEADER_CHARACTERS], parts)
    return found


def _header(value: str, parts: list[_Part]) -> str:
    """Return a header as text; bytes that are not UTF-8 are in the character set of the text."""
    if value.isascii() and "=?" not in value:
        return printable(_FOLDED.sub(" ", value)).strip()
    # The parser leaves bytes beyond ASCII as surrogates.
    data = value.encode(errors="surrogateescape")
    charset = next((part.charset for part in parts if part.charset), None)
    text = decode(data, None if starts_utf8(data) else charset)
    return printable(decoded_words(_FOLDED.sub(" ", text))).strip()


def _visible(part: _Part) -> str:
    if not part.message.is_multipart():
        is_text = part.kind.startswith("text/") and not part.is_attachment
        return _decoded(part) if is_text else ""
    children = part.children
    if part.kind == "message/rfc822":
        children = [_unpacked(child, transfer_encoding(part.message)) for child in children]
    if part.kind == "multipart/alternative":
        return _best(children)
    inner = [child for child in children if child.kind == "message/rfc822"]
    own = [child for child in children if child.kind != "message/rfc822"]
    # A mail inside a mail speaks only where the outer one has nothing to say.
    return "\n".join(_spoken(own) or _spoken(inner))


def _unpacked(mail: _Part, encoding: str) -> _Part:
    """Return an attached mail, decoded where it was encoded, which some programs do against
    RFC 2046.
    """
    if encoding != "base64" or mail.message.keys() or mail.message.is_multipart():
        return mail
    data = decoded(str(mail.message.get_payload()).encode(errors="surrogateescape"), encoding)
    return _Part(_parse(_bounded(_repaired(data))))


def _spoken(parts: list[_Part]) -> list[str]:
    return [text for part in parts if (text := _visible(part)).strip()]


def _best(children: list[_Part]) -> str:
    texts = (_visible(child) for child in children if child.kind == "text/plain")
    plain = next((text for text in texts if text.strip()), "")
    if plain and not (len(plain) < SHORT and _PLACEHOLDER.search(plain.lower())):
        return plain
    others = [child for child in children if child.kind != "text/plain"]
    rich = next((text for child in reversed(others) if (text := _visible(child)).strip()), "")
    return "\n".join(text for text in (plain, rich) if text)


def _named_text(leaves: list[_Part]) -> str:
    """Return the first text among parts that look attached: some senders name every part."""
    texts = (_decoded(part) for part in leaves if part.kind in {"text/plain", "text/html"})
    return next((text for text in texts if text.strip()), "")


def _has_headers(message: Message) -> bool:
    names = (f"{name}:".encode(errors="replace") for name in message)
    return any(map(_KNOWN_HEADER.match, names))


def _problem(leaves: list[_Part], kinds: set[str], body: str) -> str:
    """Return why the text of a mail cannot be read, else ""."""
    text = body.strip()
    if text.startswith(_PGP) or (kinds & _ENCRYPTED and not text):
        return _PGP_PROBLEM
    if text:
        return ""
    if kinds & _SMIME:
        return "is encrypted or signed (S/MIME); its text cannot be read"
    if kinds & _TNEF:
        return "has its text in winmail.dat (TNEF), which cannot be read"
    attached = any(content(leaf.message).lstrip().startswith(_PGP.encode()) for leaf in leaves)
    return _PGP_PROBLEM if attached else ""


def _decoded(part: _Part) -> str:
    data = content(part.message)
    if part.kind == "text/html":
        return visible_text(decode(data, part.charset or _charset_in_html(data)))
    text = decode(data, part.charset).removeprefix("\ufeff").replace("\r\n", "\n")
    return _unwrapped(part, text) if "flowed" in part.content_type else text


def _charset_in_html(data: bytes) -> str | None:
    """Return the character set that the start of an HTML document declares."""
    found = _META_CHARSET.search(data, 0, META_BYTES)
    # Where ASCII bytes can say UTF-16, it is none (HTML Standard, "Prescan a byte stream").
    return found[1].decode().lower().replace("utf-16", "utf-8") if found else None


def _unwrapped(part: _Part, text: str) -> str:
    """Return flowed text (RFC 3676) without the line breaks that its sender's program added."""
    deleted = "delsp=yes" in part.content_type.replace('"', "")
    return _SOFT_BREAK.sub("" if deleted else " ", text)


def _type(message: Message) -> str:
    try:
        return message.get_content_type()
    except (ValueError, LookupError, TypeError, AttributeError):
        return "text/plain"
