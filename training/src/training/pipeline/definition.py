"""The pipeline's graph: defined once, run by KFP's SubprocessRunner or compiled for a cluster."""

from kfp import dsl
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_task import PipelineTask

from data_pipeline import DEFAULT_ROWS
from training.pipeline import components

NAME = "train-and-stage"
DEFAULT_TRIALS = 4
DEFAULT_SEED = 7


def pipeline(image: str) -> BaseComponent:
    """Return the pipeline; on a cluster every step runs in `image`."""

    @dsl.pipeline(name=NAME, description="Train, judge, register and stage a release.")
    def train_and_stage(  # noqa: PLR0913, PLR0917 - the parameters of a run
        use_case: str,
        run_id: str,
        data: str = "",
        columns: str = "",
        rows: int = DEFAULT_ROWS,
        trials: int = DEFAULT_TRIALS,
        seed: int = DEFAULT_SEED,
        parameters: dict = {},  # noqa: B006 - KFP reads the default, nothing changes it
    ) -> None:
        run = {"use_case": use_case, "run_id": run_id}
        step = _Step(image)
        ingested = step(components.ingest, **run, data=data, columns=columns, rows=rows, seed=seed)
        version = step(components.validate, **run, rows_read=ingested.output).output
        view = step(components.features, **run, dataset_version=version).output
        best = step(
            components.train,
            **run,
            dataset_version=version,
            feature_view_version=view,
            trials=trials,
            seed=seed,
        ).output
        judged = step(components.evaluate, **run, dataset_version=version, candidate=best)
        graph = step(components.export_onnx, **run, candidate=best).output
        difference = step(
            components.parity, **run, dataset_version=version, graph_bytes=graph
        ).output
        reference = step(
            components.baseline,
            **run,
            dataset_version=version,
            feature_view_version=view,
            graph_bytes=graph,
        ).output
        release = step(
            components.release, **run, feature_view_version=view, baseline_rows=reference
        ).output
        passed = step(
            components.gate,
            **run,
            release_id=release,
            dataset_version=version,
            feature_view_version=view,
            largest_difference=difference,
            parameters=parameters,
        ).after(judged)
        registered = step(components.register, **run, release_id=passed.output, effects=True).output
        staged = step(
            components.deploy,
            **run,
            release_id=passed.output,
            model_version=registered,
            effects=True,
        ).output
        step(components.smoke, **run, dataset_version=version, release_id=staged, effects=True)

    return train_and_stage


class _Step:
    """Adds a task to the graph: its image, and no caching where it changes the world."""

    def __init__(self, image: str) -> None:
        self._image = image

    def __call__(
        self, component: BaseComponent, effects: bool = False, **inputs: object
    ) -> PipelineTask:
        task = component(**inputs)
        task.set_container_image(self._image)
        return task.set_caching_options(enable_caching=not effects)
