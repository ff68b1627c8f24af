"""Defaults that several programs share."""

DEFAULT_USE_CASE = "spam"
"""The use case of requests and commands that name none."""

DEFAULT_CONSOLE_URL = "http://127.0.0.1:8080"
"""The address of the console in a browser."""
