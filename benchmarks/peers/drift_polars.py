"""polars: one pass over the log that counts every feature into the bins of its PSI.

Arguments: a JSON file with `files` and the `edges` per column. It computes no KS.
"""

import json
import sys
from pathlib import Path

import polars as pl
from drift.cost import tell

plan = json.loads(Path(sys.argv[1]).read_text())


def measure() -> dict[str, list[int]]:
    """Return how many values are at or below each edge, by column."""
    counts = [
        (pl.col(name) <= edge).sum().alias(f"{name}|{number}")
        for name, edges in plan["edges"].items()
        for number, edge in enumerate(edges)
    ]
    log = pl.scan_parquet(plan["files"], hive_partitioning=False)
    return {"below": list(log.select(counts).collect(engine="streaming").row(0))}


tell(measure)
