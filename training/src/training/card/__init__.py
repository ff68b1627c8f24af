"""The model card: evaluation, slices, plots and the page."""
