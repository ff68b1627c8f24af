"""Mails as rows: in batches of bounded size, with the label that their place gives them."""

from collections.abc import Collection, Iterator
from posixpath import splitext

import pyarrow as pa

from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import SourceRows
from data_pipeline.sources.formats.opening import BATCH_BYTES, SourceFile, without_packing
from data_pipeline.sources.mail.message import read_mail
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


class MailRows:
    """Collects messages; `full` and `rest` give batches.

    `name` stands for what they come from where columns are missing. `without_text` counts
    messages without a body.
    """

    def __init__(self, mapping: ColumnMapping, first: SourceFile, name: str) -> None:
        self._mapping, self._name = mapping, name
        # Columns of the use case's own names; those that COLUMNS maps keep theirs.
        ours = {ID: mapping.id, LABEL: mapping.label, DATE: mapping.time}
        mapped = {*mapping.renaming, *mapping.renaming.values()}
        fields = [
            field.with_name(ours.get(field.name) or field.name)
            if not mapped & {field.name, ours.get(field.name)} else field
            for field in SCHEMA
        ]  # fmt: skip
        place = SourceFile(name, first.path, first.size)
        self._selection = mapping.select(place, fields)
        self._rows: list[dict[str, object]] = []
        self._bytes = self.without_text = 0

    def add(self, file: SourceFile, data: bytes, place: str) -> str:
        """Add one message of `file`; return why it cannot be read, "" if it can.

        `place` is its id where the message has none.
        """
        mail = read_mail(data)
        if mail.problem:
            return mail.problem
        self._rows.append(
            {
                ID: mail.message_id or place,
                "subject": mail.subject,
                "body": mail.body,
                "sender": mail.sender,
                DATE: mail.date,
                LABEL: label_of(file, self._mapping.label_values),
                "n_attachments": mail.attachments,
                "n_parts": mail.parts,
                "has_html": mail.has_html,
                SOURCE_COLUMN: file.name,
            }
        )
        self._bytes += len(mail.body)
        self.without_text += not mail.body.strip()
        return ""

    def full(self) -> Iterator[SourceRows]:
        """Give a batch when there is enough."""
        if len(self._rows) >= ROWS or self._bytes >= BATCH_BYTES:
            yield from self.rest()

    def rest(self) -> Iterator[SourceRows]:
        """Give what was not given yet."""
        if not self._rows:
            return
        batch = pa.RecordBatch.from_pylist(self._rows, schema=SCHEMA)
        self._rows, self._bytes = [], 0
        columns = [batch.column(index) for index in self._selection.indices]
        yield SourceRows(self._name, self._selection.apply(columns, batch.column(SOURCE_COLUMN)))


def label_of(file: SourceFile, known: Collection[str]) -> str | None:
    """Return the nearest name above (or of) a file that is a known spelling of a label.

    Words go before numbers: a folder called `1` below `ham` is the first of several. Folders may
    be Maildir's (`.Spam`), Hive's (`label=spam`) or a mailbox (`spam.mbox`).
    """
    *above, own = without_packing(file.name).split("/")
    folders = [_bare(part) for part in (*reversed(above), file.under)]
    stem, suffix = splitext(own.lower())
    words = [name for name in (stem, *folders) if not name.isdigit()]
    # The number of a mail is not a label; the name of a mailbox may be one.
    numbers = [stem, *folders] if suffix == ".mbox" else folders
    return next((name for name in (*words, *numbers) if name in known), None)


def _bare(folder: str) -> str:
    name = folder.lower().removesuffix(".mbox").removesuffix(".zip").removesuffix(".sbd")
    return name.rpartition("=")[2].rpartition(".")[2]
