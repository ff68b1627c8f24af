"""Reads stored releases for the responses, and records changes. All methods block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from api_gateway.http.paging import Page, Paging, page
from api_gateway.operations.documents import Signature
from api_gateway.releases.documents import (
    MetricDifference,
    ReleaseCard,
    ReleaseComparison,
    ReleaseSummary,
)
from api_gateway.releases.ledger_history import LedgerHistory
from api_gateway.routing.catalog import Catalog
from api_gateway.routing.serving import ReleaseDocuments
from api_gateway.routing.target import ServingTarget
from api_gateway.stored_json import json_object
from platform_core.changes import Changes
from platform_core.clock import Clock
from platform_core.contracts.environments import Environment
from platform_core.contracts.release import Lineage
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import InvalidInput, ReleaseNotFound
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    MODEL_CARD_FILE,
    RELEASE_FILE,
    RELEASE_ID,
    model_folder,
    release_path,
)


@dataclass(frozen=True)
class _SortedReleases:
    """The ids of the releases in `folders`, newest first, by the keys that order them."""

    folders: Sequence[str]
    ids: Mapping[str, str]


class ReleaseAccess:
    """The stored releases and the changes of all use cases."""

    def __init__(self, store: BlobStore, catalog: Catalog, clock: Clock) -> None:
        self._store = store
        self._catalog = catalog
        self.changes = Changes(store, clock)
        self.history = LedgerHistory(catalog)
        self.clock = clock
        self._sorted: dict[str, _SortedReleases] = {}

    def ids(self, use_case: str) -> list[str]:
        """Return the ids of the stored releases of a use case, sorted, without refused ones."""
        return _ids(self._store.folders(model_folder(use_case)))

    def resolve(self, use_case: str, release_id: str) -> str:
        """Return the id of the one release that begins with `release_id`.

        Raises:
            ReleaseNotFound: no id begins so.
            InvalidInput: several do.
        """
        if self._is_stored(use_case, release_id):
            return release_id
        found = [one for one in self.ids(use_case) if one.startswith(release_id)]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(found[:5])
            raise InvalidInput(f"several releases of {use_case} begin with {release_id}: {listed}")
        raise ReleaseNotFound(
            f"there is no release {release_id!r:.50} of {use_case}; "
            f"GET /releases/{use_case} names all releases"
        )

    def summaries(self, use_case: str, asked: Paging) -> Page[ReleaseSummary]:
        """Return a page of the releases of a use case, newest first."""
        ids = self._newest_first(use_case)
        keys = page(ids, asked, str)
        return Page([self._summary(use_case, ids[key]) for key in keys.items], keys.cursor)

    def card(self, use_case: str, release_id: str, compare: str | None) -> ReleaseCard:
        """Return what is known about a release, compared with another one.

        Raises:
            ReleaseNotFound: one of the releases does not exist.
        """
        full = self.resolve(use_case, release_id)
        documents = self._catalog.documents(use_case, full)
        manifest, lineage = documents.manifest, documents.lineage
        other = None
        if compare is not None:
            other = self._catalog.documents(use_case, self.resolve(use_case, compare))
        return ReleaseCard(
            release_id=full,
            use_case=use_case,
            serves=self._serves(use_case, full),
            signature=manifest and Signature(inputs=manifest.inputs, outputs=manifest.outputs),
            features=_features(documents),
            decision=manifest and manifest.decision,
            lineage=lineage,
            gates=None if lineage is None else list(lineage.gates),
            card=json_object(self._store, release_path(use_case, full, MODEL_CARD_FILE)),
            comparison=other and compared(documents, other),
        )

    def _is_stored(self, use_case: str, release_id: str) -> bool:
        """Return whether a complete id is that of a stored release."""
        if not RELEASE_ID.fullmatch(release_id):
            return False
        return self._store.exists(release_path(use_case, release_id, RELEASE_FILE))

    def _newest_first(self, use_case: str) -> Mapping[str, str]:
        """Return the ids of the stored releases in the descending order of their keys. They are
        sorted again only when a release was added or removed, or while a lineage is missing.
        """
        folders = self._store.folders(model_folder(use_case))
        known = self._sorted.get(use_case)
        if known is not None and known.folders == folders:
            return known.ids
        lineages = {one: self._catalog.lineage(use_case, one) for one in _ids(folders)}
        keys = {_built(one, lineage): one for one, lineage in lineages.items()}
        found = _SortedReleases(folders, {key: keys[key] for key in sorted(keys, reverse=True)})
        if None not in lineages.values():
            self._sorted[use_case] = found
        return found.ids

    def _summary(self, use_case: str, release_id: str) -> ReleaseSummary:
        lineage = self._catalog.lineage(use_case, release_id)
        return ReleaseSummary(
            release_id=release_id,
            created_at=lineage and lineage.created_at,
            candidate=lineage and lineage.candidate,
            dataset_version=lineage and lineage.dataset_version,
            metrics=lineage and lineage.metrics,
            gates_passed=lineage and all(check.passed for check in lineage.gates),
            serves=self._serves(use_case, release_id),
        )

    def _serves(self, use_case: str, release_id: str) -> dict[Environment, ServingRole]:
        return {
            environment: role
            for environment in Environment
            for role, served in self._catalog.state(
                ServingTarget(use_case, environment)
            ).releases.items()
            if served == release_id
        }


def _ids(folders: Sequence[str]) -> list[str]:
    """Return the ids of the releases among the folders of a use case."""
    names = (folder.rpartition("/")[2] for folder in folders)
    return [name for name in names if RELEASE_ID.fullmatch(name)]


def _built(release_id: str, lineage: Lineage | None) -> str:
    """Return a key that orders releases by the time when they were built."""
    if lineage is None:
        return f" {release_id}"
    return f"{lineage.created_at.astimezone(UTC).isoformat()} {release_id}"


def compared(this: ReleaseDocuments, other: ReleaseDocuments) -> ReleaseComparison:
    """Return the differences between two releases."""
    mine, theirs = this.lineage, other.lineage
    features, before = set(_features(this) or ()), set(_features(other) or ())
    return ReleaseComparison(
        other=other.release_id,
        same_dataset=None
        if mine is None or theirs is None
        else mine.dataset_version == theirs.dataset_version,
        metrics=_metrics(mine.metrics if mine else {}, theirs.metrics if theirs else {}),
        parameters=_differing(mine.parameters if mine else {}, theirs.parameters if theirs else {}),
        features_added=sorted(features - before),
        features_removed=sorted(before - features),
    )


def _features(documents: ReleaseDocuments) -> list[str] | None:
    manifest = documents.manifest
    return None if manifest is None else [*manifest.features.texts, *manifest.features.numbers]


def _metrics(mine: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, MetricDifference]:
    found = {}
    for name in sorted({*mine, *theirs}):
        one, two = mine.get(name), theirs.get(name)
        difference = None if one is None or two is None else one - two
        found[name] = MetricDifference(this=one, other=two, difference=difference)
    return found


def _differing(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = sorted({*mine, *theirs})
    pairs = {name: (mine.get(name), theirs.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
