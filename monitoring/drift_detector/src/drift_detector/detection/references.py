"""Loads the baseline of a release."""

from baseline import Reference, monitored_columns, read_baseline
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.hashing import sha256_bytes
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import baseline_path
from scoring import load_manifest
from use_cases import UseCase


def load_references(store: BlobStore, use_case: UseCase, release_id: str) -> dict[str, Reference]:
    """Return the reference distributions of a release's baseline by column.

    A column whose kind differs in the installed use case is left out.

    Raises:
        InvalidData: the baseline is missing, empty, unreadable, or does not match the release.
        ReleaseNotFound: the release does not exist.
        ReleaseRefused: its manifest is corrupt.
    """
    path = baseline_path(use_case.name, release_id)
    expected = load_manifest(store, use_case.name, release_id).baseline_sha256
    try:
        data = store.read(path)
    except BlobNotFound as error:
        raise InvalidData(
            f"the baseline {path} is missing; restore it or deploy another release"
        ) from error
    if sha256_bytes(data) != expected:
        raise InvalidData(
            f"the baseline {path} is corrupt: its hash is not the one in the release; "
            "restore it or deploy another release"
        )
    kinds = {column.name: column.kind for column in monitored_columns(use_case)}
    references = read_baseline(data)
    if not references:
        raise InvalidData(
            f"the baseline of release {release_id:.12} was not measured: it was imported without "
            "rows; import it again with --holdout"
        )
    return {name: r for name, r in references.items() if kinds.get(name) == r.kind}
