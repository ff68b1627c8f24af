"""Entity features from Feast's online store, while a request waits."""

from collections.abc import Mapping, Sequence
from threading import Lock

import pyarrow as pa

from platform_core.adapters.feast_repository.config import open_repository
from platform_core.adapters.feast_repository.translation import translated
from platform_core.errors import NotFound
from platform_core.settings import OnlineStoreSettings


class FeastOnlineStore:
    """Reads with Feast's SDK; the registry is read again when a view is not in it."""

    def __init__(self, settings: OnlineStoreSettings) -> None:
        # Half to connect, half to answer: together they keep within the limit.
        half = settings.online_store_timeout_seconds / 2
        self._store = open_repository(settings, half, read_only=True)
        self._lock = Lock()
        self._views: Mapping[str, frozenset[str]] = {}

    def read(
        self, feature_view: str, entity: str, keys: Sequence[str], features: Sequence[str]
    ) -> pa.RecordBatch:
        """Return one row per key with a column per feature (float64); see the port."""
        self._ensure_known(feature_view, features)
        values: Mapping[str, list[float | None]] = {name: [] for name in features}
        if keys and features:
            with translated(feature_view):
                values = self._store.get_online_features(
                    features=[f"{feature_view}:{name}" for name in features],
                    entity_rows={entity: list(keys)},
                ).to_dict()
        columns = [pa.array(values[name], pa.float64()) for name in features]
        return pa.record_batch(columns, names=list(features))

    def _ensure_known(self, feature_view: str, features: Sequence[str]) -> None:
        if not self._knows(feature_view, features):
            with self._lock:
                if not self._knows(feature_view, features):
                    self._refresh()
        if not self._knows(feature_view, features):
            raise NotFound(
                f"the feature registry has no view {feature_view} with {', '.join(features)} "
                "that was materialised; run the pipeline that makes it"
            )

    def _knows(self, feature_view: str, features: Sequence[str]) -> bool:
        return feature_view in self._views and self._views[feature_view].issuperset(features)

    def _refresh(self) -> None:
        with translated("the registry"):
            self._store.refresh_registry()  # type: ignore[no-untyped-call]
            self._views = {
                view.name: frozenset(field.name for field in view.features)
                for view in self._store.list_feature_views(allow_cache=True)
                if view.materialization_intervals
            }
