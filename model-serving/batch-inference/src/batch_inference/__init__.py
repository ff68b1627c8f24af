"""Parquet to Parquet scoring on Ray, and a command that scores a file by way of the gateway."""
