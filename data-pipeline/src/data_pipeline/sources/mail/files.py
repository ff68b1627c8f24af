"""Mail in files: one mail each, or a mailbox."""

import re
from collections.abc import Iterator, Sequence
from io import BufferedReader

from data_pipeline.sources.columns import Wanted
from data_pipeline.sources.formats.files import SourceFile, reason
from data_pipeline.sources.formats.limits import MAIL_BYTES
from data_pipeline.sources.items import Failed, Item
from data_pipeline.sources.mail.rows import MailRows
from platform_core.errors import InvalidData

SEPARATOR = b"From "
MAILS = "mail"
# Inside a mail a line may begin with the same word, but not go on with a date.
_FROM_LINE = re.compile(rb"From \S*[ \t].*\d:\d\d")
SNIFFED_BYTES = 4_096
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]{1,60}):[ \t\r\n]")
# One of these is in every mail; a file with other headers is something else.
_TELLING = frozenset((b"from", b"subject", b"date", b"received", b"message-id", b"return-path"))
_LINE_BYTES = 1 << 16


def read_mails(files: Sequence[SourceFile], wanted: Wanted) -> Iterator[Item]:
    """Yield a row per file; a file that cannot be opened or is empty is named instead."""
    rows = MailRows(wanted, MAILS)
    for file in files:
        try:
            with file.open() as stream:
                data = stream.read(MAIL_BYTES)
        except (OSError, ValueError) as error:
            yield Failed(file.name, reason(error))
            continue
        if data.strip(b"\x00 \t\r\n"):
            yield from rows.add(file, data)
        else:
            yield Failed(file.name, "is empty")
    yield from rows.rest()


def read_mbox(file: SourceFile, wanted: Wanted) -> Iterator[Item]:
    """Yield a row per mail of a mailbox; one mail is held at a time.

    Raises:
        InvalidData: the file does not begin as a mailbox does.
    """
    rows = MailRows(wanted, file.name)
    with file.open() as stream:
        if not stream.peek(len(SEPARATOR)).startswith(SEPARATOR):
            raise InvalidData(
                f"{file.name} is no mbox: it does not begin with 'From '; name a single mail .eml"
            )
        for number, data in enumerate(_mails(stream), start=1):
            yield from rows.add(file, data, f"#{number}")
    yield from rows.rest()


def looks_like_mail(file: SourceFile) -> bool:
    """Say whether a file without a telling name begins with the headers of a mail."""
    with file.open() as stream:
        head = stream.read(SNIFFED_BYTES)
    names = set()
    for line in head.split(b"\n"):
        match = _HEADER.match(line + b"\n")
        if match:
            names.add(match.group(1).lower())
        elif not line.startswith((b" ", b"\t", SEPARATOR)):
            break
    return bool(names & _TELLING)


def _mails(stream: BufferedReader) -> Iterator[bytes]:
    """Yield the mails between the lines `From <who> <date>` that follow an empty one."""
    lines: list[bytes] = []
    size, after_empty, at_start = 0, True, True
    stream.readline()
    for line in iter(lambda: stream.readline(_LINE_BYTES), b""):
        if lines and at_start and after_empty and _FROM_LINE.match(line):
            yield _unquoted(lines)
            lines, size = [], 0
            after_empty = False
        elif size < MAIL_BYTES:
            lines.append(line)
            size += len(line)
        after_empty = at_start and not line.strip()
        at_start = line.endswith(b"\n")
    if lines:
        yield _unquoted(lines)


def _unquoted(lines: list[bytes]) -> bytes:
    return _QUOTED.sub(rb"\1", b"".join(lines))
