"""Health, metrics and model information."""
