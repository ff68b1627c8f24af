"""Releases for the transformer: verified manifests and their features, without the graph."""

from collections.abc import Callable
from dataclasses import dataclass

from model_server import RecordBatcher, ReleaseIdentity, ReleasePointer
from platform_core.contracts.release import ReleaseManifest
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.online_store import OnlineStore
from scoring import FeatureTransformer, TransformedRecords, load_manifest, verify
from use_cases import UseCase, use_case


@dataclass(frozen=True)
class TransformerRelease:
    """A verified release whose features and decisions this process computes."""

    use_case: UseCase
    manifest: ReleaseManifest
    transform: RecordBatcher[TransformedRecords]
    identity: ReleaseIdentity


class ReleaseLoader:
    """Fetches and verifies releases. `online_store` connects when a release reads feature views;
    entity features are cached for `max_age` seconds.
    """

    def __init__(
        self, blobs: BlobStore, online_store: Callable[[], OnlineStore], max_age: float
    ) -> None:
        self._blobs = blobs
        self._online_store = online_store
        self._max_age = max_age

    def load(self, pointer: ReleasePointer) -> TransformerRelease:
        """Return the release of `pointer`.

        Raises:
            ReleaseNotFound: it is not in the blob store.
            ReleaseRefused: it is corrupt, or its golden records come out differently.
        """
        case = use_case(pointer.use_case)
        manifest = load_manifest(self._blobs, pointer.use_case, pointer.release_id)
        verify(manifest, case)
        store = self._online_store() if manifest.feature_views else None
        transformer = FeatureTransformer(case, manifest, store, max_age=self._max_age)
        transformer.warm_up()
        return TransformerRelease(
            use_case=case,
            manifest=manifest,
            transform=RecordBatcher(transformer.transform, transformer.transform_at_once),
            identity=ReleaseIdentity(pointer.release_id, pointer.version),
        )
