"""A stream of bytes in any encoding, read as UTF-8."""

import codecs
import io
import re

from data_pipeline.sources.formats.charset import FALLBACK, LAST, detect, starts_utf8

CHUNK_BYTES = 1 << 18
SAMPLE_FOR_CHARSET = 1 << 20
UTF8 = "utf-8-sig"
# How Python's decoder hands over bytes that are not UTF-8.
_ODD = re.compile("[\udc80-\udcff]+")


class Utf8Stream(io.RawIOBase):
    """Reads `raw` once; `sample` is how it begins, already as UTF-8.

    A file that starts as UTF-8 and has other bytes further on is taken as UTF-8 with single
    characters of Windows' Western encoding, which is how such files come about.
    """

    def __init__(self, raw: io.BufferedIOBase, sample_bytes: int) -> None:
        self._raw, self._odd = raw, 0
        head = raw.read(SAMPLE_FOR_CHARSET)
        self.encoding = UTF8 if starts_utf8(head) else detect(head)
        errors = "surrogateescape" if self.encoding == UTF8 else "replace"
        self._decoder = codecs.getincrementaldecoder(self.encoding)(errors)
        self._ready, self._given = self._convert(head), 0
        self.sample = self._ready[:sample_bytes]

    def remarks(self) -> list[str]:
        """Return what a person should know of the encoding; complete once all was read."""
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
        text = self._decoder.decode(data, final)
        try:
            return text.encode()
        except UnicodeEncodeError:
            text, places = _ODD.subn(_western, text)
            self._odd += places
            return text.encode(errors="replace")


def _western(match: re.Match[str]) -> str:
    data = match.group().encode(errors="surrogateescape")
    try:
        return data.decode(FALLBACK)
    except UnicodeDecodeError:
        return data.decode(LAST)
