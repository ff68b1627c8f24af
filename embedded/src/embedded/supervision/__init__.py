"""Supervised processes: supervisord, readiness, ports."""
