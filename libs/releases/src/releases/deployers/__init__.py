"""Deployers: the port, and its adapters for the laptop, KServe and tests."""

from releases.deployers.port import CanaryDeployer, Deployer

__all__ = ["CanaryDeployer", "Deployer"]
