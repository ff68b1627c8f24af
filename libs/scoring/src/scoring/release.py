"""A release: everything needed to answer and to judge, under one hash."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from platform_core.contracts.release import (
    FORMAT,
    FeatureViewRef,
    GoldenRecords,
    Lineage,
    ReleaseManifest,
    Rule,
    StoredFormat,
    TensorSpec,
)
from platform_core.errors import BlobNotFound, ReleaseNotFound, ReleaseRefused
from platform_core.hashing import sha256_bytes, sha256_json
from platform_core.open_inference import INTERVAL, PREDICTION, PROBABILITIES, tensor_specs
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import LINEAGE_FILE, RELEASE_FILE, release_path
from scoring.triton import triton_config
from use_cases import UseCase, assemble, model_schema

ID_CHARACTERS = 32


@dataclass(frozen=True)
class Release:
    """A manifest with the bytes of the files it names."""

    manifest: ReleaseManifest
    files: Mapping[str, bytes]

    @property
    def id(self) -> str:
        """The hash of everything that decides behaviour."""
        return manifest_id(self.manifest)

    @property
    def model(self) -> bytes:
        """The ONNX graph."""
        return self.files[model_file(self.manifest.use_case)]


def manifest_id(manifest: ReleaseManifest) -> str:
    """Return the release id that a manifest stands for (32 hexadecimal characters)."""
    return sha256_json(manifest.model_dump(mode="json"))[:ID_CHARACTERS]


def model_file(use_case: str) -> str:
    """Return the graph's place in a release; the layout is Triton's model repository."""
    return f"model/{use_case}/1/model.onnx"


def build_release(
    use_case: UseCase,
    model: bytes,
    baseline: bytes,
    feature_view_version: str | None,
    decision: Rule | None = None,
) -> Release:
    """Return the release of an ONNX graph; the same arguments and code give the same id.

    `baseline` is the Parquet file that is stored next to the release; `feature_view_version`
    names the version of the feature view it reads; `decision` replaces the use case's rule, and is
    an `IntervalRule` for regression.
    """
    config = triton_config(use_case).encode()
    files = {
        model_file(use_case.name): model,
        f"model/{use_case.name}/config.pbtxt": config,
    }
    manifest = ReleaseManifest(
        use_case=use_case.name,
        task=use_case.task,
        classes=use_case.classes,
        inputs=tensor_specs(use_case.record_schema),
        outputs=output_specs(use_case),
        features=model_schema(use_case).spec,
        decision=decision or use_case.decision,
        feature_views=feature_views(use_case, feature_view_version),
        golden=golden(use_case),
        baseline_sha256=sha256_bytes(baseline),
        files={name: sha256_bytes(data) for name, data in files.items()},
    )
    return Release(manifest, files)


def output_specs(use_case: UseCase) -> tuple[TensorSpec, ...]:
    """Return the answers of a release: probabilities [N, C] and the prediction [N], or for a
    number the prediction [N] and its interval [N, 2].
    """
    if use_case.task == "regression":
        return (
            TensorSpec(name=PREDICTION, datatype="FP32", shape=(-1,)),
            TensorSpec(name=INTERVAL, datatype="FP32", shape=(-1, 2)),
        )
    return (
        TensorSpec(name=PROBABILITIES, datatype="FP32", shape=(-1, len(use_case.classes))),
        TensorSpec(name=PREDICTION, datatype="BYTES", shape=(-1,)),
    )


def golden(use_case: UseCase) -> GoldenRecords:
    """Return the golden records with the features that the installed code computes."""
    records = use_case.golden_records()
    features = assemble(use_case, records)
    rows = model_schema(use_case).rows(features)
    return GoldenRecords(records=tuple(records.to_pylist()), features=tuple(rows))


def store_release(
    store: BlobStore,
    folder: str,
    release: Release,
    lineage: Lineage,
    documents: Mapping[str, bytes] | None = None,
) -> None:
    """Write a release to `folder`; `release.json` comes last, so half a release is none.

    `documents`, by file name, lie next to it for people to read; like the lineage they do not
    enter its id.
    """
    for name, data in {**(documents or {}), **release.files}.items():
        store.write(f"{folder}/{name}", data)
    store.write(f"{folder}/{LINEAGE_FILE}", lineage.model_dump_json(indent=1).encode())
    manifest = release.manifest.model_dump_json(indent=1).encode()
    store.write(f"{folder}/{RELEASE_FILE}", manifest)


def load_release(store: BlobStore, use_case: str, release_id: str) -> Release:
    """Return a stored release whose files hash to its id.

    Raises:
        ReleaseNotFound: there is no such release.
        ReleaseRefused: a file is missing, unreadable or does not hash to the id.
    """
    folder = release_path(use_case, release_id)
    manifest = load_manifest(store, use_case, release_id)
    files = {name: _read_file(store, folder, name) for name in manifest.files}
    for name, data in files.items():
        if sha256_bytes(data) != manifest.files[name]:
            raise ReleaseRefused(
                f"release {release_id} is corrupt: {folder}/{name} does not hash to what "
                "release.json says; restore it or deploy another release"
            )
    return Release(manifest, files)


def load_manifest(store: BlobStore, use_case: str, release_id: str) -> ReleaseManifest:
    """Return a release's manifest after checking that it hashes to its id.

    Raises:
        ReleaseNotFound: there is no such release.
        ReleaseRefused: the manifest is unreadable, or belongs to another id or use case.
    """
    path = release_path(use_case, release_id, RELEASE_FILE)
    try:
        stored = store.read(path)
        _check_format(path, stored)
        manifest = ReleaseManifest.model_validate_json(stored)
    except BlobNotFound as error:
        raise ReleaseNotFound(
            f"there is no release {release_id} of {use_case}; `make releases` lists all releases"
        ) from error
    except ValidationError as error:
        raise ReleaseRefused(f"{path} is corrupt: {error.error_count()} errors") from error
    if manifest_id(manifest) != release_id or manifest.use_case != use_case:
        raise ReleaseRefused(
            f"{path} does not hash to {release_id}: it was altered after it was built"
        )
    return manifest


def _check_format(path: str, stored: bytes) -> None:
    """Refuse a manifest that another version of the platform wrote."""
    try:
        written = StoredFormat.model_validate_json(stored).format
    except ValidationError:
        return  # the manifest as a whole is refused next, with its errors counted
    if written != FORMAT:
        raise ReleaseRefused(
            f"{path} has format {written}, this version of the platform reads format {FORMAT}; "
            "train a new release"
        )


def load_lineage(store: BlobStore, use_case: str, release_id: str) -> Lineage:
    """Return where a release came from.

    Raises:
        ReleaseNotFound: it has none.
        ReleaseRefused: it is unreadable.
    """
    path = release_path(use_case, release_id, LINEAGE_FILE)
    try:
        return Lineage.model_validate_json(store.read(path))
    except BlobNotFound as error:
        raise ReleaseNotFound(f"release {release_id} of {use_case} has no lineage") from error
    except ValidationError as error:
        raise ReleaseRefused(f"{path} is corrupt: {error.error_count()} errors") from error


def _read_file(store: BlobStore, folder: str, name: str) -> bytes:
    try:
        return store.read(f"{folder}/{name}")
    except BlobNotFound as error:
        raise ReleaseRefused(f"release {folder} is corrupt: {name} is missing") from error


def feature_views(use_case: UseCase, version: str | None) -> tuple[FeatureViewRef, ...]:
    """Return the feature views that a release reads whose entity history is `version`."""
    entity = use_case.entity_features
    if entity is None or version is None:
        return ()
    return (
        FeatureViewRef(
            name=f"{entity.name}_{version}",
            entity=entity.entity,
            features=entity.names,
            unknown=tuple(feature.unknown for feature in entity.features),
        ),
    )
