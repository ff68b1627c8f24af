"""Stores a release after its gates: admitted releases together, refused ones in `refused/`."""

import contextlib
from collections.abc import Mapping

from platform_core.contracts.release import GateCheck, Lineage
from platform_core.errors import GateRefused, ReleaseNotFound, ReleaseRefused
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import refused_path, release_path
from releases.gates.checks import all_passed, failure_reasons
from scoring import Release, load_lineage, store_release


def admit(
    store: BlobStore,
    release: Release,
    lineage: Lineage,
    documents: Mapping[str, bytes] | None = None,
) -> Lineage:
    """Store a release whose gates were run, and return the lineage that is stored with it.

    `documents`, by file name, are stored with it. A release that exists already keeps its first
    lineage and documents; its files are written again, which repairs damaged ones.

    Raises:
        GateRefused: a gate in `lineage` failed. The release is stored below `refused/`, and the
            message names the gates and the reasons.
    """
    name = release.manifest.use_case
    if not all_passed(lineage.gates):
        store_release(store, refused_path(name, release.id), release, lineage, documents)
        raise refusal(name, release.id, lineage.gates)
    folder, given = release_path(name, release.id), dict(documents or {})
    with contextlib.suppress(ReleaseNotFound, ReleaseRefused):
        lineage = load_lineage(store, name, release.id)
        given = {file: given[file] for file in given if not store.exists(f"{folder}/{file}")}
    store_release(store, folder, release, lineage, given)
    return lineage


def refusal(use_case: str, release_id: str, checks: tuple[GateCheck, ...]) -> GateRefused:
    """Return the error that says which gates a release failed."""
    return GateRefused(
        f"release {release_id:.12} of {use_case} is refused: {failure_reasons(checks)}"
    )
