"""Batch scoring: the platform's job and its alternatives."""
