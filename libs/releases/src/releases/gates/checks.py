"""The gates, as one check each."""

import pyarrow as pa

from evaluation import (
    LabelledPredictions,
    NumberPredictions,
    Predictions,
    prediction_metrics,
    require_metric,
)
from evaluation.held_out import compare_on_rows
from platform_core.contracts.release import GateCheck
from platform_core.contracts.tasks import ERROR_METRICS
from platform_core.errors import InvalidData, ReleaseRefused
from releases.gates.champion import UnseenRows
from releases.gates.evidence import (
    UNDERPOWERED,
    cluster_numbers,
    difference_words,
    with_evidence,
    without_evidence,
)
from releases.gates.minimums import AMPLE_ROWS, MIN_ROWS, ROUNDING, minimum_gates
from scoring import Release, Scorer
from use_cases import Gate, UseCase, model_schema

_TRAINING_UNKNOWN = "of which production's may have been trained on some: its rows are not known"


def run_gates(
    use_case: UseCase,
    release: Release,
    test: pa.Table,
    parity: float | None,
    champion: Release | None,
    unseen: UnseenRows | None = None,
    slices: pa.RecordBatch | None = None,
) -> tuple[GateCheck, ...]:
    """Return one check per gate of `release`.

    `test` holds features (`model_schema`) and `label` of the test split, which the release was not
    trained on. `unseen` are the rows of it that the champion was not trained on either (default:
    all, and that is not known). `parity` is the largest difference between the answers of the ONNX
    graph and of the original model, `None` where nothing was converted. `champion` is the release
    in production, if any. `slices` assigns the rows of `test` to slices, a column (string) per
    kind, for gates of a slice.

    Raises:
        InvalidData: `test` lacks a column, or a label is not a class of the use case.
    """
    structural = structural_gates(use_case, release, parity)
    checks = (_rows_gate(use_case, test), *structural)
    if not structural[-1].passed:
        return checks
    candidate = Scorer(release, use_case)
    rows = labelled_predictions(use_case, candidate, test)
    minimums = minimum_gates(use_case.training().gates, rows, cluster_numbers(test), slices)
    common = UnseenRows(test, known=False) if unseen is None else unseen
    compared = champion_gate(use_case, candidate, common, champion)
    return (*checks, *minimums, compared)


def structural_gates(
    use_case: UseCase, release: Release, parity: float | None
) -> tuple[GateCheck, ...]:
    """Return the checks that need no rows: `parity` where a model was converted, and last whether
    the release fits the use case.
    """
    checks = () if parity is None else (_parity_gate(use_case, parity),)
    try:
        Scorer(release, use_case)
    except ReleaseRefused as error:
        return (*checks, GateCheck(name="signature", passed=False, detail=str(error)))
    fits = "inputs, outputs, features and classes are those of the use case"
    return (*checks, GateCheck(name="signature", passed=True, detail=fits))


def labelled_predictions(use_case: UseCase, scorer: Scorer, test: pa.Table) -> Predictions:
    """Return the answers of a release to `test` (columns of `model_schema` and `label`).

    Raises:
        InvalidData: a column is missing, or a label is not a class of the use case.
    """
    schema = model_schema(use_case)
    missing = sorted({*schema.arrow.names, "label"} - set(test.column_names))
    if missing:
        raise InvalidData(f"the test rows of {use_case.name} lack the columns {missing}")
    scores = scorer.score_features(schema.select(test))
    labels = test.column("label").combine_chunks()
    if scores.intervals is not None:
        return NumberPredictions.from_arrow(labels, scores.predictions, scores.intervals)
    return LabelledPredictions.from_arrow(
        use_case.classes, use_case.positive, labels, scores.probabilities, scores.predictions
    )


def champion_gate(
    use_case: UseCase, candidate: Scorer, unseen: UnseenRows, champion: Release | None
) -> GateCheck:
    """Compare `candidate` with the champion on test rows that neither was trained on, as far as
    that is known; the check says where it is not.

    The candidate may be worse by at most `gates.margin` (non-inferiority on the same rows). Where
    the rows cannot tell, `gates.underpowered` decides. The gate passes, and says so, when there is
    no champion that the installed code can load.
    """
    if champion is None:
        return _not_compared("production serves no release that can be loaded")
    rows = unseen.rows
    absent = _absent_classes(use_case, rows)
    if rows.num_rows < MIN_ROWS or absent:
        none_of = f", none of them {', '.join(absent)}" if absent else ""
        check = _not_compared(
            f"only {rows.num_rows} test rows{none_of} are new to production's "
            f"{champion.id:.12}; {MIN_ROWS} with every class are needed: {UNDERPOWERED}"
        )
        return without_evidence(check, use_case.training().gates)
    try:
        production = Scorer(champion, use_case)
    except ReleaseRefused as error:
        return _not_compared(f"production's {champion.id:.12} cannot be scored any more: {error}")
    return _margin_check(use_case, candidate, production, unseen)


def all_passed(checks: tuple[GateCheck, ...]) -> bool:
    """Return whether there are checks and all of them passed."""
    return bool(checks) and all(check.passed for check in checks)


def failure_reasons(checks: tuple[GateCheck, ...]) -> str:
    """Return why a release is refused, on one line."""
    failed = [_failure(check) for check in checks if not check.passed]
    return "; ".join(failed) or "it was never judged"


def _margin_check(
    use_case: UseCase, candidate: Scorer, production: Scorer, unseen: UnseenRows
) -> GateCheck:
    metric, gates = use_case.training().metric, use_case.training().gates
    ours, theirs = (
        labelled_predictions(use_case, scorer, unseen.rows) for scorer in (candidate, production)
    )
    try:
        value, reference = (
            require_metric(prediction_metrics(rows), metric) for rows in (ours, theirs)
        )
        clusters = cluster_numbers(unseen.rows)
        found = compare_on_rows(ours, theirs, clusters, metric, gates.margin)
    except InvalidData as error:
        return GateCheck(name="champion", passed=False, detail=str(error))
    comparison = found.model_copy(update={"reference_release": production.release_id})
    allowed = gates.margin if metric in ERROR_METRICS else -gates.margin
    limit = Gate(metric, reference + allowed)
    check = GateCheck(
        name="champion",
        passed=limit.passed_by(value, ROUNDING),
        detail=f"{metric}, compared with {reference:.4f} of production's "
        f"{production.release_id:.12}, margin {gates.margin:g}, on the same {len(ours)} rows, "
        + ("which neither was trained on" if unseen.known else _TRAINING_UNKNOWN)
        + f": {difference_words(comparison)}",
        value=value,
        limit=limit.limit,
    )
    return with_evidence(check, comparison, gates)


def _rows_gate(use_case: UseCase, test: pa.Table) -> GateCheck:
    rows, absent = test.num_rows, _absent_classes(use_case, test)
    detail = "rows of the test split"
    if absent:
        detail += f", none of them {', '.join(absent)}"
    if rows < AMPLE_ROWS and use_case.classes:
        error = 0.5 / max(rows, 1) ** 0.5
        detail += f"; underpowered: the standard error of a share may reach {error:.2f}"
    enough = rows >= MIN_ROWS and not absent
    return GateCheck(name="rows", passed=enough, detail=detail, value=rows, limit=MIN_ROWS)


def _absent_classes(use_case: UseCase, rows: pa.Table) -> list[str]:
    labels = set(rows.column("label").to_pylist()) if "label" in rows.column_names else set()
    return [name for name in use_case.classes if name not in labels]


def _parity_gate(use_case: UseCase, parity: float) -> GateCheck:
    limit = use_case.training().gates.parity
    return GateCheck(
        name="parity",
        passed=parity <= limit,
        detail="largest difference between the ONNX graph's and the original's answers",
        value=parity,
        limit=limit,
    )


def _not_compared(detail: str) -> GateCheck:
    return GateCheck(name="champion", passed=True, detail=f"nothing to compare with: {detail}")


def _failure(check: GateCheck) -> str:
    value = "" if check.value is None else f" {check.value:.4g}"
    limit = "" if check.limit is None else f" (limit {check.limit:.4g})"
    return f"{check.name}{value}{limit}: {check.detail}"
