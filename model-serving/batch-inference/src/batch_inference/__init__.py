"""Parquet to Parquet scoring on Ray, and a command that scores a file through the gateway."""
