"""What is kept in memory of every row: a few numbers, never its text."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_pipeline.columns import CLUSTER, LABEL, MINHASH, PART, ROW_ID, TEST, TRAIN
from data_pipeline.duplicates.near_duplicates import CHUNK_ROWS, PERMUTATIONS, SCHEME, SignatureFile
from data_pipeline.validation.rows import CheckedBatch
from data_pipeline.validation.times import Times, no_times
from data_pipeline.versions.identity import ids_as_integers, ids_as_text
from data_pipeline.versions.manifest import DatasetManifest
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.parquet import COMPRESSION
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import INDEX_FILE, dataset_path
from use_cases import UseCase

NO_POSITION = -1
SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in (ROW_ID, LABEL, CLUSTER, PART)),
        pa.field(MINHASH, pa.binary(PERMUTATIONS)),
    ],
    metadata={MINHASH: SCHEME},
)


@dataclass(frozen=True)
class Arrivals:
    """Accepted rows of a source in the order they came, an entry each: `ids` (uint64), `label`
    (number of the class), `times`, and `position` of the signature (-1 without one).
    """

    ids: np.ndarray
    label: np.ndarray
    times: Times
    position: np.ndarray


@dataclass
class ArrivalsBuilder:
    """Collects `Arrivals` batch by batch; signatures go to `file`."""

    file: SignatureFile
    _blocks: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    rows: int = 0

    def add(self, batch: CheckedBatch) -> None:
        """Take in the accepted rows of the next batch."""
        position = self.file.rows + np.cumsum(batch.has_text) - 1
        position[~batch.has_text] = NO_POSITION
        self.file.append(batch.minhash[batch.has_text])
        ids = ids_as_integers(batch.accepted[ROW_ID])
        times = batch.times
        self._blocks.append(
            (ids, batch.label, times.day_first, times.month_first, times.given, position)
        )
        self.rows += len(ids)

    def build(self) -> Arrivals:
        """Return all of them; the builder is empty afterwards."""
        if not self._blocks:
            nothing = no_nodes()
            return Arrivals(nothing.ids, nothing.label, no_times(0), nothing.position)
        ids, label, day, month, given, position = (
            np.concatenate(column) for column in zip(*self._blocks, strict=True)
        )
        self._blocks.clear()
        return Arrivals(ids, label, Times(day, month, given), position)


@dataclass(frozen=True)
class Nodes:
    """Rows of a dataset version ordered by id: `ids` and `cluster` (uint64), `label` (number of
    the class), `test` (side of the split) and `position` of the signature (-1 without one).
    """

    ids: np.ndarray
    label: np.ndarray
    cluster: np.ndarray
    test: np.ndarray
    position: np.ndarray

    def take(self, chosen: np.ndarray) -> "Nodes":
        """Return the chosen rows."""
        columns = (self.ids, self.label, self.cluster, self.test, self.position)
        return Nodes(*(column[chosen] for column in columns))

    def merge(self, others: "Nodes") -> "Nodes":
        """Return the rows of both, ordered by id."""
        mine = (self.ids, self.label, self.cluster, self.test, self.position)
        theirs = (others.ids, others.label, others.cluster, others.test, others.position)
        together = Nodes(*(np.concatenate(pair) for pair in zip(mine, theirs, strict=True)))
        return together.take(np.argsort(together.ids, kind="stable"))


def no_nodes() -> Nodes:
    """Return the rows of no dataset version."""
    ids = np.zeros(0, np.uint64)
    return Nodes(ids, np.zeros(0, np.int8), ids, np.zeros(0, bool), np.zeros(0, np.int64))


def write_index(
    path: Path, case: UseCase, nodes: Nodes, contradictory: np.ndarray, file: SignatureFile
) -> None:
    """Write `index.parquet`. Contents that had two labels are in it without a label, so that a
    later version knows them.
    """
    with pq.ParquetWriter(path, SCHEMA, compression=COMPRESSION) as writer:
        for start in range(0, len(nodes.ids), CHUNK_ROWS):
            block = nodes.take(np.arange(start, min(start + CHUNK_ROWS, len(nodes.ids))))
            writer.write_table(_block(case, block, file))
        empty = pa.nulls(len(contradictory), pa.string())
        columns = [ids_as_text(contradictory), empty, empty, empty]
        none = pa.nulls(len(contradictory), pa.binary(PERMUTATIONS))
        writer.write_table(pa.table([*columns, none], schema=SCHEMA))


def read_index(
    store: BlobStore, case: UseCase, base: DatasetManifest, file: SignatureFile, path: Path
) -> tuple[Nodes, np.ndarray]:
    """Return the rows of a dataset version and the contents that are known to contradict
    themselves (uint64); signatures go to `file`. `path` is a local place for the index.

    Raises:
        InvalidData: the version has no index, or one that cannot be continued.
    """
    try:
        store.download(dataset_path(case.name, base.dataset_version, INDEX_FILE), path)
    except BlobNotFound as error:
        raise _not_continued(base, "it has no index") from error
    blocks, contradictory = [], []
    with pq.ParquetFile(path) as index:
        scheme = (index.schema_arrow.metadata or {}).get(MINHASH.encode(), b"").decode()
        if scheme != SCHEME:
            raise _not_continued(base, f"its signatures are of the scheme {scheme!r}")
        for batch in index.iter_batches(CHUNK_ROWS):
            known = batch.filter(batch.column(LABEL).is_valid())
            refused = batch.filter(batch.column(LABEL).is_null())
            blocks.append(_nodes(case, known, file))
            contradictory.append(ids_as_integers(refused.column(ROW_ID)))
    columns = zip(*((b.ids, b.label, b.cluster, b.test, b.position) for b in blocks), strict=True)
    return Nodes(*(np.concatenate(column) for column in columns)), np.concatenate(contradictory)


def _block(case: UseCase, nodes: Nodes, file: SignatureFile) -> pa.Table:
    has_text = nodes.position >= 0
    rows = iter(file.read(nodes.position[has_text]))
    minhash = [next(rows).tobytes() if has else None for has in has_text.tolist()]
    columns = [
        ids_as_text(nodes.ids),
        pa.array(case.classes).take(pa.array(nodes.label)),
        ids_as_text(nodes.cluster),
        pa.array([TRAIN, TEST]).take(pa.array(nodes.test.astype(np.int8))),
        pa.array(minhash, pa.binary(PERMUTATIONS)),
    ]
    return pa.table(columns, schema=SCHEMA)


def _nodes(case: UseCase, batch: pa.RecordBatch, file: SignatureFile) -> Nodes:
    minhash = batch.column(MINHASH)
    has_text = np.asarray(minhash.is_valid())
    position = file.rows + np.cumsum(has_text) - 1
    position[~has_text] = NO_POSITION
    content = b"".join(minhash.drop_null().to_pylist())
    file.append(np.frombuffer(content, np.uint8).reshape(-1, PERMUTATIONS))
    return Nodes(
        ids_as_integers(batch.column(ROW_ID)),
        np.asarray(pc.index_in(batch.column(LABEL), pa.array(case.classes))).astype(np.int8),
        ids_as_integers(batch.column(CLUSTER)),
        np.asarray(pc.equal(batch.column(PART), TEST)),
        position,
    )


def _not_continued(base: DatasetManifest, why: str) -> InvalidData:
    return InvalidData(
        f"dataset version {base.dataset_version} cannot be added to: {why}, as an earlier release "
        "of the platform wrote it; give all the data once without BASE"
    )
