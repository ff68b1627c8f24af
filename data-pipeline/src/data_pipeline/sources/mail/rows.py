"""Mails as rows: in batches of bounded size, with the label that their place gives them."""

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import TypeVar

import pyarrow as pa

from data_pipeline.sources.columns import Wanted
from data_pipeline.sources.formats.files import SourceFile
from data_pipeline.sources.formats.kinds import Kind, kind_of, unpacked
from data_pipeline.sources.formats.limits import BATCH_BYTES
from data_pipeline.sources.items import Rows
from data_pipeline.sources.mail.message import Mail, read_mail
from data_pipeline.sources.raw import SOURCE_COLUMN

ID, LABEL, DATE = "email_id", "label", "date"
SCHEMA = pa.schema(
    [
        *(pa.field(n, pa.string()) for n in (ID, "subject", "body", "sender", DATE, LABEL)),
        *(pa.field(name, pa.int64()) for name in ("n_attachments", "n_parts")),
        pa.field("has_html", pa.bool_()),
        pa.field(SOURCE_COLUMN, pa.string()),
    ]
)
ROWS = 500
Columns = TypeVar("Columns", pa.RecordBatch, pa.Table)


class MailRows:
    """Collects mails; `add` and `rest` give batches when there is enough.

    `name` stands for what they come from where columns are missing.
    """

    def __init__(self, wanted: Wanted, name: str) -> None:
        self._wanted, self._name = wanted, name
        self._chosen = wanted.choose(name, _named(SCHEMA.empty_table(), wanted).schema)
        self._rows: list[dict[str, object]] = []
        self._bytes = 0

    def add(self, file: SourceFile, data: bytes, place: str = "") -> Iterator[Rows]:
        """Take one mail; `place` is where in `file` it stands."""
        mail = read_mail(data)
        self._rows.append(self._row(file, mail, f"{file.name}{place}"))
        self._bytes += len(mail.body)
        if len(self._rows) >= ROWS or self._bytes >= BATCH_BYTES:
            yield from self.rest()

    def rest(self) -> Iterator[Rows]:
        """Give what was not given yet."""
        if not self._rows:
            return
        batch = pa.RecordBatch.from_pylist(self._rows, schema=SCHEMA)
        self._rows, self._bytes = [], 0
        named = _named(batch, self._wanted)
        yield Rows(self._name, self._chosen.apply(named, batch.column(SOURCE_COLUMN)))

    def _row(self, file: SourceFile, mail: Mail, place: str) -> dict[str, object]:
        limits = self._wanted.limits
        row: dict[str, object] = {
            ID: mail.message_id or place,
            "subject": mail.subject,
            "body": mail.body,
            "sender": mail.sender,
        }
        cut = {name: text[: limits.get(name)] for name, text in row.items()}  # type: ignore[index]
        return cut | {
            DATE: mail.date,
            LABEL: label_of(file, self._wanted.label_values),
            "n_attachments": mail.attachments,
            "n_parts": mail.parts,
            "has_html": mail.has_html,
            SOURCE_COLUMN: file.name,
        }


def label_of(file: SourceFile, known: Collection[str]) -> str | None:
    """Return the nearest name above (or of) a file that is a known spelling of a label.

    Words go before numbers: a folder called `1` below `ham` is the first of several.
    """
    path = PurePosixPath(unpacked(file.name))
    folders = [part.lower() for part in reversed(path.parent.parts)] + [file.under.lower()]
    stem = path.stem.lower()
    words = [name for name in (stem, *folders) if not name.isdigit()]
    # The number of a mail is no label; the name of a mailbox may be one.
    numbers = [stem, *folders] if kind_of(file.name) is Kind.MBOX else folders
    return next((name for name in (*words, *numbers) if name in known), None)


def _named(batch: Columns, wanted: Wanted) -> Columns:
    """Return `batch` with the names that the use case has for id, label and time."""
    ours = {ID: wanted.id, LABEL: wanted.label, DATE: wanted.time}
    mapped = {*wanted.renaming, *wanted.renaming.values()}
    renamed = [
        ours.get(name) or name if not mapped & {name, ours.get(name)} else name
        for name in batch.schema.names
    ]
    return batch.rename_columns(renamed)
