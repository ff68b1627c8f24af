"""Composition root: builds the services from settings; the only module that names adapters."""

from dataclasses import dataclass
from datetime import timedelta

from platform_core.adapters import connect
from platform_core.clock import SystemClock
from platform_core.ledger import Ledger, LedgerAnchors
from platform_core.ports.blob_store import BlobStore
from platform_core.settings import StorageSettings
from releases import changes
from releases.catalogue.listing import ReleaseListing
from releases.changes.requests import ChangeRequests
from releases.deployers.connect import deployer
from releases.deployers.v2 import V2Services
from releases.settings import LedgerSettings, ListingSettings, ReleaseSettings


@dataclass(frozen=True)
class Releases:
    """The service that applies and repairs, and the store that it works on."""

    service: changes.ReleaseService
    store: BlobStore


def build(settings: ReleaseSettings) -> Releases:
    """Connect to the stores and servers that `settings` name."""
    clock = SystemClock()
    store = connect.blob_store(settings)
    registry = connect.model_registry(settings)
    ledger = anchored_ledger(settings, store)
    records = changes.RegistryRecords(store, registry, ledger)
    needed = changes.NeededServices(store, clock, timedelta(minutes=settings.release_warm_minutes))
    services = V2Services(settings, "look at the log of the inference service")
    smoke = changes.ServiceSmokeTest(store, services, settings.smoke_patience_seconds)
    servers = changes.Servers(store, deployer(settings, store), records, ledger, needed)
    return Releases(changes.ReleaseService(store, ledger, servers, smoke, records), store)


def listing(settings: ListingSettings) -> ReleaseListing:
    """Return the listing; no server is needed for it."""
    store = connect.blob_store(settings)
    registry = connect.model_registry(settings)
    return ReleaseListing(store, registry, anchored_ledger(settings, store))


def requests(settings: StorageSettings) -> ChangeRequests:
    """Return what records changes and follows them; it needs the blob store only."""
    return ChangeRequests(connect.blob_store(settings), SystemClock())


def anchored_ledger(settings: LedgerSettings, store: BlobStore) -> Ledger:
    """Return the ledger in `store`, with its anchors in the store of `ledger_anchor_url`."""
    anchors = store
    if settings.ledger_anchor_url:
        other = settings.model_copy(update={"blob_store_url": settings.ledger_anchor_url})
        anchors = connect.blob_store(other)
    return Ledger(store, SystemClock(), LedgerAnchors(anchors))
