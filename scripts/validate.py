"""Check everything that is deployed, with the installed tools: `make validate`.

A missing tool is reported with what was not checked, and is not a failure.
Exit 0 if no check failed, 1 otherwise.
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
    CheckResult,
    checkov,
    find,
    helm_charts,
    terraform_roots,
    workflows,
)

BUILD = "0.0.0-validate"


def main() -> int:
    """Print one line per check, followed by its problems."""
    failed = False
    with tempfile.TemporaryDirectory(prefix="validate-") as folder:
        for result in _results(Path(folder)):
            print(f"{result.state:<12} {result.name}: {result.summary}", flush=True)
            for line in result.details:
                print(f"    {line}")
            failed |= result.state == FAILED
    print("some checks failed: see above" if failed else "no check failed")
    return int(failed)


def _results(folder: Path) -> Iterator[CheckResult]:
    yield from _manifests(folder)
    yield from terraform_roots()
    yield from helm_charts()
    yield from workflows()
    yield from checkov(folder)


def _manifests(folder: Path) -> Iterator[CheckResult]:
    if find("kubectl") is None:
        yield CheckResult(
            NOT_CHECKED, "manifests", f"{len(overlays())} overlays: kubectl is missing"
        )
        return
    try:
        rendered = _render_all(folder)
    except Refused as error:
        yield CheckResult(
            FAILED, "manifests", "not all overlays can be rendered", str(error).splitlines()
        )
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
