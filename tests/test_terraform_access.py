"""`terraform/base-infra/access.yaml` grants what the programs read and write."""

import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from platform_core.storage import (
    BATCH_JOBS,
    CONTAINERS,
    CONTROLLER,
    DRILL_REPORT,
    RETRAIN_REQUESTS,
    anchor_path,
    baseline_path,
    change_path,
    comparison_path,
    gateway_path,
    idempotency_key_path,
    open_change_path,
    refused_path,
    retrain_request_path,
    upload_path,
)

BASE = Path(__file__).parent.parent / "terraform" / "base-infra"
ACCESS: dict[str, Any] = yaml.safe_load((BASE / "access.yaml").read_text())
RELEASE = "models/spam/0123456789abcdef0123456789abcdef"
MODEL, MANIFEST, LINEAGE = (
    f"{RELEASE}/{name}" for name in ("model/spam/1/model.onnx", "release.json", "lineage.json")
)
LEDGER = "models/spam/_ledger/production/00000001.json"
LOG = "inference-logs/use_case=spam/environment=production/date=2026-01-02/hour=03/a.parquet"
LABELS = "labels/use_case=spam/date=2026-01-02/a.parquet"
REPORT = "drift-reports/use_case=spam/environment=production/date=2026-01-02/hour=03/a.json"
QUALITY = REPORT.replace("drift-reports", "quality-reports")
BASELINE = baseline_path("spam", "0123456789abcdef0123456789abcdef")
RECORDS = "training-data/spam/v1/records.parquet"
CHANGE, OPEN = change_path("c1", "request.json"), open_change_path("c1")
KEY, DECISION = idempotency_key_path("key"), change_path("c1", "decisions", "6164.json")
GATEWAY_STATE = gateway_path("api-gateway-0")
ANCHOR = anchor_path("spam", "production", 1, "0" * 64)
COMPARISON = comparison_path("spam", "production", "c1")
APPROVED = retrain_request_path("a", ".approved")
RUN = "models/spam/_runs/r1/raw/part-0.parquet"
DRILL_RUN = RUN.replace("spam", "drill")


def may(component: str, word: str, path: str) -> bool:
    container, _, name = path.partition("/")
    return any(
        grant["container"] == container
        and word in grant["may"]
        and any(fnmatchcase(name, pattern) for pattern in grant.get("paths", ["*"]))
        for grant in ACCESS["components"][component]["blobs"]
    )


NEEDED = [
    ("api-gateway", "append", LOG),
    ("api-gateway", "read", LOG),
    ("api-gateway", "append", LABELS),
    ("api-gateway", "read", LABELS),
    ("api-gateway", "read", LEDGER),
    ("api-gateway", "read", MANIFEST),
    ("api-gateway", "read", MODEL),
    ("api-gateway", "read", LINEAGE),
    ("api-gateway", "read", REPORT),
    ("api-gateway", "read", QUALITY),
    ("api-gateway", "read", RUN),
    ("api-gateway", "read", f"{RELEASE}/model_card.json"),
    ("api-gateway", "read", f"{RELEASE}/model_card.html"),
    ("api-gateway", "read", COMPARISON),
    ("api-gateway", "read", DRILL_REPORT),
    ("api-gateway", "read", CHANGE),
    ("api-gateway", "append", CHANGE),
    ("api-gateway", "append", KEY),
    ("api-gateway", "append", DECISION),
    ("api-gateway", "append", OPEN),
    ("api-gateway", "delete", OPEN),
    ("api-gateway", "append", GATEWAY_STATE),
    ("api-gateway", "delete", GATEWAY_STATE),
    ("api-gateway", "append", "batch/mails.parquet"),
    ("api-gateway", "delete", "batch/mails.parquet"),
    ("api-gateway", "append", upload_path("batch/mails.parquet")),
    ("api-gateway", "append", f"{BATCH_JOBS}/j/job.json"),
    ("api-gateway", "delete", f"{BATCH_JOBS}/_outputs/a"),
    ("inference-service", "read", MODEL),
    ("inference-service", "read", "models/_feast/registry.db"),
    ("feature-transformer", "read", MANIFEST),
    ("feature-transformer", "read", "models/_feast/registry.db"),
    ("ray", "read", MODEL),
    ("ray", "read", RECORDS),
    ("ray", "append", "batch/answers.parquet"),
    ("ray", "delete", f"{BATCH_JOBS}/j/checkpoints/a"),
    ("ray", "append", RECORDS),
    ("ray", "read", LOG),
    ("ray", "read", LABELS),
    ("ray", "append", RUN),
    ("ray", "delete", RUN),
    ("ray", "append", "models/_feast/registry.db"),
    ("training", "append", RECORDS),
    ("training", "append", MODEL),
    ("training", "append", BASELINE),
    ("training", "append", MANIFEST),
    ("training", "append", LINEAGE),
    ("training", "append", f"{RELEASE}/model_card.html"),
    ("training", "append", refused_path("spam", "0" * 32, "release.json")),
    ("training", "append", CHANGE),
    ("training", "append", OPEN),
    ("training", "read", CONTROLLER),
    ("training", "read", LEDGER),
    ("training", "append", RUN),
    ("training", "delete", RUN),
    ("training", "read", LOG),
    ("training", "read", LABELS),
    ("training", "append", "models/_feast/registry.db"),
    ("training-scheduler", "read", f"{RETRAIN_REQUESTS}/a.json"),
    ("training-scheduler", "delete", f"{RETRAIN_REQUESTS}/a.taken"),
    ("training-scheduler", "read", LINEAGE),
    ("training-scheduler", "read", LOG),
    ("training-scheduler", "read", LABELS),
    ("training-scheduler", "read", "training-data/spam/v1/manifest.json"),
    ("training-scheduler", "read", "training-data/spam/v1/feedback.parquet"),
    ("training-scheduler", "read", RUN),
    ("training-scheduler", "delete", RUN),
    ("drill", "read", DRILL_RUN),
    ("drill", "append", DRILL_RUN),
    ("drill", "delete", DRILL_RUN),
    ("drill", "read", DRILL_RUN.replace("_runs/r1/raw/part-0.parquet", "0/lineage.json")),
    ("drill", "read", LEDGER.replace("spam", "drill")),
    ("drill", "read", CHANGE),
    ("drill", "append", CHANGE),
    ("drill", "append", OPEN),
    ("drill", "delete", OPEN),
    ("drill", "read", GATEWAY_STATE),
    ("drill", "read", CONTROLLER),
    ("drill", "read", REPORT.replace("spam", "drill")),
    ("drill", "read", retrain_request_path("a", ".done")),
    ("drill", "read", comparison_path("drill", "production", "c1")),
    ("drill", "append", DRILL_REPORT),
    ("release-controller", "read", f"{RETRAIN_REQUESTS}/a.json"),
    ("release-controller", "append", f"{RETRAIN_REQUESTS}/a.approved"),
    ("release-controller", "append", LEDGER),
    ("release-controller", "read", CHANGE),
    ("release-controller", "append", change_path("c1", "result.json")),
    ("release-controller", "delete", OPEN),
    ("release-controller", "append", CONTROLLER),
    ("release-controller", "read", GATEWAY_STATE),
    ("release-controller", "read", ANCHOR),
    ("release-controller", "append", ANCHOR),
    ("release-controller", "append", APPROVED),
    ("release-controller", "read", f"{RETRAIN_REQUESTS}/a.json"),
    ("release-controller", "read", LOG),
    ("release-controller", "read", LABELS),
    ("release-controller", "read", REPORT),
    ("release-controller", "append", COMPARISON),
    ("release-controller", "read", MODEL),
    ("release-controller", "read", BASELINE),
    ("release-controller", "read", RECORDS),
    ("release-manager", "append", CHANGE),
    ("release-manager", "delete", OPEN),
    ("release-manager", "read", ANCHOR),
    ("release-manager", "append", ANCHOR),
    ("release-manager", "append", LEDGER),
    ("release-manager", "read", BASELINE),
    ("release-manager", "read", RECORDS),
    ("drift-detector", "read", LOG),
    ("drift-detector", "read", LABELS),
    ("drift-detector", "read", BASELINE),
    ("drift-detector", "read", MANIFEST),
    ("drift-detector", "read", LEDGER),
    ("drift-detector", "read", LINEAGE),
    ("drift-detector", "append", REPORT),
    ("drift-detector", "append", QUALITY),
    ("drift-detector", "append", f"{RETRAIN_REQUESTS}/a.json"),
    ("mlflow", "append", "mlflow/1/run/artifacts/model"),
]
FORBIDDEN = [
    ("api-gateway", "delete", LOG),
    ("api-gateway", "delete", LABELS),
    ("api-gateway", "append", LEDGER),
    ("api-gateway", "append", CONTROLLER),
    ("api-gateway", "delete", CHANGE),
    ("api-gateway", "append", MODEL),
    ("api-gateway", "append", ANCHOR),
    ("api-gateway", "append", COMPARISON),
    ("api-gateway", "append", RECORDS),
    ("api-gateway", "append", QUALITY),
    ("feature-transformer", "read", MODEL),
    ("ray", "append", MODEL),
    ("ray", "delete", MODEL),
    ("ray", "delete", RECORDS),
    ("ray", "append", LEDGER),
    ("release-controller", "append", LOG),
    ("release-controller", "append", LABELS),
    ("release-controller", "append", MODEL),
    ("release-controller", "append", REPORT),
    ("release-controller", "append", QUALITY),
    ("release-controller", "delete", LEDGER),
    ("release-controller", "delete", CHANGE),
    ("release-controller", "delete", ANCHOR),
    ("training", "append", LEDGER),
    ("training", "append", GATEWAY_STATE),
    ("training", "append", CONTROLLER),
    ("training", "delete", MODEL),
    ("training", "delete", LEDGER),
    ("training-scheduler", "read", MODEL),
    ("training-scheduler", "read", RECORDS),
    ("drill", "read", LOG),
    ("drill", "read", MODEL),
    ("drill", "append", RUN),
    ("drill", "append", LEDGER.replace("spam", "drill")),
    ("drill", "append", REPORT.replace("spam", "drill")),
    ("drill", "append", f"{RETRAIN_REQUESTS}/a.json"),
    ("training", "append", LOG),
    ("training", "append", LABELS),
    ("training-scheduler", "append", MODEL),
    ("training-scheduler", "append", REPORT),
    ("release-manager", "append", MODEL),
    ("drift-detector", "append", LOG),
    ("drift-detector", "read", MODEL),
    ("drift-detector", "append", BASELINE),
    ("drift-detector", "append", "models/_changes/c/request.json"),
    ("release-controller", "append", REPORT),
    ("mlflow", "read", MODEL),
]


@pytest.mark.parametrize(("component", "word", "path"), NEEDED)
def test_a_component_has_the_permissions_of_its_program(component: str, word: str, path: str):
    assert may(component, word, path)


@pytest.mark.parametrize(("component", "word", "path"), FORBIDDEN)
def test_a_component_has_no_further_permissions(component: str, word: str, path: str):
    assert not may(component, word, path)


def test_the_containers_are_those_of_the_programs_and_mlflow():
    assert set(ACCESS["containers"]) == {*CONTAINERS, "mlflow"}


def test_every_grant_is_well_formed():
    for name, grant in _grants():
        assert set(grant) <= {"container", "may", "paths"}, name
        assert grant["container"] in ACCESS["containers"], name
        assert set(grant["may"]) <= {"read", "append", "delete"}, name
        assert not any("'" in path for path in grant.get("paths", [])), name


def test_no_permission_is_granted_twice_in_a_container():
    """Azure would merge them into one role assignment and drop one condition."""
    words = [(name, g["container"], word) for name, g in _grants() for word in g["may"]]
    assert len(words) == len(set(words))


def test_a_service_account_is_one_component():
    components = ACCESS["components"].values()
    accounts = [account for c in components for account in c["service_accounts"]]
    assert len(accounts) == len(set(accounts))
    assert all(account.count("/") == 1 for account in accounts)


def test_the_readme_contains_the_table():
    script = [sys.executable, str(BASE / "access_table.py"), "--check"]
    checked = subprocess.run(script, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def _grants() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, component in ACCESS["components"].items():
        for grant in component["blobs"]:
            yield name, grant
