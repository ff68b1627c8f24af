"""The composition root of the inference service."""

from collections.abc import Callable
from functools import cache

from kserve import Model

from inference_service.models import FeatureModel, RecordModel
from inference_service.settings import InferenceSettings
from model_server import (
    ListenAddress,
    ReleaseIdentity,
    ReleasePointer,
    ReleasePointers,
    ReleaseRepository,
    ReleaseServer,
)
from platform_core.adapters import connect
from platform_core.settings import OnlineStoreSettings
from scoring import FeatureTransformer, Scorer, load_release
from use_cases import UseCase, use_case

MakeModel = Callable[[UseCase, Scorer, ReleaseIdentity], Model]


def record_models() -> MakeModel:
    """Return what makes models that compute features, and look entities up, themselves."""
    settings = OnlineStoreSettings()
    max_age = settings.online_store_max_age_seconds
    online_store = cache(lambda: connect.online_store(settings))

    def make(case: UseCase, scorer: Scorer, identity: ReleaseIdentity) -> Model:
        store = online_store() if scorer.manifest.feature_views else None
        transformer = FeatureTransformer(case, scorer.manifest, store, max_age=max_age)
        transformer.warm_up()
        return RecordModel(case, scorer, identity, transformer)

    return make


def build() -> ReleaseServer:
    """Return the server that the environment describes."""
    settings = InferenceSettings()
    blobs = connect.blob_store(settings)
    in_process = settings.transformer == "in-process"
    make_model: MakeModel = record_models() if in_process else FeatureModel

    def load(pointer: ReleasePointer) -> Model:
        case = use_case(pointer.use_case)
        scorer = Scorer(load_release(blobs, pointer.use_case, pointer.release_id), case)
        return make_model(case, scorer, ReleaseIdentity(pointer.release_id, pointer.version))

    pointers = ReleasePointers(settings.pointers)
    http, grpc = settings.inference_http_port, settings.inference_grpc_port
    address = ListenAddress(settings.inference_host, http, grpc)
    one = settings.inference_refused_at_start == "exit"
    repository = ReleaseRepository(pointers, load, strict=one)
    return ReleaseServer(address, repository, on_demand=settings.on_demand)
