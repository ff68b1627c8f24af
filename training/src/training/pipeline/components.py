"""The components of the pipeline. Each body hands over to the installed package, so that a
laptop and a cluster run the same code; only the process around it differs.

KFP takes the source of each function by itself: that is why every body imports what it calls.
The image is set by the pipeline's definition.
"""

from functools import partial

from kfp import dsl

component = partial(dsl.component, base_image="python:3.11-slim", install_kfp_package=False)


@component
def ingest(use_case: str, run_id: str, data: str, columns: str, rows: int, seed: int) -> int:
    """Read the source; returns the number of rows."""
    from training.steps.execute import execute

    return execute("ingest", use_case, run_id, data=data, columns=columns, rows=rows, seed=seed)


@component
def validate(use_case: str, run_id: str, rows_read: int, base: str) -> str:
    """Freeze the valid rows; returns the dataset version."""
    from training.steps.execute import execute

    return execute("validate", use_case, run_id, base=base)


@component
def features(use_case: str, run_id: str, dataset_version: str) -> str:
    """Compute features; returns the version of the feature view, empty where there is none."""
    from training.steps.execute import execute

    return execute("features", use_case, run_id, dataset_version=dataset_version)


@component
def train(
    use_case: str,
    run_id: str,
    dataset_version: str,
    feature_view_version: str,
    trials: int,
    budget_minutes: float,
    seed: int,
) -> str:
    """Search and fit on Ray; returns the name of the best candidate."""
    from training.steps.execute import execute

    return execute(
        "train",
        use_case,
        run_id,
        dataset_version=dataset_version,
        trials=trials,
        seed=seed,
        budget_minutes=budget_minutes,
    )


@component
def evaluate(
    use_case: str,
    run_id: str,
    dataset_version: str,
    candidate: str,
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Judge the model on the test part."""
    from training.steps.execute import execute

    values = execute("evaluate", use_case, run_id, dataset_version=dataset_version)
    for name, value in values.items():
        metrics.log_metric(name, value)


@component
def export_onnx(use_case: str, run_id: str, candidate: str) -> int:
    """Export the model; returns the size of the graph in bytes."""
    from training.steps.execute import execute

    return execute("export-onnx", use_case, run_id)


@component
def parity(use_case: str, run_id: str, dataset_version: str, graph_bytes: int) -> float:
    """Compare ONNX with the original; returns the largest difference of a probability."""
    from training.steps.execute import execute

    return execute("parity", use_case, run_id, dataset_version=dataset_version)


@component
def baseline(
    use_case: str, run_id: str, dataset_version: str, feature_view_version: str, graph_bytes: int
) -> int:
    """Write the reference distributions; returns the rows they were made from."""
    from training.steps.execute import execute

    return execute(
        "baseline",
        use_case,
        run_id,
        dataset_version=dataset_version,
        feature_view_version=feature_view_version,
    )


@component
def release(use_case: str, run_id: str, feature_view_version: str, baseline_rows: int) -> str:
    """Build the release; returns its id."""
    from training.steps.execute import execute

    return execute("release", use_case, run_id, feature_view_version=feature_view_version)


@component
def gate(
    use_case: str,
    run_id: str,
    release_id: str,
    dataset_version: str,
    feature_view_version: str,
    largest_difference: float,
    data: str,
    columns: str,
    rows: int,
    trials: int,
    budget_minutes: float,
    seed: int,
    git_sha: str,
    base: str,
) -> str:
    """Judge the release beside production's; returns its id when it passed."""
    from training.steps.execute import execute

    given = {"data": data, "columns": columns, "rows": rows, "trials": trials, "seed": seed}
    given |= {"budget_minutes": budget_minutes}
    return execute(
        "gate",
        use_case,
        run_id,
        dataset_version=dataset_version,
        feature_view_version=feature_view_version,
        parameters={**given, "git_sha": git_sha, "base": base},
    )


@component
def register(use_case: str, run_id: str, release_id: str) -> str:
    """Register the release in MLflow; returns its version."""
    from training.steps.execute import execute

    return execute("register", use_case, run_id, release_id=release_id)


@component
def deploy(use_case: str, run_id: str, release_id: str, model_version: str) -> str:
    """Let staging serve the release; returns its id."""
    from training.steps.execute import execute

    return execute("deploy", use_case, run_id, release_id=release_id)


@component
def smoke(use_case: str, run_id: str, dataset_version: str, release_id: str) -> float:
    """Compare the gateway's answers with offline scores; returns the largest difference."""
    from training.steps.execute import execute

    return execute(
        "smoke", use_case, run_id, dataset_version=dataset_version, release_id=release_id
    )
