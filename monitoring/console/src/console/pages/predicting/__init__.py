"""Logged predictions, and records that a person tries."""
