"""From a source to raw parts in blob storage."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pyarrow as pa

from data_pipeline.settings import IngestSettings
from data_pipeline.sources.columns import Wanted
from data_pipeline.sources.items import Ended, Failed, Item, Remark, Rows
from data_pipeline.sources.parts import PartWriter
from data_pipeline.sources.progress import Meter, Say
from data_pipeline.sources.raw import IngestSummary, UnreadableFile, raw_folder
from data_pipeline.sources.request import IngestRequest, shown
from data_pipeline.sources.source import Source, open_source
from platform_core.errors import InvalidData
from platform_core.ports.blob_store import BlobStore
from use_cases import UseCase

Session = Callable[[], AbstractContextManager[None]]
MAX_WARNINGS, MAX_NAMED = 100, 1_000


def ingest(
    case: UseCase,
    store: BlobStore,
    folder: str,
    request: IngestRequest,
    progress: Say,
    settings: IngestSettings,
    ray_session: Session | None = None,
) -> IngestSummary:
    """Write the records of a source as raw parts below `folder` and return what was found.

    Memory is bounded by parts, not by the source. Nothing is left behind when it fails; what an
    earlier attempt left in `folder` is replaced.

    Args:
        case: whose records they are.
        store: where the parts go.
        folder: `<container>/<path>` of the run.
        request: what to read.
        progress: is told rows, MB and rows/s every two seconds and at the end.
        settings: limits.
        ray_session: connects to Ray for sources above `data_in_process_bytes`; without it all
            is read in this process.

    Raises:
        InvalidData: the source is absent, empty, unreadable beyond what is allowed, or lacks
            columns; the message names what and where.
        UpstreamUnavailable: a server or the cluster does not answer.
        ConfigurationError: a library for this kind of source is not installed.
    """
    wanted = Wanted.by(case, request.renaming)
    meter = Meter(progress, time.monotonic)
    with (
        PartWriter(store, raw_folder(folder), wanted.ordered) as writer,
        open_source(case, store, request, settings) as source,
    ):
        account = _Account(writer, wanted, meter, list(source.unreadable))
        for item in _items(source, wanted, settings, ray_session):
            account.take(item)
        account.refuse(source, settings.data_max_unreadable_share)
        summary = account.summary(shown(request.data))
        writer.seal(summary)
    return summary


def _items(
    source: Source, wanted: Wanted, settings: IngestSettings, ray_session: Session | None
) -> Iterator[Item]:
    small = source.bytes <= settings.data_in_process_bytes
    if small or source.here or ray_session is None:
        for unit in source.units:
            yield from unit.read(wanted)
        return
    with ray_session():
        from data_pipeline.sources.on_ray import read_on_ray  # a slow import that few need

        yield from read_on_ray(source.units, wanted)


@dataclass
class _Account:
    """Takes items in order and keeps the books."""

    writer: PartWriter
    wanted: Wanted
    meter: Meter
    unreadable: list[UnreadableFile]
    failed: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    rows: int = 0
    files: int = 0
    malformed: int = 0

    def take(self, item: Item) -> None:
        match item:
            case Rows() if item.file not in self.failed:
                self.writer.add(item.file, self._numbered(item.batch))
                self.meter.add(item.batch.num_rows, 0)
            case Ended() if item.file not in self.failed:
                self.files += item.files
                self.malformed += item.malformed
                self.meter.add(0, item.bytes)
            case Failed() if item.file not in self.failed:
                self.failed.add(item.file)
                self.unreadable.append(UnreadableFile(file=item.file, reason=item.reason))
            case Remark() if len(self.warnings) < MAX_WARNINGS:
                self.warnings.append(item.text)

    def refuse(self, source: Source, max_share: float) -> None:
        """Raise `InvalidData` where too little could be read."""
        bad = self.unreadable
        if bad and (len(bad) >= source.files or len(bad) > max_share * source.files):
            first = f"{bad[0].file}: {bad[0].reason}"
            if source.files == 1:
                raise InvalidData(bad[0].reason if bad[0].file in bad[0].reason else first)
            raise InvalidData(
                f"{len(bad)} of {source.files} files cannot be read, more than "
                f"DATA_MAX_UNREADABLE_SHARE allows ({max_share:.0%}); the first is {first}"
            )

    def summary(self, shown_source: str) -> IngestSummary:
        """End the parts; raises `InvalidData` when no rows are left."""
        parts, schema, rows = self.writer.finish(self.failed)
        if rows == 0:
            malformed = f" ({self.malformed} lines could not be parsed)" if self.malformed else ""
            raise InvalidData(
                f"{shown_source} has no rows{malformed}; give a file with labelled records"
            )
        return IngestSummary(
            source=shown_source,
            rows=rows,
            files=self.files,
            seconds=self.meter.end(rows, self._note()),
            bytes=self.meter.bytes,
            unreadable=tuple(self.unreadable[:MAX_NAMED]),
            columns=tuple(schema.names),
            rows_malformed=self.malformed,
            warnings=tuple(self.warnings),
            parts=parts,
        )

    def _numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return `batch` with an id per row where the source has none."""
        name, start = self.wanted.id, self.rows
        self.rows += batch.num_rows
        if name is None or name in batch.schema.names:
            return batch
        ids = [f"row-{number}" for number in range(start, self.rows)]
        columns = {name: pa.array(ids, pa.string())} | dict(
            zip(batch.schema.names, batch.columns, strict=True)
        )
        return pa.record_batch(list(columns.values()), names=list(columns))

    def _note(self) -> str:
        notes = [
            f"{count:,} {what}"
            for count, what in (
                (len(self.unreadable), "files unreadable"),
                (self.malformed, "lines left out"),
            )
            if count
        ]
        return f"; {', '.join(notes)}" if notes else ""
