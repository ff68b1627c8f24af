"""File formats: CSV, JSON lines, Parquet, and the encodings of text."""
