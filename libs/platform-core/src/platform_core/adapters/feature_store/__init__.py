"""Offline feature stores."""
