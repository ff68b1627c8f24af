"""Settings of the drill."""

from platform_core.settings import GatewayClientSettings, StorageSettings


class DrillSettings(GatewayClientSettings, StorageSettings):
    """The gateway that gets the traffic, and the store in which the links are observed."""
