"""Metrics, gates, promotion, rollback and deployers: what may be served, and how it comes there."""
