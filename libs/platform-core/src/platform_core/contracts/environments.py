"""The two environments a release can be served in."""

from enum import StrEnum


class Environment(StrEnum):
    """Where a release answers."""

    STAGING = "staging"
    PRODUCTION = "production"
