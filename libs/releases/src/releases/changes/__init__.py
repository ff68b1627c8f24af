"""Changes of a serving state: how they are requested, and how they are applied."""

from releases.changes.needed import NeededServices, needed
from releases.changes.registry import RegistryRecords
from releases.changes.servers import ReconcileResult, Servers
from releases.changes.service import ReleaseService, RepairReport
from releases.changes.smoke import ServiceSmokeTest, SmokeTest
from releases.changes.states import describe_state, next_state

__all__ = [
    "NeededServices",
    "ReconcileResult",
    "RegistryRecords",
    "ReleaseService",
    "RepairReport",
    "Servers",
    "ServiceSmokeTest",
    "SmokeTest",
    "describe_state",
    "needed",
    "next_state",
]
