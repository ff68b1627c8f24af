"""Errors, settings, contracts, ports and their adapters."""
