"""Applies changes of serving states, and keeps the servers as the ledger says."""
