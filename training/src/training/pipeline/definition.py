"""The pipeline's graph: defined once, run by KFP's SubprocessRunner or compiled for a cluster."""

from collections.abc import Callable
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_task import PipelineTask

from training.parameters import RunParameters
from training.pipeline import components
from training.steps import OUTSIDE

NAME = "train-and-stage"

DEFAULTS = RunParameters().model_dump(mode="json")

Prepare = Callable[[PipelineTask], None]


def no_preparation(task: PipelineTask) -> None:
    """Leave a task as it is: on this machine it has what it needs."""
    del task


def pipeline(image: str, prepare: Prepare = no_preparation) -> BaseComponent:
    """Return the pipeline; on a cluster every step runs in `image`, and `prepare` gives its task
    what it needs there.
    """

    # KFP ships no types.
    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name=NAME, description="Train, judge, register and stage a release."
    )
    def train_and_stage(use_case: str, parameters: dict[str, Any] = DEFAULTS) -> None:
        add = _Tasks(image, prepare, use_case)
        dataset = add(components.prepare_data, parameters=parameters).output
        features = add(components.features, dataset=dataset).outputs["features"]
        model = add(components.train, parameters=parameters, features=features)
        model = model.outputs["model"]
        trained = {"features": features, "model": model}
        evaluated = add(components.evaluate, **trained).outputs["graph"]
        judged = {**trained, "evaluated": evaluated}
        release = add(components.release, parameters=parameters, **judged).outputs["release"]
        add(components.stage, release=release)

    return train_and_stage


class _Tasks:
    """Adds tasks to the graph: their image, and whether the server may cache them."""

    def __init__(self, image: str, prepare: Prepare, use_case: str) -> None:
        self._image = image
        self._prepare = prepare
        self._use_case = use_case

    def __call__(self, component: BaseComponent, **inputs: object) -> PipelineTask:
        task = component(use_case=self._use_case, **inputs)
        task.set_container_image(self._image)
        self._prepare(task)
        return task.set_caching_options(enable_caching=component.name not in OUTSIDE)
