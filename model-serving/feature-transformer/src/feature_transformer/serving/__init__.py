"""What the feature transformer and the inference service share: a KServe server for releases."""

from feature_transformer.serving.answers import (
    Answer,
    Identity,
    probability_tensor,
    respond,
    respond_answer,
)
from feature_transformer.serving.batching import Batcher, never
from feature_transformer.serving.pointers import Pointer, Pointers
from feature_transformer.serving.repository import ReleaseRepository
from feature_transformer.serving.requests import read_tensors
from feature_transformer.serving.server import Listen, ReleaseServer

__all__ = [
    "Answer",
    "Batcher",
    "Identity",
    "Listen",
    "Pointer",
    "Pointers",
    "ReleaseRepository",
    "ReleaseServer",
    "never",
    "probability_tensor",
    "read_tensors",
    "respond",
    "respond_answer",
]
