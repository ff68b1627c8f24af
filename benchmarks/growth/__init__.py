"""What does not grow: the gateway's costs with load and log, and what a start takes."""
