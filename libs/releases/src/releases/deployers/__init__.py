"""Deployers: the port, and its adapters for the laptop, KServe and tests."""

from releases.deployers.port import Assignment, DeployableRelease, Deployer

__all__ = ["Assignment", "DeployableRelease", "Deployer"]
