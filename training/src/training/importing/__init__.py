"""Finished models of other tools, brought in as releases."""
