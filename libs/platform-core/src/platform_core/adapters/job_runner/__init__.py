"""Job runners."""
