"""The documents of the API, named as in its OpenAPI description."""
