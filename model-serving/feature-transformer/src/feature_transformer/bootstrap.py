"""The composition root of the transformer as its own process."""

from functools import cache

from kserve import Model

from feature_transformer.model import TransformerModel
from feature_transformer.predictor import Predictor
from feature_transformer.releases import ReleaseLoader
from feature_transformer.settings import TransformerSettings
from model_server import (
    Listen,
    Pointer,
    Pointers,
    ReleaseRepository,
    ReleaseServer,
)
from platform_core.adapters import connect
from platform_core.settings import OnlineStoreSettings


def build() -> ReleaseServer:
    """Return the server that the environment describes."""
    settings, online = TransformerSettings(), OnlineStoreSettings()
    # Connected when the first release reads features: importing Feast takes seconds.
    online_store = cache(lambda: connect.online_store(online))
    max_age = online.online_store_max_age_seconds
    loader = ReleaseLoader(connect.blob_store(settings), online_store, max_age)
    predictor = Predictor(settings.predictor_url, settings.predictor_timeout_seconds)

    def load(pointer: Pointer) -> Model:
        return TransformerModel(loader.load(pointer), loader, predictor)

    pointers = Pointers(settings.model_repository, settings.serving_environment)
    listen = Listen(
        settings.transformer_host, settings.transformer_http_port, settings.transformer_grpc_port
    )
    return ReleaseServer(listen, ReleaseRepository(pointers, load, predictor), predictor.close)
