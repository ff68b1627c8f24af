"""One line of the ledger: a change, or a refused change, of what an environment serves."""

from datetime import datetime
from enum import StrEnum

from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment


class Action(StrEnum):
    """Why an environment changed."""

    DEPLOY = "deploy"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    CANARY = "canary"


class Verdict(StrEnum):
    """How the change ended; only `served` changes what the environment answers with alone.

    `shared`: a canary answers a share of the requests.
    """

    SERVED = "served"
    SHARED = "shared"
    REFUSED = "refused"
    FAILED = "failed"


class Change(Contract):
    """A change of an environment, before the ledger assigns its position."""

    use_case: str
    environment: Environment
    action: Action
    actor: str
    from_release: str | None
    to_release: str | None
    reason: str
    verdict: Verdict
    detail: str = ""


class LedgerEntry(Contract):
    """A change with its place in the chain: `hash` covers the change and `previous_hash`."""

    sequence: int
    time: datetime
    change: Change
    previous_hash: str
    hash: str
