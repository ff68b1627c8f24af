"""Serving states, releases, and the changes of serving states."""
