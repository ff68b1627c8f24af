"""Validation of raw rows: record schema, labels, times."""
