"""Cost of the gateway as load and log grow, and start-up times."""
