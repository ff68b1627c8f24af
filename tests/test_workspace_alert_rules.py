"""Every alert fires when it should and not when it should not: promtool's tests of the rules."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_rules import write_rules
from manifests import ROOT
from monitoring_files import alert_rules

from platform_core.testing.processes import find_program

TESTS = sorted((ROOT / "monitoring" / "alert_tests").glob("*.yaml"))


def alert_tests() -> Iterator[dict[str, Any]]:
    for file in TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            yield from test["alert_rule_test"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests next to the rules, as files that promtool reads."""
    folder = tmp_path_factory.mktemp("alerts")
    write_rules(folder / "rules")
    for file in TESTS:
        shutil.copy(file, folder)
    return folder


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = find_program("promtool", how="Debian: apt-get install prometheus")
    command = [program, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(file: Path, folder: Path):
    done = promtool("test", "rules", file.name, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_expectation_is_noticed(folder: Path):
    wrong = yaml.safe_load((folder / "secrets.yaml").read_text())
    for test in wrong["tests"]:
        test["alert_rule_test"][0]["exp_alerts"] = []
    (folder / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    assert promtool("test", "rules", "wrong.yaml", folder=folder).returncode == 1


def test_every_alert_has_a_test_that_fires_and_one_that_does_not():
    tests = list(alert_tests())
    names = {rule["alert"] for rule in alert_rules()}
    assert {one["alertname"] for one in tests if one["exp_alerts"]} == names
    assert {one["alertname"] for one in tests if not one["exp_alerts"]} == names
