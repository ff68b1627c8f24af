"""The live records of a trial as arrays: who answered, how fast, what, and how wrong it was."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evaluation.comparison import LabelledLosses, Losses, PairedAnswers, ServedAnswers
from evaluation.curves import Floats
from platform_core.contracts.serving_state import ServingRole
from platform_core.ports.blob_store import BlobStore
from records import LabelledRecords
from records.columns import SERVICE_MS
from release_controller.judging.trials import CandidateTrial
from use_cases import UseCase

COLUMNS = (
    "prediction_id",
    "time",
    "release_id",
    "role",
    "purpose",
    "failed",
    "latency_ms",
    SERVICE_MS,
)
MILLISECONDS = 1000.0


@dataclass(frozen=True)
class Evidence:
    """The records of both releases of a trial, in the order of time.

    `answers` has one of the records that a release answered by one call, whether one request sent
    them or several: they fail together, and take the same time. Calls that a shadow did not get as
    one call are left out. `pairs` is `None` for a canary: no record has two answers. `paired`
    counts the records that both releases answered, `stable_answers` and `candidate_answers` those
    of each, failed ones included. `updated` is the time of the newest record, `None` without any.
    """

    answers: ServedAnswers
    labelled: LabelledLosses
    pairs: PairedAnswers | None
    paired: int
    stable_answers: int
    candidate_answers: int
    updated: datetime | None


def trial_records(store: BlobStore, case: UseCase, trial: CandidateTrial) -> LabelledRecords:
    """Return the records that both releases of a trial answered since it began.

    Only traffic of the use case's purpose counts: live records, for the drill's use case its own.
    """
    columns = [*COLUMNS, "prediction"]
    return LabelledRecords(
        store, case, trial.environment, trial.started, columns, partial(_of_trial, case, trial)
    )


def evidence_of(
    rows: pa.Table | None, case: UseCase, trial: CandidateTrial, losses: Losses
) -> Evidence:
    """Return the evidence of `rows`, the records of a trial in any order."""
    if rows is None:
        return _no_evidence(trial)
    # Of one call's records the stable release's come first: they are compared with each other.
    rows = rows.sort_by(
        [("time", "ascending"), ("role", "descending"), ("prediction_id", "ascending")]
    )
    rows = rows.combine_chunks()
    if trial.role is ServingRole.SHADOW:
        rows = _mirrored(rows, _of_shadow(rows))
    return _evidence(rows, case, trial, losses)


def _of_trial(case: UseCase, trial: CandidateTrial, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the records of a trial; a shadow's may be of a moment before the answer it mirrors."""
    wanted = (
        (trial.stable, ServingRole.STABLE.value),
        (trial.candidate, trial.role.value),
    )
    ours = pc.equal(batch["purpose"], case.traffic.value)
    either = [
        pc.and_(pc.equal(batch["release_id"], release), pc.equal(batch["role"], role))
        for release, role in wanted
    ]
    return batch.filter(pc.and_(ours, pc.or_(*either)))


def _mirrored(rows: pa.Table, copies: pa.ChunkedArray) -> pa.Table:
    """Return the rows of records of which `copies` marks a row of the shadow; what was not copied
    tells nothing.
    """
    mirrored = rows["prediction_id"].filter(copies).combine_chunks()
    return rows.filter(pc.is_in(rows["prediction_id"], mirrored)).combine_chunks()


def _of_shadow(rows: pa.Table) -> pa.ChunkedArray:
    return pc.equal(rows["role"], ServingRole.SHADOW.value)


def _evidence(rows: pa.Table, case: UseCase, trial: CandidateTrial, losses: Losses) -> Evidence:
    if rows.num_rows == 0:
        return _no_evidence(trial)
    candidate = _bool(pc.equal(rows["role"], trial.role.value))
    failed = _failed(rows)
    loss = _losses(rows, case, losses)
    known = ~np.isnan(loss) & ~failed
    labelled = LabelledLosses(candidate[known], loss[known])
    pairs = _pairs(rows, case, losses) if trial.role is ServingRole.SHADOW else None
    paired = 0 if pairs is None else len(pairs.outputs)
    answers = _served(rows, trial)
    ours = int(candidate.sum())
    updated = rows["time"][-1].as_py()
    return Evidence(answers, labelled, pairs, paired, len(candidate) - ours, ours, updated)


def _served(rows: pa.Table, trial: CandidateTrial) -> ServedAnswers:
    """Return for each timed call who answered it, whether it failed, and how long it took."""
    if trial.role is ServingRole.SHADOW:
        rows = _mirrored(rows, pc.and_(_of_shadow(rows), pc.is_valid(rows["latency_ms"])))
    rows = rows.take(_one_per_call(rows))
    return ServedAnswers(
        _bool(pc.equal(rows["role"], trial.role.value)),
        _failed(rows),
        _floats(rows["latency_ms"]) / MILLISECONDS,
        _service_ms(rows) / MILLISECONDS,
    )


def _one_per_call(rows: pa.Table) -> NDArray[np.int64]:
    """Return the places [C] of one row for each call that a release answered.

    It is the last one, which waited least for the call to begin.
    """
    numbered = rows.select(["time", "role"])
    numbered = numbered.append_column("place", pa.array(np.arange(rows.num_rows)))
    grouped = numbered.group_by(["time", "role"]).aggregate([("place", "max")])
    return np.sort(grouped["place_max"].to_numpy())


def _pairs(rows: pa.Table, case: UseCase, losses: Losses) -> PairedAnswers:
    """Return the differences of the two answers to each record, in the order of the answers."""
    rows = rows.append_column("loss", pa.array(_losses(rows, case, losses)))
    rows = rows.filter(pa.array(~_failed(rows))).select(
        ["prediction_id", "role", "prediction", "loss"]
    )
    shadow = _of_shadow(rows)
    mine = rows.filter(shadow).combine_chunks()
    theirs = rows.filter(pc.invert(shadow)).combine_chunks()
    found = pc.index_in(theirs["prediction_id"], mine["prediction_id"].combine_chunks())
    theirs, found = theirs.filter(pc.is_valid(found)), pc.drop_null(found.combine_chunks())
    mine = mine.take(found)
    if case.classes:
        outputs = _bool(pc.not_equal(mine["prediction"], theirs["prediction"])).astype(np.float64)
    else:
        outputs = np.abs(_floats(mine["prediction"]) - _floats(theirs["prediction"]))
    differences = _floats(mine["loss"]) - _floats(theirs["loss"])
    known = ~np.isnan(differences)
    return PairedAnswers(np.clip(outputs, 0, losses.bound), differences[known])


def _losses(rows: pa.Table, case: UseCase, losses: Losses) -> Floats:
    """Return the loss of each row, NaN where it has no label: see `Losses`."""
    if case.classes:
        wrong = pc.cast(pc.not_equal(rows["prediction"], rows["label"]), pa.float64())
        return _floats(wrong)
    errors = np.abs(_floats(rows["prediction"]) - _floats(rows["label"]))
    return np.minimum(errors, losses.bound)  # keeps NaN


def _failed(rows: pa.Table) -> NDArray[np.bool_]:
    if "failed" not in rows.schema.names:
        return np.zeros(rows.num_rows, np.bool_)
    return _bool(pc.fill_null(rows["failed"], fill_value=False))


def _service_ms(rows: pa.Table) -> Floats:
    """Return what each call took the inference service, NaN where it did not say so."""
    if SERVICE_MS not in rows.schema.names:
        return np.full(rows.num_rows, np.nan)
    return _floats(rows[SERVICE_MS])


def _no_evidence(trial: CandidateTrial) -> Evidence:
    none, empty = np.zeros(0, np.bool_), np.zeros(0)
    pairs = PairedAnswers(empty, empty) if trial.role is ServingRole.SHADOW else None
    answers, labelled = ServedAnswers(none, none, empty, empty), LabelledLosses(none, empty)
    return Evidence(answers, labelled, pairs, 0, 0, 0, None)


def _floats(column: pa.ChunkedArray | pa.Array) -> Floats:
    """Return a column as float64 [N], nulls as NaN."""
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _bool(column: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.bool_)
