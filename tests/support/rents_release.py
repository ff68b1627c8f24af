"""A small real release of the regression of the tests."""

from functools import cache

import pyarrow as pa
from rents import RentsUseCase

from platform_core.contracts.release import IntervalRule
from scoring import Release, build_release
from use_cases.testing import fit_default

RENTS = RentsUseCase()
ROWS = 300


@cache
def rents_release(below: float = 100.0, above: float = 130.0, baseline: bytes = b"") -> Release:
    """Return a line with the given widths of its intervals."""
    candidate = RENTS.training().candidates()[0]
    graph = candidate.to_onnx(fit_default(RENTS, candidate, ROWS)).SerializeToString()
    rule = IntervalRule(coverage=0.9, below=below, above=above)
    return build_release(RENTS, graph, baseline, None, rule)


def flats(rows: int, seed: int = 5, drift: float = 0.0) -> pa.Table:
    """Return generated flats with their rents."""
    return RENTS.training().generate(rows, seed, drift).combine_chunks()


def records(table: pa.Table) -> pa.RecordBatch:
    """Return the records of flats."""
    return table.select(RENTS.record_schema.names).to_batches()[0]
