"""Batch scoring: our job, and what one would run instead."""
