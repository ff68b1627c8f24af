"""Datasets of Hugging Face: `hf://owner/name[:config][@split]`, streamed, no code run."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import ROWS, FileFinished, ReadEvent, SourceRows
from data_pipeline.sources.formats.opening import BATCH_BYTES, SourceFile
from platform_core.errors import ConfigurationError, InvalidData, UpstreamUnavailable

SCHEME = "hf://"
DEFAULT_SPLIT = "train"
ROWS_AT_ONCE = 1_000
_ADDRESS = re.compile(
    r"(?P<path>/[^:@]+|[\w.-]+(?:/[\w.-]+)?)(?::(?P<config>[\w.-]+))?(?:@(?P<split>[\w.-]+))?"
)


@dataclass(frozen=True)
class HuggingFaceData:
    """A dataset by name (or the absolute path of a folder), its configuration and its split; of
    unknown size.
    """

    path: str
    config: str | None
    split: str
    bytes: int = 0

    @classmethod
    def parse(cls, data: str) -> "HuggingFaceData":
        """Return what `hf://…` names.

        Raises:
            InvalidData: it is not of that form.
        """
        match = _ADDRESS.fullmatch(data.removeprefix(SCHEME))
        if match is None:
            raise InvalidData(
                f"{data.partition('?')[0]} does not name a dataset; write hf://owner/name, "
                "hf://owner/name:config@split or hf:///absolute/folder"
            )
        return cls(match["path"], match["config"], match["split"] or DEFAULT_SPLIT)

    def read(self, mapping: ColumnMapping) -> Iterator[ReadEvent]:
        """Yield the rows of the split.

        A label that the dataset keeps as a number with names becomes its name where the use case
        knows all of them: the order of the names is the dataset's own.

        Raises:
            ConfigurationError: the library is not installed.
            InvalidData: there is no such dataset, configuration, split or column.
            UpstreamUnavailable: the hub cannot be reached.
        """
        loaded = self._load()
        names = _label_names(loaded.features, mapping)
        size = total = 0
        for batch in self._batches(loaded):
            selection = mapping.select(SourceFile(self.path, self.path, 0), list(batch.schema))
            if not total:
                yield from selection.notes(self.path)
            columns = [batch.column(index) for index in selection.indices]
            rows = selection.apply(columns, f"{self.path}@{self.split}")
            size += rows.nbytes
            total += rows.num_rows
            yield SourceRows(self.path, _with_names(rows, mapping.label, names))
        yield FileFinished(self.path, ROWS, total, size)

    def _load(self) -> Any:
        try:
            import datasets
        except ImportError as error:
            raise ConfigurationError(
                "DATA=hf://… needs the extra `hugging-face`: "
                "pip install 'mlplatform-data-pipeline[hugging-face]'"
            ) from error
        datasets.disable_progress_bars()
        with self._translated():
            return datasets.load_dataset(self.path, self.config, split=self.split, streaming=True)

    def _batches(self, loaded: Any) -> Iterator[pa.RecordBatch]:
        with self._translated():
            for table in loaded.with_format("arrow").iter(batch_size=ROWS_AT_ONCE):
                step = max(1, table.num_rows * BATCH_BYTES // max(table.nbytes, 1))
                yield from table.combine_chunks().to_batches(max_chunksize=step)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the errors of the library into ours."""
        try:
            yield
        except Exception as error:
            name = f"{SCHEME}{self.path}"
            detail = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            if _is_network(error):
                raise UpstreamUnavailable(
                    f"Hugging Face cannot be reached for {name} ({detail}); check the "
                    "network, or use a local copy: hf:///absolute/folder"
                ) from error
            raise InvalidData(
                f"{name} cannot be read (configuration {self.config or 'none'}, split "
                f"{self.split}): {detail}. Write hf://owner/name:config@split; datasets that "
                "need their own code are not supported"
            ) from error


def _is_network(error: BaseException | None) -> bool:
    """Return whether an error, or what it came from, is of the network."""
    while error is not None:
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & {"ConnectionError", "TransportError", "OfflineModeIsEnabled", "TimeoutError"}:
            return True
        error = error.__cause__ or error.__context__
    return False


def _label_names(features: Any, mapping: ColumnMapping) -> list[str] | None:
    source = next((s for s, target in mapping.renaming.items() if target == mapping.label), None)
    feature = (features or {}).get(source or mapping.label)
    names = getattr(feature, "names", None)
    known = names and all(name.strip().lower() in mapping.label_values for name in names)
    return list(names) if names and known else None


def _with_names(batch: pa.RecordBatch, label: str, names: list[str] | None) -> pa.RecordBatch:
    index = batch.schema.get_field_index(label)
    column = batch.column(index)
    if names is None or not pa.types.is_integer(column.type):
        return batch
    # The hub writes -1 where a label is not known.
    texts = [
        names[v] if v is not None and 0 <= v < len(names) else None for v in column.to_pylist()
    ]
    return batch.set_column(index, label, pa.array(texts, pa.string()))
