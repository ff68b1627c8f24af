"""What mail programs encode: words of headers (RFC 2047) and the content of parts (RFC 2045)."""

import quopri
import re
from base64 import b64decode
from collections.abc import Iterator
from email.message import Message

from data_pipeline.sources.formats.text import decode

_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]*)?\?([bq])\?(.*?)\?=", re.IGNORECASE | re.DOTALL)
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_BASE64, _QUOTED, _UUENCODED = "base64", "quotedprintable", ("xuuencode", "uuencode", "xuue", "uue")
# White space behind a soft line break is added on the way (RFC 2045, section 6.7, rule 3).
_SOFT_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")
_ALPHABET = re.compile(rb"(?:[_-]*[A-Za-z0-9+/][A-Za-z0-9+/_=-]*)?")
_OUTSIDE = re.compile(rb"[^A-Za-z0-9+/_=-]+")
_QUOTE = re.compile(rb"^[>\s]+")
# Signs of a sentence, or of a link.
_OTHER = re.compile(rb"\s|://")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
# A long line without blanks is encoded even where single bytes of it are damaged.
LONG_LINE, DAMAGED_SHARE = 40, 0.1
LEAST_PIECE = 16
# Of a text this short, whether it is base64 at all must show.
SHORT_BYTES = 200


def decoded_words(text: str) -> str:
    """Return the value of a header with its encoded words as text.

    White space between two of them is not shown. A character may be cut by the end of a word.
    """
    return "".join(_pieces(text)) if "=?" in text else text


def _pieces(text: str) -> Iterator[str]:
    data, charset, at = b"", "", 0
    for word in _WORD.finditer(text):
        between, at = text[at : word.start()], word.end()
        if data and (between.strip() or charset != word[1].lower()):
            yield decode(data, charset)
            data = b""
        if between.strip() or not charset:
            yield between
        charset = word[1].lower()
        encoded = word[3].encode(errors="surrogateescape")
        data += from_base64(encoded) if word[2] in "bB" else _from_q(encoded)
    yield decode(data, charset) if data else ""
    yield text[at:]


def _from_q(encoded: bytes) -> bytes:
    return _HEX.sub(lambda found: bytes.fromhex(found[1].decode()), encoded.replace(b"_", b" "))


def transfer_encoding(part: Message) -> str:
    """Return the name of a part's transfer encoding, without what programs spell differently."""
    named = _NAME.search(str(part["content-transfer-encoding"]))
    return re.sub("[_-]", "", named[0].lower()) if named else ""


def content(part: Message) -> bytes:
    """Return the bytes of a part, decoded by its transfer encoding where it is encoded so."""
    encoding = transfer_encoding(part)
    if encoding in _UUENCODED:
        part.replace_header("content-transfer-encoding", "x-uuencode")
    elif encoding in {_BASE64, _QUOTED}:
        part.replace_header("content-transfer-encoding", "8bit")
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError, AttributeError):
        data = None
    if not isinstance(data, bytes):
        data = str(part.get_payload()).encode(errors="surrogateescape")
    return decoded(data, encoding)


def decoded(data: bytes, encoding: str) -> bytes:
    """Return the bytes that `data` stands for in a transfer encoding."""
    if encoding == _BASE64:
        return _base64_lines(data)
    if encoding == _QUOTED:
        return quopri.decodestring(_SOFT_BREAK.sub(b"=", data))
    return data


def _base64_lines(raw: bytes) -> bytes:
    """Return text with its base64 decoded; text that is not base64, such as a footer, is kept."""
    lines = raw.splitlines(keepends=True)
    encoded: list[bytes] = []
    longest, ended = 0, False
    for line in lines:
        found = _encoded_part(line)
        if found is None or (found and ended and not _is_piece(found)):
            break
        encoded.append(found)
        longest = max(longest, len(found))
        ended = ended or (0 < len(found) < longest) or found.endswith(b"=")
    joined = b"".join(encoded)
    data = from_base64(joined)
    rest = b"".join(lines[len(encoded) :])
    if len(joined) < SHORT_BYTES and len(joined) % 4 and not _is_utf8(data):
        return raw
    return data + rest


def _encoded_part(line: bytes) -> bytes | None:
    """Return what is base64 of a line, `None` where the line is something else."""
    text = _QUOTE.sub(b"", line).strip()
    if _ALPHABET.fullmatch(text):
        return text
    kept = _OUTSIDE.sub(b"", text)
    damaged = len(text) - len(kept)
    is_long = len(text) >= LONG_LINE and not _OTHER.search(text) and _ALPHABET.fullmatch(kept)
    return kept if is_long and damaged < DAMAGED_SHARE * len(text) else None


def _is_piece(line: bytes) -> bool:
    """Return whether a line behind the end of base64 is more of it, not a word of a footer."""
    return len(line) % 4 == 0 and (len(line) >= LEAST_PIECE or line.endswith(b"="))


def from_base64(encoded: bytes) -> bytes:
    """Return the bytes of base64, of either alphabet; each padding ends one of several texts."""
    data = _OUTSIDE.sub(b"", encoded).translate(_URL_SAFE)
    return b"".join(map(_one_text, re.split(b"=+", data)))


def _one_text(data: bytes) -> bytes:
    # One character alone in the last group encodes nothing.
    data = data[: len(data) - (len(data) % 4 == 1)]
    return b64decode(data + b"=" * (-len(data) % 4))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
