"""Defaults that several programs share."""

DEFAULT_USE_CASE = "spam"
"""The use case of requests and commands that name none."""
