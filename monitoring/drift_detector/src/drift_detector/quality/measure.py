"""Computes the quality reports of one window from the inference log and the labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from drift_detector.detection import Target
from drift_detector.quality.gates import gate_estimates, verdict_of
from drift_detector.quality.history import QualityHistory
from drift_detector.quality.rows import ReleaseRows, columns_to_read, release_rows
from drift_detector.window import Window
from evaluation import largest_slices, slice_metric_names
from evaluation.quality import (
    NUMBER_METRICS,
    CalibrationWindow,
    ClassCalibrator,
    ClassWindow,
    ErrorModel,
    NumberWindow,
    class_cells,
    class_quality,
    mean_logits,
    measurable_metrics,
    number_cells,
    number_quality,
)
from platform_core.clock import Clock
from platform_core.contracts.quality_report import (
    CalibrationCell,
    MetricQuality,
    QualityReport,
    SliceQuality,
)
from platform_core.contracts.tasks import Metric
from platform_core.errors import NotFound, Refused
from platform_core.hashing import sha256_json
from platform_core.ports.blob_store import BlobStore
from records import log_objects, read_labelled
from scoring import load_lineage
from use_cases import UseCase

ID_CHARACTERS = 32
MAX_UNLABELLED = 50_000
"""Rows without a label that are used; more would hardly narrow an interval."""


@dataclass(frozen=True)
class QualityMeter:
    """Computes reports without storing them. The last `calibration_rows` labelled rows or more
    calibrate a window.
    """

    store: BlobStore
    clock: Clock
    calibration_rows: int

    def reports(
        self, target: Target, window: Window, history: QualityHistory, label_state: str
    ) -> list[QualityReport]:
        """Return one report per release and role that answered.

        Raises:
            InvalidData: the log or a label cannot be read.
            Unavailable: the store cannot be reached.
        """
        case, environment = target.use_case, target.environment
        span = (window.start, window.end)
        objects = sum(1 for _ in log_objects(self.store, case.name, environment, *span))
        batches = read_labelled(self.store, case, environment, *span, columns_to_read(case))
        return [
            self._report(target, window, rows, history, label_state, objects)
            for rows in release_rows(case, batches)
        ]

    def _report(
        self,
        target: Target,
        window: Window,
        rows: ReleaseRows,
        history: QualityHistory,
        label_state: str,
        objects: int,
    ) -> QualityReport:
        case, now = target.use_case, self.clock.now()
        earlier = history.labelled(rows.release_id, window, self.calibration_rows)
        tested = self._tested(case, rows.release_id)
        measured = _Measured(case, rows, tested, earlier)
        metrics, slices = measured.metrics(), tuple(measured.slices())
        gates = gate_estimates(metrics, slices, case.training().gates)
        return QualityReport(
            report_id=quality_report_id(target, rows.release_id, rows.role, window),
            revision=1,
            use_case=case.name,
            environment=target.environment,
            release_id=rows.release_id,
            role=rows.role,
            start=window.start,
            end=window.end,
            created_at=now,
            mature=is_mature(case, window.end, now),
            rows=len(rows.window.labels),
            labelled=int(rows.window.labelled.sum()),
            calibrated_on=measured.calibrated_on,
            verdict=verdict_of(gates),
            gates=gates,
            metrics=metrics,
            slices=slices,
            calibration=tuple(measured.cells()),
            mean_logits=measured.mean_logits,
            detail=_left_out(rows.left_out),
            label_state=label_state,
            log_objects=objects,
        )

    def _tested(self, case: UseCase, release_id: str) -> Sequence[CalibrationCell]:
        """Return the cells of the release's test rows, none where its lineage cannot be read."""
        try:
            return load_lineage(self.store, case.name, release_id).calibration
        except (NotFound, Refused):
            return ()


def is_mature(case: UseCase, end: datetime, now: datetime) -> bool:
    """Return whether no further label is expected of predictions made before `end`."""
    return now - end >= case.label_maturity


def quality_report_id(target: Target, release_id: str, role: str, window: Window) -> str:
    """Return the id of a report; the same arguments give the same id."""
    span = [window.start.isoformat(), window.end.isoformat()]
    key = [target.use_case.name, target.environment, release_id, role, *span]
    return sha256_json(["quality", *key])[:ID_CHARACTERS]


class _Measured:
    """The metrics of the rows of one release, calibrated by its test rows and earlier labels."""

    def __init__(
        self,
        case: UseCase,
        rows: ReleaseRows,
        tested: Sequence[CalibrationCell],
        earlier: Sequence[CalibrationWindow],
    ) -> None:
        self._case, self._rows = case, rows
        self._errors = ErrorModel(cell for window in earlier for cell in window.cells)
        self._calibrator = ClassCalibrator.unfitted(max(len(case.classes), 1))
        if case.classes:
            before = self._calibrator.fitted(tested, case.classes)
            self._calibrator = before.followed(earlier, self.mean_logits, case.classes)

    @property
    def calibrated_on(self) -> int:
        """The number of labelled rows that calibrated the window."""
        return self._calibrator.rows if self._case.classes else self._errors.rows

    def metrics(self) -> tuple[MetricQuality, ...]:
        """Return every metric that can be measured, over all rows."""
        return self._quality(np.arange(len(self._rows.window.labels)), self._names)

    def slices(self) -> Iterator[SliceQuality]:
        """Yield the largest slices of each kind, by kind and name."""
        training = self._case.training()
        gates = [gate.metric for gate in training.gates.minimums if gate.slice]
        wanted = {*slice_metric_names(training.metric), *gates}
        names = [name for name in self._names if name in wanted]
        for kind, values in self._rows.slices.items():
            for name, members in largest_slices(values):
                yield SliceQuality(
                    kind=kind,
                    name=name,
                    rows=len(members),
                    labelled=int(self._rows.window.labelled[members].sum()),
                    metrics=self._quality(members, names),
                )

    def cells(self) -> list[CalibrationCell]:
        """Return the labelled rows of the window for the calibration of later ones."""
        window = self._rows.window
        if isinstance(window, NumberWindow):
            return number_cells(window)
        known = window.take(np.flatnonzero(window.labelled))
        return class_cells(self._case.classes, known.scores.probabilities, known.labels)

    @cached_property
    def mean_logits(self) -> dict[str, float]:
        """The mean logit of each class over all rows, labelled or not."""
        window = self._rows.window
        if isinstance(window, NumberWindow):
            return {}
        return mean_logits(self._case.classes, window.scores.probabilities)

    @property
    def _names(self) -> tuple[Metric, ...]:
        if not self._case.classes:
            return NUMBER_METRICS
        return measurable_metrics(None if self._case.positive is None else 1)

    def _quality(
        self, members: NDArray[np.integer], names: Sequence[Metric]
    ) -> tuple[MetricQuality, ...]:
        part = self._rows.window.take(_sampled(self._rows.window, members))
        if isinstance(part, NumberWindow):
            found = number_quality(part, self._errors, names)
        else:
            found = class_quality(part, self._calibrator, names)
        return tuple(one.model_copy(update={"rows": len(members)}) for one in found)


def _sampled(
    window: ClassWindow | NumberWindow, members: NDArray[np.integer]
) -> NDArray[np.integer]:
    """Return all labelled ones of some rows, and at most `MAX_UNLABELLED` others."""
    labelled = window.labelled[members]
    others = members[~labelled]
    if len(others) <= MAX_UNLABELLED:
        return members
    drawn = np.random.default_rng(0).choice(others, MAX_UNLABELLED, replace=False)
    return np.sort(np.concatenate([members[labelled], drawn]))


def _left_out(rows: int) -> str:
    if not rows:
        return ""
    return f"{rows} rows are left out: no probabilities, or a class that the use case lacks"
