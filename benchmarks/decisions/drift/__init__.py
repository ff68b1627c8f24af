"""Drift verdicts in simulations."""
