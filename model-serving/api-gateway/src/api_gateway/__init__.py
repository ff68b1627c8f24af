"""The HTTP gateway: authentication, validation, routing, inference log."""
