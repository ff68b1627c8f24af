"""Cost of a prediction: the complete platform compared with bare model servers."""
