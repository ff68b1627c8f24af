"""Batch jobs over HTTP."""
