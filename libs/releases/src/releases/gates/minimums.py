"""The gates that a use case states: metrics with a limit, on all test rows or on one slice."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evaluation import Predictions, prediction_metrics, require_metric
from evaluation.held_out import compare_with_limit
from platform_core.contracts.release import GateCheck
from platform_core.errors import InvalidData
from releases.gates.evidence import interval_words, with_evidence
from use_cases import Gate, Gates

MIN_ROWS = 20
# With fewer rows, the standard error of a share can exceed 0.05; the check reports it.
AMPLE_ROWS = 100
ROUNDING = 1e-12


def minimum_gates(
    gates: Gates,
    rows: Predictions,
    clusters: NDArray[np.int64],
    slices: pa.RecordBatch | None,
) -> Iterator[GateCheck]:
    """Yield one check per gate on N `rows` of the test split.

    `clusters` [N] are the numbers of the rows' clusters of near duplicates. `slices` has a column
    (string [N]) per kind of slice. A gate of a slice that has fewer than 20 rows, or that does not
    exist, fails: nothing shows that it is reached.
    """
    for gate in gates.minimums:
        name, where = f"{'maximum' if gate.is_maximum else 'minimum'} {gate.metric}", ""
        if gate.slice is not None:
            where = " where {} = {}".format(*gate.slice_of)
        try:
            members = _members(gate, len(rows), slices)
            yield _check(name + where, gates, gate, rows.take(members), clusters[members])
        except InvalidData as error:
            yield GateCheck(name=name + where, passed=False, detail=str(error), limit=gate.limit)


def _check(
    name: str, gates: Gates, gate: Gate, rows: Predictions, clusters: NDArray[np.int64]
) -> GateCheck:
    value = require_metric(prediction_metrics(rows), gate.metric)
    compared = compare_with_limit(rows, clusters, gate.metric, gate.limit)
    check = GateCheck(
        name=name,
        passed=gate.passed_by(value, ROUNDING),
        detail=f"on {len(rows)} rows of the test split, {interval_words(gate, compared)}",
        value=value,
        limit=gate.limit,
    )
    return with_evidence(check, compared, gates)


def _members(gate: Gate, rows: int, slices: pa.RecordBatch | None) -> NDArray[np.int64]:
    """Return the numbers of the rows that a gate is about.

    Raises:
        InvalidData: it is about a slice that cannot be measured.
    """
    if gate.slice is None:
        return np.arange(rows)
    kind, name = gate.slice_of
    kinds = [] if slices is None else slices.schema.names
    if slices is None or kind not in kinds:
        raise InvalidData(f"the test rows have no slices by {kind} (they have {kinds})")
    column = slices.column(kinds.index(kind))
    found = pc.indices_nonzero(pc.fill_null(pc.equal(column, name), False)).to_numpy()
    if len(found) < MIN_ROWS:
        names = ", ".join(sorted(column.drop_null().unique().to_pylist())[:10])
        raise InvalidData(
            f"the test split has {len(found)} rows of this slice, {MIN_ROWS} are needed; {kind} is "
            f"one of {names}"
        )
    return np.asarray(found, np.int64)
