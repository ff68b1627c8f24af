"""What the feature transformer and the inference service share: a KServe server for releases."""

from model_server.pointers import Pointer, Pointers
from model_server.record_batching import RecordBatcher, never_blocks
from model_server.repository import ReleaseRepository
from model_server.requests import read_tensors
from model_server.responses import (
    Answer,
    Identity,
    probability_tensor,
    respond,
    respond_answer,
)
from model_server.server import Listen, ReleaseServer

__all__ = [
    "Answer",
    "Identity",
    "Listen",
    "Pointer",
    "Pointers",
    "RecordBatcher",
    "ReleaseRepository",
    "ReleaseServer",
    "never_blocks",
    "probability_tensor",
    "read_tensors",
    "respond",
    "respond_answer",
]
