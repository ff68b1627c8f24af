"""Explain a prediction: the same release predicts again without each part of the record."""
