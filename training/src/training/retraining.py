"""Which data a retraining uses, and the parameters of its run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data_pipeline.sources import FEEDBACK
from platform_core.contracts.drift_report import RetrainRequest
from platform_core.contracts.environments import Environment
from platform_core.contracts.release import Lineage
from platform_core.errors import DataUnchanged, Refused
from platform_core.ports.blob_store import BlobStore
from scoring import load_lineage
from training.parameters import RunParameters
from training.progress import show
from training.settings import DEFAULT_MIN_LABELS, RetrainSource
from use_cases import use_case


@dataclass(frozen=True)
class RetrainSources:
    """Chooses the source of retrainings: `auto` for use cases that `by_use_case` does not name,
    where at least `min_labels` new labelled records of `environments` are enough.
    """

    store: BlobStore
    by_use_case: Mapping[str, RetrainSource] = field(default_factory=dict)
    min_labels: int = DEFAULT_MIN_LABELS
    environments: Sequence[Environment] = (Environment.PRODUCTION,)

    def parameters(self, request: RetrainRequest) -> RunParameters:
        """Return the parameters of the run of a request: those of the release it names, with the
        evidence of the request. Labelled predictions are added to the newest dataset version that
        contains the one the release was trained on.

        Raises:
            NotFound: the release has no lineage.
            Refused: it was imported, so there is no training to repeat.
            DataUnchanged: it was trained on labelled predictions and there are too few new ones.
        """
        lineage = load_lineage(self.store, request.use_case, request.release_id)
        if lineage.imported is not None:
            raise Refused(
                f"release {request.release_id:.12} was imported: there is no training to repeat; "
                "import a newer model, or run the pipeline"
            )
        last = RunParameters(
            **{
                **lineage.pipeline_parameters,
                "unless_version": lineage.dataset_version,
                "evidence": request.evidence,
            }
        )
        source = self.by_use_case.get(request.use_case, RetrainSource.AUTO)
        base = "" if source is RetrainSource.LAST else self._newest(request.use_case, lineage)
        if base and (source is RetrainSource.FEEDBACK or self._enough(request, base, last)):
            given = {"data": FEEDBACK, "base": base, "columns": ""}
            return RunParameters(**{**last.model_dump(), **given})
        return last

    def _enough(self, request: RetrainRequest, base: str, last: RunParameters) -> bool:
        from data_pipeline.feedback.predictions import NewLabels  # a slow import

        case = use_case(request.use_case)
        found = NewLabels.find(self.store, case, base, self.environments)
        count = int(found.labels.num_rows)
        counted = f"{count:,} labelled records beyond dataset version {base}"
        show(f"retraining {case.name}: {counted}; {self.min_labels:,} are needed to use them")
        if count < self.min_labels and last.data == FEEDBACK:
            raise DataUnchanged(
                f"there are only {counted}, fewer than the {self.min_labels:,} of "
                "RETRAIN_MIN_LABELS; send more labels, or run the pipeline by hand"
            )
        return count >= self.min_labels

    def _newest(self, use_case_name: str, lineage: Lineage) -> str:
        """Return the newest dataset version that contains the one of a release; "" if that is gone.

        A newer one that does not, for instance of a data report, would lose its rows.
        """
        from data_pipeline.versions.manifest import manifests  # a slow import

        trained_on = lineage.dataset_version
        newest_first = manifests(self.store, use_case_name)
        parents = {one.dataset_version: one.parents for one in newest_first}
        if trained_on not in parents:
            return ""

        def contains(name: str) -> bool:
            return name == trained_on or any(map(contains, parents.get(name, ())))

        return next(name for name in parents if contains(name))
