"""Shadows, canaries and changes under load, on an embedded stack."""
