"""Drift reports: storage, HTML page, table and Prometheus metrics."""
