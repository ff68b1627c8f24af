"""Deploying to KServe: a release is a change of an InferenceService."""

from releases.deployers.kserve.deployer import KServeDeployer

__all__ = ["KServeDeployer"]
