"""Policies: read from files, and the decisions they lead to. Nothing here acts."""

from platform_core.policies.decisions import (
    Outcome,
    Step,
    WindowFindings,
    first_step,
    may_act,
    next_step,
    retraining_due,
    rollback_due,
)
from platform_core.policies.files import PolicyFolder, read_policy
from platform_core.policies.findings import HISTORY, findings_of, is_window, window_findings
from platform_core.policies.retraining import (
    PastRetraining,
    can_retrain,
    retraining_outcome,
    standing_request,
)
from platform_core.policies.simulation import PolicyAction, simulate

__all__ = [
    "HISTORY",
    "Outcome",
    "PastRetraining",
    "PolicyAction",
    "PolicyFolder",
    "Step",
    "WindowFindings",
    "can_retrain",
    "findings_of",
    "first_step",
    "is_window",
    "may_act",
    "next_step",
    "read_policy",
    "retraining_due",
    "retraining_outcome",
    "rollback_due",
    "simulate",
    "standing_request",
    "window_findings",
]
