"""Mail in files: one message each, or a mailbox (mboxo, mboxrd, mboxcl)."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from io import BufferedReader, BytesIO
from itertools import islice

from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import (
    MESSAGES,
    FileFailed,
    FileFinished,
    Note,
    ReadEvent,
    RejectCollector,
)
from data_pipeline.sources.formats.opening import (
    MAIL_BYTES,
    SourceFile,
    is_envelope,
    is_mail_header,
    is_mailbox,
    reason,
    without_emlx_length,
)
from data_pipeline.sources.mail.rows import MailRows
from platform_core.errors import InvalidData

MAILS = "mail"
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_LENGTH = re.compile(rb"content-length:[ \t]*(\d{1,9})[ \t]*\r?\n", re.IGNORECASE)
_LINE_BYTES = 1 << 16
# Between a body whose length is known and the next envelope.
MAX_EMPTY_LINES = 5
# Of a mail these are looked at for a header that every mail has.
MAX_HEADERS = 1_000


def read_mails(files: Sequence[SourceFile], mapping: ColumnMapping) -> Iterator[ReadEvent]:
    """Yield a row per message; a file that cannot be opened or is empty is named instead."""
    rows, total = MailRows(mapping, files[0], MAILS), 0
    rejects = RejectCollector(MAILS)
    for file in files:
        try:
            with file.open() as opened:
                data = opened.stream.read(MAIL_BYTES)
        except (OSError, ValueError) as error:
            yield FileFailed(file.name, reason(error))
            continue
        if not data.strip(b"\x00 \t\r\n"):
            yield FileFailed(file.name, "is empty")
            continue
        if data.startswith(b"From ") and _holds_several(data):
            yield FileFailed(file.name, "contains several messages; name it .mbox")
            continue
        total += 1
        if problem := rows.add(file, without_emlx_length(data), file.name):
            rejects.add(total, 1, problem)
        yield from rows.full()
    yield from rows.rest()
    yield from rejects.events()
    if rejects.first:
        yield Note(f"{MAILS}: the first message left out is {rejects.first}")
    yield from _without_text(rows, MAILS)
    yield FileFinished(MAILS, MESSAGES, total, sum(file.size for file in files), files=len(files))


def read_mbox(
    file: SourceFile, mapping: ColumnMapping, rejects: RejectCollector
) -> Iterator[ReadEvent]:
    """Yield a row per message of a mailbox; one message is held at a time.

    Raises:
        InvalidData: the file does not begin as a mailbox does.
    """
    rows, number = MailRows(mapping, file, file.name), 0
    with file.open() as opened:
        if not is_mailbox(opened.stream.peek()):
            raise InvalidData(
                f"{file.name} is not an mbox: it does not begin with 'From ' and headers; name a "
                "single mail .eml"
            )
        for number, data in enumerate(_Mailbox(opened.stream).messages(), start=1):
            if problem := rows.add(file, data, f"{file.name}#{number}"):
                rejects.add(number, 1, problem)
            yield from rows.full()
    yield from rows.rest()
    yield from rejects.events()
    yield from _without_text(rows, file.name)
    yield FileFinished(file.name, MESSAGES, number, file.size)


def _holds_several(data: bytes) -> bool:
    messages = _Mailbox(BufferedReader(BytesIO(data))).messages()
    return len(list(islice(messages, 2))) > 1


def _without_text(rows: MailRows, name: str) -> Iterator[Note]:
    if rows.without_text:
        yield Note(f"{name}: {rows.without_text} messages have no text; their body is empty")


class _Mailbox:
    """The lines of a mailbox, of which some can be given again."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self._again: deque[bytes] = deque()
        self._trust_lengths = True

    def messages(self) -> Iterator[bytes]:
        """Yield the messages between the envelope lines; those follow an empty line."""
        line = self._line()
        while line:
            lines: list[bytes] = []
            size, length, in_headers, at_start, after_empty = 0, 0, True, True, False
            while line := self._line():
                # A line in a text may look like an envelope line; then no mail follows it.
                is_from = at_start and line.startswith(b"From ")
                if is_from and self._is_border(line, after_empty):
                    break
                if size < MAIL_BYTES:
                    lines.append(line)
                    size += len(line)
                after_empty = at_start and not line.strip()
                at_start = line.endswith(b"\n")
                if in_headers and (match := _LENGTH.match(line)):
                    length = int(match[1])
                if in_headers and after_empty:
                    in_headers = False
                    lines += (body := self._counted(length))
                    size += sum(map(len, body))
            yield _QUOTED.sub(rb"\1", b"".join(lines))

    def _line(self) -> bytes:
        return self._again.popleft() if self._again else self._stream.readline(_LINE_BYTES)

    def _is_border(self, line: bytes, after_empty: bool) -> bool:
        """Return whether a mail starts with `line`.

        Some programs leave out the empty line before it; then it must have a whole date.
        """
        if not is_envelope(line, dated=not after_empty):
            return False
        following: list[bytes] = []
        found = is_mail_header(self._followed(following))
        self._again.extendleft(reversed(following))
        return found

    def _followed(self, taken: list[bytes]) -> Iterator[bytes]:
        """Yield the first lines that follow, and add them to `taken`."""
        while len(taken) < MAX_HEADERS and (line := self._line()):
            taken.append(line)
            yield line

    def _counted(self, length: int) -> list[bytes]:
        """Return the body of `length` bytes that the headers promise (mboxcl), nothing where no
        message ends there: then the lengths of this mailbox are not used again.
        """
        if not self._trust_lengths or not 0 < length <= MAIL_BYTES:
            return []
        data = b"".join(self._again)
        self._again.clear()
        data += self._stream.read(max(0, length - len(data)))
        self._again.extend(BytesIO(data[length:]))
        following = [self._line()]
        while following[-1] and not following[-1].strip() and len(following) < MAX_EMPTY_LINES:
            following.append(self._line())
        self._again.extendleft(reversed(following))
        ends = not following[-1] or is_envelope(following[-1])
        if len(data) >= length and ends:
            return [data[:length]]
        self._trust_lengths = False
        self._again.extendleft(reversed(list(BytesIO(data[:length]))))
        return []
