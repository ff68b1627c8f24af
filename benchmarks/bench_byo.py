"""Bring your own: lines of code of declared use cases, and seconds from a table to a prediction."""

import argparse
import inspect
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from bench_commands import install_use_case, printed_by, uninstall_use_case
from bench_report import say, table
from bench_services import TELCO
from bench_settings import SHARED_DATA

from platform_core.errors import Unavailable
from platform_core.settings import GatewayClientSettings
from use_cases import use_case
from use_cases.blocks import DeclaredUseCase

LABEL, NAME = "Churn", "telco_leavers"
DECLARED = ("churn", "sentiment", "email_categories")
LIMIT_SECONDS = 60.0
KEY = {"X-API-Key": "test-operator-key"}


def run(options: argparse.Namespace) -> bool:
    """Count lines; with the Telco table in SHARED_DATA, time the way to a prediction."""
    del options
    rows = [[name, *_lines(use_case(name))] for name in DECLARED]
    data = SHARED_DATA / TELCO
    if not data.is_file():
        table("lines of a use case", ["use case", "lines", "not blank"], rows)
        say(f"set SHARED_DATA to a folder with {TELCO} to time a use case of your own")
        return True
    with tempfile.TemporaryDirectory(prefix="bench-byo-") as folder:
        try:
            steps = _timed(Path(folder) / NAME, data)
            file = Path(folder) / NAME / "src" / NAME / "__init__.py"
            rows.append(["new-use-case on Telco", *_count(file.read_text())])
        finally:
            uninstall_use_case(NAME)
            shutil.rmtree(folder, ignore_errors=True)
    table("lines of a use case", ["use case", "lines", "not blank"], rows)
    total = sum(steps.values())
    steps["all"] = total
    table("from a table to a prediction", ["step", "s"], [list(step) for step in steps.items()])
    return total <= LIMIT_SECONDS


def _timed(folder: Path, data: Path) -> dict[str, float]:
    """Return the seconds of each step; the stack must be up."""
    python = [sys.executable, "-m"]
    new = ["new-use-case", NAME, "--data", str(data), "--label", LABEL, "--output", str(folder)]
    train = ["run-pipeline", "--use-case", NAME, "--data", str(data)]
    return {
        "new-use-case": _seconds(lambda: printed_by([*python, "cli", *new])),
        "install": _seconds(lambda: install_use_case(str(folder))),
        "run-pipeline": _seconds(lambda: printed_by([*python, "cli", *train])),
        "first prediction": _predicted(),
    }


def _seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _predicted() -> float:
    start = time.perf_counter()
    url = f"{GatewayClientSettings().gateway_url}/models/{NAME}/predict"
    record = next(iter(use_case(NAME).examples.values()))
    response = httpx.post(url, json=record, headers=KEY, timeout=30)
    if response.status_code != httpx.codes.OK:
        raise Unavailable(f"{url} answered {response.status_code}: {response.text:.300}")
    return time.perf_counter() - start


def _lines(case: object) -> list[int]:
    assert isinstance(case, DeclaredUseCase)  # noqa: S101 (the list above)
    return _count(Path(inspect.getfile(type(case))).read_text())


def _count(text: str) -> list[int]:
    lines = text.splitlines()
    return [len(lines), sum(1 for line in lines if line.strip())]
