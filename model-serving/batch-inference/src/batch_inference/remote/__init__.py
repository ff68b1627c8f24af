"""Batch jobs by way of a gateway: what `mlplatform batch` does."""

from batch_inference.remote.gateway import BatchGateway
from batch_inference.remote.scoring import RemoteResult, RemoteScoring, score_file

__all__ = ["BatchGateway", "RemoteResult", "RemoteScoring", "score_file"]
