"""Prepare data: from a source to a dataset version."""

from data_pipeline.preparation import DataPreparation
from platform_core.errors import DataUnchanged
from platform_core.storage import dataset_path
from training.progress import show
from training.results import DatasetResult
from training.steps.context import StepContext


def run(context: StepContext) -> DatasetResult:
    """Freeze the valid rows of the source as a dataset version.

    Raises:
        InvalidData: the source cannot be used, too many rows are invalid, a class is missing, or
            the base does not exist.
        UpstreamUnavailable: a server that holds the source, or Ray, does not answer.
        DataUnchanged: the dataset version is the one that the run was not to repeat.
    """
    given = context.parameters
    preparation = DataPreparation(context.services.data, context.case, show)
    manifest = preparation.freeze(given.request, f"{context.folder}/source", given.base)
    if manifest.dataset_version == given.unless_version:
        raise DataUnchanged(
            f"the source still gives dataset version {given.unless_version}, which the release was "
            "trained on; add newer labelled data, or run the pipeline by hand with other parameters"
        )
    return DatasetResult(
        dataset_version=manifest.dataset_version,
        dataset_path=dataset_path(context.case.name, manifest.dataset_version),
        rows=manifest.rows,
        test_rows=manifest.test_rows,
    )
