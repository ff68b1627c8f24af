"""Seeded simulations of what the platform decides: drift, quality, comparisons."""
