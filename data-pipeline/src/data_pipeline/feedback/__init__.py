"""Labelled inference records as a source of training data."""
