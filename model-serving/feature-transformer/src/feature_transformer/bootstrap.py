"""The composition root of the transformer as its own process."""

from functools import cache

from kserve import Model

from feature_transformer.model import TransformerModel
from feature_transformer.predictor import PredictorClient
from feature_transformer.releases import ReleaseLoader
from feature_transformer.settings import TransformerSettings
from model_server import (
    ListenAddress,
    ReleasePointer,
    ReleasePointers,
    ReleaseRepository,
    ReleaseServer,
)
from platform_core.adapters import connect
from platform_core.settings import OnlineStoreSettings
from platform_core.storage.model_repository import pointer_folder


def build() -> ReleaseServer:
    """Return the server that the environment describes."""
    settings, online = TransformerSettings(), OnlineStoreSettings()
    # Connected when the first release reads features: importing Feast takes seconds.
    online_store = cache(lambda: connect.online_store(online))
    max_age = online.online_store_max_age_seconds
    loader = ReleaseLoader(connect.blob_store(settings), online_store, max_age)
    predictor = PredictorClient(settings.predictor_url, settings.predictor_timeout_seconds)

    def load(pointer: ReleasePointer) -> Model:
        return TransformerModel(loader.load(pointer), loader, predictor)

    pointers = ReleasePointers(
        pointer_folder(settings.model_repository, settings.serving_environment)
    )
    address = ListenAddress(
        settings.transformer_host, settings.transformer_http_port, settings.transformer_grpc_port
    )
    return ReleaseServer(address, ReleaseRepository(pointers, load, predictor), predictor.close)
