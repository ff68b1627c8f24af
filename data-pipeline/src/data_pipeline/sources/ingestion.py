"""From a source to raw parts in blob storage."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pyarrow as pa

from data_pipeline.settings import IngestSettings
from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import (
    FileFailed,
    FileFinished,
    Note,
    QuarantinedPieces,
    ReadEvent,
    SourceRows,
)
from data_pipeline.sources.locate import Source, open_source
from data_pipeline.sources.parts import PartWriter
from data_pipeline.sources.raw import IngestSummary, InputCount, UnreadableFile, raw_folder
from data_pipeline.sources.request import IngestRequest, shown, source_names
from platform_core.errors import InvalidData
from platform_core.ports.blob_store import BlobStore
from use_cases import UseCase

Session = Callable[[], AbstractContextManager[None]]
Say = Callable[[str], None]
MAX_WARNINGS, MAX_NAMED = 100, 1_000
EVERY_SECONDS = 2.0


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
    names = source_names(request.data)
    mapping = ColumnMapping.of(case, request.renaming, pooled=bool(names))
    meter = ProgressMeter(progress, time.monotonic)
    with (
        PartWriter(store, raw_folder(folder)) as writer,
        open_source(case, store, request, settings, mapping.known) as source,
    ):
        ingestion = _Ingestion(case, writer, mapping, meter, list(source.unreadable))
        for event in _events(source, mapping, settings, ray_session):
            ingestion.take(event)
        ingestion.refuse(source, settings.data_max_unreadable_share)
        writer.finish()
        summary = ingestion.summary(shown(request.data), names)
        summary = summary.model_copy(update={"feedback": source.feedback})
        writer.seal(summary)
    return summary


def _events(
    source: Source, mapping: ColumnMapping, settings: IngestSettings, ray_session: Session | None
) -> Iterator[ReadEvent]:
    small = source.bytes <= settings.data_in_process_bytes
    if small or source.here or ray_session is None:
        for task in source.tasks:
            yield from task.read(mapping)
        return
    with ray_session():
        from data_pipeline.sources.on_ray import read_on_ray  # a slow import that few need

        yield from read_on_ray(source.tasks, mapping)


@dataclass
class _Input:
    """Counts of one input."""

    unit: str = ""
    total: int = 0
    set_aside: int = 0
    pieces: int = 0
    files: int = 0
    rows: int = 0


@dataclass
class _Ingestion:
    """Takes events in order and counts."""

    case: UseCase
    writer: PartWriter
    mapping: ColumnMapping
    meter: "ProgressMeter"
    unreadable: list[UnreadableFile]
    failed: set[str] = field(default_factory=set)
    inputs: dict[str, _Input] = field(default_factory=dict)
    truncated: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    rows: int = 0

    def take(self, event: ReadEvent) -> None:
        if isinstance(event, Note):
            self.warnings += [event.text] if len(self.warnings) < MAX_WARNINGS else []
            return
        if event.file in self.failed:
            return
        counts = self.inputs.setdefault(event.file, _Input())
        match event:
            case SourceRows(batch=batch):
                cut, truncated = self.case.declaration.truncate(self._numbered(batch))
                self.truncated.update({n: mask.true_count for n, mask in truncated.items()})
                self.writer.add(cut)
                counts.rows += batch.num_rows
                self.meter.add(batch.num_rows, 0)
            case QuarantinedPieces(pieces=pieces):
                self.writer.set_aside(event.file, pieces)
                counts.pieces += len(pieces)
                counts.set_aside += sum(piece.units for piece in pieces)
            case FileFinished():
                counts.unit = event.unit
                counts.total += event.total
                counts.files += event.files
                self.meter.add(0, event.size)
            case FileFailed():
                self.failed.add(event.file)
                self.inputs.pop(event.file)
                self.unreadable.append(UnreadableFile(file=event.file, reason=event.reason))

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

    def summary(self, shown_source: str, pooled: tuple[str, ...]) -> IngestSummary:
        """Return what was found; raises `InvalidData` when no rows are left."""
        counts = self.inputs.values()
        rows, malformed = sum(c.rows for c in counts), sum(c.pieces for c in counts)
        if rows == 0:
            first = "; ".join(self.warnings[-1:])
            why = f" ({malformed} lines could not be parsed; {first})" if malformed else ""
            raise InvalidData(f"{shown_source} has no rows{why}; give a file with labelled records")
        self._refuse_empty(pooled)
        warnings = self.warnings + [
            f"{count} values of {name} were longer than {self.mapping.limits[name]:,} characters "
            "and were cut" for name, count in self.truncated.items() if count
        ]  # fmt: skip
        return IngestSummary(
            source=shown_source,
            pooled=pooled,
            rows=rows,
            files=sum(c.files for c in counts),
            seconds=self.meter.end(rows, self._note(malformed)),
            bytes=self.meter.bytes,
            unreadable=tuple(self.unreadable),
            columns=tuple(self.mapping.ordered(self.writer.schema.names)),
            rows_malformed=malformed,
            inputs=tuple(self._counts()),
            truncated=dict(+self.truncated),
            warnings=tuple(warnings),
            parts=tuple(self.writer.names),
        )

    def _refuse_empty(self, pooled: tuple[str, ...]) -> None:
        """Raise `InvalidData` where one of several sources gave no row."""
        given = {name.partition("/")[0] for name, counts in self.inputs.items() if counts.rows}
        for name in pooled:
            if name not in given:
                bad = (one for one in self.unreadable if one.file.partition("/")[0] == name)
                why = "".join(f": {one.reason}" for one in bad)
                raise InvalidData(
                    f"the source {name} of DATA has no rows{why}; give labelled records or "
                    "leave it out"
                )

    def _counts(self) -> Iterator[InputCount]:
        """Yield the account of each input; what is beyond a thousand of them in one."""
        rest: dict[str, _Input] = {}
        for number, (name, counts) in enumerate(self.inputs.items()):
            if number < MAX_NAMED:
                yield _count(name, counts)
            else:
                others = rest.setdefault(counts.unit, _Input(counts.unit))
                others.total += counts.total
                others.set_aside += counts.set_aside
        yield from (_count("other inputs", counts) for counts in rest.values())

    def _numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return `batch` with an id per row where the source has none."""
        name, start = self.mapping.id, self.rows
        self.rows += batch.num_rows
        if name is None or name in batch.schema.names:
            return batch
        ids = pa.array([f"row-{number}" for number in range(start, self.rows)], pa.string())
        return pa.record_batch([ids, *batch.columns], names=[name, *batch.schema.names])

    def _note(self, malformed: int) -> str:
        counts = (len(self.unreadable), "files unreadable"), (malformed, "lines left out")
        notes = [f"{count:,} {what}" for count, what in counts if count]
        return f"; {', '.join(notes)}" if notes else ""


def _count(name: str, counts: _Input) -> InputCount:
    return InputCount(
        input=name,
        unit=counts.unit,
        total=counts.total,
        read=counts.total - counts.set_aside,
        set_aside=counts.set_aside,
    )


class ProgressMeter:
    """Counts rows and bytes and reports them; `timer` gives seconds."""

    def __init__(self, say: Say, timer: Callable[[], float]) -> None:
        self._say, self._timer = say, timer
        self._start = self._last = timer()
        self.rows = self.bytes = 0

    def add(self, rows: int, size: int) -> None:
        """Count; report when the last report is two seconds old."""
        self.rows += rows
        self.bytes += size
        now = self._timer()
        if now - self._last >= EVERY_SECONDS:
            self._last = now
            self._say(f"read {self._figures(now - self._start)} …")

    def end(self, rows: int, note: str) -> float:
        """Report the result and return the seconds in all."""
        seconds = self._timer() - self._start
        self.rows = rows
        self._say(f"read {self._figures(seconds)} in {seconds:.1f} s{note}")
        return seconds

    def _figures(self, seconds: float) -> str:
        speed = f", {self.rows / seconds:,.0f} rows/s" if seconds > 0 else ""
        return f"{self.rows:,} rows, {self.bytes / 1e6:,.1f} MB{speed}"
