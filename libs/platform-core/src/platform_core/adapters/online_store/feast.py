"""Entity features from Feast's online store, while a request waits."""

from collections.abc import Mapping, Sequence
from threading import Lock

import pyarrow as pa
from feast import FeatureView
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from platform_core.adapters.feast_repository.config import open_repository
from platform_core.adapters.feast_repository.translation import translated
from platform_core.errors import NotFound
from platform_core.settings import OnlineStoreSettings


class FeastOnlineStore:
    """Reads with Feast's SDK; the registry is read again when a view is not in it.

    `FeatureStore.get_online_features` looks every name up in the registry and builds a response of
    columns, which costs a lone request as much again as the read: the provider reads the view.
    """

    def __init__(self, settings: OnlineStoreSettings) -> None:
        # Half to connect, half to answer: together they keep within the limit.
        half = settings.online_store_timeout_seconds / 2
        self._store = open_repository(settings, half, read_only=True)
        self._lock = Lock()
        self._views: Mapping[str, FeatureView] = {}

    def read(
        self, feature_view: str, entity: str, keys: Sequence[str], features: Sequence[str]
    ) -> pa.RecordBatch:
        """Return one row per key with a column per feature (float64); see the port."""
        view = self._view(feature_view, features)
        ids = [EntityKey(join_keys=[entity], entity_values=[Value(string_val=key)]) for key in keys]
        rows: Sequence[tuple[object, Mapping[str, Value] | None]] = []
        if keys and features:
            with translated(feature_view):  # (Feast adds to the list of features)
                rows = self._store.provider.online_read(
                    self._store.config, view, ids, list(features)
                )
        values = [[_number((found or {}).get(name)) for _, found in rows] for name in features]
        columns = [pa.array(column, pa.float64()) for column in values]
        return pa.record_batch(columns, names=list(features))

    def _view(self, name: str, features: Sequence[str]) -> FeatureView:
        view = self._known(name, features)
        if view is None:
            with self._lock:
                if self._known(name, features) is None:
                    self._refresh()
            view = self._known(name, features)
        if view is None:
            raise NotFound(
                f"the feature registry has no view {name} with {', '.join(features)} "
                "that was materialised; run the pipeline that makes it"
            )
        return view

    def _known(self, name: str, features: Sequence[str]) -> FeatureView | None:
        view = self._views.get(name)
        if view is None or not {field.name for field in view.features}.issuperset(features):
            return None
        return view

    def _refresh(self) -> None:
        with translated("the registry"):
            self._store.refresh_registry()  # type: ignore[no-untyped-call]
            self._views = {
                view.name: view
                for view in self._store.list_feature_views(allow_cache=True)
                if view.materialization_intervals
            }


def _number(value: Value | None) -> float | None:
    """Return the number in a value of Feast; one without a number is null."""
    kind = value and value.WhichOneof("val")
    return getattr(value, kind) if kind else None
