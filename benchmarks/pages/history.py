"""A long history in the blob store: releases, ledgers, changes, records, reports and runs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bench_report import say

from pages.documents import comparison, drift_report, evidence, model_card, quality_report, record
from platform_core.changes import PROGRESS_FILE, REQUEST_FILE, RESULT_FILE, new_change_id
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import (
    Action,
    Change,
    ChangeProgress,
    ChangeRequest,
    ChangeStep,
    LedgerEntry,
)
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id
from platform_core.contracts.release import Lineage
from platform_core.contracts.serving_state import Canary, ServingState
from platform_core.hashing import sha256_json
from platform_core.ledger import GENESIS
from platform_core.parquet import table_bytes
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    LINEAGE_FILE,
    MANIFEST_FILE,
    MODEL_CARD_FILE,
    RELEASE_FILE,
    change_path,
    comparison_path,
    dataset_path,
    drift_report_path,
    evidence_history_path,
    latest_comparison_path,
    ledger_entry_path,
    log_object_path,
    open_change_path,
    quality_report_path,
    release_path,
    run_path,
)
from records.columns import log_columns
from scoring.testing import make_release
from use_cases import use_case

USE_CASE = "spam"
STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
HOUR = timedelta(hours=1)
PROMOTED = 4
"""Every fourth release of staging went to production."""
SEGMENT_RECORDS = 1000
STEPS = ("prepare-data", "features", "train", "evaluate", "release", "stage")


@dataclass(frozen=True)
class Size:
    """How much there is; a report is one hour of drift and quality in production."""

    releases: int
    records: int
    reports: int
    runs: int


@dataclass(frozen=True)
class Written:
    """What the pages are about: two releases, a change, and a prediction."""

    stable: str
    candidate: str
    change_id: str
    suggestion: str
    prediction_id: str


def write_history(store: BlobStore, now: datetime, size: Size) -> Written:
    """Write the history of one use case that ends at `now`, and return what pages can show."""
    releases = list(_releases(store, now, size.releases))
    say(f"  {len(releases):,} releases written")
    changes = _ledgers(store, now, releases)
    say(f"  {len(changes):,} changes written")
    stable, candidate = releases[-1 - PROMOTED], releases[-1]
    suggestion = _suggestion(store, now, candidate)
    _comparison(store, now, stable, candidate, changes[-1].change_id)
    prediction_id = _records(store, now, stable, size.records)
    say(f"  {size.records:,} records written")
    _reports(store, now, stable, size.reports)
    _runs(store, now, size.runs)
    return Written(stable, candidate, changes[-1].change_id, suggestion, prediction_id)


def _releases(store: BlobStore, now: datetime, count: int) -> Iterator[str]:
    """Store releases, the oldest first; all but one have only the documents that pages show."""
    built = make_release(store, USE_CASE)
    manifest = store.read(release_path(USE_CASE, built.id, RELEASE_FILE))
    lineage = Lineage.model_validate_json(
        store.read(release_path(USE_CASE, built.id, LINEAGE_FILE))
    )
    for number in range(count):
        release_id = sha256_json([number])[:32] if number else built.id
        fields = {
            "release_id": release_id,
            "created_at": now - (count - number) * 6 * HOUR,
            "pipeline_run": f"run-{number:05d}",
            "metrics": {"f1": 0.9, "f1_low": 0.88, "f1_high": 0.92, "roc_auc": 0.97},
        }
        own = lineage.model_copy(update=fields)
        files = {
            RELEASE_FILE: manifest,
            LINEAGE_FILE: own.model_dump_json().encode(),
            MODEL_CARD_FILE: json.dumps(model_card(release_id)).encode(),
        }
        for name, content in files.items():
            store.write(release_path(USE_CASE, release_id, name), content)
        yield release_id


def _ledgers(store: BlobStore, now: datetime, releases: Sequence[str]) -> Sequence[Change]:
    """Write a deployment of each release, a promotion of every fourth, and a canary at last."""
    count = len(releases)
    made = [_applied(store, STAGING, now - 6 * HOUR * (count - n), one, None)
            for n, one in enumerate(releases)]  # fmt: skip
    promoted = releases[PROMOTED - 1 : -1 : PROMOTED]
    times = [now - 24 * HOUR * (len(promoted) - n) for n in range(len(promoted))]
    production = [
        _applied(store, PRODUCTION, at, one, None)
        for at, one in zip(times, [*promoted[:-1], releases[-1 - PROMOTED]], strict=True)
    ]
    begun = now - 5 * HOUR
    change_id = new_change_id(begun)
    canary = Canary(release_id=releases[-1], percent=10, change_id=change_id)
    production.append(_applied(store, PRODUCTION, begun, releases[-1 - PROMOTED], canary))
    for environment, changes in ((STAGING, made), (PRODUCTION, production)):
        _chain(store, environment, changes)
    return [change for _, change in production]


def _applied(
    store: BlobStore, environment: Environment, at: datetime, stable: str, canary: Canary | None
) -> tuple[datetime, Change]:
    """Record a change that was applied, as the release controller does."""
    request = ChangeRequest(
        change_id=canary.change_id if canary else new_change_id(at),
        created_at=at,
        use_case=USE_CASE,
        environment=environment,
        action=Action.CANARY if canary else Action.PROMOTE,
        release_id=canary.release_id if canary else stable,
        percent=canary.percent if canary else None,
        actor="ada",
        reason="the evaluation says that it is better",
        evidence={"smoke": "50 of 50 answers agree"},
    )
    before = ServingState(stable=stable if canary else None)
    change = Change.of(request, before, ServingState(stable=stable, canary=canary))
    texts = ("verify the release", "deploy it", "wait until it is ready", "send smoke requests")
    progress = ChangeProgress(steps=tuple(ChangeStep(time=at, text=text) for text in texts))
    for name, document in (
        (REQUEST_FILE, request), (RESULT_FILE, change), (PROGRESS_FILE, progress),
    ):  # fmt: skip
        store.write(change_path(request.change_id, name), document.model_dump_json().encode())
    return at, change


def _chain(
    store: BlobStore, environment: Environment, changes: Sequence[tuple[datetime, Change]]
) -> None:
    """Write the ledger of an environment at once; appending checks all entries before."""
    previous, before = GENESIS, ServingState()
    for sequence, (time, change) in enumerate(changes, start=1):
        entry = LedgerEntry(
            sequence=sequence,
            time=time,
            change=change.model_copy(update={"from_state": before}),
            previous_hash=previous,
            hash="",
        )
        previous = sha256_json(entry.model_dump(mode="json", exclude={"hash"}))
        signed = entry.model_copy(update={"hash": previous})
        path = ledger_entry_path(USE_CASE, environment, sequence)
        store.write(path, signed.model_dump_json().encode())
        before = change.to_state


def _suggestion(store: BlobStore, now: datetime, release_id: str) -> str:
    request = ChangeRequest(
        change_id=new_change_id(now - HOUR),
        created_at=now - HOUR,
        use_case=USE_CASE,
        environment=PRODUCTION,
        action=Action.PROMOTE,
        release_id=release_id,
        actor="policy",
        reason="the canary is better",
        evidence={"verdict": "better"},
        approvals=1,
    )
    path = change_path(request.change_id, REQUEST_FILE)
    store.write(path, request.model_dump_json().encode())
    store.write(open_change_path(request.change_id), b"")
    return request.change_id


def _comparison(
    store: BlobStore, now: datetime, stable: str, candidate: str, change_id: str
) -> None:
    found = comparison(USE_CASE, now, stable, candidate, change_id)
    for path in (
        latest_comparison_path(USE_CASE, PRODUCTION),
        comparison_path(USE_CASE, PRODUCTION, change_id),
    ):
        store.write(path, found.model_dump_json().encode())
    grown = evidence(found, now)
    path = evidence_history_path(USE_CASE, PRODUCTION, change_id)
    store.write(path, grown.model_dump_json().encode())


def _records(store: BlobStore, now: datetime, release_id: str, count: int) -> str:
    """Write the inference log of the last day, and return the id of a prediction."""
    case = use_case(USE_CASE)
    mails: list[dict[str, Any]] = case.training().generate(SEGMENT_RECORDS, seed=1).to_pylist()
    names = case.record_schema.names
    columns, step = log_columns(case), timedelta(days=1) / count
    last = ""
    for segment in range(count // SEGMENT_RECORDS):
        start = now - timedelta(days=1) + segment * SEGMENT_RECORDS * step
        times = [start + place * step for place in range(SEGMENT_RECORDS)]
        ids = [new_prediction_id(milliseconds(time)) for time in times]
        rows = [
            record(USE_CASE, one, time, release_id, {name: mail[name] for name in names})
            for one, time, mail in zip(ids, times, mails, strict=True)
        ]
        path = log_object_path(USE_CASE, PRODUCTION, start, f"segment-{segment:05d}")
        store.write(path, table_bytes(columns.table(rows)))
        last = ids[-1]
    return last


def _reports(store: BlobStore, now: datetime, release_id: str, count: int) -> None:
    newest = now.replace(minute=0, second=0, microsecond=0)
    for back in range(count):
        end = newest - back * HOUR
        drift = drift_report(USE_CASE, end, release_id)
        path = drift_report_path(USE_CASE, PRODUCTION, end, drift.report_id, "json")
        store.write(path, drift.model_dump_json().encode())
        quality = quality_report(USE_CASE, end, release_id)
        path = quality_report_path(USE_CASE, PRODUCTION, end, quality.report_id)
        store.write(path, quality.model_dump_json().encode())


def _runs(store: BlobStore, now: datetime, count: int) -> None:
    """Write finished runs, and the dataset version of each."""
    for number in range(count):
        run_id = f"run-{number:05d}"
        for step in STEPS:
            path = run_path(USE_CASE, run_id, step, "record.json")
            store.write(path, json.dumps({"step": step, "seconds": 12.5}).encode())
        version = sha256_json(["dataset", number])[:16]
        manifest = {"created_at": (now - number * HOUR).isoformat(), "rows": 4000}
        path = dataset_path(USE_CASE, version, MANIFEST_FILE)
        store.write(path, json.dumps(manifest).encode())
