"""The console: a browser's view of the platform, and a client of the gateway's API alone."""
