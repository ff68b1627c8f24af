"""Models of MLflow: `models:/name/1`, `runs:/…`, or a folder with an `MLmodel` file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.models.signature import ModelSignature

from platform_core.errors import InvalidData, UpstreamUnavailable
from platform_core.hashing import sha256_bytes
from training.importing.files import read_model_file, read_pickle, read_skops, require_trust
from training.importing.found import FoundModel
from use_cases import FeatureSchema, UseCase, model_schema

MLMODEL = "MLmodel"
SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/")
NUMBERS = frozenset({"float", "double", "integer", "long", "boolean"})
TEXT = "string"


def is_mlflow(source: str) -> bool:
    """Return whether a source is a URI of MLflow or the folder of one of its models."""
    return source.startswith(SCHEMES) or (Path(source) / MLMODEL).is_file()


def read_mlflow_model(
    source: str, case: UseCase, tracking_uri: str, folder: Path, trust_pickle: bool
) -> FoundModel:
    """Return a model of MLflow; what is downloaded goes to `folder`.

    Raises:
        InvalidData: it has no signature, one that does not fit, or a flavour that is not known.
        Refused: it is a pickle and not trusted.
        UpstreamUnavailable: MLflow does not answer.
    """
    local = _download(source, tracking_uri, folder)
    try:
        model = Model.load(str(local))
    except (MlflowException, OSError, ValueError, TypeError) as error:
        raise InvalidData(f"{source} has no MLmodel file that can be read: {error}") from error
    columns = _check_signature(model.signature, source, model_schema(case))
    for flavour, read in _READERS.items():
        if flavour in model.flavors:
            found = read(local, model.flavors[flavour], source, trust_pickle)
            return FoundModel(
                source,
                f"MLflow {flavour}, {found.kind}",
                sha256_bytes((local / MLMODEL).read_bytes()),
                graph=found.graph,
                estimator=found.estimator,
                columns=columns or found.columns,
                labels=found.labels,
                libraries=_libraries(model.flavors),
            )
    raise InvalidData(
        f"{source} has the flavours {', '.join(model.flavors)}; one of {', '.join(_READERS)} is "
        "needed"
    )


def _download(source: str, tracking_uri: str, folder: Path) -> Path:
    if (Path(source) / MLMODEL).is_file():
        return Path(source)
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    try:
        return Path(mlflow.artifacts.download_artifacts(source, dst_path=str(folder)))
    except MlflowException as error:
        raise UpstreamUnavailable(
            f"MLflow at {tracking_uri} cannot provide {source}: {error.message:.300}"
        ) from error


def _check_signature(
    signature: ModelSignature | None, source: str, schema: FeatureSchema
) -> tuple[str, ...] | None:
    """Return the names of the model's columns of numbers; `None` where there are none, or the
    signature is that of a tensor.

    Raises:
        InvalidData: the signature is missing, or a column is not a feature; each difference is
            named.
    """
    if signature is None or signature.inputs is None:
        raise InvalidData(
            f"{source} has no signature, so its inputs are unknown; log it with "
            "signature=mlflow.models.infer_signature(…)"
        )
    if signature.inputs.is_tensor_spec():
        return None
    differences, names = [], []
    for column in signature.inputs.inputs:
        name, kind = column.name, getattr(column.type, "name", str(column.type))
        names.append(str(name))
        if name in schema.texts and kind != TEXT:
            differences.append(f"{name} is {kind}, the feature is a text")
        elif name in schema.numbers and kind not in NUMBERS:
            differences.append(f"{name} is {kind}, the feature is a number")
        elif name not in schema.names:
            differences.append(f"{name} ({kind}) is not a feature of the use case")
    if differences:
        raise InvalidData(
            f"the signature of {source} does not fit the features {', '.join(schema.names)}: "
            + "; ".join(differences)
        )
    return tuple(name for name in names if name not in schema.texts) or None


def _libraries(flavours: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    versions = {
        "sklearn_version": "scikit-learn",
        "xgb_version": "xgboost",
        "lgb_version": "lightgbm",
    }
    return {
        name: str(flavour[key])
        for flavour in flavours.values()
        for key, name in versions.items()
        if key in flavour
    }


def _file(folder: Path, flavour: Mapping[str, Any], key: str, source: str) -> Path:
    """Return the file that a flavour names; `InvalidData` where the model's folder has none."""
    name = str(flavour.get(key, ""))
    file = (folder / name).resolve()
    if not (file.is_file() and file.is_relative_to(folder.resolve())):
        raise InvalidData(
            f"the MLmodel file of {source} names {name!r:.100} as its {key}, which is not a file "
            "of the model; log the model again"
        )
    return file


def _read_onnx(
    folder: Path, flavour: Mapping[str, Any], source: str, trust_pickle: bool
) -> FoundModel:
    return read_model_file(_file(folder, flavour, "data", source), source, trust_pickle)


def _read_sklearn(
    folder: Path, flavour: Mapping[str, Any], source: str, trust_pickle: bool
) -> FoundModel:
    file = _file(folder, flavour, "pickled_model", source)
    return _read_serialized(file, flavour, source, trust_pickle)


def _read_serialized(
    file: Path, flavour: Mapping[str, Any], source: str, trust_pickle: bool
) -> FoundModel:
    if flavour.get("serialization_format") == "skops":
        return FoundModel(source, "skops", "", estimator=read_skops(file, source))
    require_trust(source, trust_pickle)
    return FoundModel(source, "pickle", "", estimator=read_pickle(file, source))


def _read_xgboost(
    folder: Path, flavour: Mapping[str, Any], source: str, trust_pickle: bool
) -> FoundModel:
    del trust_pickle  # XGBoost's own format is data
    from xgboost import XGBClassifier, XGBRegressor

    name = str(flavour.get("model_class", ""))
    model = XGBRegressor() if name.endswith("XGBRegressor") else XGBClassifier()
    if not name.endswith(("XGBRegressor", "XGBClassifier")):
        raise InvalidData(
            f"{source} is a {name or 'Booster'}, which does not name its classes; log the "
            "XGBClassifier or XGBRegressor, or export it to ONNX"
        )
    try:
        model.load_model(_file(folder, flavour, "data", source))
    except ValueError as error:  # XGBoostError is one
        raise InvalidData(f"{source} cannot be read by XGBoost: {error!s:.200}") from error
    return FoundModel(source, name.rpartition(".")[2], "", estimator=model)


def _read_lightgbm(
    folder: Path, flavour: Mapping[str, Any], source: str, trust_pickle: bool
) -> FoundModel:
    file = _file(folder, flavour, "data", source)
    if str(flavour.get("model_class", "")).endswith("Booster"):
        raise InvalidData(
            f"{source} is a Booster, which does not name its classes; log the LGBMClassifier or "
            "LGBMRegressor, or export it to ONNX"
        )
    return _read_serialized(file, flavour, source, trust_pickle)


_READERS: Mapping[str, Callable[[Path, Mapping[str, Any], str, bool], FoundModel]] = {
    "onnx": _read_onnx,
    "sklearn": _read_sklearn,
    "xgboost": _read_xgboost,
    "lightgbm": _read_lightgbm,
}
"""By flavour, the best first: a model may have several."""
