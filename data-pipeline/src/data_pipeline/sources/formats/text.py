"""Bytes to text, whatever encoding they are in."""

import codecs
import io
import re
import string
from collections.abc import Iterable

import cchardet
import webencodings

SAMPLE_BYTES = 65_536
TELLING_BYTES = 16_384
ALTERNATING = 64
CHUNK_BYTES = 1 << 18
SAMPLE_FOR_CHARSET = 1 << 20
UTF8 = "utf-8-sig"
# How Python's decoder hands over bytes that are not UTF-8.
_ODD = re.compile("[\udc80-\udcff]+")
LONG_SAMPLE, LATIN_SHARE = 400, 0.5
# When nothing is known: what Windows calls ANSI, and what never fails.
FALLBACK, LAST = "cp1252", "latin-1"
# The encodings that these names stand for (WHATWG Encoding Standard, "Names and labels").
_MEANT = {
    "iso8859_1": FALLBACK, "ascii": FALLBACK, "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "x_sjis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
# Names that neither Python nor the standard has, as Japanese mail programs write them.
_NAMED = dict.fromkeys(("iso-2022-jp-ms", "cp50220", "cp50221"), "iso2022_jp_ext")
# Latin letters as MS-DOS wrote them: what looks like it is rather Windows' Western encoding.
_UNLIKELY = {"cp852", "cp865"}
# Text encodings by name only: slow or with a meaning of their own.
_UNUSABLE = {"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7"}
_ASCII = bytes(range(128))
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_LETTERS = string.ascii_letters.encode() + string.digits.encode() + b" \r\n"
WESTERN = 0.7
# Encodings in which ASCII bytes stand for other letters.
_SHIFTED = re.compile(r"iso2022|hz|utf_7")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Bytes of a letter, and which of them is not NUL in a Western text.
_WIDE = {"utf-32-le": (4, 0), "utf-32-be": (4, 3), "utf-16-le": (2, 0), "utf-16-be": (2, 1)}


def decode(data: bytes, declared: str | None) -> str:
    """Return `data` as text: in the declared encoding if that fits, else in the likeliest."""
    for name in _candidates(declared, data):
        try:
            return data.decode(name)
        except (UnicodeError, LookupError):
            continue
    return data.decode(detect(data), errors="replace")


def detect(data: bytes) -> str:
    """Return the likeliest encoding of bytes that are not UTF-8, judged by a sample of them."""
    if marked := byte_order_mark(data):
        return marked
    sample = _telling(data)
    odd = len(sample.translate(None, _ASCII))
    # Few odd bytes in a short text tell nothing but a Latin script: then take the commonest.
    if len(sample) < LONG_SAMPLE and odd < LATIN_SHARE * len(sample):
        return FALLBACK
    found = cchardet.detect(sample)["encoding"]
    try:
        name = codecs.lookup(found or FALLBACK).name.replace("-", "_")
    except LookupError:
        return FALLBACK
    return FALLBACK if name in {"ascii", "utf_8", *_UNLIKELY} else _MEANT.get(name, name)


def byte_order_mark(data: bytes) -> str | None:
    """Return the encoding that the first bytes show by their mark, or by NUL around each letter."""
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name
    sample = data[:ALTERNATING]
    if len(sample) < ALTERNATING // 2:
        return None
    for name, (width, place) in _WIDE.items():
        letters = sample[place::width]
        others = len(sample) - len(letters)
        if not letters.count(0) and sample.count(0) > 0.9 * others:
            return name
    return None


def starts_utf8(data: bytes) -> bool:
    """Return whether `data` is UTF-8, but for a character that its end may cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def printable(text: str) -> str:
    """Return `text` without NUL and without what no encoding can hold (lone surrogates)."""
    return without_surrogates(text.replace("\x00", "") if "\x00" in text else text)


def without_surrogates(text: str) -> str:
    """Return `text` with `?` for each lone surrogate, which no encoding can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


class Utf8Stream(io.RawIOBase):
    """Reads `raw` once; `sample` is how it begins, as UTF-8.

    A file that starts as UTF-8 and has other bytes further on is taken as UTF-8 with single
    characters of Windows' Western encoding, which is how such files come about.
    """

    def __init__(self, raw: io.BufferedIOBase) -> None:
        self._raw, self._odd = raw, 0
        head = raw.read(SAMPLE_FOR_CHARSET)
        self.encoding = byte_order_mark(head) or (UTF8 if starts_utf8(head) else detect(head))
        self._decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        if self.encoding == UTF8:
            head = head.removeprefix(codecs.BOM_UTF8)
        self._cut = b""
        self._ready, self._given = self._convert(head), 0
        self.sample = self._ready[:SAMPLE_BYTES]

    def notes(self) -> list[str]:
        """Return what a person should know about the encoding; complete once all was read."""
        if self.encoding != UTF8:
            return [f"is not UTF-8; read as {self.encoding}. Save it as UTF-8 to be sure"]
        if self._odd:
            return [f"{self._odd} places are not UTF-8; read as {FALLBACK} there"]
        return []

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # Buffer: Python 3.12
        """Fill `buffer` with UTF-8; 0 is the end."""
        while self._given == len(self._ready):
            chunk = self._raw.read(CHUNK_BYTES)
            self._ready, self._given = self._convert(chunk, final=not chunk), 0
            if not chunk:
                break
        size = min(len(buffer), len(self._ready) - self._given)
        buffer[:size] = self._ready[self._given : self._given + size]
        self._given += size
        return size

    def _convert(self, data: bytes, final: bool = False) -> bytes:
        if self.encoding != UTF8:
            return self._decoder.decode(data, final).encode(errors="replace")
        data = self._cut + data
        try:
            _, used = codecs.utf_8_decode(data, "strict", final)
            ready = data[:used]
        except UnicodeDecodeError:
            escaped, used = codecs.utf_8_decode(data, "surrogateescape", final)
            mended, places = _ODD.subn(_western, escaped)
            self._odd += places
            ready = mended.encode()
        self._cut = data[used:]
        return ready


def _candidates(declared: str | None, data: bytes) -> Iterable[str]:
    if not declared:
        yield "utf-8"
        return
    try:
        name = codecs.lookup(declared).name.replace("-", "_")
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        known = webencodings.lookup(declared)
        named = known.codec_info.name if known else _NAMED.get(declared.lower(), declared.lower())
        name = named.replace("-", "_")
    # What reads as ASCII or UTF-8 is not UTF-16 or EBCDIC, whatever it is declared to be.
    wide = name.startswith(("utf_16", "utf_32")) or (data.isascii() and not _SHIFTED.match(name))
    if name == "ascii" or (wide and _is_western(data)):
        yield "utf-8"
    if name not in _UNUSABLE and "\0" not in name:
        yield _MEANT.get(name, name)
        yield name
    yield "utf-8"


def _is_western(data: bytes) -> bool:
    """Return whether the start of `data` is mostly ASCII words, without control bytes."""
    start = data[:SAMPLE_BYTES]
    letters = len(start) - len(start.translate(None, _LETTERS))
    return not _CONTROLS.search(start) and letters > WESTERN * len(start)


def _telling(data: bytes) -> bytes:
    """Return the lines that have bytes beyond ASCII, up to the size of a sample."""
    lines = (line for line in data[: TELLING_BYTES * 64].splitlines(True) if not line.isascii())
    sample = bytearray()
    for line in lines:
        sample += line
        if len(sample) >= TELLING_BYTES:
            break
    return bytes(sample[:TELLING_BYTES])


def _western(match: re.Match[str]) -> str:
    data = match.group().encode(errors="surrogateescape")
    try:
        return data.decode(FALLBACK)
    except UnicodeDecodeError:
        return data.decode(LAST)
