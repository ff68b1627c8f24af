"""How any input begins: packing, byte order mark, blank lines, and what kind of data follows.

The content decides; a name that says something else is refused, never followed.
"""

import codecs
import io
import lzma
import os
import posixpath
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import IO

import pyarrow as pa
from pyarrow import fs

from data_pipeline.sources.formats.text import Utf8Stream, byte_order_mark
from platform_core.errors import InvalidData

MEGABYTE = 1 << 20
# What is held at once while reading, and what a CSV row or a line of JSON may have at most.
BATCH_BYTES = 8 * MEGABYTE
BATCH_ROWS = 10_000
RECORD_BYTES = 32 * MEGABYTE
# A mail beyond this is cut; mail servers usually accept 25 to 50 MB.
MAIL_BYTES = 32 * MEGABYTE
SNIFFED_BYTES = 8_192
MAX_PACKINGS = 2
TAR_MAGIC_AT = 257
# Lines `From …` and `>From …` that may precede the headers of a mail.
MAX_ENVELOPES = 5
LOCAL = fs.LocalFileSystem()


class FileKind(StrEnum):
    """A kind of file that can be read."""

    PARQUET = "Parquet"
    CSV = "CSV"
    JSON = "JSON"
    MAIL = "mail"
    MBOX = "mbox"


KINDS = {
    ".parquet": FileKind.PARQUET, ".csv": FileKind.CSV, ".tsv": FileKind.CSV,
    ".jsonl": FileKind.JSON, ".ndjson": FileKind.JSON, ".json": FileKind.JSON,
    ".eml": FileKind.MAIL, ".emlx": FileKind.MAIL, ".mbox": FileKind.MBOX,
}  # fmt: skip
SUPPORTED = (
    ".parquet, .csv, .tsv, .jsonl, .ndjson, .json, .eml, .mbox; each also packed as .gz, .zst, "
    ".bz2, .xz or .zip"
)
PACKED = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2", ".xz": "xz"}
ZIP, PARQUET = b"PK\x03\x04", b"PAR1"
_PACKINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\xfd7zXZ": "xz"}
# What may come before the first frame of Zstandard (RFC 8878, section 3.1.2).
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_FOREIGN = {
    b"PARE": "an encrypted Parquet file; decrypt it",
    ZIP: "a zip archive or an Office document; unpack it, export a table as CSV",
    b"PK\x05\x06": "an empty zip archive",
    b"\x04\x22\x4d\x18": "an LZ4 file; unpack it",
    b"\x1f\x9d": "a file packed by compress; unpack it",
    b"\xd0\xcf\x11\xe0": "an Outlook or Office file; export mail as .eml",
    b"!BDN": "an Outlook data file; export mail as .eml or .mbox",
    b"SQLite format 3\0": "an SQLite database; export the table as CSV",
    b"%PDF-": "a PDF",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"ORC\n": "an ORC file; convert it to Parquet",
    b"Obj\x01": "an Avro file; convert it to Parquet",
    b"ARROW1": "an Arrow file; convert it to Parquet",
}
_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:(?:[ \t\r]|$)")
# Every mail has one of these headers; a file with other ones is something else.
_MAIL_HEADERS = frozenset(b"from subject date received message-id return-path".split())
_DAY = rb"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?[ \t]+"
_MONTH = rb"(?:\d{1,2}[ \t]+)?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_ENVELOPE = re.compile(
    rb"From (?:\S*[ \t].*(?:\d:\d\d|" + _DAY + _MONTH + rb")|[ \t]*\r?$)", re.IGNORECASE
)
_DATED = re.compile(rb"From .*" + _DAY + _MONTH + rb".*\d\d:\d\d.*\d{4}", re.IGNORECASE)
_JSON = re.compile(rb"\{|\[\s*\{")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
_EMLX_LENGTH = re.compile(rb"\d{1,10}[ \t]*\r?\n(?=[A-Za-z])")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file, or the `member` of a zip archive, by its position there, as two may have one name:
    `name` is relative to the folder `under`, `path` is for `filesystem`, `size` in bytes as stored.
    """

    name: str
    path: str
    size: int
    under: str = ""
    filesystem: fs.FileSystem = field(default_factory=lambda: LOCAL)
    member: int | None = None

    def open(self) -> "OpenedFile":
        """Open the content: unpacked, UTF-8 without a byte order mark where one tells the
        encoding, without leading blank lines.

        Raises:
            OSError: it cannot be opened or, later, unpacked.
        """
        stream = self._unpacked()
        promised = PACKED.get(posixpath.splitext(self.name)[1].lower())
        for _ in range(MAX_PACKINGS):
            head = stream.peek(8)
            packing = _packing(head)
            if promised and head and packing != promised:
                raise OSError(f"its name says {promised}, its content does not")
            if packing is None:
                break
            stream, promised = _unpack(stream, packing), None
        if _packing(stream.peek(8)):
            raise OSError(f"is packed more than {MAX_PACKINGS} times; unpack it")
        return _normalised(stream)

    def open_random(self) -> pa.NativeFile:
        """Open the content, to read anywhere in it; unpacked on disk where it is packed."""
        if self.member is None and without_packing(self.name) == self.name:
            return self.filesystem.open_input_file(self.path)
        unpacked = tempfile.TemporaryFile()  # noqa: SIM115
        with self.open() as opened:
            shutil.copyfileobj(opened.stream, unpacked)
        unpacked.seek(0)
        return pa.PythonFile(unpacked, "r")

    def members(self) -> "list[SourceFile]":
        """Return the files in a zip archive.

        Raises:
            OSError: it is not an archive, or is damaged.
        """
        try:
            with self.open_random() as file, zipfile.ZipFile(file) as archive:
                members = [(_inner_name(m.filename), m) for m in archive.infolist()]
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise OSError(f"is a damaged zip archive ({error})") from error
        counts = Counter(name for name, _ in members)
        found = []
        for number, (name, member) in enumerate(members):
            if not member.is_dir() and not hidden(name):
                own = name if counts[name] == 1 else f"{number}/{name}"
                size = member.file_size
                found.append(replace(self, name=f"{self.name}/{own}", member=number, size=size))
        if not found:
            raise OSError("is a zip archive without a file that can be read")
        return found

    def _unpacked(self) -> io.BufferedReader:
        if self.member is None:
            file = self.filesystem.open_input_stream(self.path, compression=None)
            return io.BufferedReader(file, SNIFFED_BYTES)
        try:
            archive = self.filesystem.open_input_file(self.path)
            opened = zipfile.ZipFile(archive)
            member = opened.open(opened.infolist()[self.member])
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, IndexError) as error:
            raise OSError(f"cannot be unpacked ({error}); unpack the archive first") from error
        return io.BufferedReader(_Unpacking(member), SNIFFED_BYTES)


@dataclass(frozen=True)
class OpenedFile:
    """A normalised stream of bytes; `skipped` blank lines came before it."""

    stream: io.BufferedReader
    skipped: int = 0
    notes: tuple[str, ...] = ()

    def __enter__(self) -> "OpenedFile":
        return self

    def __exit__(self, *error: object) -> None:
        self.stream.close()


class _Unpacking(io.RawIOBase):
    """A stream of Python's own unpackers; damage is an `OSError`, as Arrow's is."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # Buffer: Python 3.12
        """Fill `buffer`; 0 is the end."""
        try:
            data = self._stream.read(len(buffer))
        except (zipfile.BadZipFile, lzma.LZMAError, EOFError, ValueError) as error:
            raise OSError(f"is damaged ({error})") from error
        buffer[: len(data)] = data
        return len(data)


def _inner_name(name: str) -> str:
    """Return the name of a file in an archive without the parts `.` and `..` of its path."""
    return "/".join(part for part in name.split("/") if part not in {"", ".", ".."})


def _packing(head: bytes) -> str | None:
    """Return how data that begins with `head` is packed."""
    if _SKIPPABLE.match(head):
        return "zstd"
    return next((p for magic, p in _PACKINGS.items() if head.startswith(magic)), None)


def _unpack(stream: io.BufferedReader, packing: str) -> io.BufferedReader:
    if packing == "xz":
        return io.BufferedReader(_Unpacking(lzma.LZMAFile(stream)), SNIFFED_BYTES)
    return io.BufferedReader(pa.CompressedInputStream(stream, packing), SNIFFED_BYTES)


def _normalised(stream: io.BufferedReader) -> OpenedFile:
    """Return `stream` without its mark, as UTF-8 where it is UTF-16 or 32, from its first line."""
    head = stream.peek(SNIFFED_BYTES)
    if head.startswith(PARQUET):
        return OpenedFile(stream)
    if head[TAR_MAGIC_AT:].startswith(b"ustar"):
        raise OSError("is a tar archive; unpack it")
    foreign = next((what for magic, what in _FOREIGN.items() if head.startswith(magic)), None)
    if foreign:
        raise OSError(f"is {foreign}")
    skipped, notes = 0, []
    if byte_order_mark(head) not in {None, "utf-8-sig"}:
        text = Utf8Stream(stream)
        stream, notes = io.BufferedReader(text, SNIFFED_BYTES), text.notes()
    while head := stream.peek(SNIFFED_BYTES):
        if head.startswith(codecs.BOM_UTF8):
            stream.read(len(codecs.BOM_UTF8))
            continue
        blank = head[: len(head) - len(head.lstrip(b" \t\r\n"))]
        end = blank.rfind(b"\n") + 1
        if not end:
            break
        skipped += stream.read(end).count(b"\n")
    return OpenedFile(stream, skipped, tuple(notes))


def kind_of_name(name: str) -> FileKind | None:
    """Return the kind that a file's name promises, `None` for any other name."""
    return KINDS.get(posixpath.splitext(without_packing(name))[1].lower())


def without_packing(name: str) -> str:
    """Return a file's name without the suffix that says how it is packed."""
    stem, suffix = posixpath.splitext(name)
    return stem if suffix.lower() in PACKED else name


def kind_of_content(file: SourceFile, known: Collection[str]) -> FileKind:
    """Return the kind of a file whose name does not tell it; CSV by a header of `known` names.

    Raises:
        OSError: it cannot be opened, or its content is of no kind that can be read.
    """
    with file.open() as opened:
        head = opened.stream.peek(SNIFFED_BYTES)[:SNIFFED_BYTES]
    first = head.split(b"\n", 1)[0].decode(errors="replace").strip()
    cells = {cell.strip(' "') for cell in re.split(r"[,;\t|]", first)}
    if head.startswith(PARQUET):
        return FileKind.PARQUET
    if is_mailbox(head):
        return FileKind.MBOX
    if is_mail(_EMLX_LENGTH.sub(b"", head, count=1)):
        return FileKind.MAIL
    if _JSON.match(head):
        return FileKind.JSON
    if len(cells & set(known)) > 1 and not _CONTROLS.search(first):
        return FileKind.CSV
    raise OSError(f"has a format that is not supported (supported: {SUPPORTED}); convert it")


def is_mail(head: bytes) -> bool:
    """Return whether `head` begins with the headers of a mail."""
    return is_mail_header(head.split(b"\n"))


def is_mail_header(lines: Iterable[bytes]) -> bool:
    """Return whether `lines` start with the headers of a mail; only as many as needed are read."""
    for number, line in enumerate(lines):
        if match := _HEADER.match(line):
            if match[1].lower() in _MAIL_HEADERS:
                return True
        elif line.startswith((b"From ", b">From ")):
            if number > MAX_ENVELOPES:
                break
        elif not line.startswith((b" ", b"\t")):
            break
    return False


def is_mailbox(head: bytes) -> bool:
    """Return whether `head` starts like a mailbox: the line `From <who> <when>`, then headers."""
    envelope, _, rest = head.partition(b"\n")
    return is_envelope(envelope) and is_mail(rest)


def is_envelope(line: bytes, *, dated: bool = False) -> bool:
    """Return whether `line` is the line `From <who> <when>` before a message (RFC 4155).

    If `dated`, it must have the whole date that the RFC requires.
    """
    return (_DATED if dated else _ENVELOPE).match(line) is not None


def is_header(text: bytes) -> bool:
    """Return whether `text` begins with the line of a header."""
    return _HEADER.match(text.split(b"\n", 1)[0]) is not None


def without_emlx_length(data: bytes) -> bytes:
    """Return a mail without the length that Apple Mail writes before it and the list behind it."""
    match = _EMLX_LENGTH.match(data)
    return data[match.end() :][: int(match.group())] if match else data


def hidden(name: str) -> bool:
    """Return whether a path has a part that begins with a dot or an underscore."""
    return any(part.startswith((".", "_")) for part in name.split("/"))


def reason(error: Exception) -> str:
    """Return what is wrong, without the folders of this machine that system errors name."""
    number = getattr(error, "errno", None)
    if number:
        return os.strerror(number)
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    expected = isinstance(error, InvalidData | OSError | ValueError | EOFError | pa.ArrowException)
    return text if expected else f"{type(error).__name__}: {text[:200]}"
