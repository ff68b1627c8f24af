"""Changes of what an environment serves: deployment, promotion, rollback, canary."""

from releases.changes.canary import CanaryService
from releases.changes.service import ChangeOutcome, ReleaseService
from releases.changes.smoke import GatewaySmokeTest, SmokeTest

__all__ = ["CanaryService", "ChangeOutcome", "GatewaySmokeTest", "ReleaseService", "SmokeTest"]
