"""A use case that is installed while the gateway runs, without a restart."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from use_cases import discover

MODULE = '''
from use_cases.blocks import DeclaredUseCase, Label, Number


class TulipUseCase(DeclaredUseCase):
    """Tulips by the height of their stalk."""

    name, label, gates = "tulip", Label("kind", "short", "tall"), ("roc_auc >= 0.5",)
    fields = (Number("height", maximum=100),)
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages, still empty; the environment is as before afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    monkeypatch.undo()
    sys.modules.pop("tulips", None)
    assert discover()


def install(folder: Path) -> None:
    (folder / "tulips.py").write_text(MODULE)
    metadata = folder / "tulips-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tulips\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[mlplatform.use_cases]\ntulip = tulips:TulipUseCase\n"
    )


async def test_a_newly_installed_use_case_is_served_and_documented(running, installed) -> None:
    path, record = "/models/tulip/predict", {"height": 30}
    assert (await running.predict(record, path)).status_code == 404
    install(installed)
    await running.gateway.catalog.refresh()
    answer = await running.predict(record, path)
    assert (answer.status_code, answer.json()["code"]) == (503, "no-release-served")
    refused = await running.predict({"height": 101}, path)
    assert refused.json()["errors"] == [{"field": "height", "detail": "is greater than 100"}]
    document = (await running.ask("GET", "/openapi.json", "viewer")).json()
    (parameter,) = [
        one
        for one in document["paths"]["/models/{use_case}/predict"]["post"]["parameters"]
        if one["name"] == "use_case"
    ]
    assert "tulip" in parameter["schema"]["enum"]
    info = (await running.ask("GET", "/model/info", "viewer")).json()
    assert info["tulip"] == {"staging": None, "production": None}
