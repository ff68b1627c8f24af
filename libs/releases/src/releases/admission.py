"""Keeping a judged release: with the others, or apart with its verdict."""

import contextlib
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from platform_core.contracts.environments import Environment
from platform_core.contracts.release import GateCheck, Lineage
from platform_core.errors import GateRefused, ReleaseNotFound, ReleaseRefused
from platform_core.ledger import Ledger
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import FEATURES_FILE, dataset_path, refused_path, release_path
from releases.gates import passed, reasons
from scoring import Release, load_lineage, load_release, store_release


def admit(
    store: BlobStore,
    release: Release,
    lineage: Lineage,
    documents: Mapping[str, bytes] | None = None,
) -> Lineage:
    """Store a release that was judged and return the lineage that is kept with it.

    `documents`, by file name, are kept beside it. A release that is there already keeps its
    first lineage and documents; its files are written again, which heals a damaged one.

    Raises:
        GateRefused: a gate in `lineage` did not pass. The release is kept below `refused/`
            with its verdict, and the message says which gates and why.
    """
    name = release.manifest.use_case
    if not passed(lineage.gates):
        store_release(store, refused_path(name, release.id), release, lineage, documents)
        raise refusal(name, release.id, lineage.gates)
    folder, given = release_path(name, release.id), dict(documents or {})
    with contextlib.suppress(ReleaseNotFound, ReleaseRefused):
        lineage = load_lineage(store, name, release.id)
        given = {file: given[file] for file in given if not store.exists(f"{folder}/{file}")}
    store_release(store, folder, release, lineage, given)
    return lineage


def refusal(use_case: str, release_id: str, checks: tuple[GateCheck, ...]) -> GateRefused:
    """Return the error that says why a release may not be served."""
    return GateRefused(f"release {release_id:.12} of {use_case} is refused: {reasons(checks)}")


def champion(store: BlobStore, ledger: Ledger, use_case: str) -> Release | None:
    """Return what production serves, `None` when that is nothing or cannot be loaded."""
    active = ledger.active(use_case, Environment.PRODUCTION)
    if active is None:
        return None
    try:
        return load_release(store, use_case, active)
    except (ReleaseNotFound, ReleaseRefused):
        return None


def load_test_rows(store: BlobStore, use_case: str, dataset_version: str) -> pa.Table:
    """Return the rows of a dataset version's test part as features, with their label.

    Raises:
        BlobNotFound: the dataset version is gone.
    """
    table = read_table(store, dataset_path(use_case, dataset_version, FEATURES_FILE))
    return table.filter(pc.equal(table.column("part"), "test"))
