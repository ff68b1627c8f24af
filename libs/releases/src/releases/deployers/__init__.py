"""Deployers: the port, and its adapters for the laptop, KServe and tests."""

from releases.deployers.port import Deployer

__all__ = ["Deployer"]
