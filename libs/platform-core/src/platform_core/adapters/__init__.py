"""Implementations of the ports: one module per technology, each with its extra."""
