"""Batch jobs through a gateway, for `mlplatform batch`."""

from batch_inference.remote.scoring import RemoteResult, RemoteScoring, score_file

__all__ = ["RemoteResult", "RemoteScoring", "score_file"]
