"""Test support: the contract of deployers."""
