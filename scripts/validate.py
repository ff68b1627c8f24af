"""Check everything that is deployed, with the tools that are there: `make validate`.

A tool that is missing is named with what was not checked; only what a tool refuses fails.
Exit 0 when nothing was refused, 1 otherwise.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from charts import Chart, charts, template
from manifests import REGISTRY, TAG, Overlay, Refused, installation, overlays, render
from validate_manifests import alerts, rules, schemas
from validate_tools import (
    FAILED,
    NOT_CHECKED,
    Outcome,
    checkov,
    find,
    helm_charts,
    terraform_roots,
    workflows,
)

BUILD = "0.0.0-validate"


def main() -> int:
    """Print one line per check, and what was refused below it."""
    failed = False
    with tempfile.TemporaryDirectory(prefix="validate-") as folder:
        for outcome in _outcomes(Path(folder)):
            print(f"{outcome.state:<12} {outcome.what}: {outcome.summary}", flush=True)
            for line in outcome.details:
                print(f"    {line}")
            failed |= outcome.state == FAILED
    print("refused: see above" if failed else "nothing was refused")
    return int(failed)


def _outcomes(folder: Path) -> Iterator[Outcome]:
    yield from _manifests(folder)
    yield from terraform_roots()
    yield from helm_charts()
    yield from workflows()
    yield from checkov(folder)


def _manifests(folder: Path) -> Iterator[Outcome]:
    if find("kubectl") is None:
        yield Outcome(NOT_CHECKED, "manifests", f"{len(overlays())} overlays: kubectl is missing")
        return
    try:
        rendered = _render_all(folder)
    except Refused as error:
        yield Outcome(FAILED, "manifests", "not everything is rendered", str(error).splitlines())
        return
    for check in (rules, schemas, alerts):
        yield from check(rendered)


def _render_all(folder: Path) -> dict[Overlay | Chart, Path]:
    texts: dict[Overlay | Chart, str] = {}
    for overlay in overlays():
        values = {TAG: BUILD, REGISTRY: installation(overlay.environment)[REGISTRY]}
        texts[overlay] = render(overlay, values)
    if find("helm"):
        texts |= {chart: template(chart) for chart in charts()}
    files = {source: folder / f"{source.name.replace('/', '_')}.yaml" for source in texts}
    for source, file in files.items():
        file.write_text(texts[source])
    return files


if __name__ == "__main__":
    sys.exit(main())
