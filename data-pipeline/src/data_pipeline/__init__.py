"""Ingest, validate, dataset version, features, Feast."""
