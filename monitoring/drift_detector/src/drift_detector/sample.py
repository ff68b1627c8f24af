"""A uniform sample of a stream of rows."""

import numpy as np
import pyarrow as pa


class RowSample:
    """Keeps `size` rows of a stream, each with the same probability.

    Every row draws a number and the smallest numbers are kept, so the same rows in the same order
    with the same `seed` give the same sample.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._random = np.random.default_rng(seed)
        self._keys = np.empty(0)
        self._rows: pa.Table | None = None

    def add(self, rows: pa.RecordBatch) -> None:
        """Sample more rows; all batches have the same columns."""
        if not self._size:
            return
        keys = self._random.random(rows.num_rows)
        if len(self._keys) == self._size:  # full: only rows with a smaller number replace others
            better = np.flatnonzero(keys < self._keys.max())
            keys, rows = keys[better], rows.take(pa.array(better))
        table = _decoded(rows)
        if self._rows is not None:
            keys = np.concatenate([self._keys, keys])
            table = pa.concat_tables([self._rows, table])
        kept = np.sort(np.argsort(keys, kind="stable")[: self._size])
        self._keys = keys[kept]
        self._rows = table.take(pa.array(kept)).combine_chunks()

    def rows(self) -> pa.Table | None:
        """Return the sample, `None` before the first row."""
        return self._rows


def _decoded(rows: pa.RecordBatch) -> pa.Table:
    """Return the rows without dictionary encoding, which differs between batches."""
    types = [t.value_type if pa.types.is_dictionary(t) else t for t in rows.schema.types]
    return pa.Table.from_batches([rows]).cast(pa.schema(zip(rows.schema.names, types, strict=True)))
