"""Storage of a baseline as a Parquet table with one row per column."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from baseline.reference import CategoricalReference, NumericReference, Reference
from platform_core.errors import InvalidData
from platform_core.parquet import table_bytes

FORMAT = b"1"
FORMAT_KEY = b"mlplatform.baseline"
SCHEMA = pa.schema(
    [
        pa.field("column", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("missing", pa.int64(), nullable=False),
        pa.field("edges", pa.list_(pa.float64())),
        pa.field("edge_included", pa.list_(pa.bool_())),
        pa.field("categories", pa.list_(pa.string())),
        pa.field("counts", pa.list_(pa.int64()), nullable=False),
        pa.field("points", pa.list_(pa.float64())),
        pa.field("cells", pa.list_(pa.int64())),
    ],
    metadata={FORMAT_KEY: FORMAT},
)


def references_table(references: list[Reference]) -> pa.Table:
    """Return one row per reference; `counts` are per bin of the PSI, `cells` per cell."""
    return pa.Table.from_pylist([_row(reference) for reference in references], schema=SCHEMA)


def empty_baseline() -> pa.Table:
    """Return the baseline of a release without measured rows: it has no reference."""
    return SCHEMA.empty_table()


def baseline_bytes(table: pa.Table) -> bytes:
    """Return a baseline as a Parquet file; the same table gives the same bytes."""
    return table_bytes(table)


def read_baseline(data: bytes) -> dict[str, Reference]:
    """Return the references of a stored baseline by column.

    Raises:
        InvalidData: `data` is not a baseline, or has an unknown format.
    """
    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise InvalidData(f"the baseline is not a readable Parquet file: {error}") from error
    metadata = table.schema.metadata or {}
    if metadata.get(FORMAT_KEY) != FORMAT or table.schema.names != SCHEMA.names:
        raise InvalidData("the Parquet file is not a baseline of format 1; train a new release")
    references = [_reference(row) for row in table.to_pylist()]
    return {reference.column: reference for reference in references}


def _row(reference: Reference) -> dict[str, Any]:
    common = {
        "column": reference.column,
        "kind": reference.kind,
        "rows": reference.rows,
        "missing": reference.missing,
        "counts": reference.bins(reference.cells).tolist(),
    }
    if isinstance(reference, CategoricalReference):
        return common | {"categories": list(reference.categories)}
    return common | {
        "edges": reference.edges.tolist(),
        "edge_included": reference.edge_included.tolist(),
        "points": reference.points.tolist(),
        "cells": reference.cells.tolist(),
    }


def _reference(row: dict[str, Any]) -> Reference:
    common = (row["column"], row["rows"], row["missing"])
    if row["kind"] == "categorical":
        counts = np.array(row["counts"], np.int64)
        return CategoricalReference(*common, tuple(row["categories"]), counts)
    return NumericReference(
        *common,
        points=np.array(row["points"], np.float64),
        cells=np.array(row["cells"], np.int64),
        edges=np.array(row["edges"], np.float64),
        edge_included=np.array(row["edge_included"], bool),
    )
