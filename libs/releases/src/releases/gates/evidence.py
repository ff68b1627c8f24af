"""How certain the check of a metric is, and what the use case's gates say if it is not."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from platform_core.contracts.comparison import ComparisonVerdict, HeldOutComparison
from platform_core.contracts.release import GateCheck
from platform_core.contracts.tasks import TASK_METRICS
from use_cases import Gate, Gates

UNDERPOWERED = "underpowered"


def cluster_numbers(table: pa.Table) -> NDArray[np.int64]:
    """Return the number [N] of each row's cluster of near duplicates; without a column `cluster`
    each row is its own.
    """
    if "cluster" not in table.column_names:
        return np.arange(table.num_rows)
    clusters = table["cluster"].combine_chunks().dictionary_encode()
    return np.asarray(clusters.indices.to_numpy(zero_copy_only=False), np.int64)


def with_evidence(check: GateCheck, comparison: HeldOutComparison, gates: Gates) -> GateCheck:
    """Return the check of an estimate with what is known of its certainty.

    If the rows cannot tell whether the gate is reached, `gates.underpowered` decides: the
    estimate counts, with a warning, or the gate fails.
    """
    found: dict[str, object] = {"comparison": comparison}
    if comparison.verdict is ComparisonVerdict.UNDECIDED:
        warning, refused = _needs(comparison), gates.underpowered == "refuse"
        found |= {
            "passed": check.passed and not refused,
            "detail": f"{check.detail}; {warning}"
            + ("" if refused else ", judged by the estimate alone"),
            "warning": warning if check.passed and not refused else "",
        }
    return check.model_copy(update=found)


def without_evidence(check: GateCheck, gates: Gates) -> GateCheck:
    """Return a check that had too few rows to compare anything on."""
    if gates.underpowered == "refuse":
        return check.model_copy(update={"passed": False})
    return check.model_copy(update={"warning": check.detail})


def difference_words(comparison: HeldOutComparison) -> str:
    """Return verdict, difference, interval and power of a comparison with another release."""
    power = ""
    if comparison.power is not None:
        power = (
            f", power {comparison.power:.0%} (the probability that these rows show the margin to "
            "be kept if there is no difference)"
        )
    return (
        f"{comparison.verdict.value}, difference {comparison.difference:+.4f} (above 0 is worse), "
        f"90 % interval {comparison.lower:+.4f} to {comparison.upper:+.4f}{power}"
    )


def interval_words(gate: Gate, comparison: HeldOutComparison) -> str:
    """Return the interval of the metric that was compared with a gate's limit."""
    ends = (comparison.lower, comparison.upper)
    if not gate.is_maximum:
        ends = (-comparison.upper, -comparison.lower)
    low, high = (gate.limit + end for end in ends)
    if gate.metric not in TASK_METRICS["regression"]:
        low, high = max(low, 0.0), min(high, 1.0)
    return f"90 % interval {low:.4f} to {high:.4f}"


def _needs(comparison: HeldOutComparison) -> str:
    if comparison.rows_needed is None:
        return f"{UNDERPOWERED}, no number of rows can tell a difference this close to the limit"
    return f"{UNDERPOWERED}, needs {comparison.rows_needed:,} rows"
