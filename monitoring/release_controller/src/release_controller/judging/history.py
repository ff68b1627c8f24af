"""How the evidence about a candidate grew."""

from dataclasses import dataclass, field

from pydantic import ValidationError

from platform_core.contracts.comparison import (
    CandidateEvidence,
    Comparison,
    EvidenceHistory,
    EvidenceInterval,
    EvidencePoint,
)
from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import evidence_history_path

LEAST_GROWTH = 0.05
"""A point is so much later than the one before, in parts of the time since the trial began."""
INTERVAL = ("name", "estimate", "lower", "upper", "margin", "candidate_records", "verdict")


@dataclass(frozen=True)
class EvidenceHistories:
    """Adds comparisons to their histories, which are read from the store once."""

    store: BlobStore
    _known: dict[tuple[str, ...], EvidenceHistory] = field(default_factory=dict)

    def add(self, comparison: Comparison) -> None:
        """Store a point of the comparison, if it says more than the last one.

        Raises:
            Unavailable: the store does not answer.
        """
        history = self._history(comparison)
        if not _says_more(history, comparison):
            return
        grown = history.model_copy(update={"points": (*history.points, _point(comparison))})
        self.store.write(_path(comparison), grown.model_dump_json().encode())
        self._known[_place(comparison)] = grown

    def _history(self, comparison: Comparison) -> EvidenceHistory:
        known = self._known.get(_place(comparison))
        if known is None or known.change_id != comparison.change_id:
            known = self._read(comparison)
        if known is not None and known.stable_release == comparison.stable_release:
            return known
        about = {name: getattr(comparison, name) for name in CandidateEvidence.model_fields}
        return EvidenceHistory(**about, points=())

    def _read(self, comparison: Comparison) -> EvidenceHistory | None:
        """Return the stored history; one that is not readable begins again."""
        try:
            return EvidenceHistory.model_validate_json(self.store.read(_path(comparison)))
        except (BlobNotFound, ValidationError):
            return None


def _place(comparison: Comparison) -> tuple[str, ...]:
    """Return the place of a candidate; it has one at a time, so few histories stay in memory."""
    return comparison.use_case, comparison.environment, comparison.role


def _path(comparison: Comparison) -> str:
    place = (comparison.use_case, comparison.environment)
    return evidence_history_path(*place, comparison.change_id)


def _says_more(history: EvidenceHistory, comparison: Comparison) -> bool:
    if not history.points:
        return comparison.candidate_answers > 0
    last = history.points[-1]
    if comparison.verdict is not last.verdict:
        return True
    return comparison.updated - last.updated > LEAST_GROWTH * (last.updated - history.started)


def _point(comparison: Comparison) -> EvidencePoint:
    return EvidencePoint(
        updated=comparison.updated,
        stable_answers=comparison.stable_answers,
        candidate_answers=comparison.candidate_answers,
        criteria=tuple(
            EvidenceInterval(**{name: getattr(one, name) for name in INTERVAL})
            for one in comparison.criteria
        ),
        verdict=comparison.verdict,
    )
