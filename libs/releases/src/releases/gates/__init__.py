"""Gates: the checks a release must pass before an environment serves it."""

from releases.gates.admission import admit, refusal
from releases.gates.champion import UnseenRows, load_champion, load_test_rows, rows_unseen_by
from releases.gates.checks import (
    all_passed,
    champion_gate,
    failure_reasons,
    run_gates,
    structural_gates,
)
from releases.gates.verification import Verification

__all__ = [
    "UnseenRows",
    "Verification",
    "admit",
    "all_passed",
    "champion_gate",
    "failure_reasons",
    "load_champion",
    "load_test_rows",
    "refusal",
    "rows_unseen_by",
    "run_gates",
    "structural_gates",
]
