"""Policies: read from files, and the decisions they lead to. Nothing here acts."""

from platform_core.policies.decisions import (
    Step,
    WindowFindings,
    first_step,
    may_act,
    next_step,
    retraining_due,
    rollback_due,
)
from platform_core.policies.files import PolicyFolder, read_policy
from platform_core.policies.findings import findings_of, window_findings
from platform_core.policies.simulation import PolicyAction, simulate

__all__ = [
    "PolicyAction",
    "PolicyFolder",
    "Step",
    "WindowFindings",
    "findings_of",
    "first_step",
    "may_act",
    "next_step",
    "read_policy",
    "retraining_due",
    "rollback_due",
    "simulate",
    "window_findings",
]
