"""Bytes to text, whatever they claim to be."""

import codecs
import re
from collections.abc import Iterable

from charset_normalizer import from_bytes

SAMPLE_BYTES = 16_384
LONG_SAMPLE, LATIN_SHARE = 1_000, 0.5
# When nothing is known: what Windows calls ANSI, and what never fails.
FALLBACK, LAST = "cp1252", "latin-1"
# Text encodings by name only: slow or with a meaning of their own.
_UNUSABLE = {"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7"}
_ASCII = re.compile(rb"[\x00-\x7f]")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def decode(data: bytes, declared: str | None) -> str:
    """Return `data` as text: in the declared encoding if that fits, else in the likeliest."""
    for name in _candidates(declared):
        try:
            return data.decode(name)
        except (UnicodeError, LookupError):
            continue
    return data.decode(detect(data), errors="replace")


def detect(data: bytes) -> str:
    """Return the likeliest encoding of bytes that are not UTF-8, judged by a sample of them."""
    marked = [name for mark, name in _MARKS.items() if data.startswith(mark)]
    if marked:
        return marked[0]
    sample = _telling(data)
    odd = len(sample) - len(_ASCII.findall(sample))
    # Few odd bytes in a short text tell nothing but a Latin script: then take the commonest.
    if len(sample) < LONG_SAMPLE and odd < LATIN_SHARE * len(sample):
        return FALLBACK
    best = from_bytes(sample, steps=3, chunk_size=2048).best()
    return best.encoding if best and best.encoding not in {"ascii", "utf_8"} else FALLBACK


def starts_utf8(data: bytes) -> bool:
    """Say whether `data` is UTF-8, but for a character that its end may cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def printable(text: str) -> str:
    """Return `text` without NUL and without what no encoding can hold (lone surrogates)."""
    cleaned = text.replace("\x00", "") if "\x00" in text else text
    try:
        cleaned.encode()
    except UnicodeEncodeError:
        return cleaned.encode(errors="replace").decode()
    return cleaned


def _candidates(declared: str | None) -> Iterable[str]:
    if declared:
        try:
            name = codecs.lookup(declared).name.replace("-", "_")
        except (LookupError, ValueError):  # ValueError: a NUL in the name
            name = ""
        if name and name not in _UNUSABLE:
            yield declared
    yield "utf-8"


def _telling(data: bytes) -> bytes:
    """Return the lines that have bytes beyond ASCII, up to the size of a sample."""
    lines = (line for line in data[: SAMPLE_BYTES * 64].splitlines(True) if not line.isascii())
    sample = bytearray()
    for line in lines:
        sample += line
        if len(sample) >= SAMPLE_BYTES:
            break
    return bytes(sample[:SAMPLE_BYTES])
