"""The pipeline as IR for a cluster."""

from pathlib import Path

from kfp import compiler

from platform_core.errors import ConfigurationError
from training.pipeline.cluster_task import prepare
from training.pipeline.definition import pipeline


def compile_pipeline(image: str, target: Path) -> Path:
    """Write the pipeline's IR to `target` (YAML) and return it.

    Raises:
        ConfigurationError: the image has neither tag nor digest, so that what ran could not be
            told later.
    """
    if ":" not in image.rsplit("/", 1)[-1]:
        raise ConfigurationError(
            f"TRAINING_IMAGE={image!r} names no tag or digest; give for example {image}:0.2.0"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(pipeline(image, prepare), str(target))
    return target
