"""A KServe transformer: computes features and sends them to a V2 server."""
