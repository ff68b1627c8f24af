"""Check everything that is deployed, with the tools that are there: `make validate`.

A tool that is missing is named with what was not checked; only what a tool refuses fails.
Exit 0 when nothing was refused, 1 otherwise.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from manifests import REGISTRY, TAG, Overlay, Refused, installation, overlays, render
from validate_manifests import alerts, rules, schemas
from validate_tools import (
    FAILED,
    NOT_CHECKED,
    Outcome,
    checkov,
    helm_charts,
    terraform_roots,
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
    yield from checkov(folder)


def _manifests(folder: Path) -> Iterator[Outcome]:
    if shutil.which("kubectl") is None:
        yield Outcome(NOT_CHECKED, "manifests", f"{len(overlays())} overlays: kubectl is missing")
        return
    try:
        rendered = _render_all(folder)
    except Refused as error:
        yield Outcome(FAILED, "manifests", "an overlay is not rendered", str(error).splitlines())
        return
    for check in (rules, schemas, alerts):
        yield from check(rendered)


def _render_all(folder: Path) -> dict[Overlay, Path]:
    files = {}
    for overlay in overlays():
        values = {TAG: BUILD, REGISTRY: installation(overlay.environment)[REGISTRY]}
        file = folder / f"{overlay.name.replace('/', '_')}.yaml"
        file.write_text(render(overlay, values))
        files[overlay] = file
    return files


if __name__ == "__main__":
    sys.exit(main())
