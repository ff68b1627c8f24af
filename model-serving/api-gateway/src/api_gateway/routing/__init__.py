"""Which release answers, and the connections to the inference services."""
