"""What the feature transformer and the inference service share: a KServe server for releases."""

from model_server.pointers import ReleasePointers
from model_server.record_batching import RecordBatcher
from model_server.repository import ReleaseRepository
from model_server.requests import read_tensors
from model_server.responses import (
    ReleaseIdentity,
    ScoredRecords,
    graph_tensor,
    release_response,
    scored_response,
)
from model_server.server import ListenAddress, ReleaseServer
from platform_core.contracts.release import ReleasePointer

__all__ = [
    "ListenAddress",
    "RecordBatcher",
    "ReleaseIdentity",
    "ReleasePointer",
    "ReleasePointers",
    "ReleaseRepository",
    "ReleaseServer",
    "ScoredRecords",
    "graph_tensor",
    "read_tensors",
    "release_response",
    "scored_response",
]
