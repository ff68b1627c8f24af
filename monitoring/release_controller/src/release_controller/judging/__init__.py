"""Judges canaries and shadows by their live records, and does what the policy allows."""
