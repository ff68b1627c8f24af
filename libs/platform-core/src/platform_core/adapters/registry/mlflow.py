"""The model registry in an MLflow server."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModelOutput
from mlflow.entities.model_registry import ModelVersion as MlflowVersion
from mlflow.exceptions import MlflowException

from platform_core.adapters.registry.client import mlflow_client
from platform_core.adapters.registry.onnx_model import has_signature, load_onnx, save_onnx_model
from platform_core.errors import (
    InvalidInput,
    NotFound,
    Refused,
    ReleaseNotFound,
    UpstreamUnavailable,
)
from platform_core.ports.registry import ModelVersion

RELEASE_ID = "release_id"
RELEASE_URI = "release_uri"


class MlflowRegistry:
    """Registered models of the server at `tracking_uri`; a model is named like its use case."""

    def __init__(self, tracking_uri: str) -> None:
        self._uri = tracking_uri
        self._client = mlflow_client(tracking_uri)

    def register(
        self,
        use_case: str,
        release_id: str,
        release_uri: str,
        model: Path,
        run_id: str | None,
        tags: Mapping[str, str],
    ) -> ModelVersion:
        """Register the ONNX file `model` as a new version; see the port."""
        with self._translated(f"register {use_case} {release_id}"):
            if not self._search(use_case, release_id):
                model_id = self._log_model(use_case, model, run_id)
                self._client.create_model_version(
                    use_case,
                    source=f"models:/{model_id}",
                    run_id=run_id,
                    tags={**tags, RELEASE_ID: release_id, RELEASE_URI: release_uri},
                    model_id=model_id,
                    await_creation_for=0,
                )
        return self.find(use_case, release_id)

    def versions(self, use_case: str) -> list[ModelVersion]:
        """Return all versions, newest first; an unknown use case has none."""
        with self._translated(f"list {use_case}"):
            found = self._search(use_case)
            aliases = self._aliases(use_case) if found else {}
            versions = [_version(use_case, item, aliases) for item in found]
        return sorted(versions, key=lambda version: int(version.version), reverse=True)

    def find(self, use_case: str, release_id: str) -> ModelVersion:
        """Return the version of a release; `ReleaseNotFound` when it was never registered."""
        with self._translated(f"find {use_case} {release_id}"):
            found = self._search(use_case, release_id)
            if found:
                return _version(use_case, found[0], self._aliases(use_case))
        raise ReleaseNotFound(
            f"release {release_id} of {use_case} is not registered in MLflow at {self._uri}; "
            "`make releases` lists what is"
        )

    def alias(self, use_case: str, environment: str) -> ModelVersion | None:
        """Return the version an alias points at, `None` when it is not set."""
        for version in self.versions(use_case):
            if environment in version.aliases:
                return version
        return None

    def set_alias(self, use_case: str, environment: str, version: str | None) -> None:
        """Point the alias at a version; `None` removes it."""
        with self._translated(f"set the alias {environment} of {use_case}"):
            if version is not None:
                self._client.get_model_version(use_case, version)
                self._client.set_registered_model_alias(use_case, environment, version)
            elif self._search(use_case):
                self._client.delete_registered_model_alias(use_case, environment)

    def _search(self, use_case: str, release_id: str | None = None) -> list[MlflowVersion]:
        query = f"name = '{use_case}'"
        if release_id is not None:
            query += f" AND tags.{RELEASE_ID} = '{release_id}'"
        page = self._client.search_model_versions(query)
        found = list(page)
        while page.token:
            page = self._client.search_model_versions(query, page_token=page.token)
            found += page
        return found

    def _aliases(self, use_case: str) -> Mapping[str, str]:
        aliases: Mapping[str, str] = self._client.get_registered_model(use_case).aliases
        return aliases

    def _ensure_registered_model(self, use_case: str) -> None:
        try:
            self._client.create_registered_model(use_case)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _log_model(self, use_case: str, model: Path, run_id: str | None) -> str:
        """Store the model with its signature; return the id MLflow gives it."""
        proto = load_onnx(model)
        self._ensure_registered_model(use_case)
        logged = self._client.create_logged_model(
            self._experiment(use_case, run_id), use_case, source_run_id=run_id
        )
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder) / "model"
            save_onnx_model(proto, saved, logged.model_id, run_id)
            self._client.log_model_artifacts(logged.model_id, str(saved))
            self._client.finalize_logged_model(logged.model_id, "READY")
            if run_id is not None:
                self._client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
            read_back = download_artifacts(
                f"{logged.artifact_location}/MLmodel", dst_path=folder, tracking_uri=self._uri
            )
            if not has_signature(Path(read_back), proto):
                raise Refused(
                    f"MLflow at {self._uri} lost the signature of {use_case} on the way; "
                    "nothing was registered, see the server's log"
                )
        return logged.model_id

    def _experiment(self, use_case: str, run_id: str | None) -> str:
        if run_id is not None:
            return self._client.get_run(run_id).info.experiment_id
        experiment = self._client.get_experiment_by_name(use_case)
        return experiment.experiment_id if experiment else self._client.create_experiment(use_case)

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except MlflowException as error:
            message = f"MLflow at {self._uri} could not {action}: {error.message:.500}"
            kinds = {
                "RESOURCE_DOES_NOT_EXIST": NotFound,
                "INVALID_PARAMETER_VALUE": InvalidInput,
            }
            if error.error_code in kinds:
                raise kinds[error.error_code](message) from error
            raise UpstreamUnavailable(
                f"MLflow at {self._uri} could not {action}: {error.message:.120}…; check "
                "MLFLOW_TRACKING_URI and that the server runs (`make up`)"
            ) from error


def _version(use_case: str, item: MlflowVersion, aliases: Mapping[str, str]) -> ModelVersion:
    tags = dict(item.tags)
    return ModelVersion(
        use_case=use_case,
        version=str(item.version),
        release_id=tags.pop(RELEASE_ID, ""),
        release_uri=tags.pop(RELEASE_URI, ""),
        run_id=item.run_id or None,
        tags=tags,
        aliases=tuple(
            sorted(a for a, version in aliases.items() if str(version) == str(item.version))
        ),
    )
