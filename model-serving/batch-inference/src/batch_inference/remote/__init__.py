"""Batch jobs through a gateway, for `mlplatform batch`."""

from batch_inference.remote.gateway import BatchGateway
from batch_inference.remote.scoring import RemoteResult, RemoteScoring, score_file

__all__ = ["BatchGateway", "RemoteResult", "RemoteScoring", "score_file"]
