"""The gates that a use case states: metrics with a limit, on all test rows or on one slice."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from evaluation import Predictions, prediction_metrics, require_metric
from platform_core.contracts.release import GateCheck
from platform_core.errors import InvalidData
from use_cases import Gate

MIN_ROWS = 20
# With fewer rows, the standard error of a share can exceed 0.05; the check reports it.
AMPLE_ROWS = 100
ROUNDING = 1e-12


def minimum_gates(
    gates: tuple[Gate, ...], rows: Predictions, slices: pa.RecordBatch | None
) -> Iterator[GateCheck]:
    """Yield one check per gate on N `rows` of the test part.

    `slices` has a column (string [N]) per kind of slice. A gate of a slice that has fewer than
    20 rows, or that does not exist, fails: nothing shows that it is reached.
    """
    for gate in gates:
        name, where = f"{'maximum' if gate.is_maximum else 'minimum'} {gate.metric}", ""
        if gate.slice is not None:
            where = " where {} = {}".format(*gate.slice_of)
        try:
            yield _check(name + where, gate, _members(gate, rows, slices))
        except InvalidData as error:
            yield GateCheck(name=name + where, passed=False, detail=str(error), limit=gate.limit)


def _check(name: str, gate: Gate, rows: Predictions) -> GateCheck:
    value = require_metric(prediction_metrics(rows), gate.metric)
    return GateCheck(
        name=name,
        passed=gate.passed_by(value, ROUNDING),
        detail=f"on {len(rows)} rows of the test part",
        value=value,
        limit=gate.limit,
    )


def _members(gate: Gate, rows: Predictions, slices: pa.RecordBatch | None) -> Predictions:
    """Return the rows that a gate is about.

    Raises:
        InvalidData: it is about a slice that cannot be measured.
    """
    if gate.slice is None:
        return rows
    kind, name = gate.slice_of
    kinds = [] if slices is None else slices.schema.names
    if slices is None or kind not in kinds:
        raise InvalidData(f"the test rows have no slices by {kind} (they have {kinds})")
    column = slices.column(kinds.index(kind))
    found = pc.indices_nonzero(pc.fill_null(pc.equal(column, name), False)).to_numpy()
    if len(found) < MIN_ROWS:
        names = ", ".join(sorted(column.drop_null().unique().to_pylist())[:10])
        raise InvalidData(
            f"the test part has {len(found)} rows of this slice, {MIN_ROWS} are needed; {kind} is "
            f"one of {names}"
        )
    return rows.take(found)
