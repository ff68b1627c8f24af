"""What a release must pass before it may be served, as one check per gate."""

from collections.abc import Mapping

import pyarrow as pa

from platform_core.contracts.release import GateCheck
from platform_core.errors import InvalidData, ReleaseRefused
from releases.metrics import chosen, evaluate
from scoring import Release, Scorer
from use_cases import UseCase, model_schema

MINIMUM_ROWS = 20
# Below this the standard error of a share can exceed 0.05: the verdict says so.
AMPLE_ROWS = 100
ROUNDING = 1e-12


def check(
    use_case: UseCase,
    release: Release,
    test: pa.Table,
    parity: float,
    champion: Release | None,
    unseen: pa.Table | None = None,
) -> tuple[GateCheck, ...]:
    """Return the verdict on `release`, one check per gate.

    `test` has the rows of the test part as features (`model_schema`) with `label`: the candidate
    was not trained on them. `unseen` are those of them that the champion was not trained on
    either; without it, all. `parity` is the largest absolute difference
    between the probabilities of the ONNX graph and of the original model. `champion` is what
    production serves, `None` when there is nothing to compare with.

    Raises:
        InvalidData: `test` lacks a column, or a label is no class of the use case.
    """
    settled = (_rows(use_case, test), _parity(use_case, parity))
    try:
        candidate = Scorer(release, use_case)
    except ReleaseRefused as error:
        return (*settled, GateCheck(name="signature", passed=False, detail=str(error)))
    signature = GateCheck(
        name="signature",
        passed=True,
        detail="inputs, outputs, features and classes are those of the use case",
    )
    metrics = measure(use_case, candidate, test)
    compared = compare(use_case, candidate, test if unseen is None else unseen, champion)
    return (*settled, signature, _minimum(use_case, metrics), compared)


def measure(use_case: UseCase, scorer: Scorer, test: pa.Table) -> dict[str, float]:
    """Return the metrics of a release on `test`: columns of `model_schema` and `label`.

    Raises:
        InvalidData: a column is missing, or a label is no class of the use case.
    """
    schema = model_schema(use_case)
    missing = sorted({*schema.arrow.names, "label"} - set(test.column_names))
    if missing:
        raise InvalidData(f"the test rows of {use_case.name} lack the columns {missing}")
    scores = scorer.score_features(schema.select(test))
    labels = test.column("label").combine_chunks()
    return evaluate(use_case, labels, scores.probabilities, scores.predictions)


def compare(
    use_case: UseCase, candidate: Scorer, unseen: pa.Table, champion: Release | None
) -> GateCheck:
    """Return whether `candidate` may take the champion's place, judged on the test rows that the
    champion was not trained on; too few of them, or a class without any, say nothing.
    """
    if champion is None:
        return beats(use_case, {}, unseen, champion)
    labels = set(unseen.column("label").to_pylist())
    absent = [name for name in use_case.classes if name not in labels]
    if unseen.num_rows < MINIMUM_ROWS or absent:
        none_of = f", none of them {', '.join(absent)}" if absent else ""
        return _no_champion(
            f"only {unseen.num_rows} test rows{none_of} are new to production's "
            f"{champion.id:.12}, {MINIMUM_ROWS} of every class are needed: underpowered"
        )
    return beats(use_case, measure(use_case, candidate, unseen), unseen, champion)


def beats(
    use_case: UseCase, metrics: Mapping[str, float], test: pa.Table, champion: Release | None
) -> GateCheck:
    """Return whether a release with `metrics` on `test` may take the champion's place.

    It may be worse by `gates.margin` on the same rows. Without a champion that the present
    code can load the check passes and says so.
    """
    if champion is None:
        return _no_champion("production serves no release that could be loaded")
    try:
        production = Scorer(champion, use_case)
    except ReleaseRefused as error:
        return _no_champion(f"production's {champion.id:.12} cannot be scored any more: {error}")
    try:
        value = chosen(use_case, metrics)
        reference = chosen(use_case, measure(use_case, production, test))
    except InvalidData as error:
        return GateCheck(name="champion", passed=False, detail=str(error))
    training = use_case.training()
    limit = reference - training.gates.margin
    return GateCheck(
        name="champion",
        passed=value >= limit - ROUNDING,
        detail=f"{training.metric} against {reference:.4f} of production's {champion.id:.12}, "
        f"margin {training.gates.margin:g}, on the same {test.num_rows} rows",
        value=value,
        limit=limit,
    )


def passed(checks: tuple[GateCheck, ...]) -> bool:
    """Say whether there is a verdict and every gate in it passed."""
    return bool(checks) and all(check.passed for check in checks)


def reasons(checks: tuple[GateCheck, ...]) -> str:
    """Return why a release is refused, on one line."""
    failed = [_reason(check) for check in checks if not check.passed]
    return "; ".join(failed) or "it was never judged"


def _rows(use_case: UseCase, test: pa.Table) -> GateCheck:
    rows = test.num_rows
    labels = set(test.column("label").to_pylist()) if "label" in test.column_names else set()
    absent = [name for name in use_case.classes if name not in labels]
    detail = "rows of the test part"
    if absent:
        detail += f", none of them {', '.join(absent)}"
    if rows < AMPLE_ROWS:
        error = 0.5 / max(rows, 1) ** 0.5
        detail += f"; underpowered: the standard error of a share may reach {error:.2f}"
    enough = rows >= MINIMUM_ROWS and not absent
    return GateCheck(name="rows", passed=enough, detail=detail, value=rows, limit=MINIMUM_ROWS)


def _parity(use_case: UseCase, parity: float) -> GateCheck:
    limit = use_case.training().gates.parity
    return GateCheck(
        name="parity",
        passed=parity <= limit,
        detail="largest difference between the ONNX graph's and the original's probabilities",
        value=parity,
        limit=limit,
    )


def _minimum(use_case: UseCase, metrics: Mapping[str, float]) -> GateCheck:
    limit = use_case.training().gates.minimum
    try:
        value = chosen(use_case, metrics)
    except InvalidData as error:
        return GateCheck(name="minimum", passed=False, detail=str(error), limit=limit)
    return GateCheck(
        name="minimum",
        passed=value >= limit - ROUNDING,
        detail=f"{use_case.training().metric} on {metrics['rows']:g} rows of the test part",
        value=value,
        limit=limit,
    )


def _no_champion(detail: str) -> GateCheck:
    return GateCheck(name="champion", passed=True, detail=f"nothing to compare with: {detail}")


def _reason(check: GateCheck) -> str:
    seen = "" if check.value is None else f" {check.value:.4g}"
    asked = "" if check.limit is None else f" (limit {check.limit:.4g})"
    return f"{check.name}{seen}{asked}: {check.detail}"
