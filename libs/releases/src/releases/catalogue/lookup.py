"""Finds stored releases by their id or its first digits."""

import re
from collections.abc import Iterator

from platform_core.contracts.release import Lineage
from platform_core.errors import InvalidInput, ReleaseNotFound
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import LINEAGE_FILE, model_folder, parse_release_id, refused_folder
from releases.gates import refusal

_ID = re.compile(r"[0-9a-f]{1,32}")
SHORT_ID = 12


def release_ids(store: BlobStore, use_case: str) -> list[str]:
    """Return the ids of all stored releases of a use case, sorted, without the refused ones."""
    found = (parse_release_id(use_case, b.path) for b in store.list(model_folder(use_case)))
    return sorted(release_id for release_id in found if release_id)


def resolve_release(store: BlobStore, use_case: str, release: str) -> str:
    """Return the id of the one release whose id starts with `release`.

    Raises:
        InvalidInput: it is not a release id, or several ids start with it.
        ReleaseNotFound: no id starts with it.
        GateRefused: the gates refused the only release whose id starts with it.
    """
    if not _ID.fullmatch(release):
        raise InvalidInput(
            f"{release!r:.50} is not a release id: give up to 32 hexadecimal digits in lower case"
        )
    found = [name for name in release_ids(store, use_case) if name.startswith(release)]
    if len(found) > 1:
        listed = ", ".join(name[:SHORT_ID] for name in found)
        raise InvalidInput(
            f"the ids of several releases of {use_case} start with {release}: {listed}"
        )
    if not found:
        _raise_if_refused(store, use_case, release)
        raise ReleaseNotFound(
            f"there is no release {release} of {use_case}; `make releases` lists all releases"
        )
    return found[0]


def refused_releases(store: BlobStore, use_case: str) -> Iterator[Lineage]:
    """Yield the lineage, gates included, of each release that its gates refused, by id."""
    for blob in store.list(refused_folder(use_case)):
        if blob.path.endswith(f"/{LINEAGE_FILE}"):
            yield Lineage.model_validate_json(store.read(blob.path))


def _raise_if_refused(store: BlobStore, use_case: str, release: str) -> None:
    for lineage in refused_releases(store, use_case):
        if lineage.release_id.startswith(release):
            raise refusal(use_case, lineage.release_id, lineage.gates)
