"""Finding releases by their id or the beginning of it."""

import re
from collections.abc import Iterator

from platform_core.contracts.release import Lineage
from platform_core.errors import InvalidInput, ReleaseNotFound
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import LINEAGE_FILE, model_folder, parse_release_id, refused_folder
from releases.admission import refusal

_ID = re.compile(r"[0-9a-f]{1,32}")
SHOWN = 12


def release_ids(store: BlobStore, use_case: str) -> list[str]:
    """Return the ids of all stored releases of a use case, refused ones not included, sorted."""
    found = (parse_release_id(use_case, b.path) for b in store.list(model_folder(use_case)))
    return sorted(release_id for release_id in found if release_id)


def resolve(store: BlobStore, use_case: str, release: str) -> str:
    """Return the id of the one release that `release` is the id of, or the beginning of it.

    Raises:
        InvalidInput: it is no such thing, or several releases begin so.
        ReleaseNotFound: no release begins so.
        GateRefused: the only one that begins so was refused by its gates.
    """
    if not _ID.fullmatch(release):
        raise InvalidInput(
            f"{release!r:.50} is not a release id: give up to 32 hexadecimal digits in lower case"
        )
    found = [name for name in release_ids(store, use_case) if name.startswith(release)]
    if len(found) > 1:
        listed = ", ".join(name[:SHOWN] for name in found)
        raise InvalidInput(f"several releases of {use_case} begin with {release}: {listed}")
    if not found:
        _say_if_refused(store, use_case, release)
        raise ReleaseNotFound(
            f"there is no release {release} of {use_case}; `make releases` lists what there is"
        )
    return found[0]


def refused(store: BlobStore, use_case: str) -> Iterator[Lineage]:
    """Yield the lineage, with the verdict, of each release that its gates refused, by id."""
    for blob in store.list(refused_folder(use_case)):
        if blob.path.endswith(f"/{LINEAGE_FILE}"):
            yield Lineage.model_validate_json(store.read(blob.path))


def _say_if_refused(store: BlobStore, use_case: str, release: str) -> None:
    for lineage in refused(store, use_case):
        if lineage.release_id.startswith(release):
            raise refusal(use_case, lineage.release_id, lineage.gates)
