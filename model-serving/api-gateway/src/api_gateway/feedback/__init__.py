"""Labels of predictions that callers send."""
