"""The parts of the API, each one class for both transports."""
