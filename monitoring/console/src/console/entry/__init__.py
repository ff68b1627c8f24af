"""Signing in and out, liveness, and the JSON behind the pages."""
