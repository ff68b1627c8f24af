"""API keys, roles, rate limits and the bound on requests in flight."""
