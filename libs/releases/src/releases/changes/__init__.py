"""Changes of what an environment serves: deployment, promotion, rollback."""

from releases.changes.service import ChangeOutcome, ReleaseService, RepairReport
from releases.changes.smoke import GatewaySmokeTest, SmokeTest

__all__ = ["ChangeOutcome", "GatewaySmokeTest", "ReleaseService", "RepairReport", "SmokeTest"]
