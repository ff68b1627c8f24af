"""polars: a single pass over the log with the streaming engine.

Arguments: a JSON file with `files`, the place of each of the `columns` in `features`, their
`edges` and their `points`; `psi` or `ks`. `psi`
counts how many values are at or below each edge, which is all that a PSI needs; `ks` counts below
each point, which both statistics need (for values next to a point, also at or below it).
"""

import json
import sys
from pathlib import Path

import polars as pl
from drift.cost import print_cost

plan = json.loads(Path(sys.argv[1]).read_text())


def edges() -> list[pl.Expr]:
    """Return the counts at or below each edge."""
    return [
        (pl.col(name) <= edge).sum().alias(f"{name}|{number}")
        for name, edges in plan["edges"].items()
        for number, edge in enumerate(edges)
    ]


def points() -> list[pl.Expr]:
    """Return per column the counts below each point; edges are points."""
    return [
        pl.col(name).sort().search_sorted(pl.lit(pl.Series(points, dtype=pl.Float32))).implode()
        for name, points in plan["points"].items()
    ]


def measure() -> dict[str, int]:
    """Return how many counts there are."""
    counts = edges() if sys.argv[2] == "psi" else points()
    features = pl.col("features").list
    log = pl.scan_parquet(plan["files"], hive_partitioning=False).select(
        [features.get(place).alias(name) for name, place in plan["columns"].items()]
    )
    return {"counts": len(log.select(counts).collect(engine="streaming").row(0))}


print_cost(measure)
