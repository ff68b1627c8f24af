"""The components of the pipeline: what each step reads and writes, as typed artifacts.

Each body calls the installed package, so that a laptop and a cluster run the same code; only the
process around it differs. KFP takes the source of each function by itself: that is why every body
imports what it calls. The image is set by the pipeline's definition.
"""

from functools import partial
from typing import Any

from kfp import dsl

component = partial(dsl.component, base_image="python:3.11-slim", install_kfp_package=False)


@component
def prepare_data(
    use_case: str, parameters: dict[str, Any], dataset: dsl.Output[dsl.Dataset]
) -> None:
    """Read the source and freeze its valid rows as a dataset version."""
    from training.pipeline.artifacts import run_component

    run_component("prepare-data", use_case, {"dataset": dataset}, parameters=parameters)


@component
def features(
    use_case: str,
    dataset: dsl.Input[dsl.Dataset],
    features: dsl.Output[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
) -> None:
    """Compute the features of a dataset version, and the report on its data."""
    from training.pipeline.artifacts import run_component

    outputs = {"features": features, "report": report}
    run_component("features", use_case, outputs, {"dataset": dataset})


@component
def train(
    use_case: str,
    parameters: dict[str, Any],
    features: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    search: dsl.Output[dsl.Metrics],
) -> None:
    """Search and fit the best model on Ray."""
    from training.pipeline.artifacts import run_component

    outputs = {"model": model, "search": search}
    run_component("train", use_case, outputs, {"features": features}, parameters)


@component
def evaluate(
    use_case: str,
    features: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    graph: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    curves: dsl.Output[dsl.ClassificationMetrics],
) -> None:
    """Evaluate the model on the test split, and export it as an ONNX graph."""
    from training.pipeline.artifacts import run_component

    outputs = {"graph": graph, "metrics": metrics, "curves": curves}
    run_component("evaluate", use_case, outputs, {"features": features, "model": model})


@component
def release(
    use_case: str,
    parameters: dict[str, Any],
    features: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    evaluated: dsl.Input[dsl.Model],
    release: dsl.Output[dsl.Model],
    card: dsl.Output[dsl.HTML],
) -> None:
    """Build the release with its baseline and its card, and judge it."""
    from training.pipeline.artifacts import run_component

    inputs = {"features": features, "model": model, "evaluated": evaluated}
    run_component("release", use_case, {"release": release, "card": card}, inputs, parameters)


@component
def stage(
    use_case: str,
    release: dsl.Input[dsl.Model],
    staged: dsl.Output[dsl.Model],
    check: dsl.Output[dsl.Metrics],
) -> None:
    """Register the release in MLflow, deploy it to staging, and compare its answers."""
    from training.pipeline.artifacts import run_component

    run_component("stage", use_case, {"staged": staged, "check": check}, {"release": release})
