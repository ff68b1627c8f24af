"""Near duplicates: texts that are almost the same."""
