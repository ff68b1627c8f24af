"""Records of a CSV file, line by line, with the position of malformed lines."""

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from data_pipeline.sources.formats.opening import MEGABYTE, RECORD_BYTES
from platform_core.errors import InvalidData

CHUNK_BYTES = MEGABYTE // 4
# How much may be read again after quotes that are never closed.
MAX_REREAD = 4 * RECORD_BYTES
_OPEN = "the end of a quoted field is missing; is a quote never closed?"
# Excel's first line, which names the delimiter.
SEPARATOR = re.compile(r'"?sep=(.)"?[,;\t| ]*(?:\r\n?|\n)', re.IGNORECASE)
_ESCAPED = re.compile(r'(\\(?s:.)|")')
# What MySQL and PostgreSQL write for characters that would end a field or a line.
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a"}
ESCAPE = re.compile(r"\\(?s:(.))")
ONLY_ESCAPES = re.compile(r"(?:[^\\]|\\[0bnrtZN\\\t\r\n])*\\?", re.DOTALL)
_NULL = "\\N"
BLANK = " \t\0\x1a"
_ENDED = {"\\\\", "\\\n", "\\\r"}


class Quoting(StrEnum):
    """How a field may hold delimiters, quotes and ends of lines.

    `DOUBLED`: in quotes, a quote doubled (RFC 4180). `SPACED`: the same, with blanks before the
    quotes. `BACKSLASH`: in quotes, a backslash before a quote, as Spark writes it. `ESCAPED`:
    without quotes, everything by a backslash, as MySQL and PostgreSQL write tables.
    """

    DOUBLED = "doubled"
    SPACED = "spaced"
    BACKSLASH = "backslash"
    ESCAPED = "escaped"


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    delimiter: str
    quoting: Quoting = Quoting.DOUBLED
    header: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Record:
    """The fields of one record, or the reason why it has none, and its lines. A blank record has
    nothing but delimiters, without quotes: so Excel writes empty rows. DOS ends a file by Ctrl-Z.
    """

    first: int
    lines: int
    fields: list[str | None]
    problem: str = ""
    is_blank: bool = False


class RecordLines:
    """Lines as `csv.reader` takes them; those of a record that never ends can be given again."""

    def __init__(self, file: io.BufferedIOBase, first: int, dialect: Dialect) -> None:
        self._file, self._rest = file, b""
        self._again: deque[bytes] = deque()
        self._backslash, self._quoted = dialect.quoting is Quoting.BACKSLASH, False
        self._size = self._reread = 0
        self.number, self.taken = first, list[bytes]()
        """Where the current record begins, and its lines so far."""
        if self._fill() and SEPARATOR.fullmatch(self._again[0].decode(errors="replace")):
            self._again.popleft()
            self.number += 1

    def __iter__(self) -> "RecordLines":
        return self

    def __next__(self) -> str:
        # Beyond the limit it is as at the end of the file: the record has no end.
        if self._size > RECORD_BYTES or not self._fill():
            raise StopIteration
        line = self._again.popleft()
        self.taken.append(line)
        self._size += len(line)
        if len(line) > RECORD_BYTES:
            raise csv.Error(f"a line longer than {RECORD_BYTES >> 20} MB")
        text = line.decode(errors="replace")
        return self._doubled(text) if self._backslash else text

    def ahead(self, size: int) -> bytes:
        """Return `size` to twice as many bytes that follow; fewer at the end of the file."""
        self._rest = b"".join((*self._again, self._rest))
        self._again.clear()
        if len(self._rest) < size:
            self._rest += self._file.read(size)
        return self._rest[: 2 * size]

    def skip(self, size: int, lines: int) -> None:
        """Skip bytes of what is ahead, which are whole records of so many lines."""
        self._rest = self._rest[size:]
        self.number += lines

    def end(self) -> int:
        """End the record and return the number of its lines."""
        count = len(self.taken)
        self.taken, self._size, self._quoted = [], 0, False
        self.number += count
        return count

    def keep_first(self) -> None:
        """Take back all lines of the record but the first."""
        self._again.extendleft(reversed(self.taken[1:]))
        self._reread += sum(map(len, self.taken[1:]))
        del self.taken[1:]
        if self._reread > MAX_REREAD:
            raise InvalidData(
                'too many quoted fields are not closed; escape quotes by doubling them ("")'
            )

    def _fill(self) -> bool:
        """Return whether there is another line; read on if needed."""
        while not self._again:
            *lines, self._rest = self._rest.splitlines(keepends=True) or [b""]
            self._again.extend(lines)
            if not lines and not self._read_line():
                self._again.extend([self._rest] if self._rest else [])
                self._rest = b""
                break
        return bool(self._again)

    def _read_line(self) -> bool:
        """Read on until a line ends, and return whether there was more. Of an overlong line only as
        much is kept as shows that it is one.
        """
        parts, size = [self._rest], len(self._rest)
        while data := self._file.read(CHUNK_BYTES):
            ends = b"\n" in data or b"\r" in data
            if ends or size <= RECORD_BYTES:
                parts.append(data)
                size += len(data)
            if ends:
                break
        self._rest = b"".join(parts)
        return len(parts) > 1

    def _doubled(self, line: str) -> str:
        """Return a line with the quotes inside quotes doubled."""
        parts = _ESCAPED.split(line)
        for index in range(1, len(parts), 2):
            if parts[index] == '"':
                self._quoted = not self._quoted
            elif self._quoted and parts[index] == '\\"':
                parts[index] = '""'
            elif self._quoted and parts[index] in _ENDED:
                parts[index] = parts[index][1:]
        return "".join(parts)


def strict_records(
    lines: RecordLines, dialect: Dialect, labelled: Callable[[bytes], bool] = lambda _: False
) -> Iterator[_Record]:
    """Yield every record. Where a quote is never closed, its line alone is a problem, and reading
    goes on with the line after it; so it is where half of the inner lines are `labelled` rows.
    """
    if dialect.quoting is Quoting.ESCAPED:
        yield from _escaped_records(lines, dialect.delimiter)
        return
    csv.field_size_limit(2 * RECORD_BYTES)
    spaced = dialect.quoting is Quoting.SPACED
    read: Callable[[str], str | None] = _nullable if dialect.quoting is Quoting.BACKSLASH else str
    while True:
        reader = csv.reader(
            lines, delimiter=dialect.delimiter, strict=True, skipinitialspace=spaced
        )
        problem = ""
        try:
            for fields in reader:
                inner = lines.taken[1:-1]
                if inner and 2 * sum(map(labelled, inner)) >= len(inner):
                    problem = _OPEN
                    break
                number, values = lines.number, [read(field) for field in fields]
                blank = _is_blank(values) and not any(b'"' in line for line in lines.taken)
                yield _Record(number, lines.end(), values, is_blank=blank)
        except csv.Error as error:
            problem = _OPEN if "unexpected end" in str(error) else f"invalid CSV: {error}"
        if not problem:
            return
        lines.keep_first()
        yield _Record(lines.number, lines.end(), [], problem)


def _escaped_records(lines: RecordLines, delimiter: str) -> Iterator[_Record]:
    """Yield the records of a file without quotes; a backslash at the end of a line continues it."""
    mark = re.escape(delimiter)
    cell = re.compile(rf"((?:[^\\{mark}]|\\.)*){mark}", re.DOTALL)
    text = ""
    for line in lines:
        text += line
        content = text.rstrip("\r\n")
        if (len(content) - len(content.rstrip("\\"))) % 2:
            continue
        fields = [_unescaped(field) for field in cell.findall(content + delimiter)]
        yield _Record(
            lines.number, lines.end(), fields if content else [], is_blank=_is_blank(fields)
        )
        text = ""
    if lines.taken:
        yield _Record(lines.number, lines.end(), [], "the file ends inside a field")


def _is_blank(fields: list[str | None]) -> bool:
    return not any(field is None or field.strip(BLANK) for field in fields)


def _nullable(field: str) -> str | None:
    return None if field == _NULL else field


def _unescaped(field: str) -> str | None:
    if field == _NULL:
        return None
    return ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), field)
