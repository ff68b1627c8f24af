"""The dataset version that new rows are added to: its records, row group by row group."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_pipeline.columns import ROW_ID
from data_pipeline.versions.files import CONTRADICTION, Quarantine
from data_pipeline.versions.identity import ids_as_integers
from data_pipeline.versions.manifest import DatasetManifest
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import EXTRA_COLUMNS_FILE, RECORDS_FILE, dataset_path


class BaseRecords:
    """The records of a dataset version, without contents that new data contradicts."""

    def __init__(
        self, store: BlobStore, base: DatasetManifest, folder: Path, contradictory: np.ndarray
    ) -> None:
        self._store, self._contradictory = store, contradictory
        self._folder = dataset_path(base.use_case, base.dataset_version)
        self._path = folder / "base-records.parquet"
        store.download(f"{self._folder}/{RECORDS_FILE}", self._path)

    def merged(self, new: Iterator[pa.Table], quarantine: Quarantine) -> Iterator[pa.Table]:
        """Yield the base's records and `new` ones, both ordered by `row_id`, as one."""
        waiting = next(new, None)
        for group in self._groups(quarantine):
            last = group[ROW_ID][-1]
            ready = []
            while waiting is not None and pc.less(waiting[ROW_ID][-1], last).as_py():
                ready.append(waiting)
                waiting = next(new, None)
            if waiting is not None:
                early = pc.less(waiting[ROW_ID], last)
                ready.append(waiting.filter(early))
                waiting = waiting.filter(pc.invert(early))
            yield pa.concat_tables([group, *ready]).sort_by(ROW_ID)
        if waiting is not None:
            yield waiting
        yield from new

    def extra_columns(self) -> list[pa.Table]:
        """Return the columns of the source that the use case does not name, where it has any."""
        path = f"{self._folder}/{EXTRA_COLUMNS_FILE}"
        if not self._store.exists(path):
            return []
        table = read_table(self._store, path)
        gone = np.isin(ids_as_integers(table[ROW_ID]), self._contradictory)
        return [table.filter(pa.array(~gone))]

    def _groups(self, quarantine: Quarantine) -> Iterator[pa.Table]:
        with pq.ParquetFile(self._path) as file:
            for number in range(file.num_row_groups):
                group = file.read_row_group(number)
                gone = pa.array(np.isin(ids_as_integers(group[ROW_ID]), self._contradictory))
                quarantine.add_records(group.filter(gone), None, CONTRADICTION)
                group = group.filter(pc.invert(gone))
                if group.num_rows:
                    yield group
