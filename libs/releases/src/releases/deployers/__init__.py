"""Putting a release where an environment answers: the port and its adapters."""

from releases.deployers.port import Deployer

__all__ = ["Deployer"]
