"""The results as a table."""

from collections.abc import Sequence
from functools import partial

from fault_drill import FaultOutcome

say = partial(print, flush=True)
COLUMNS = (
    "fault",
    "answered",
    "refused",
    "wrong",
    "records expected",
    "found",
    "extra",
    "longest gap s",
    "recovery s",
    "verdict",
)
WIDTHS = (28, 8, 7, 5, 16, 6, 5, 13, 10, 7)


def header() -> str:
    """Return the header line."""
    return _line(COLUMNS)


def row(outcome: FaultOutcome) -> str:
    """Return the line of a fault, followed by notes and failures."""
    cells = [
        outcome.name,
        *(str(n) for n in (outcome.answered, outcome.refused, outcome.wrong)),
        *(str(n) for n in (outcome.expected, outcome.found, outcome.extra)),
        *("-" if s is None else f"{s:.2f}" for s in (outcome.gap, outcome.recovery)),
        "FAILED" if outcome.failures else "green",
    ]
    if outcome.skipped:
        cells = [outcome.name, *["-"] * (len(COLUMNS) - 2), "skipped"]
    remarks = [*outcome.notes, *outcome.failures, *([outcome.skipped] if outcome.skipped else [])]
    return "\n".join([_line(cells), *(f"    {remark}" for remark in remarks)])


def _line(cells: Sequence[str]) -> str:
    first, *rest = zip(cells, WIDTHS, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])
