"""Predictions: parse records, call the inference service in micro-batches, answer."""
