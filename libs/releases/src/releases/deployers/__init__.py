"""Putting a release where an environment answers: the port and its adapters."""

from releases.deployers.port import CanaryDeployer, Deployer

__all__ = ["CanaryDeployer", "Deployer"]
