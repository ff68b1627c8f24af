"""The pipeline's graph: defined once, run by KFP's SubprocessRunner or compiled for a cluster."""

from collections.abc import Callable

from kfp import dsl
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_task import PipelineTask

from data_pipeline import DEFAULT_ROWS
from training.pipeline import components

NAME = "train-and-stage"
DEFAULT_TRIALS = 4
DEFAULT_SEED = 7


Prepare = Callable[[PipelineTask], None]


def as_it_is(task: PipelineTask) -> None:
    """Give a task nothing: on this machine it has what it needs."""
    del task


def pipeline(image: str, prepare: Prepare = as_it_is) -> BaseComponent:
    """Return the pipeline; on a cluster every step runs in `image`, once `prepare` has given its
    task what it needs there.
    """

    @dsl.pipeline(name=NAME, description="Train, judge, register and stage a release.")
    def train_and_stage(  # noqa: PLR0913, PLR0917 - the parameters of a run
        use_case: str,
        run_id: str,
        data: str = "",
        columns: str = "",
        rows: int = DEFAULT_ROWS,
        trials: int = DEFAULT_TRIALS,
        budget_minutes: float = 0.0,
        seed: int = DEFAULT_SEED,
        git_sha: str = "",
        base: str = "",
    ) -> None:
        step = _Step(image, prepare, use_case, run_id)
        source = {"data": data, "columns": columns, "rows": rows, "seed": seed}
        rows_read = step(components.ingest, **source).output
        version = step(components.validate, rows_read=rows_read, base=base).output
        view = step(components.features, dataset_version=version).output
        made = {"dataset_version": version, "feature_view_version": view}
        effort = {"trials": trials, "budget_minutes": budget_minutes}
        best = step(components.train, **made, **effort, seed=seed).output
        judged = step(components.evaluate, dataset_version=version, candidate=best)
        graph = step(components.export_onnx, candidate=best).output
        difference = step(components.parity, dataset_version=version, graph_bytes=graph).output
        reference = step(components.baseline, **made, graph_bytes=graph).output
        built = step(components.release, feature_view_version=view, baseline_rows=reference).output
        judgement = {"release_id": built, "largest_difference": difference}
        given = {**source, **effort, "git_sha": git_sha, "base": base}
        passed = step(components.gate, **made, **judgement, **given).after(judged).output
        registered = step(components.register, effects=True, release_id=passed).output
        staged = step(
            components.deploy, effects=True, release_id=passed, model_version=registered
        ).output
        step(components.smoke, effects=True, dataset_version=version, release_id=staged)

    return train_and_stage


class _Step:
    """Adds tasks of one run to the graph: their image, and no caching where they change the
    world.
    """

    def __init__(self, image: str, prepare: Prepare, use_case: str, run_id: str) -> None:
        self._image = image
        self._prepare = prepare
        self._run = {"use_case": use_case, "run_id": run_id}

    def __call__(
        self, component: BaseComponent, effects: bool = False, **inputs: object
    ) -> PipelineTask:
        task = component(**self._run, **inputs)
        task.set_container_image(self._image)
        self._prepare(task)
        return task.set_caching_options(enable_caching=not effects)
