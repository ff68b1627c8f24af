"""The file in which a gateway says which ledger entries it has read.

The release controller removes the service of a release only when every gateway has read that the
release no longer serves.
"""

import asyncio
import logging
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from api_gateway.routing.catalog import Catalog
from api_gateway.routing.target import ServingTarget
from platform_core.clock import Clock
from platform_core.contracts.serving_state import GatewayState, entry_key
from platform_core.errors import PlatformError
from platform_core.hashing import sha256_bytes
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import gateway_path

logger = logging.getLogger(__name__)

RENEW_AFTER = timedelta(seconds=30)
_DIGITS = 8


def gateway_id(spool: Path) -> str:
    """Return the id of the gateway on this host that has locked this spool folder."""
    return f"{socket.gethostname()}-{sha256_bytes(str(spool.resolve()).encode())[:_DIGITS]}"


class GatewayStateFile:
    """Writes the state of one gateway when it has changed, and renews it."""

    def __init__(self, name: str, store: BlobStore, catalog: Catalog, clock: Clock) -> None:
        self._name = name
        self._store = store
        self._catalog = catalog
        self._clock = clock
        self._written: tuple[datetime, Mapping[ServingTarget, int]] | None = None

    async def update(self) -> None:
        """Write the file if the gateway has read new entries, or after 30 s."""
        now, sequences = self._clock.now(), self._catalog.sequences
        if self._written is not None:
            time, known = self._written
            if known == sequences and timedelta(0) <= now - time < RENEW_AFTER:
                return
        entries = {entry_key(*target): sequence for target, sequence in sequences.items()}
        state = GatewayState(gateway_id=self._name, time=now, entries=entries)
        content = state.model_dump_json(indent=1).encode()
        try:
            await asyncio.to_thread(self._store.write, gateway_path(self._name), content)
        except PlatformError as error:
            logger.warning("the state of this gateway was not written: %s", error)
        else:
            self._written = now, sequences

    async def remove(self) -> None:
        """Remove the file: the gateway ends."""
        try:
            await asyncio.to_thread(self._store.delete, gateway_path(self._name))
        except PlatformError as error:
            logger.warning("the state of this gateway was not removed: %s", error)
