"""What a console's tests look at: real releases with their ledgers, reports, changes and runs, and
a gateway over them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api_gateway.auth.keys import hash_key
from api_gateway.bootstrap import assemble
from api_gateway.gateway import Gateway
from api_gateway.settings import GatewaySettings
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.job_runner.memory import MemoryJobRunner
from platform_core.changes import Changes, new_change_id
from platform_core.clock import ManualClock
from platform_core.contracts.comparison import Comparison, ComparisonVerdict, CriterionResult
from platform_core.contracts.drift_report import RetrainRequest
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeRequest, ChangeStatus
from platform_core.contracts.serving_state import Canary, ServingRole, ServingState
from platform_core.ledger import Ledger
from platform_core.settings import ServingSettings
from platform_core.storage import (
    MODEL_CARD_FILE,
    latest_comparison_path,
    release_path,
    retrain_request_path,
    run_path,
)
from scoring import Release
from scoring.testing import make_release

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = {"viewer": "a-viewers-key", "operator": "an-operators-key", "admin": "an-admins-key"}
SPAM_SEEDS = (0, 1)
NO_SERVICE = "http://127.0.0.1:9"
HOSTILE = "<script>alert('x')</script> \u202eabc\u202c & \"quoted\""
"""Text of people that a page must show as it is."""


@dataclass
class World:
    """The store, and the gateway that reads it; `releases` by use case, oldest first."""

    store: LocalBlobStore
    clock: ManualClock
    gateway: Gateway
    releases: dict[str, list[Release]]
    suggestion: str = ""
    failed: str = ""
    counter: int = field(default=0)

    @property
    def changes(self) -> Changes:
        return Changes(self.store, self.clock)

    def state(self, use_case: str, environment: Environment) -> ServingState:
        return Ledger(self.store, self.clock).state(use_case, environment)

    def serve(
        self,
        use_case: str,
        environment: Environment,
        state: ServingState,
        action: Action = Action.DEPLOY,
        at: datetime = NOON,
        **more: Any,
    ) -> None:
        """Write to the ledger that a change was applied."""
        ledger = Ledger(self.store, ManualClock(at))
        begun = state.canary or state.shadow
        values = {
            "change_id": begun.change_id if begun else new_change_id(at),
            "use_case": use_case,
            "environment": environment,
            "action": action,
            "actor": "ada",
            "reason": "for a test",
            "from_state": ledger.state(use_case, environment),
            "to_state": state,
            "status": ChangeStatus.APPLIED,
        }
        ledger.append(Change.model_validate(values | more))

    def request(self, action: Action, at: datetime, **fields: Any) -> str:
        """Record a change of spam in production."""
        values = {
            "change_id": new_change_id(at),
            "created_at": at,
            "use_case": "spam",
            "environment": Environment.PRODUCTION,
            "action": action,
            "actor": "policy",
            "reason": HOSTILE,
        }
        return self.changes.submit(ChangeRequest.model_validate(values | fields))


def build_world(folder: Path, service: str = NO_SERVICE, **settings: Any) -> World:
    """Return a world in which spam has a stable release and a canary in production, a suggestion
    waits, a change has failed, and iris serves in staging alone. `service` is the URL of the
    inference services, `settings` are further ones of the gateway.
    """
    store, clock = LocalBlobStore(folder / "blob"), ManualClock(NOON)
    releases = {
        "spam": [make_release(store, "spam", seed) for seed in SPAM_SEEDS],
        "iris": [make_release(store, "iris")],
    }
    world = World(store, clock, _gateway(folder, store, clock, service, settings), releases)
    _cards(world)
    _ledgers(world)
    _changes(world)
    _comparison(world)
    return world


def write_retraining(store: LocalBlobStore, request_id: str) -> None:
    """Write a retraining request of spam whose run failed."""
    request = RetrainRequest(
        request_id=request_id,
        use_case="spam",
        environment=Environment.PRODUCTION,
        release_id="a" * 32,
        reason=f"drift of body_length {HOSTILE}",
        report_id="report-1",
        created_at=NOON - 3 * HOUR,
        metric="PSI 6.164",
        window_end=NOON - 4 * HOUR,
    )
    failure = {"step": "train", "code": "too-few-rows", "message": f"{HOSTILE} {'too few ' * 60}"}
    for path, document in {
        retrain_request_path(request_id): request.model_dump(mode="json"),
        run_path("spam", request.run_id, "prepare-data", "record.json"): {"seconds": 3.5},
        run_path("spam", request.run_id, "failure.json"): failure,
    }.items():
        store.write(path, json.dumps(document).encode())
    store.write(retrain_request_path(request_id, ".failed"), b"the data are too few")


def _gateway(
    folder: Path, store: LocalBlobStore, clock: ManualClock, service: str, given: dict[str, Any]
) -> Gateway:
    keys = folder / "keys.json"
    entries = [
        {"name": f"test-{role}", "role": role, "sha256": hash_key(key)}
        for role, key in KEYS.items()
    ]
    keys.write_text(json.dumps(entries))
    values: dict[str, Any] = {
        "api_keys_file": keys,
        "rate_limit": "1000000/minute",
        "spool_folder": folder / "spool",
        "record_index_file": folder / "records.db",
        "record_search_text": True,
        "refresh_seconds": 0.2,
        "batch_supervise_seconds": 600,
        "shutdown_seconds": 5,
    }
    settings = GatewaySettings(**(values | given))
    serving = ServingSettings(inference_url_staging=service, inference_url_production=service)
    return assemble(settings, serving, store, MemoryJobRunner(), clock)


def _cards(world: World) -> None:
    for number, release in enumerate(world.releases["spam"]):
        card = spam_card(release.id, 0.95 + 0.01 * number)
        path = release_path("spam", release.id, MODEL_CARD_FILE)
        world.store.write(path, json.dumps(card).encode())


def spam_card(release_id: str, f1: float) -> dict[str, Any]:
    """Return a model card as training writes it, as far as pages show it."""
    value = {"value": f1, "low": f1 - 0.02, "high": f1 + 0.01}
    return {
        "format": 1,
        "title": "E-mail spam",
        "use_case": "spam",
        "task": "binary",
        "classes": ["ham", "spam"],
        "positive": "spam",
        "metric": "f1",
        "metrics": {"rows": {"value": 800.0, "low": None, "high": None}, "f1": value},
        "decision_why": HOSTILE,
        "slices": [
            {"kind": "language", "name": HOSTILE, "rows": 300, "metrics": {"f1": value}},
        ],
        "confusion": [[500, 20], [15, 265]],
        "data": {
            "dataset_version": "0" * 16,
            "rows": 4000,
            "test_rows": 800,
            "warnings": [HOSTILE],
        },
        "limits": [HOSTILE],
        "lineage": {"release_id": release_id},
    }


def _ledgers(world: World) -> None:
    first, second = (one.id for one in world.releases["spam"])
    production, staging = Environment.PRODUCTION, Environment.STAGING
    before = NOON - 30 * HOUR
    world.serve("spam", staging, ServingState(stable=first), at=before)
    world.serve("spam", production, ServingState(stable=first), Action.PROMOTE, before + HOUR)
    world.serve("spam", staging, ServingState(stable=second), at=NOON - 6 * HOUR)
    canary = Canary(release_id=second, percent=10, change_id=new_change_id(NOON - 5 * HOUR))
    state = ServingState(stable=first, canary=canary)
    world.serve("spam", production, state, Action.CANARY, NOON - 5 * HOUR, reason=HOSTILE)
    world.serve("iris", staging, ServingState(stable=world.releases["iris"][0].id), at=NOON - HOUR)


def _changes(world: World) -> None:
    first, second = (one.id for one in world.releases["spam"])
    world.suggestion = world.request(
        Action.PROMOTE,
        NOON - 2 * HOUR,
        release_id=second,
        approvals=1,
        evidence={"verdict": "better", "detail": HOSTILE},
    )
    world.failed = world.request(Action.ROLLBACK, NOON - HOUR, reason="too many false alarms")
    state = world.state("spam", Environment.PRODUCTION)
    request = world.changes.get(world.failed).request
    detail = f"no service became ready: {HOSTILE}"
    tried = Change.of(request, state, ServingState(stable=first), detail)
    failed = tried.model_copy(update={"status": ChangeStatus.FAILED})
    Ledger(world.store, ManualClock(NOON - HOUR)).append(failed)
    world.changes.finish(failed)


def _comparison(world: World) -> None:
    first, second = (one.id for one in world.releases["spam"])
    canary = world.state("spam", Environment.PRODUCTION).canary
    assert canary
    comparison = Comparison(
        use_case="spam",
        environment=Environment.PRODUCTION,
        change_id=canary.change_id,
        role=ServingRole.CANARY,
        stable_release=first,
        candidate_release=second,
        started=NOON - 5 * HOUR,
        updated=NOON - timedelta(minutes=1),
        stable_answers=900,
        candidate_answers=100,
        paired=0,
        criteria=_criteria(("errors", "latency_p50", "quality")),
        verdict=ComparisonVerdict.UNDECIDED,
        needed=1234,
    )
    path = latest_comparison_path("spam", Environment.PRODUCTION)
    world.store.write(path, comparison.model_dump_json().encode())


def _criteria(names: Sequence[str]) -> tuple[CriterionResult, ...]:
    return tuple(
        CriterionResult(
            name=name,
            estimate=0.001,
            lower=-0.02,
            upper=0.03,
            lower_error=0.0125,
            upper_error=0.05,
            margin=0.01,
            candidate_records=100,
            stable_records=900,
            verdict=ComparisonVerdict.UNDECIDED,
            needed=1234,
            detail=HOSTILE,
        )
        for name in names
    )
