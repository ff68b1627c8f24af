"""Test support: the contract of deployers, and a Kubernetes API server."""
